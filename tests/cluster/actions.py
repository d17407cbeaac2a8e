#!/usr/bin/env python3
"""actions.py WEIR HOST:PORT - the commands that change a cluster, held against any: Apache Kafka or `weir serve`.

Makes a topic and a group with names of their own, changes them in every way the commands know, checks by reading
back what each did, and removes them.  Every change is first refused under --read-only, and every destructive one
without --yes.  Needs kcat (for a group that commits).  Exit 0: all as it should be."""
import json, subprocess, sys, time, uuid


class Story:
    def __init__(self, weir, address):
        self.weir, self.address, self.steps = weir, address, 0
        self.topic, self.group = 'story-%s' % uuid.uuid4().hex[:8], 'readers-%s' % uuid.uuid4().hex[:8]

    def run(self, *words, text=None):
        return subprocess.run([self.weir, *words, '-b', self.address], input=text, capture_output=True, text=True,
                              check=False, timeout=60)

    def rows(self, *words):
        p = self.run(*words, '-o', 'json')
        assert p.returncode == 0, (words, p.stderr)
        return json.loads(p.stdout)

    def change(self, *words, destroys=False):
        """Refused under --read-only and, when it destroys, without --yes; then done."""
        p = self.run(*words, '--read-only', *(['--yes'] if destroys else []))
        assert p.returncode != 0 and 'read-only' in p.stderr, ('--read-only', words, p)
        if destroys:
            p = self.run(*words, text='')
            assert p.returncode != 0 and p.stderr, ('without --yes', words, p)
        p = self.run(*words, *(['--yes'] if destroys else []))
        assert p.returncode == 0, (words, p.stdout, p.stderr)
        self.steps += 1
        return p

    def until(self, what, found):
        """Metadata follows a change within moments, on a cluster of several brokers not at once."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            got = found()
            if got:
                return got
            time.sleep(0.1)
        raise AssertionError(what)

    def has_topic(self, **want):
        rows = [r for r in self.rows('topics', 'list') if r['name'] == self.topic]
        return rows if rows and all(rows[0].get(k) == v for k, v in want.items()) else None

    def commits(self):
        return {r['partition']: r['committed'] for r in self.rows('groups', 'describe', self.group)
                if r['topic'] == self.topic}

    def reset(self, where, want, option='--to'):
        self.change('groups', 'reset', self.group, '%s=%s' % (option, where), '--topic', '%s:0' % self.topic,
                    destroys=True)
        assert self.commits()[0] == want, (where, self.commits(), want)

    def produce(self, value, n):
        p = self.run('produce', self.topic, '-p', '0', text=''.join('%s %d\n' % (value, i) for i in range(n)))
        assert p.returncode == 0, p.stderr

    def topics(self):
        self.change('topics', 'create', self.topic, '--partitions', '2', '--set', 'retention.ms=86400000')
        self.until('created', lambda: self.has_topic(partitions=2))
        p = self.run('topics', 'create', self.topic)
        assert p.returncode == 1 and 'TOPIC_ALREADY_EXISTS' in p.stdout + p.stderr, p
        self.change('topics', 'alter', self.topic, '--partitions', '3')
        self.until('three partitions', lambda: self.has_topic(partitions=3))
        self.change('topics', 'alter', self.topic, '--set', 'retention.ms=3600000')
        assert '3600000' in self.run('topics', 'describe', self.topic, '-o', 'json').stdout
        p = self.run('topics', 'alter', self.topic, '--set', 'no.such.config=1')
        assert p.returncode == 1 and p.stdout + p.stderr, p

    def groups(self):
        self.produce('before', 5)
        time.sleep(1.1)                     # whole seconds are the finest that every spelling of a time has
        between = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
        time.sleep(1.1)
        self.produce('after', 5)
        subprocess.run(['kcat', '-b', self.address, '-G', self.group, self.topic, '-e', '-q', '-X',
                        'auto.offset.reset=earliest'], check=True, capture_output=True, timeout=60)
        assert self.commits()[0] == 10
        self.reset('earliest', 0)
        self.reset('latest', 10)
        self.reset('4', 4)
        self.reset('+3', 7)
        self.reset('-2', 5)
        self.reset('999', 10)               # beyond the log: its end
        self.reset(between, 5, '--to-datetime')
        self.reset('1h', 0)
        self.reset('2099-01-01', 10, '--to-datetime')
        p = self.run('groups', 'reset', self.group, '--to-datetime', 'noon', '--yes')
        assert p.returncode == 2, p

    def leave(self):
        self.change('groups', 'delete', self.group, destroys=True)
        assert self.group not in [r['group'] for r in self.rows('groups', 'list')]
        self.change('topics', 'delete', self.topic, destroys=True)
        self.until('deleted', lambda: not self.has_topic())


def main(weir, address):
    story = Story(weir, address)
    story.topics()
    story.groups()
    story.leave()
    print('%d changes at %s, each as asked and each refused under --read-only' % (story.steps, address))


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
