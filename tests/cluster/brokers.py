#!/usr/bin/env python3
"""brokers.py WEIR [STORY...] - a console and its commands beside three brokers of Apache Kafka, one of which is
killed or hung and comes back; and groups of three consumers under both protocols, one of which is killed, or the
broker that coordinates them.

Starts the cluster by kafka/start and stops it at the end.  Waits for what must come, never for a time.  The lag of
the groups is held against Apache Kafka's ConsumerGroupCommand, row by row.  Without Java, Maven or confluent-kafka,
which fill-cluster fetches: exit 77."""
import contextlib, json, os, re, shutil, signal, socket, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'pty'))
from terminal import Terminal  # noqa: E402

FILL = os.path.join(HERE, '..', 'tools', 'fill-cluster')
LIMIT = 120                             # seconds that only a failure takes
SESSION = 20                            # seconds until a member that is silent is taken out of its group
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
            self.address = self.kafka('start', 'kraft', '3', str(free_base()), self.dir,
                                      f'group.consumer.min.session.timeout.ms={SESSION}000',
                                      f'group.consumer.session.timeout.ms={SESSION}000').split()[-1]
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


class Group:
    """Members of a group under one of the two protocols, each a process that can be killed."""
    # The states, as far as a narrow column has them, while a member owes an answer and another one waits for it.
    BUSY = {'classic': 'Preparing', 'consumer': 'Reconcil|Assigning'}

    def __init__(self, c, name, protocol, topic):
        self.c, self.name, self.protocol, self.topic = c, f'{name}-{protocol}', protocol, topic
        self.readers = []

    def join(self, n=1):
        for _ in range(n):
            self.readers.append(subprocess.Popen(
                [FILL, '-b', self.c.address, '--reader', self.name, self.topic, '--protocol', self.protocol, '--session',
                 str(SESSION)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.c.env))

    def listed(self):
        """Its row of the list; {} while its coordinator is away."""
        found = self.c.rows('groups', 'list', self.name, codes=(0, 1))
        return found[0] if found else {}

    def is_shared_by(self, n):
        """Each partition belongs to one of n members, and each of them has some."""
        members = self.c.rows('groups', 'describe', self.name, '--members', codes=(0, 1))
        assert all(r.poll() in (None, -signal.SIGKILL) for r in self.readers), [r.poll() for r in self.readers]
        have = [m['assignment'].removeprefix(self.topic + ':').split(',') for m in members if m['assignment']]
        return len(members) == len(have) == n and sorted(sum(have, [])) == list('012345')

    def settles(self, n):
        until(f'{n} members of {self.name} share six partitions', lambda: self.is_shared_by(n))
        until(f'{self.name} is stable', lambda: self.listed().get('group_state') == 'Stable')
        assert self.listed()['group_type'].lower() == self.protocol, self.listed()

    def has_lag(self, lag):
        """All rows are exact, their sum is this, and Apache Kafka's tool says the same of each."""
        def rows():
            found = self.c.rows('groups', 'describe', self.name, codes=(0, 1))
            return sum(r['lag'] or 0 for r in found) == lag and {r['kind'] for r in found} == {'exact'} and len(found) == 6
        until(f'a lag of {lag} of {self.name}', rows)
        ours, theirs = weir_rows(self.c, self.name), kafka_rows(self.c, self.name)
        assert ours == theirs, (self.name, ours, theirs)

    def leave(self):
        for r in self.readers:
            if r.poll() is None:
                r.send_signal(signal.SIGCONT)
                r.terminate()
        for r in self.readers:
            r.wait(LIMIT)


def groups_reading(c, name, topic):
    """A group of three under each protocol, which have read all of a topic of six partitions."""
    c.weir('topics', 'create', topic, '--partitions', '6', '--replication', '3')
    produce(c, topic, 6000)
    groups = [Group(c, name, protocol, topic) for protocol in ('classic', 'consumer')]
    for g in groups:
        g.join(3)
    for g in groups:
        g.settles(3)
        g.has_lag(0)
    return groups


@contextlib.contextmanager
def watched(c, groups=()):
    """The console, which a story that went well leaves, nothing of a library on its screen; the groups end with it."""
    t = c.console()
    try:
        yield t
        t.type('q')
        assert t.end() == 0
        assert b'rdkafka' not in t.raw
    finally:
        t.close()
        for g in groups:
            g.leave()


def story_members(c):
    """One of three members hangs while a fourth one comes, is killed, and the others take over."""
    groups = groups_reading(c, 'settlement', 'orders')
    with watched(c, groups) as t:
        t.type('2')
        for g in groups:
            t.wait(rf'{g.name}.*Stable +3')
            g.readers[0].send_signal(signal.SIGSTOP)
            g.join()
        for g in groups:
            t.wait(rf'{g.name}.*({g.BUSY[g.protocol]})\S* +[34]')
            until(f'{g.name} waits', lambda: re.match(g.BUSY[g.protocol], g.listed().get('group_state') or ''))
        for g in groups:
            g.readers[0].kill()
        for g in groups:
            g.settles(3)
            t.wait(rf'{g.name}.*Stable +3')
            g.has_lag(0)
            g.leave()
        produce(c, 'orders', 777)
        for g in groups:
            until(f'{g.name} is empty', lambda: g.listed()['group_state'] == 'Empty')
            g.has_lag(777)
            t.wait(rf'{g.name} +777 .*Empty')


def story_coordinator(c):
    """The broker that coordinates a group dies: what only it knows is unknown, until another one coordinates; back again,
    all is exact."""
    groups = groups_reading(c, 'clearing', 'trades')
    asked = groups[1]
    first = asked.listed()['coordinator']
    with watched(c, groups) as t:
        t.type('2')
        t.wait(rf'{asked.name}.*Stable +3')
        t.type(f'/{asked.name}<Enter><Enter>')
        t.wait(r'Partitions 6')
        c.kill(first)
        t.wait(r'its coordinator has been away for [1-9]\d* s: broker %d' % first)
        t.wait(r'trades +0 +\? +\? +\d')                # neither the lag nor what was committed; the end is known
        t.type('<Esc>')
        t.wait(rf'{asked.name}.*\?')
        t.type('<Esc>')                                 # no filter any more
        t.wait(groups[0].name)
        for g in groups:
            g.settles(3)
            t.wait(rf'{g.name}.*Stable +3')
            assert g.listed()['coordinator'] != first, g.listed()
        produce(c, 'trades', 600)
        for g in groups:
            g.has_lag(0)
        c.again(first)
        until('broker %d is back' % first, lambda: c.weir('cluster', codes=(0, 1)).returncode == 0)
        for g in groups:
            g.settles(3)
            g.has_lag(0)
            t.wait(rf'{g.name}.*Stable +3')


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
    with watched(c) as t:
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


def story_hung(c):
    """A broker that is not the controller hangs: keys are answered, the others stay fresh; it wakes, and all is well."""
    boss = until('a controller', lambda: controller_of(c))
    node = next(n for n in (1, 2, 3) if n != boss)
    with watched(c) as t:
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


def main():
    if not WEIR:
        sys.exit(__doc__)
    for tool in ('java', 'mvn'):
        if shutil.which(tool) is None:
            print('skip: %s is missing' % tool)
            sys.exit(77)
    if subprocess.run([FILL, '--help'], stdout=subprocess.DEVNULL, check=False).returncode == 77:
        sys.exit(77)
    stories = sys.argv[2:] or ['members', 'coordinator', 'killed', 'hung']
    c = Cluster()
    try:
        for name in stories:
            began = time.monotonic()
            globals()['story_' + name](c)
            print('ok     %-8s %.0f s' % (name, time.monotonic() - began), flush=True)
    finally:
        c.end()


main()
