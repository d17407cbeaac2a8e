#!/usr/bin/env python3
"""Stories of the console in a real pseudo-terminal."""
import os
import re
import shutil
import signal
import socket
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))
sys.path.insert(0, HERE)
from e2e import WEIR, contains, ended, equal, main, status  # noqa: E402
from terminal import Terminal, close_all, left_on  # noqa: E402


def console(box, *words, columns=100, rows=24, **env):
    if not words or '-b' not in words:
        words = ('--data', box.data, *words)
    return Terminal([WEIR, *words], dict(box.env, **env), columns, rows)


def client_of(box):
    host, port = status(box.data)['address'].rsplit(':', 1)
    return socket.create_connection((host, int(port)))


def test_opens_and_quits(box):
    t = console(box)
    t.wait('A Kafka broker runs here')
    pid = int(status(box.data)['pid'])
    t.type('q')
    equal(t.end(), 0, 'exit code')
    equal(left_on(t.raw), [], 'left on')
    equal(ended(pid), True, 'the broker ends with the only console')


def test_hello_on_screen(box):
    t = console(box)
    t.wait('A Kafka broker runs here')
    t.type(':hello<Enter>')
    t.wait('it works')
    t.type('<Esc>')
    t.wait(r'dataengineering +1 ')


def test_many_topics_move_filter(box):
    b = box.broker()
    box.run('topics', 'create', *[f't-{i:03d}' for i in range(60)], '-b', b.address)
    t = console(box, '-b', b.address)
    t.wait('t-000')
    t.type('G')
    t.wait('t-059')
    t.type('g')
    t.wait('t-000')
    t.type('/04<Enter>')
    t.gone('t-000')
    t.wait('t-049')
    t.type('<Esc>')
    t.wait('t-000')
    t.type('?')
    t.wait('[Kk]eys')


def test_another_cluster(box):
    """What is open follows to the cluster that is connected to: the tail reads its topic there."""
    first, second = (box.broker(data=os.path.join(box.dir, name)) for name in ('first', 'second'))
    box.run('topics', 'create', 'only-here', 'both', '-b', first.address)
    box.run('topics', 'create', 'both', '-b', second.address)
    for topic, broker in (('only-here', first), ('both', first), ('both', second)):
        box.run('produce', topic, '-b', broker.address, input=f'{topic} on {broker.address}\n')
    t = console(box, '-b', first.address)
    for topic, there in (('only-here', 'no such topic'), ('both', f'both on {second.address}')):
        t.type(f':connect {first.address}<Enter>:tail {topic}<Enter>')
        t.wait(f'{topic} on {first.address}')
        t.type(f':connect {second.address}<Enter>')
        t.wait(there)
        t.gone(f'{topic} on {first.address}')
        t.gone('connecting')


def test_resize(box):
    b = box.broker()
    box.run('topics', 'create', 'a-topic', '-b', b.address)
    t = console(box, '-b', b.address, columns=80)
    t.wait('a-topic')
    for size in ((40, 10), (200, 50), (20, 5), (3, 2), (1, 1), (30, 8)):
        t.resize(*size)
    t.wait('too small')
    t.type('q')                                         # nothing that acts on what is hidden
    t.resize(80, 24)
    t.wait('a-topic')
    t.type('q')
    equal(t.end(), 0, 'exit code')


def test_stop_and_continue(box):
    """In a shell: ctrl-z gives the terminal back whole, fg brings the screen back."""
    if shutil.which('bash') is None:
        return
    t = Terminal(['bash', '--norc', '--noprofile', '-i'], dict(box.env, PS1='ready> ', HISTFILE=''))
    t.wait('ready>')
    t.type(f'{WEIR} --data {box.data}<Enter>')
    t.wait('A Kafka broker runs here')
    client = client_of(box)
    t.type('<C-z>')
    t.wait_written(b'\x1b[?1049l', 1)
    t.wait('Stopped')
    equal([x for x in left_on(t.raw) if x != b'\x1b[?2004h'], [], 'left on while stopped')    # that one is bash's own
    equal(status(box.data)['consoles'], '1', 'the broker answers while the console is stopped')
    client.close()
    t.type('fg<Enter>')
    t.wait_written(b'\x1b[?1049h', 2)
    t.wait('A Kafka broker runs here')
    t.type('q')
    t.wait_written(b'\x1b[?1049l', 2)
    t.type('exit<Enter>')
    equal(t.end(), 0, 'exit code')


