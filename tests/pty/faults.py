#!/usr/bin/env python3
"""Stories of a console whose cluster is not well: for each fault one sentence that names the thing and the remedy,
a screen that goes on answering keys, nothing of a library on the terminal, and a way back without a key.

A door (a proxy of our own) stands before a real broker and misbehaves as told; the broker advertises the door.
"""
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))
sys.path.insert(0, HERE)
from e2e import LIMIT, WEIR, contains, equal, main  # noqa: E402
from terminal import Terminal, close_all  # noqa: E402

open_doors = []
# What librdkafka, OpenSSL, libuv, curses or a sanitizer would write, and what a shell says of a crash.
FOREIGN = rb'rdkafka#|%[0-7]\||error:[0-9A-F]{8}|routines:|getaddrinfo|Assertion|Segmentation|runtime error'
TLS_ALERT = b'\x15\x03\x01\x00\x02\x02\x46'             # what a TLS port answers to anything else


class Door:
    """Listens where the broker is said to be.  mood: pass (on to the broker), mute (reads, answers nothing), cut (the
    answer ends in its middle), or bytes that are the answer to everything."""

    def __init__(self, mood='pass'):
        self.mood, self.target = mood, None
        self.listener = self.port = None
        self.open()
        open_doors.append(self)

    def open(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(('127.0.0.1', self.port or 0))
        self.port = self.listener.getsockname()[1]
        self.address = f'127.0.0.1:{self.port}'
        self.listener.listen(50)
        self.inside = []
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            self.inside.append(s)
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        broker = None
        try:
            if self.mood in ('pass', 'cut'):
                host, port = self.target.rsplit(':', 1)
                broker = socket.create_connection((host, int(port)))
                self.inside.append(broker)
            answered = 0
            while True:
                for ready in select.select([s] + ([broker] if broker else []), [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    if broker is None:
                        if isinstance(self.mood, bytes):
                            s.sendall(self.mood)
                            s.shutdown(socket.SHUT_WR)  # and goes on reading: a reset would take the bytes back
                            while s.recv(65536):
                                pass
                            return
                    elif ready is s:
                        broker.sendall(data)
                    elif self.mood == 'cut' and answered:       # ApiVersions came whole
                        s.sendall(data[:len(data) // 2])
                        return
                    else:
                        answered += 1
                        s.sendall(data)
        except OSError:
            pass
        finally:
            for one in (s, broker):
                if one is not None:
                    one.close()

    def cut_all(self):
        """Every connection ends; the next ones meet the mood of now."""
        for s in self.inside:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.inside = []

    def close(self):
        """Nobody listens any more: refused."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut_all()


def behind(box, door, *options):
    b = box.broker('--advertise', door.address, *options)
    mood, door.mood, door.target = door.mood, 'pass', b.address
    box.run('topics', 'create', 'a-topic', '-b', b.address)
    door.cut_all()
    door.mood = mood
    return b


def console(box, address, *words, columns=100, rows=24):
    return Terminal([WEIR, '-b', address, *words], box.env, columns, rows)


def usable(t):
    """Keys are answered: the views change, the help comes and goes, the command line opens."""
    t.type('2')
    t.wait(r'GROUP |:connect HOST|Groups')
    t.type('5')
    t.wait(r'NODE |:connect HOST|asking who')
    t.type('?')
    t.wait('[Kk]eys')
    t.type('<Esc>:')
    t.wait(r'^ ?:')
    t.type('<Esc>1')
    t.wait(r'TOPIC|tries again|No topics')


def one_sentence(t, *parts):
    """On the screen, in whatever lines; no word is broken at the end of a line."""
    for part in parts:
        words = r'\s+'.join(re.escape(word) for word in part.split())
        t.wait(r'(?<!\S)' + words if part[0].isalnum() else words)


def leave(t):
    t.type('q')
    equal(t.end(), 0, 'exit code')
    foreign = re.search(FOREIGN, t.raw)
    assert foreign is None, foreign


class Refusal:
    """The same fault met by a command, beside the console: exit code 1, one line, nothing on stdout."""

    def __init__(self, box, address, *words, command=('topics', 'list')):
        self.process = subprocess.Popen([WEIR, *command, '-b', address, *words], env=box.env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def says(self, *parts):
        out, errors = self.process.communicate(timeout=LIMIT)
        equal((self.process.returncode, out), (1, ''), errors)
        equal(len(errors.splitlines()), 1, errors)
        assert errors.startswith('weir: '), errors
        assert re.search(FOREIGN, errors.encode()) is None, errors
        for part in parts:
            contains(errors, part)


def heals(t, door, box):
    """The broker behind the door is what it should be, and no key is pressed."""
    if door.target is None:
        behind(box, door)
    door.mood = 'pass'
    door.cut_all()
    t.wait('a-topic')


def test_accepts_and_never_answers(box):
    door = Door('mute')
    command = Refusal(box, door.address)
    t = console(box, door.address)
    t.wait(f'reaching {door.address}')                  # the first screen needs nobody's answer
    usable(t)
    t.wait('does not answer')
    one_sentence(t, door.address, 'accepts connections but does not answer', 'is it stopped?', 'R', 'tries again', ':connect')
    usable(t)
    command.says(door.address, 'does not answer')
    heals(t, door, box)
    leave(t)


def test_refused_and_back(box):
    door = Door()
    behind(box, door)
    door.close()
    command = Refusal(box, door.address)
    t = console(box, door.address)
    t.wait('connection refused')
    one_sentence(t, f'cannot reach {door.address}', 'is the broker up?', 'tries again', ':connect')
    usable(t)
    command.says(door.address, 'connection refused')
    door.open()
    t.wait('a-topic')
    door.close()                                        # and lost again: what was read stays, marked as old
    t.wait('stale|no answer')
    t.wait('a-topic')
    t.wait(r'R\s+tries again')
    one_sentence(t, f'{door.address}')
    usable(t)
    door.open()
    t.gone(r'R\s+tries again')
    t.type('6')
    t.wait('the cluster cannot be reached')
    t.wait('the cluster answers again')
    leave(t)


def test_nobody_takes_the_connection(box):
    """Past its backlog the kernel drops the connection attempt: what an address behind a firewall looks like."""
    with socket.socket() as full:
        full.bind(('127.0.0.1', 0))
        full.listen(0)
        address = '127.0.0.1:%d' % full.getsockname()[1]
        fillers = []
        for _ in range(8):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(full.getsockname())
            fillers.append(s)
        command = Refusal(box, address)
        t = console(box, address)
        t.wait(f'reaching {address}')
        usable(t)
        t.wait('no answer within')
        one_sentence(t, f'cannot reach {address}', 'firewall')
        usable(t)
        command.says(address, 'no answer within')
        leave(t)
        for s in fillers:
            s.close()


def test_name_that_does_not_resolve(box):
    command = Refusal(box, 'nosuch.invalid:9092')
    t = console(box, 'nosuch.invalid:9092')
    t.wait('reaching nosuch.invalid:9092|does not resolve|looking up')
    usable(t)
    t.wait('does not resolve|looking up the name took')
    one_sentence(t, 'cannot reach nosuch.invalid:9092')
    usable(t)
    command.says('nosuch.invalid:9092')
    leave(t)


def test_no_address_at_all(box):
    """A mistake of the one who types is told before there is a screen."""
    for bad in ('127.0.0.1:0', '127.0.0.1:x', '127.0.0.1:70000', '[::1'):
        t = console(box, bad)
        assert t.end() != 0, bad
        contains(t.raw.decode(), bad.split(':')[-1])


def test_advertised_name_that_does_not_resolve(box):
    b = box.broker('--advertise', 'nosuch.invalid:9092')
    t = console(box, b.address)
    t.wait('does not resolve here')
    one_sentence(t, 'broker 1 advertises nosuch.invalid:9092', 'advertised.listeners')
    usable(t)
    t.type('5')
    t.wait('!.*nosuch.invalid:9092')
    leave(t)
    box.run('topics', 'list', '-b', b.address, code=None)


def stranger(box, mood, parts, *words):
    door = Door(mood)
    command = Refusal(box, door.address, *words)
    t = console(box, door.address, *words)
    t.wait(parts[0])
    one_sentence(t, door.address, *parts, 'tries again')
    usable(t)
    command.says(door.address, *parts)
    if not words:
        heals(t, door, box)
    leave(t)


def test_web_server(box):
    stranger(box, b'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
             ["does not speak Kafka's protocol", 'HTTP'])


def test_noise(box):
    stranger(box, bytes(range(255, -1, -1)) * 20, ["does not speak Kafka's protocol"])


def test_hostile_banner(box):
    """A port that greets with escape sequences: none of them gets through."""
    door = Door(b'\x1b]0;owned\x07\x1b[2J')
    t = console(box, door.address)
    t.wait("does not speak Kafka's protocol")
    leave(t)
    equal(b'\x1b]0;owned' in t.raw, False, 'a title from the network')


def test_tls_asked_in_plain(box):
    stranger(box, TLS_ALERT, ['TLS', '-X security.protocol=ssl'])


def test_plain_asked_by_tls(box):
    stranger(box, b'\x00\x00\x00\x0a\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00', ['TLS'], '-X', 'security.protocol=ssl')


def test_dies_in_the_middle_of_an_answer(box):
    door = Door('cut')
    behind(box, door)
    command = Refusal(box, door.address)
    t = console(box, door.address)
    t.wait('it closed the connection')
    one_sentence(t, door.address)
    usable(t)
    command.says(door.address, 'it closed the connection')
    heals(t, door, box)
    for _ in range(3):                                  # and in the middle of later ones
        door.mood = 'cut'
        door.cut_all()
        t.wait(r'R\s+tries again')
        usable(t)
        heals(t, door, box)
        t.gone(r'R\s+tries again')
    leave(t)


def test_killed_under_the_screen(box):
    door = Door()
    b = behind(box, door)
    t = console(box, door.address)
    t.wait('a-topic')
    b.stop(signal.SIGKILL)
    t.wait(r'R\s+tries again')
    usable(t)
    door.target = box.broker('--advertise', door.address).address   # from the same data
    t.gone(r'R\s+tries again')
    t.wait('a-topic')
    leave(t)


def test_stopped_and_continued(box):
    """A broker that hangs: the age grows, the values are told to be old, keys are answered; and it comes back."""
    b = box.broker()
    box.run('topics', 'create', 'a-topic', '-b', b.address)
    t = console(box, b.address)
    t.wait('a-topic.* 0 ')
    os.kill(b.pid, signal.SIGSTOP)
    try:
        t.wait(r'stale \d')
        t.wait('has not answered for')
        usable(t)
        t.type('5')
        t.wait(r'!.* > \d')                             # for how long already, not the last good figure
        command = Refusal(box, b.address)
        t.type('1')
        t.wait(r'R\s+tries again')                         # given up, and tried anew
        command.says(b.address, 'is it stopped?')
    finally:
        os.kill(b.pid, signal.SIGCONT)
    t.gone(r'stale|R\s+tries again|does not answer')
    t.wait('a-topic.* 0 ')
    t.type('5')
    t.wait(r'· +1 .*< ')
    t.type('6')
    t.wait('broker 1 does not answer')
    t.wait('answers again')
    leave(t)


def test_long_reason_at_80_columns(box):
    """The centre of an empty screen wraps between words, and loses none of them."""
    address = '127.0.0.1:1'
    t = console(box, address, '-X', 'security.protocol=sasl_plaintext', '-X', 'sasl.mechanism=GSSAPI', columns=60)
    reason = Refusal(box, address, '-X', 'security.protocol=sasl_plaintext', '-X', 'sasl.mechanism=GSSAPI')
    out, errors = reason.process.communicate(timeout=LIMIT)
    one_sentence(t, errors.removeprefix('weir: '))
    leave(t)


try:
    main()
finally:
    close_all()
    for door in open_doors:
        try:
            door.close()
        except OSError:
            pass
