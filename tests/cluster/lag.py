#!/usr/bin/env python3
"""lag.py WEIR HOST:PORT TRUTH.json - every lag row of every group that fill-cluster made, against its truth.

TRUTH.json is what `../tools/fill-cluster -b HOST:PORT --truth TRUTH.json [--hold]` wrote; the cluster is any:
Apache Kafka or `weir serve`.  Asks weir once for all of its groups, as a script would, and compares
committed, start, end, lag, kind, readable, lost and ahead of each row; then says what that took.
Exit 0: all equal.  1: it prints what differs (the first five of each case)."""
import json, os, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'bench'))
from bench import run_measured  # noqa: E402

# The kinds that a case of fill-cluster may have: on a compacted topic the lag is an upper bound.
KINDS = {'zero': ('exact',), 'behind': ('exact', 'upper_bound'), 'empty': ('exact',), 'no-commit': ('no_commit',),
         'below-start': ('below_start',), 'beyond-end': ('beyond_end',), 'txn': ('exact', 'upper_bound'),
         'dropped': ('no_commit',)}
NUMBERS = ('committed', 'start', 'end', 'lag', 'readable', 'lost', 'ahead')


def ask(weir, address, names):
    """The rows of all groups, and what asking for them cost."""
    with tempfile.TemporaryFile('w+', encoding='utf-8') as out, tempfile.TemporaryFile('w+') as err:
        code, took, cpu, peak = run_measured([weir, 'groups', 'describe', '-b', address, '-o', 'json', '--', *names],
                                             stdout=out, stderr=err)
        out.seek(0)
        err.seek(0)
        complaints = err.read(500)
        if code != 0 or complaints:
            print('exit code %d: %s' % (code, complaints))
        return json.load(out), code == 0, 'wall %.2f s, CPU %.3f s, RSS %.1f MiB' % (took, cpu, peak)


def differs(row, want):
    """The fields of the row that are not as the truth has them."""
    if row is None:
        # A group that has only lost commits on a topic has nothing to do with it any more.
        return [] if want['case'] == 'dropped' else ['missing']
    bad = [k for k in NUMBERS if (row.get(k) or None if k in ('lost', 'ahead') else row.get(k)) !=
           (want.get(k) or None if k in ('lost', 'ahead') else want.get(k))]
    return bad + ([] if row['kind'] in KINDS[want['case']] else ['kind'])


def main(weir, address, path):
    with open(path, encoding='utf-8') as f:
        groups = json.load(f)['groups']
    rows, fine, cost = ask(weir, address, list(groups))
    left = {(r['group'], r['topic'], r['partition']): r for r in rows}
    n, bad, told = 0, 0, {}
    for group, topics in groups.items():
        for topic, partitions in topics.items():
            for partition, want in partitions.items():
                n += 1
                row = left.pop((group, topic, int(partition)), None)
                fields = differs(row, want)
                if not fields:
                    continue
                bad += 1
                told[want['case']] = told.get(want['case'], 0) + 1
                if told[want['case']] <= 5:
                    print('%s %s %s %s: %s\n  truth %s\n  weir  %s' % (want['case'], group, topic, partition,
                                                                     ', '.join(fields), want, row))
    for key in list(left)[:5]:
        print('not in the truth: %s' % left[key])
    print('%d groups, %d rows: %d differ %s, %d are not in the truth; %s' % (len(groups), n, bad, told or '', len(left),
                                                                            cost))
    return 0 if fine and not bad and not left and n else 1


if __name__ == '__main__':
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
