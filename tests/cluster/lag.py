#!/usr/bin/env python3
"""lag.py WEIR HOST:PORT TRUTH.json - every lag row of every group that fill-cluster made, against its truth.

TRUTH.json is what `../tools/fill-cluster -b HOST:PORT --truth TRUTH.json [--hold]` wrote; the cluster is any:
Apache Kafka or `weir serve`.  Asks weir once for all of its groups, as a script would, and compares
committed, start, end, lag, kind, readable, lost and ahead of each row; then says what that took.
Exit 0: all equal.  1: it prints what differs (the first five of each case)."""
import json, resource, subprocess, sys, time

# The kinds that a case of fill-cluster may have: on a compacted topic the lag is an upper bound.
KINDS = {'zero': ('exact',), 'behind': ('exact', 'upper_bound'), 'empty': ('exact',), 'no-commit': ('no_commit',),
         'below-start': ('below_start',), 'beyond-end': ('beyond_end',), 'txn': ('exact', 'upper_bound'),
         'dropped': ('no_commit',)}
NUMBERS = ('committed', 'start', 'end', 'lag', 'readable', 'lost', 'ahead')


ONLY_NAMES = "import json, sys; print('\\n'.join(json.load(open(sys.argv[1], encoding='utf-8'))['groups']))"


def ask(weir, address, path):
    """The rows of all groups, and what asking for them cost (a child's RSS is never said to be less than its
    parent's: so this process reads the truth afterwards, and the names by another)."""
    names = subprocess.run([sys.executable, '-c', ONLY_NAMES, path], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    p = subprocess.run([weir, 'groups', 'describe', '-b', address, '-o', 'json', '--', *names], capture_output=True,
                       text=True, check=False)
    after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
    if p.returncode != 0 or p.stderr:
        print('exit code %d: %s' % (p.returncode, p.stderr[:500]))
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return p.stdout, p.returncode == 0, 'wall %.2f s, CPU %.3f s, RSS %.1f MiB' % (
        took, cpu, after.ru_maxrss / 1024)


def differs(row, want):
    """The fields of the row that are not as the truth has them."""
    if row is None:
        # A group that has only lost commits on a topic has nothing to do with it any more.
        return [] if want['case'] == 'dropped' else ['missing']
    bad = [k for k in NUMBERS if (row.get(k) or None if k in ('lost', 'ahead') else row.get(k)) !=
           (want.get(k) or None if k in ('lost', 'ahead') else want.get(k))]
    return bad + ([] if row['kind'] in KINDS[want['case']] else ['kind'])


def main(weir, address, path):
    text, fine, cost = ask(weir, address, path)
    with open(path, encoding='utf-8') as f:
        groups = json.load(f)['groups']
    left = {(r['group'], r['topic'], r['partition']): r for r in json.loads(text)}
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