def test_asks_before_it_takes_the_broker(box):
    t = console(box)
    t.wait('A Kafka broker runs here')
    pid = int(status(box.data)['pid'])
    client = client_of(box)
    equal(int(status(box.data)['clients']) > 1, True, 'clients')
    t.type('q')
    t.wait('1 other client')
    t.type('<Enter>')                                   # the first choice: leave it running
    equal(t.end(), 0, 'exit code')
    s = status(box.data)
    equal((s['clients'], s['attended']), ('1', '0'), 'left running')
    client.close()
    t = console(box)
    t.wait('running already')
    t.type('q')
    equal(t.end(), 0, 'exit code')
    equal(status(box.data)['attended'], '0', 'nobody\'s: it stays')
    box.run('stop', '--data', box.data)
    equal(ended(pid), True, 'stopped when told')


def test_hang_up(box):
    t = console(box)
    t.wait('A Kafka broker runs here')
    pid = int(status(box.data)['pid'])
    client = client_of(box)
    t.hang_up()
    t.reap()
    equal(status(box.data)['clients'], '1', 'still there for its client')
    client.close()
    equal(ended(pid), True, 'nothing is left running')


def test_killed(box):
    t = console(box)
    t.wait('A Kafka broker runs here')
    pid = int(status(box.data)['pid'])
    os.kill(t.pid, signal.SIGKILL)
    t.reap()
    equal(ended(pid), True, 'nothing is left running')


def test_terminated(box):
    t = console(box)
    t.wait('A Kafka broker runs here')
    os.kill(t.pid, signal.SIGTERM)
    t.end()
    equal(left_on(t.raw), [], 'left on')


def test_hostile_records(box):
    """No control byte of a payload gets through, on the screen or in a command's output."""
    b = box.broker()
    evil = [b'\x1b]0;owned\x07', b'\x1b[2J\x1b[31m', b'\x9b31m', b'\xc2\x9b31m', '\u202eevil'.encode(), b'\x00\x07\x08\x7f',
            b'\xff\xfe', b'\x0e\x0f', b'\x1bP+q\x1b\\', '\u200b\ufeff'.encode()]
    for e in evil:
        box.run('produce', 'evil', '-b', b.address, '-k', os.fsdecode(e.replace(b'\0', b'')), '-Z',
                input=e.replace(b'\n', b'') + b'!\n', text=False)
    t = console(box, '-b', b.address)
    t.wait('evil')
    t.type('t')
    t.wait('evil')
    tail = Terminal([WEIR, 'tail', 'evil', '-e', '-b', b.address, '-f', '%k %s\\n'], box.env)
    equal(tail.end(), 0, 'tail')
    as_json = Terminal([WEIR, 'tail', 'evil', '-e', '-b', b.address, '-o', 'json'], box.env)
    equal(as_json.end(), 0, 'tail -o json')
    for raw in (tail.raw, as_json.raw):
        equal(len(raw.splitlines()), len(evil), 'lines')
        bad = re.findall(rb'[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xaa-\xae]|\xef\xbb\xbf', raw)
        equal(bad, [], 'control bytes')
        raw.decode()                                    # valid UTF-8
    for what in (b'\x1b]0;owned', b'\x1b[2J\x1b[31m!', b'\x9b31m!', '\u202e'.encode(), b'\x1bP'):
        equal(what in t.raw, False, what)


def test_read_only(box):
    b = box.broker()
    box.run('topics', 'create', 'keep', '-b', b.address)
    t = console(box, '-b', b.address, '--read-only')
    t.wait('keep')
    t.type('D')
    t.wait('read.only')
    equal(len(box.json('topics', '-b', b.address)), 1, 'still there')


