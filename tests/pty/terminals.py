#!/usr/bin/env python3
"""Stories of terminals: every kind, every size, every way to leave; lines that stall or are slow; tmux and screen.

What is held of each: only bytes that this terminal knows, a screen that reads right by two emulators, keys as this
terminal sends them, and a terminal that is given back as it was.
"""
import fcntl
import importlib.machinery
import importlib.util
import itertools
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))
sys.path.insert(0, HERE)
from e2e import LIMIT, WEIR, Box, contains, ended, equal, main, status  # noqa: E402
from terminal import Terminal, close_all, left_on  # noqa: E402

try:
    import PIL  # noqa: F401
except ImportError:
    print('skip: Pillow is missing')                    # termmeter's pictures want it
    sys.exit(77)


def load_termmeter():
    path = os.path.join(HERE, '..', 'tools', 'termmeter')
    loader = importlib.machinery.SourceFileLoader('termmeter', path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('termmeter', loader))
    loader.exec_module(module)
    return module


termmeter = load_termmeter()
SANITIZED = os.environ.get('WEIR_SANITIZED', 'no')
NO_LOCALE = {'LC_ALL': None, 'LC_CTYPE': None, 'LANG': None}
COLOUR = re.compile(rb'\x1b\[(?:[0-9;:]*[;:])?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:[;:][0-9;:]*)?m')
MOUSE = re.compile(rb'\x1b\[\?[0-9;]*(?:\b9|100[0-6]|101[56])h')
TOPICS = 60


def without(*tools):
    """True, and said so, where one is not installed."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    for tool in missing:
        print(f'skip: {tool} is missing', flush=True)
    return bool(missing)


def with_topics(box, n=TOPICS):
    b = box.broker()
    box.run('topics', 'create', *[f't-{i:03d}' for i in range(n)], '-b', b.address)
    return b


def changed(env, changes):
    """None: not there at all."""
    return {k: v for k, v in dict(env, **changes).items() if v is not None}


class Watched(Terminal):
    """By a second emulator too, that knows what pyte does not: the other screen, bright colours, what was left on."""

    def __init__(self, argv, env, columns=80, rows=24):
        self.meter = termmeter.Terminal(columns, rows)
        super().__init__(argv, env, columns, rows)

    def feed(self, data):
        self.meter.feed(data)
        super().feed(data)

    def resize(self, columns, rows):
        self.meter.resize(columns, rows)
        super().resize(columns, rows)


def console(box, *words, columns=80, rows=24, **changes):
    return Watched([WEIR, *words], changed(box.env, changes), columns, rows)


def fresh_modes():
    """Of a line that nobody has touched."""
    master, slave = os.openpty()
    modes = termios.tcgetattr(slave)
    os.close(master)
    os.close(slave)
    return modes


MODES = fresh_modes()


def given_back(t):
    """Nothing left on, no setting of the line differs, and the mouse was never asked for."""
    equal(termios.tcgetattr(t.fd), MODES, 'settings of the line')
    equal(left_on(t.raw), [], 'left on')
    equal(t.meter.left_on(), [], 'left on')
    equal(MOUSE.search(t.raw), None, 'mouse')


def leave(t, keys='q', code=0):
    t.type(keys)
    equal(t.end(), code, 'exit code')
    given_back(t)


def terminated(t):
    """Without the question that the broker's other clients would raise, those that have just gone included."""
    os.kill(t.pid, signal.SIGTERM)
    equal(t.end(), 0, 'exit code')
    given_back(t)


# ---- every kind of terminal, locale and colour

TERMS = [  # TERM, characters beyond ASCII, colours
    ('vt100', False, False), ('vt220', False, False), ('linux', True, True), ('xterm', True, True),
    ('xterm-256color', True, True), ('screen', True, True), ('screen-256color', True, True),
    ('tmux-256color', True, True), ('xterm-mono', True, False)]
LOCALES = [  # name, environment, UTF-8
    ('C.UTF-8', {'LC_ALL': 'C.UTF-8'}, True), ('no locale', NO_LOCALE, True), ('C', {'LC_ALL': 'C'}, False),
    ('POSIX', dict(NO_LOCALE, LANG='POSIX'), False), ('Latin-1', {'LC_ALL': 'test.ISO-8859-1'}, False),
    ('Latin-1 that is not installed', {'LC_ALL': 'xx_YY.ISO-8859-1'}, False),
    ('UTF-8 that is not installed', {'LC_ALL': 'xx_YY.UTF-8'}, True)]
