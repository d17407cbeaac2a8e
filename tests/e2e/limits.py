#!/usr/bin/env python3
"""What the broker does when there is too much of something: connections, announced bytes, answers that nobody reads,
junk, descriptors, strangers of another protocol.  Memory stays bounded, the next client is served, the log says it in
words.  CONNECTIONS (default 10,000, or what the hard limit of descriptors gives) idle ones; SOAK=1 raises the rest."""
import os
import random
import re
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from weir import Serve, WEIR, check, finish, need, refused  # noqa: E402
from wire import FETCH, FETCH_VERSION, PRODUCE, Wire, address_of, batch, fetch_body, produce_body, request  # noqa: E402

SOAK = os.environ.get('SOAK', '') not in ('', '0')
CONNECTIONS = int(os.environ.get('CONNECTIONS', '10000'))
SANITIZED = os.environ.get('WEIR_SANITIZED', 'no') != 'no'
MIB = 1 << 20
ONLY = sys.argv[1:]

need(WEIR)
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def anonymous(pid):
    """Bytes of the process's own memory."""
    with open(f'/proc/{pid}/smaps_rollup') as f:
        return int(re.search(r'^Anonymous:\s+(\d+)', f.read(), re.M).group(1)) * 1024


def memory(good, text, found=None):
    """Like check, but a sanitizer keeps what was freed and shadows the rest: under one it is shown and not judged."""
    check(good or SANITIZED, text, found)


def dial(address, **options):
    s = socket.socket()
    if 'receive' in options:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options['receive'])
    s.settimeout(30)
    s.connect(address_of(address))
    return s


def served(address, seconds=10):
    """A new client gets its answer; how long it took, or None."""
    begin = time.monotonic()
    try:
        with Wire(address, seconds) as c:
            return time.monotonic() - begin if c.ping() else None
    except (OSError, EOFError):
        return None


def until(good, seconds=20):
    """Asks again and again, each time after a turn of the broker's loop; what it said last."""
    end = time.monotonic() + seconds
    while not good() and time.monotonic() < end:
        select.select([], [], [], 0.01)
    return good()


class Log:
    """The broker's stderr as it comes."""

    def __init__(self, serve):
        self.text = ''
        self.thread = threading.Thread(target=self.read, args=(serve.process.stderr,), daemon=True)
        self.thread.start()

    def read(self, pipe):
        for line in pipe:
            self.text += line

    def has(self, words):
        return until(lambda: words in self.text, 5)


def end_cleanly(w, log, what):
    w.process.send_signal(signal.SIGTERM)
    code = w.process.wait(60)
    log.thread.join(10)
    check(code == 0, f'{what}: a clean end', (code, log.text[-2000:]))
    check(not any(ord(c) < 32 and c != '\n' for c in log.text), f'{what}: the log is plain text')


def idle_connections():
    n = min(CONNECTIONS, hard - 200, hard - 1400)
    with Serve('--ephemeral') as w:
        log = Log(w)
        served(w.address)
        before, conns = anonymous(w.process.pid), []
        for i in range(n):
            conns.append(dial(w.address))
        check(served(w.address) is not None, f'{n} idle connections: the next client is served')
        per = (anonymous(w.process.pid) - before) / n
        memory(per <= 512, f'{n} idle connections: {per:.0f} bytes of memory each', per)
        body = request(18, 0, b'')
        for s in conns[::7]:
            s.sendall(body)
        answers = sum(len(s.recv(4)) == 4 for s in conns[::7])
        check(answers == len(conns[::7]), f'a ping on every seventh is answered', answers)
        for s in conns:
            s.close()
        per = (anonymous(w.process.pid) - before) / n
        check(served(w.address) is not None, 'served after they left')
        end_cleanly(w, log, 'idle connections')


