#!/usr/bin/env python3
"""brokers.py WEIR [STORY...] - a console and its commands beside three brokers of Apache Kafka, one of which is
killed or hung and comes back; and a group of three consumers, one of which is killed.

Starts the cluster by kafka/start and stops it at the end.  Waits for what must come, never for a time.  The lag of
the group is held against Apache Kafka's ConsumerGroupCommand, row by row.  Without Java, Maven or kcat: exit 77."""
import json, os, re, shutil, signal, socket, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'pty'))
from terminal import Terminal  # noqa: E402

LIMIT = 120                             # seconds that only a failure takes
WEIR = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ''
VERSION = '4.3.0'


def free_base():
    """A port with room above it for brokers and controllers."""
    for base in range(29000, 32000, 100):
        try:
            for i in list(range(4)) + [10, 11, 12, 13]:
                with socket.socket() as s:
                    s.bind(('127.0.0.1', base + i))
            return base
        except OSError:
            continue
    sys.exit('no free ports')


class Cluster:
    def __init__(self):
        self.top = tempfile.mkdtemp(prefix='weir-brokers-')
        self.dir = os.path.join(self.top, 'kafka')
        self.env = dict(os.environ, KAFKA_HEAP='320m', XDG_STATE_HOME=self.top, XDG_CONFIG_HOME=self.top,
                        XDG_DATA_HOME=self.top, TERM='xterm-256color', LC_ALL='C.UTF-8')
        try:
            self.address = self.kafka('start', 'kraft', '3', str(free_base()), self.dir).split()[-1]
        except BaseException:
            self.end()
            raise

    def kafka(self, script, *words):
        return subprocess.run([os.path.join(HERE, 'kafka', script), *words], env=self.env, check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def kill(self, node, name='KILL'):
        self.kafka('kill-broker', self.dir, str(node), name)

    def again(self, node):
        self.kafka('start', 'node', self.dir, str(node))

    def weir(self, *words, codes=(0,)):
        p = subprocess.run([WEIR, *words, '-b', self.address], env=self.env, capture_output=True, text=True,
                           stdin=subprocess.DEVNULL, check=False, timeout=LIMIT)
        assert p.returncode in codes, (words, p.returncode, p.stderr)
        return p

    def rows(self, *words, codes=(0,)):
        """Rows of the answer in JSON: an array, or an object of arrays."""
        found = json.loads(self.weir(*words, '-o', 'json', codes=codes).stdout)
        return found

    def console(self):
        return Terminal([WEIR, '-b', self.address], self.env, 120, 36)

    def end(self):
        subprocess.run([os.path.join(HERE, 'kafka', 'stop'), self.dir], env=self.env, check=False,
                       stdout=subprocess.DEVNULL)
        shutil.rmtree(self.top, ignore_errors=True)


def until(what, ask):
    last = time.monotonic() + LIMIT
    while time.monotonic() < last:
        found = ask()
        if found:
            return found
    sys.exit('never: ' + what)


def produce(c, topic, n):
    subprocess.run([WEIR, 'produce', topic, '-K', ':', '-b', c.address], env=c.env, check=True, text=True,
                   stdout=subprocess.DEVNULL, input=''.join('%d:%d\n' % (i, i) for i in range(n)))


def kafka_rows(c, group):
    """(topic, partition): (committed, end, lag) as ConsumerGroupCommand prints them."""
    text = c.kafka('tool', VERSION, 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
                   '--bootstrap-server', c.address, '--describe', '--group', group)
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) > 5 and words[0] == group:
            found[words[1], int(words[2])] = tuple(int(w) if w != '-' else None for w in words[3:6])
    return found


def weir_rows(c, group):
    return {(r['topic'], r['partition']): (r['committed'], r['end'], r['lag'])
            for r in c.rows('groups', 'describe', group)}