def test_columns_are_remembered(box):
    """Arranged by keys, the same at the next start; names of another time are passed over, garbage is as no file."""
    b = box.broker()
    box.run('topics', 'create', 'a-topic', '-b', b.address)
    state = os.path.join(box.dir, 'state')
    path = os.path.join(state, 'weir', 'console')

    def look(header, keys=''):
        t = console(box, '-b', b.address, XDG_STATE_HOME=state)
        t.wait('a-topic')
        t.wait(header)
        t.type(keys)
        t.type('q')
        equal(t.end(), 0, 'exit code')

    def put(text):
        with open(path, 'w') as f:
            f.write(text)

    look('TOPIC.* PARTS  REPL', 'vj><Enter>')
    contains(open(path).read(), 'TOPIC,REPL,PARTS')
    look('TOPIC.* REPL  PARTS')
    put(open(path).read().replace('REPL,PARTS', 'gone,PARTS,,ID,REPL'))
    look('TOPIC.* PARTS  ID  *REPL')
    put('@include "/dev/zero"\n\x1b[2J')
    look('TOPIC.* PARTS  REPL')


def test_marked_are_deleted(box):
    b = box.broker()
    box.run('topics', 'create', 'go-1', 'go-2', 'stay', '-b', b.address)
    t = console(box, '-b', b.address)
    t.wait('stay')
    t.type('/go<Enter>')
    t.gone('stay')
    t.type('*D')
    t.wait('Delete 2 topics')
    t.type('delete 2 topics<Enter>')
    t.wait('2 of 2 deleted')
    t.type('<Enter>')
    t.wait('deleted 2 topics')
    equal([r['name'] for r in box.json('topics', '-b', b.address)], ['stay'], 'left')


def test_keys_of_the_configuration(box):
    b = box.broker()
    box.run('topics', 'create', 'a-topic', '-b', b.address)
    box.config('keys = { quit = "Q"; help = [ "f1", "h" ]; left = "left"; };')
    t = console(box, '-b', b.address)
    t.wait('a-topic')
    t.wait('F1 keys')
    t.type('h')
    t.wait('HERE, IN Topics')
    t.type('<Esc>')
    t.gone('HERE, IN')
    t.type('qQ')
    equal(t.end(), 0, 'exit code')
    box.config('keys = {\n  quit = "Q";\n  tail = "p";\n};')
    t = console(box, '-b', b.address)
    equal(t.end(), 2, 'exit code')
    contains(t.raw.decode(), 'weir.conf:3: keys: tail and produce are both on p in Topics; give produce another key')
    equal(b'\x1b' in t.raw, False, 'nothing of the screen')


def test_plain_terminals(box):
    b = box.broker()
    box.run('topics', 'create', 'a-topic', '-b', b.address)
    for term, words, env in (('vt100', (), {}), ('xterm-256color', ('--ascii',), {}), ('xterm', ('--no-color',), {}),
                             ('xterm-256color', (), {'NO_COLOR': '1'}), ('screen', (), {'LC_ALL': 'C'}), ('linux', (), {})):
        t = console(box, '-b', b.address, *words, columns=80, TERM=term, **env)
        t.wait('a-topic')
        t.type('q')
        equal(t.end(), 0, term)
        if '--ascii' in words or 'LC_ALL' in env:
            equal(re.sub(rb'[\x00-\x7f]', b'', t.raw), b'', 'ASCII')
        if '--no-color' in words or 'NO_COLOR' in env:
            equal(re.findall(rb'\x1b\[[0-9;]*3[0-7]m|\x1b\[[0-9;]*38;', t.raw), [], 'no colour')


def test_nobody_answers(box):
    t = console(box, '-b', '127.0.0.1:1')
    t.wait('127.0.0.1:1')
    t.wait('refused|cannot')
    t.type('q')
    equal(t.end(), 0, 'exit code')


def test_unknown_terminal(box):
    t = console(box, TERM='no-such-terminal')
    equal(t.end(), 1, 'exit code')
    contains(t.raw.decode(), 'terminal')


try:
    main()
finally:
    close_all()