def announced_sizes():
    n = 100
    with Serve('--ephemeral') as w:
        log = Log(w)
        served(w.address)
        before = anonymous(w.process.pid)
        liars = [dial(w.address) for _ in range(n)]
        for s in liars:
            s.sendall(struct.pack('>i', 100 * MIB))
        check(served(w.address) is not None, f'{n} that announce 100 MiB each: the next client is served')
        grown = anonymous(w.process.pid) - before
        memory(grown < 2 * MIB, f'{n} that announce 100 MiB each: {grown // 1024} KiB more memory', grown)
        for s in liars:                                  # half of them leave, without a word or with a reset
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        for s in liars[::2]:
            s.close()
        for s in liars[1::2]:                            # half-open: no more comes from here, but we still read
            s.shutdown(socket.SHUT_WR)
        closed = sum(s.recv(1) == b'' for s in liars[1::2])
        check(closed == n // 2, 'a half-open socket with half a frame is closed', closed)
        with Wire(w.address) as c:                       # a whole request, then half-open: the answer still comes
            c.send(18, 0, b'')
            c.socket.shutdown(socket.SHUT_WR)
            check(c.receive().get('h') == 0, 'a half-open client gets the answer it waits for')
        end_cleanly(w, log, 'announced sizes')


def large_requests():
    """Requests of 100 MiB that come almost whole, from 30 clients: 3 GB."""
    n = 30
    with Serve('--ephemeral') as w:
        log = Log(w)
        served(w.address)
        before, part, crowd, closed = anonymous(w.process.pid), bytes(8 * MIB), [], 0
        for _ in range(n):
            s = dial(w.address)
            crowd.append(s)
            try:
                s.sendall(struct.pack('>i', 100 * MIB))
                for _ in range(12):
                    s.sendall(part)
            except OSError:
                closed += 1
        grown = anonymous(w.process.pid) - before
        check(closed > 0 and log.has('no room for more of them'), f'{n} that send 96 of 100 MiB: '
              f'{closed} are closed, in words', log.text)
        memory(grown < 1280 * MIB, f'{grown // MIB} MiB of memory', grown)
        check(served(w.address) is not None, 'the next client is served')
        for s in crowd:
            s.close()
        memory(SANITIZED or until(lambda: anonymous(w.process.pid) - before < 64 * MIB), 'their memory comes back')
        end_cleanly(w, log, 'large requests')


def silent():
    """A connection that says nothing is closed in the end, one that waits for an answer is not."""
    with Serve('--ephemeral', '--set', 'connections.max.idle.ms=1000') as w:
        log = Log(w)
        idle = dial(w.address)
        with Wire(w.address) as c:
            c.create_topic('wait')
            c.send(FETCH, FETCH_VERSION, fetch_body('wait', 0, 0, MIB, 3000))
            check(idle.recv(1) == b'', 'a silent connection is closed after connections.max.idle.ms')
            check(c.fetched()[0] == 0, 'one that waits for an answer gets it')
        end_cleanly(w, log, 'silent')


def fill(c, topic, mib):
    """mib MiB in batches of almost 1 MiB."""
    one = batch([bytes([i]) * (MIB // 4 - 200) for i in range(4)])
    for _ in range(mib):
        error, _ = c.produce(topic, 0, one)
        if error != 0:
            sys.exit(f'produce: error {error}')


def large_polls():
    """Long polls of 16 MiB, nearly all of it behind the request's end: what waits holds its bytes."""
    n, each = 40, 16 * MIB
    with Serve('--ephemeral', '--durability', 'os') as w:
        log, crowd, closed = Log(w), [], 0
        with Wire(w.address) as c:
            c.create_topic('poll')
            ask = request(FETCH, FETCH_VERSION, fetch_body('poll', 0, 0, MIB, 60000, MIB) + bytes(each))
            small = request(FETCH, FETCH_VERSION, fetch_body('poll', 0, 0, MIB, 60000, 1))
            before = anonymous(w.process.pid)
            patient = dial(w.address)
            patient.sendall(small)
            for _ in range(n):
                s = dial(w.address)
                crowd.append(s)
                try:
                    s.sendall(ask)
                except OSError:
                    closed += 1
            check(log.has('no room for more that wait'), f'{n} long polls of 16 MiB: some are closed, in words', log.text)
            served(w.address)
            grown = anonymous(w.process.pid) - before
            memory(grown < 512 * MIB, f'{grown // MIB} MiB of memory', grown)
            error, _ = c.produce('poll', 0, batch([b'wakes the small one']))
            check(error == 0, 'a produce is taken', error)
            check(len(patient.recv(4)) == 4, 'and a long poll that is small was left alone')
            for s in crowd + [patient]:
                s.close()
        memory(SANITIZED or until(lambda: anonymous(w.process.pid) - before < 64 * MIB), 'their memory comes back',
               anonymous(w.process.pid) - before)
        end_cleanly(w, log, 'large polls')


def slow_readers():
    readers, pipelined, topic_mib = (200, 200, 60) if SOAK else (40, 50, 24)
    with Serve('--ephemeral', '--durability', 'os') as w:
        log = Log(w)
        with Wire(w.address) as c:
            c.create_topic('long')
            fill(c, 'long', topic_mib)
            before = anonymous(w.process.pid)
            slow = [dial(w.address, receive=4096) for _ in range(readers)]
            ask = request(FETCH, FETCH_VERSION, fetch_body('long', 0, 0, 64 * MIB)) * pipelined
            for s in slow:
                s.setblocking(False)
                try:
                    s.send(ask)
                except BlockingIOError:
                    pass
            worst, longest = 0, 0
            for _ in range(30):
                longest = max(longest, served(w.address) or 1000)
                worst = max(worst, anonymous(w.process.pid) - before)
            check(longest < 1000, f'{readers} that fetch and never read: '
                                  f'others are served, {longest * 1000:.0f} ms at worst')
            memory(worst < 512 * MIB, f'{readers} times {pipelined} fetches of {topic_mib} MiB that nobody reads: '
                                      f'{worst // MIB} MiB of memory', worst)
            error, hw, got = c.fetch('long', 0, 0, 4 * MIB)
            check(error == 0 and len(got) > 0, 'another reader of the same topic reads', (error, hw, len(got)))
            error, _ = c.produce('long', 0, batch([b'more']))
            check(error == 0, 'and a producer produces', error)
            for s in slow:
                s.close()
            memory(SANITIZED or until(lambda: anonymous(w.process.pid) - before < 64 * MIB, 40),
                   'their memory comes back', (anonymous(w.process.pid) - before) // MIB)
        # Long polls that all become ready at once.
        with Wire(w.address) as c:
            c.create_topic('poll')
            before = anonymous(w.process.pid)
            slow = [dial(w.address, receive=4096) for _ in range(readers)]
            ask = request(FETCH, FETCH_VERSION, fetch_body('poll', 0, 0, 64 * MIB, 60000, 3 * MIB)) * pipelined
            for s in slow:
                s.sendall(ask)
            served(w.address)
            fill(c, 'poll', 5)
            worst = 0
            for _ in range(20):
                served(w.address)
                worst = max(worst, anonymous(w.process.pid) - before)
            memory(worst < 512 * MIB,
                   f'{readers} times {pipelined} long polls that end together: {worst // MIB} MiB', worst)
            for s in slow:
                s.close()
        check(served(w.address) is not None, 'served after the slow ones')
        end_cleanly(w, log, 'slow readers')


def junk():
    chance = random.Random(1)
    with Serve('--ephemeral') as w:
        log = Log(w)
        served(w.address)
        before = anonymous(w.process.pid)
        good = request(18, 0, b'')
        for i in range(300):
            s = dial(w.address)
            parts = [good * chance.randrange(4), chance.randbytes(chance.randrange(1, 70000)), good * 100]
            chance.shuffle(parts)
            try:
                s.sendall(b''.join(parts))
            except OSError:
                pass
            s.close()
        check(served(w.address) is not None, 'pipelined junk: the next client is served')
        grown = anonymous(w.process.pid) - before
        memory(grown < 16 * MIB, f'pipelined junk: {grown // 1024} KiB more memory', grown)
        lines = log.text.count('\n')
        check(lines < 200, f'300 strangers make {lines} lines in the log', lines)
        end_cleanly(w, log, 'junk')


def produce_all(c, topic, partitions, value):
    """One record to each partition, all on their way at once; the error codes."""
    records = batch([value])
    def send():
        for p in range(partitions):
            c.send(PRODUCE, 3, produce_body(topic, p, records))
    thread = threading.Thread(target=send)
    thread.start()
    errors = {c.produced()[0] for _ in range(partitions)}
    thread.join()
    return errors


def low_descriptors():
    code, said = refused('--ephemeral', '--listen', '127.0.0.1:0',
                         before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)))
    check(code == 1 and 'ulimit' in said, '40 descriptors are too few to start', (code, said))
    limit = 256
    with Serve('--ephemeral', before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))) as w:
        log = Log(w)
        old = Wire(w.address)
        check(old.create_topic('many', 300) == 0, 'a topic of more partitions than descriptors')
        errors = produce_all(old, 'many', 300, b'x' * 10)
        check(errors == {0}, f'{limit} descriptors: 300 partitions are written', errors)
        errors = produce_all(old, 'many', 300, b'x' * 100000)
        check(errors == {0}, f'{limit} descriptors: 300 partitions are written, large batches', errors)
        wrong = [p for p in range(300) if old.fetch('many', p, 0)[1] != 2]
        check(not wrong, 'and read', wrong)
        crowd, closed = [], 0
        for _ in range(limit + 50):
            s = dial(w.address)
            crowd.append(s)
        body = request(18, 0, b'')
        for s in crowd:
            try:
                s.sendall(body)
                closed += s.recv(1) == b''
            except OSError:
                closed += 1
        check(50 <= closed <= limit, f'{limit} descriptors: {closed} of {limit + 50} connections are refused', closed)
        check(log.has('connections are open, the limit') or log.has('out of file descriptors'), 'in words', log.text)
        check(old.ping() and old.produce('many', 7, batch([b'y']))[0] == 0, 'who was there before goes on')
        errors = produce_all(old, 'many', 300, b'z' * 100000)
        check(errors == {0}, 'its 300 partitions too', errors)
        for s in crowd:
            s.close()
        check(until(lambda: served(w.address) is not None), 'new ones are taken again')
        old.close()
        end_cleanly(w, log, 'low descriptors')


def strangers():
    hello = bytes.fromhex('16030100f8010000f40303') + bytes(237)
    with Serve('--ephemeral') as w:
        log = Log(w)
        for sent in (hello, b'GET / HTTP/1.1\r\nHost: here\r\n\r\n', b'POST /topics HTTP/1.1\r\n\r\n',
                     b'SSH-2.0-OpenSSH_9\r\n'):
            before = log.text.count('\n')
            s = dial(w.address)
            s.sendall(sent)
            try:
                ended = s.recv(100) == b''
            except ConnectionResetError:
                ended = True
            check(ended, f'{sent[:12]!r}: closed')
            until(lambda: log.text.count('\n') > before, 5)
            served(w.address)
            check(log.text.count('\n') == before + 1, 'one line says so', log.text)
        lines = log.text.splitlines()[-4:]
        check('TLS' in lines[0] and 'HTTP' in lines[1] and 'HTTP' in lines[2], 'and says what came', lines)
        check(served(w.address) is not None, 'served after them')
        end_cleanly(w, log, 'strangers')


begin = time.monotonic()
tests = [strangers, junk, silent, announced_sizes, low_descriptors, large_polls, slow_readers, idle_connections]
if SOAK:
    tests.append(large_requests)
for test in tests:
    if not ONLY or test.__name__ in ONLY:
        at = time.monotonic()
        test()
        print(f'     {test.__name__}: {time.monotonic() - at:.1f} s', flush=True)
finish()