def story_members(c):
    c.weir('topics', 'create', 'orders', '--partitions', '6', '--replication', '3')
    produce(c, 'orders', 6000)
    readers = [subprocess.Popen(['kcat', '-b', c.address, '-G', 'settlement', '-q', '-X', 'auto.offset.reset=earliest',
                                 '-X', 'session.timeout.ms=6000', '-X', 'auto.commit.interval.ms=200', 'orders'],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(3)]
    t = c.console()
    try:
        def shared(n):
            members = c.rows('groups', 'describe', 'settlement', '--members', codes=(0, 1))
            return sum(m['partitions'] for m in members) == 6 and len(members) == n
        until('three members share six partitions', lambda: shared(3))
        t.type('2')
        t.wait(r'settlement.*Stable +3')
        until('all is read', lambda: sum(r[2] or 0 for r in weir_rows(c, 'settlement').values()) == 0)
        readers[0].kill()
        until('two members share six partitions', lambda: shared(2))
        t.wait(r'settlement.*Stable +2')
        for r in readers[1:]:
            r.send_signal(signal.SIGTERM)
            r.wait()
        produce(c, 'orders', 777)
        until('an empty group', lambda: [g for g in c.rows('groups', 'list', 'settlement') if g['group_state'] == 'Empty'])
        ours, theirs = weir_rows(c, 'settlement'), kafka_rows(c, 'settlement')
        assert ours == theirs and len(ours) == 6, (ours, theirs)
        assert sum(r[2] for r in ours.values()) == 777, ours
        t.wait(r'settlement +777 .*Empty')
        t.type('q')
        assert t.end() == 0
    finally:
        t.close()
        for r in readers:
            if r.poll() is None:
                r.kill()
            r.wait()


def controller_of(c):
    """The node that DescribeQuorum names; None while nobody is known."""
    found = c.rows('cluster', codes=(0, 1))
    text = json.dumps(found)
    m = re.search(r'"controller_id": ?(\d+)', text)
    return int(m.group(1)) if m else None


def story_killed(c):
    """The controller's broker dies: another is named, what it led has new leaders, its row says how long it has been
    silent; back again, all is well without a key."""
    c.weir('topics', 'create', 'clicks', '--partitions', '6', '--replication', '3')
    c.weir('topics', 'create', 'lonely', '--partitions', '3', '--replication', '1')
    produce(c, 'clicks', 600)
    produce(c, 'lonely', 300)
    first = until('a controller', lambda: controller_of(c))
    t = c.console()
    try:
        t.wait(r'clicks')
        c.kill(first)
        t.type('5')
        t.wait(r'! +%d .*> \d' % first)                 # silent, and for how long
        now = until('another controller', lambda: (controller_of(c) or first) != first and controller_of(c))
        t.wait(r'%d .*CONTROLLER(?!\?)' % now)
        t.type('1')
        t.wait(r'! lonely.*\?')                         # a leaderless topic: not the last good number
        for words in (('topics', 'list'), ('topics', 'describe', 'lonely'), ('groups', 'describe'), ('cluster',)):
            p = c.weir(*words, codes=(0, 1))
            assert p.returncode == 1 and 'broker %d' % first in p.stderr, (words, p.returncode, p.stderr)
        c.again(first)
        t.wait(r'· lonely +3 .*300')
        t.type('5')
        t.wait(r'· +%d .*< ' % first)
        t.type('6')
        t.wait(r'the controller moved from %d to %d' % (first, now))
        t.wait(r'broker %d .*after .* without' % first)
        t.type('q')
        assert t.end() == 0
        assert b'rdkafka' not in t.raw
    finally:
        t.close()


def story_hung(c):
    """A broker that is not the controller hangs: keys are answered, the others stay fresh; it wakes, and all is well."""
    boss = until('a controller', lambda: controller_of(c))
    node = next(n for n in (1, 2, 3) if n != boss)
    t = c.console()
    try:
        t.type('5')
        t.wait(r'· +%d .*< ' % node)
        c.kill(node, 'STOP')
        try:
            t.wait(r'! +%d .*> \d' % node)
            t.type('2')
            t.wait(r'GROUP')
            t.type('5')
            t.wait(r'· +%d .*< ' % boss)
        finally:
            c.kill(node, 'CONT')
        t.wait(r'· +%d .*< ' % node)
        t.type('q')
        assert t.end() == 0
    finally:
        t.close()


def main():
    if not WEIR:
        sys.exit(__doc__)
    for tool in ('java', 'mvn', 'kcat'):
        if shutil.which(tool) is None:
            print('skip: %s is missing' % tool)
            sys.exit(77)
    stories = sys.argv[2:] or ['members', 'killed', 'hung']
    c = Cluster()
    try:
        for name in stories:
            began = time.monotonic()
            globals()['story_' + name](c)
            print('ok     %-8s %.0f s' % (name, time.monotonic() - began), flush=True)
    finally:
        c.end()


main()