COLOURS = [  # name, words, environment, colours
    ('colour', (), {}, True), ('NO_COLOR', (), {'NO_COLOR': '1'}, False), ('NO_COLOR empty', (), {'NO_COLOR': ''}, True),
    ('--no-color', ('--no-color',), {}, False)]
# Where an entry has none of these keys a terminal of that name may send them anyway.
KEYS = {'kcuu1': b'\x1b[A', 'kcud1': b'\x1b[B', 'khome': b'\x1b[1~', 'kend': b'\x1b[4~', 'kpp': b'\x1b[5~', 'knp': b'\x1b[6~'}


def keys_of(term):
    """As terminfo says that it sends them."""
    keys = dict(KEYS)
    dump = subprocess.run(['infocmp', '-1', '-x', term], stdout=subprocess.PIPE, text=True, check=True).stdout
    for name, text in re.findall(r'^\t(\w+)=(.*),$', dump, re.M):
        if name in keys:
            keys[name] = termmeter.unescape_terminfo(text)
    return keys


def latin_1(box):
    """A directory with a compiled locale, for LOCPATH."""
    path = os.path.join(box.dir, 'locales')
    os.makedirs(path, exist_ok=True)
    done = subprocess.run(['localedef', '-c', '-i', 'POSIX', '-f', 'ISO-8859-1', path + '/test.ISO-8859-1'],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if not os.path.isdir(path + '/test.ISO-8859-1'):
        print(f'skip: localedef makes no Latin-1 locale here ({done.returncode})', flush=True)
    return path


def names_shown(text):
    return re.findall(r'\bt-\d{3}\b', text)


def keys_work(t, keys):
    def press(name):
        os.write(t.fd, keys[name])
    press('kend')
    t.wait('t-059')
    press('khome')
    t.wait('t-000')
    t.gone('t-059')
    press('knp')
    t.gone('t-000')
    press('kpp')
    t.wait('t-000')
    press('kcud1')
    press('kcud1')
    press('kcuu1')
    t.type('<Enter>')
    t.wait('Partitions')
    t.wait('t-001')
    t.type('<Esc>')
    t.wait('t-000')


def holds(t, term, ascii_only, colours, what):
    if ascii_only:
        equal(re.findall(rb'[^\x00-\x7f]+', t.raw), [], f'{what}: bytes beyond ASCII')
    else:
        contains(t.raw.decode(), '▴')
    equal(bool(COLOUR.search(t.raw)), colours, f'{what}: colours')
    equal(termmeter.outside_terminfo(t.meter, term), {}, f'{what}: sequences that its entry does not have')


def terminal_story(box, term, wide, coloured):
    b = with_topics(box)
    keys = keys_of(term)
    box.env['LOCPATH'] = latin_1(box)
    for (locale, locale_env, utf8), (colour, words, colour_env, wanted) in itertools.product(LOCALES, COLOURS):
        what = f'{term}, {locale}, {colour}'
        t = console(box, '-b', b.address, *words, TERM=term, **locale_env, **colour_env)
        t.wait('t-017')
        names = names_shown(t.text())
        equal(names, [f't-{i:03d}' for i in range(len(names))], what)
        if colour == 'colour' and locale in ('C.UTF-8', 'C'):
            keys_work(t, keys)
        equal(t.text(), t.meter.text(), f'{what}: by two emulators')
        holds(t, term, not (wide and utf8), coloured and wanted, what)
        leave(t)
        t.close()


for row in TERMS:
    globals()['test_terminal_' + row[0]] = lambda box, row=row: terminal_story(box, *row)

REFUSED = [  # name, TERM, words of the sentence
    ('dumb', 'dumb', ('"dumb"', 'cannot place the cursor', 'set TERM', 'xterm-256color')),
    ('unknown', 'no-such-terminal', ('"no-such-terminal"', 'not known', 'set TERM', 'xterm-256color')),
    ('unset', None, ('TERM is not set', 'xterm-256color')), ('empty', '', ('TERM is not set', 'xterm-256color')),
    ('a path', '../../etc/passwd', ('not known', 'set TERM')), ('hostile', '\x1b[2Jx', ('not known', 'set TERM'))]


def test_refused_terminals(box):
    b = box.broker()
    for name, term, parts in REFUSED:
        t = console(box, '-b', b.address, TERM=term)
        equal(t.end(), 1, name)
        for part in parts:
            contains(t.raw.decode(), part)
        equal((b'\x1b' in t.raw, t.raw.count(b'\n')), (False, 1), f'{name}: one line, no sequence')
        equal(termios.tcgetattr(t.fd), MODES, name)


def test_no_terminal(box):
    contains(box.run(code=2, stdin=subprocess.DEVNULL).stderr, 'needs a terminal')


# ---- sizes

def settled(*terminals):
    """Until they show the same, but for the line of the age."""
    def seen(t):
        """Of a blank only what shows: its ground, a line under it."""
        shows = termmeter.UNDER | termmeter.REVERSE
        return [[(ch, bg, attributes & shows) if ch == ' ' else (ch, fg, bg, attributes)
                 for ch, fg, bg, attributes in row] for row in t.meter.grid[1:]]
    deadline = time.monotonic() + LIMIT
    while any(seen(t) != seen(terminals[0]) for t in terminals[1:]):
        if time.monotonic() > deadline:
            raise AssertionError('\n-- not as --\n'.join(t.text() for t in terminals))
        for t in terminals:
            t.read(0.05)


def same_text(*terminals):
    """As settled, in what is written only."""
    deadline = time.monotonic() + LIMIT
    while len({t.text().split('\n', 1)[1] for t in terminals}) != 1:
        if time.monotonic() > deadline:
            raise AssertionError('\n-- not as --\n'.join(t.text() for t in terminals))
        for t in terminals:
            t.read(0.05)


def form(box, address, columns, rows, *words, **changes):
    """Open at a picture that stays as it is: the form."""
    t = console(box, '-b', address, *words, columns=columns, rows=rows, **changes)
    t.wait('t-000')
    t.type('4')
    t.wait('Headers')
    return t


def test_too_small(box):
    b = with_topics(box)
    for columns, rows in ((79, 23), (60, 20), (40, 10), (39, 10), (40, 9), (12, 4), (3, 2), (1, 1)):
        t = console(box, '-b', b.address, columns=columns, rows=rows)
        small = columns < 40 or rows < 10
        t.wait('t-000' if not small else r'\At' if columns < 12 else r'\Atoo\s+small:\s+weir\s+needs\s+40x10')
        equal('t-000' in t.text(), not small, (columns, rows))
        t.type('?q')                                    # keys go on
        t.resize(80, 24)
        t.wait('t-000')
        leave(t)


def test_resize_storm(box):
    b = with_topics(box)
    t = form(box, b.address, 80, 24)
    rng = random.Random(5)
    for size in [(rng.randint(1, 220), rng.randint(1, 60)) for _ in range(200)] + [(100, 30)]:
        t.resize(*size)
        t.read(0)
    settled(t, form(box, b.address, 100, 30))
    leave(t, '<C-c>')


def test_wrong_size_in_the_environment(box):
    b = with_topics(box)
    for lines, columns in (('3', '500'), ('200', '1'), ('-1', 'x'), ('0', '99999999999')):
        settled(form(box, b.address, 80, 24, LINES=lines, COLUMNS=columns), form(box, b.address, 80, 24))


# ---- stopping and ending

def test_stop_resize_continue(box):
    """By ctrl-z and by a SIGSTOP that nobody announces; the shell's line is as it was, the picture is whole."""
    if without('bash', 'stty'):
        return
    b = with_topics(box)
    t = Watched(['bash', '--norc', '--noprofile', '-i'], dict(box.env, PS1='ready> ', HISTFILE='', PWD=box.dir), 80, 24)

    marks = itertools.count()

    def shell(words):
        n = next(marks)
        t.type(f"{words}; printf 'mark-%s;' {n}<Enter>")
        t.wait_written(b'mark-%d;' % n, 1)

    def settings():
        shell('stty -g >line')
        return open(box.dir + '/line', encoding='ascii').read()
    t.wait('ready>')
    shell(f'cd {box.dir}; echo $$ >shell')
    before, width = settings(), 80
    pid = int(open(box.dir + '/shell', encoding='ascii').read())
    t.type(f'{WEIR} -b {b.address} --read-only<Enter>')
    t.wait('t-000')
    t.type('4')
    t.wait('Headers')
    for times, how in enumerate(('<C-z>', 'STOP'), 1):
        if how == 'STOP':
            children = open(f'/proc/{pid}/task/{pid}/children', encoding='ascii').read().split()
            os.kill(int(children[0]), signal.SIGSTOP)
        else:
            t.type(how)
        t.wait_written(b'Stopped', times)
        equal(settings(), before, f'{how}: settings of the line while stopped')
        width += 10
        t.resize(width, 30)
        t.type('fg<Enter>')
        settled(t, form(box, b.address, width, 30, '--read-only'))
    t.type('<C-c>')
    t.wait_written(b'\x1b[?1049l', 2)
    equal(settings(), before, 'settings of the line at the end')
    t.type('exit<Enter>')
    equal(t.end(), 0, 'exit code')


WAYS = [  # name, keys or signal, exit code, the terminal is given back
    ('q', 'q', 0, True), ('ctrl-c', '<C-c>', 0, True), ('ctrl-q', '\x11', 0, True), (':quit', ':quit<Enter>', 0, True),
    ('SIGTERM', signal.SIGTERM, 0, True), ('SIGINT', signal.SIGINT, 0, True), ('SIGHUP', signal.SIGHUP, 0, True),
    ('SIGQUIT', signal.SIGQUIT, -signal.SIGQUIT, True), ('SIGSEGV', signal.SIGSEGV, -signal.SIGSEGV, True),
    ('SIGABRT', signal.SIGABRT, -signal.SIGABRT, True), ('SIGUSR1', signal.SIGUSR1, -signal.SIGUSR1, True),
    ('a closed terminal', 'hang up', 0, False), ('SIGKILL', signal.SIGKILL, -signal.SIGKILL, False)]


def test_ways_to_end(box):
    """Each with a broker and a directory of its own: nothing runs on, nothing stays behind."""
    opened = []
    for i, way in enumerate(WAYS):
        scratch = f'{box.dir}/tmp-{i}'
        os.mkdir(scratch)
        opened.append((way, scratch, console(box, '--ephemeral', TMPDIR=scratch)))
    pids = []
    for way, scratch, t in opened:
        t.wait('A Kafka broker runs here')
        private, = os.listdir(scratch)
        pids.append(int(status(f'{scratch}/{private}')['pid']))
    for (_, how, _, _), _, t in opened:
        if how == 'hang up':
            t.hang_up()
        elif isinstance(how, str):
            t.type(how)
        else:
            os.kill(t.pid, how)
    for ((name, how, code, back), scratch, t), pid in zip(opened, pids):
        equal(t.reap() if t.fd < 0 else t.end(), code, f'{name}: exit code')
        if back:
            given_back(t)
            equal(t.meter.text().strip(), '', f'{name}: the screen as it was before')
        equal(ended(pid), True, f'{name}: its broker ends')
        equal(os.listdir(scratch), [], f'{name}: its directory')


class Consumer:
    """kcat, told to print what comes."""

    def __init__(self, address, topic):
        self.process = subprocess.Popen(['kcat', '-C', '-u', '-q', '-b', address, '-t', topic, '-o', 'beginning'],
                                        stdout=subprocess.PIPE, text=True)

    def line(self):
        assert select.select([self.process.stdout], [], [], LIMIT)[0], 'kcat prints nothing'
        return self.process.stdout.readline()

    def close(self):
        self.process.kill()
        self.process.communicate()


def send(address, topic, text):
    subprocess.run(['kcat', '-P', '-b', address, '-t', topic], input=text + '\n', text=True, timeout=LIMIT, check=True)


def test_killed_beside_clients(box):
    """A console that is killed takes nothing with it: neither a broker of its own making nor another's client."""
    if without('kcat'):
        return
    b = with_topics(box, 1)
    send(b.address, 't-000', 'before')
    consumer = Consumer(b.address, 't-000')
    try:
        equal(consumer.line(), 'before\n')
        t = console(box, '-b', b.address)
        t.wait('t-000')
        os.kill(t.pid, signal.SIGKILL)
        equal(t.end(), -signal.SIGKILL)
        send(b.address, 't-000', 'after')
        equal(consumer.line(), 'after\n', 'the consumer goes on')
    finally:
        consumer.close()
    data = box.dir + '/own'
    t = console(box, '--data', data)
    t.wait('A Kafka broker runs here')
    s = status(data)
    send(s['address'], 'kept', 'acknowledged')
    os.kill(t.pid, signal.SIGKILL)
    equal(t.end(), -signal.SIGKILL)
    equal(ended(int(s['pid'])), True, 'its broker ends')
    equal(box.run('tail', 'kept', '-e', '--data', data).stdout, 'acknowledged\n', 'its data')


# ---- lines that stall or are slow

BEHIND = 40 << 10                                       # the kernel keeps 20 KiB of a line, and a picture or two
KEPT = (15 << 20) * (1 if SANITIZED == 'no' else 3)     # with what the sanitizer keeps beside it
PIECE = 20000                                           # messages that every build sends in far less than the limit


def line_is_full(t):
    """As the program sees it: nothing more can be written."""
    fd = os.open(f'/proc/{t.pid}/fd/1', os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    full = not select.select([], [fd], [], 0)[1]
    os.close(fd)
    return full


def resident(pid):
    return int(re.search(r'VmRSS:\s+(\d+)', open(f'/proc/{pid}/status', encoding='ascii').read())[1]) * 1024


def pour(address, topic, count):
    """So many messages of 100 bytes, acknowledged; the limit is for each piece, however slow the machine."""
    for n in range(0, count, PIECE):
        subprocess.run([WEIR, 'produce', topic, '-b', address], input=(b'x' * 99 + b'\n') * min(PIECE, count - n),
                       timeout=LIMIT, check=True, stdout=subprocess.DEVNULL)


def tail_of(box, *words):
    """A console that paints all the time, on a line that nobody reads; until the line is full."""
    t = console(box, *words, columns=200, rows=50)
    t.wait('A Kafka broker runs here')
    address = status(box.data)['address']
    box.run('topics', 'create', 'flow', '-b', address)
    t.wait('flow')
    t.type(':tail flow<Enter>')
    deadline = time.monotonic() + LIMIT
    while not line_is_full(t):
        assert time.monotonic() < deadline, 'the line does not fill'
        t.type('<C-l>')
        pour(address, 'flow', 1000)
    return t, address


def test_stalled_line(box):
    """The embedded broker serves its clients, memory stays, and what is then shown is what there is."""
    t, address = tail_of(box, '--data', box.data)
    pour(address, 'flow', 200000)
    before = resident(t.pid)
    pour(address, 'flow', 600000)
    grown = resident(t.pid) - before
    equal(grown < KEPT, True, f'grown by {grown} while 60 MB passed')
    if not without('kcat'):
        send(address, 'flow', 'by kcat')
        got = subprocess.run(['kcat', '-C', '-q', '-b', address, '-t', 'flow', '-p', '0', '-o', '-1', '-e'], text=True,
                             stdout=subprocess.PIPE, timeout=LIMIT, check=True).stdout
        equal(got, 'by kcat\n', 'kcat beside a stalled terminal')
    box.run('produce', 'flow', '-b', address, input='the last one\n')
    equal(line_is_full(t), True, 'still stalled')
    first = len(t.raw)
    t.wait('the last one')
    equal(len(t.raw) - first < BEHIND, True, f'{len(t.raw) - first} bytes of old pictures')
    t.type('1')
    t.wait('flow')
    terminated(t)


def test_ends_on_a_stalled_line(box):
    """Who is told to end does not wait for ever for a terminal that takes nothing; its broker goes with it."""
    if SANITIZED == 'thread':                           # it keeps signals back until the write ends
        print('skip: the thread sanitizer delivers no signal to a write', flush=True)
        return
    t, _ = tail_of(box, '--data', box.data)
    pid = int(status(box.data)['pid'])
    os.kill(t.pid, signal.SIGTERM)
    equal(ended(t.pid), True, 'ends')
    t.end()
    equal(termios.tcgetattr(t.fd), MODES, 'settings of the line')
    equal(ended(pid), True, 'its broker ends')


def test_closed_while_stalled(box):
    t, _ = tail_of(box, '--data', box.data)
    pid = int(status(box.data)['pid'])
    t.hang_up()
    equal(t.reap(), 0, 'exit code')
    equal(ended(pid), True, 'its broker ends')


def test_slow_line(box):
    """What a line of 115,200 baud cannot take in time is not shown later either; a key has its answer."""
    t, address = tail_of(box, '--data', box.data)
    with subprocess.Popen([WEIR, 'produce', 'flow', '-b', address], stdin=subprocess.PIPE) as source:
        def trickle(pattern):
            first = len(t.raw)
            while not re.search(pattern, t.text(), re.M):
                assert len(t.raw) - first < BEHIND, f'{pattern} took more than {BEHIND} bytes; the screen:\n{t.text()}'
                source.stdin.write(b'%020d\n' % len(t.raw) * 100)
                source.stdin.flush()
                select.select([], [], [], 0.1)          # the line's own time: this is what makes it slow
                t.read(0, 1152)
        for key, answer in (('?', 'HERE, IN'), ('<Esc>5', 'NODE'), ('3', r' 0{10}\d+$'), ('?', 'HERE, IN')):
            t.type(key)
            trickle(answer)
    t.type('<Esc>')
    terminated(t)


# ---- inside another terminal program

class Tmux:
    detach = '\x02d'

    def __init__(self, box, term):
        self.env = dict(box.env, TMUX_TMPDIR=box.dir)
        self.words = ['tmux', '-L', 'test', '-f', box.dir + '/tmux.conf']
        with open(box.dir + '/tmux.conf', 'w', encoding='ascii') as f:
            f.write(f'set -g status off\nset -g default-terminal {term}\n')

    def start(self, command, **size):
        return Watched([*self.words, 'new-session', command], self.env, **size)

    def attach(self, **size):
        return Watched([*self.words, 'attach'], self.env, **size)

    def close(self):
        subprocess.run([*self.words, 'kill-server'], env=self.env, stderr=subprocess.DEVNULL, timeout=LIMIT, check=False)


class Screen:
    detach = '\x01d'

    def __init__(self, box, term):
        os.makedirs(box.dir + '/screens', 0o700)
        self.env = dict(box.env, SCREENDIR=box.dir + '/screens')
        self.words = ['screen', '-U', '-c', box.dir + '/screenrc']
        with open(box.dir + '/screenrc', 'w', encoding='ascii') as f:
            f.write(f'startup_message off\naltscreen on\nterm {term}\n')

    def start(self, command, **size):
        return Watched([*self.words, '-S', 'test', 'sh', '-c', command], self.env, **size)

    def attach(self, **size):
        return Watched([*self.words, '-r', 'test'], self.env, **size)

    def close(self):
        subprocess.run(['screen', '-S', 'test', '-X', 'quit'], env=self.env, stdout=subprocess.DEVNULL, timeout=LIMIT,
                       check=False)


def inside(box, kind, term):
    """Opens, answers keys, is there again after a detach and at another size, and leaves nothing."""
    b = with_topics(box)
    outer = kind(box, term)
    command = f'{WEIR} -b {b.address} --read-only; printf "left=%s\\n" $?; cat'
    try:
        t = outer.start(command, columns=80, rows=24)
        t.wait('t-000')
        keys_work(t, keys_of('xterm-256color'))
        t.type('4')
        t.wait('Headers')
        same_text(t, form(box, b.address, 80, 24, '--read-only'))
        t.type(outer.detach)
        equal(t.end(), 0, 'detached')
        t = outer.attach(columns=80, rows=24)
        same_text(t, form(box, b.address, 80, 24, '--read-only'))
        t.type(outer.detach)
        equal(t.end(), 0, 'detached')
        t = outer.attach(columns=100, rows=30)
        same_text(t, form(box, b.address, 100, 30, '--read-only'))
        t.type('<C-c>')
        t.wait('left=0')
        t.wait(r'\A\s*left=0\s*\Z')                     # and nothing else stays
        t.type('typed')
        t.wait(r'\A\s*left=0\ntyped\s*\Z')
        equal(t.meter.grid[t.text().split('\n').index('typed')][0], ('t', None, None, 0), 'colours')
    finally:
        outer.close()


MULTIPLEXERS = [('tmux', Tmux, 'tmux-256color'), ('tmux', Tmux, 'screen'), ('screen', Screen, 'screen'),
                ('screen', Screen, 'screen-256color')]
for tool, kind, inner in MULTIPLEXERS:
    globals()[f'test_inside_{tool}_as_{inner}'] = (
        lambda box, tool=tool, kind=kind, inner=inner: without(tool) or inside(box, kind, inner))


# ---- lines that are typed and pasted

PASTE = '\x1b[200~{}\x1b[201~'
TYPED = [  # name, keys after / in the topics, the line then
    ('plain', 't-0', 't-0'), ('backspace', 't-01<BS><BS>', 't-'), ('ctrl-u', 'xx\x15t-05', 't-05'),
    ('ctrl-w', 'one two\x17', 'one '), ('ctrl-a', '05\x01t-', 't-05'), ('ctrl-a ctrl-e', '-0\x01t\x055', 't-05'),
    ('ctrl-a ctrl-k', '05\x01\x0bt-', 't-'), ('arrows', '05\x1bOD\x1bOD\x1bODt-', 't-05'),
    ('delete', 'xt\x01\x1b[3~', 't'), ('a letter of two bytes', 'é', 'é'),
    ('pasted', PASTE.format('t-0'), 't-0'), ('pasted with a line end', PASTE.format('t-0\rt-1'), 't-0 t-1'),
    ('pasted keys are no keys', PASTE.format('qD:q\x03'), r'qD:q\x03'),
    ('pasted controls', PASTE.format('a\x07\x1b]0;evil\x07\x9b\u202e\x7fb'), r'a\x07\x1b]0;evil\x07\u{9b}\u{202e}b')]


def test_typed_lines(box):
    b = with_topics(box)
    t = console(box, '-b', b.address)
    t.wait('t-000')
    for name, keys, line in TYPED:
        t.type('/')
        t.wait(r'^/ *\Z')
        t.type(keys)
        t.wait('^/ ' + re.escape(line.rstrip()) + r'\Z')
        t.type('\x03')                                  # ctrl-c takes the line back, and leaves nothing
        t.gone(r'^/ .*\Z')
        t.type('/')
        t.wait(r'^/ *\Z')
        t.type('<Esc>')
        t.gone(r'^/ *\Z')
        equal(ended_already(t), False, name)
    for evil in (b'\x07', b'\x1b]0;', '\x9b'.encode(), '\u202e'.encode(), b'\x7f'):
        equal(evil in t.raw, False, evil)
    leave(t)


def ended_already(t):
    return os.waitpid(t.pid, os.WNOHANG)[0] != 0


# ---- what is chosen: themes, order, columns

def looks(t):
    """The colours and attributes that are on the screen."""
    return {(fg, bg, attributes) for row in t.meter.grid for _, fg, bg, attributes in row}


def switch(t, name):
    """The theme of that name; what the screen then looks like."""
    t.type(f':theme {name}<Enter>')
    t.gone('^: theme')
    t.type(':no-such<Enter>')                           # an answer: the screen is that of after the switch
    t.wait('no command is called no-such')
    t.type('<Esc>')
    t.gone('no command is called')
    contains(t.text(), 't-0')
    return looks(t)


def test_themes(box):
    """Each that the command line offers, switched live; the last is there at the next start, with order and columns."""
    b = with_topics(box)
    state = {'XDG_STATE_HOME': box.dir + '/state'}
    t = console(box, '-b', b.address, columns=120, **state)
    t.wait('t-000')
    t.type(':theme ')
    t.wait('^: theme')
    names = re.findall(r'^  ([a-z0-9-]+)$', t.text(), re.M)
    t.type('<C-c>')
    t.gone('^: theme')
    equal(len(names) >= 6, True, names)
    seen = {name: switch(t, name) for name in names}
    equal(len({frozenset(look) for look in seen.values()}), len(names), 'each has looks of its own')
    equal({(fg, bg) for fg, bg, _ in seen['mono']}, {(None, None)}, 'mono')
    t.wait('PARTS +REPL')
    t.type('Svj><Enter>')
    t.wait('REPL +PARTS')
    t.wait('t-059')
    last = switch(t, names[3])                          # the first is what a new one has
    equal(last, seen[names[3]], 'back again')
    leave(t)
    t = console(box, '-b', b.address, columns=120, **state)
    t.wait('REPL +PARTS')
    t.wait('t-059')
    equal(names_shown(t.text())[0], 't-059', 'the order')
    settled_looks(t, last)
    leave(t)


def settled_looks(t, wanted):
    deadline = time.monotonic() + LIMIT
    while looks(t) != wanted:
        assert time.monotonic() < deadline, f'{looks(t)} is not {wanted}'
        t.read(0.05)


try:
    main()
finally:
    close_all()
