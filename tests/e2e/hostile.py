#!/usr/bin/env python3
"""Strangers at the port of a running broker: real clients' frames, damaged; junk; sizes that lie; clients that reset,
stall or read nothing.  The next client is served, memory stays bounded, nothing is left open, and it ends cleanly.
SEED and ROUNDS (default 3000) choose what is sent."""
import glob
import os
import random
import re
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from weir import Serve, WEIR, check, finish, need  # noqa: E402

SEED = int(os.environ.get('SEED', '1'))
ROUNDS = int(os.environ.get('ROUNDS', '3000'))
GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'golden', '*.hex')
MEMORY_KIB = 64 * 1024 * (8 if os.environ.get('WEIR_SANITIZED', 'no') != 'no' else 1)

need(WEIR)
chance = random.Random(SEED)


def golden_requests():
    """The frames of real clients, without their size."""
    frames = []
    for path in sorted(glob.glob(GOLDEN)):
        for part in open(path).read().split('\n\n'):
            head, _, body = part.strip().partition('\n')
            if head.endswith(' request') and re.fullmatch(r'[0-9a-f\s]+', body or '-'):
                frames.append(bytes.fromhex(body.replace('\n', '')))
    return frames


def damage(frame):
    """A few bytes changed, cut, doubled, or length fields set to what is large."""
    b = bytearray(frame)
    for _ in range(chance.choice((0, 1, 1, 2, 5))):
        if len(b) <= 4:
            break
        at = chance.randrange(4, len(b))
        how = chance.randrange(5)
        if how == 0:
            b[at] = chance.randrange(256)
        elif how == 1:
            b[at:at + 4] = chance.choice((b'\x7f\xff\xff\xff', b'\xff\xff\xff\xfe', b'\x00\xff\xff\xff', b'\x80\x00\x00\x00'))
        elif how == 2:
            del b[at:]
        elif how == 3:
            b[at:at] = b[at:at + chance.randrange(64)]
        else:
            b[at:at + 5] = b'\xff\xff\xff\xff\x0f'
    return bytes(b)


def dial(address):
    host, port = address.rsplit(':', 1)
    s = socket.create_connection((host, int(port)), 30)
    s.settimeout(30)
    return s


def served(address):
    body = struct.pack('>hhih', 18, 0, 77, -1)
    with dial(address) as s:
        s.sendall(struct.pack('>i', len(body)) + body)
        got = b''
        while len(got) < 8:
            more = s.recv(8 - len(got))
            if not more:
                return False
            got += more
        return struct.unpack('>i', got[4:])[0] == 77


def rss_kib(pid):
    with open(f'/proc/{pid}/statm') as f:
        return int(f.read().split()[1]) * os.sysconf('SC_PAGESIZE') // 1024


def sockets(pid):
    n = 0
    for fd in os.listdir(f'/proc/{pid}/fd'):
        try:
            n += os.readlink(f'/proc/{pid}/fd/{fd}').startswith('socket:')
        except OSError:
            pass                          # closed in between
    return n


def one_stranger(address, frames, held):
    s = dial(address)
    sends = []
    for _ in range(chance.choice((1, 1, 2, 8))):
        kind = chance.randrange(10)
        frame = damage(chance.choice(frames))
        if kind < 7:
            sends.append(struct.pack('>i', len(frame)) + frame)
        elif kind == 7:
            sends.append(struct.pack('>i', chance.choice((-1, 0, 3, 104857600, 104857601, 2 ** 31 - 1))) + frame)
        elif kind == 8:
            sends.append(chance.randbytes(chance.randrange(1, 3000)))
        else:
            sends.append(struct.pack('>i', len(frame)) + frame[:len(frame) // 2])
    try:
        for part in sends:
            s.sendall(part)
        end = chance.randrange(4)
        if end == 0:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))   # a reset
        elif end == 1:
            s.settimeout(0.005)
            s.recv(65536)
        elif end == 2 and len(held) < 200:
            held.append(s)                                                                # stalls
            return
    except OSError:
        pass
    s.close()


frames = golden_requests()
check(len(frames) > 100, 'there are golden frames', len(frames))
with Serve('--ephemeral', '--set', 'group.initial.rebalance.delay.ms=0') as w:
    check(served(w.address), 'served before')
    idle, idle_sockets, held, worst, unserved = rss_kib(w.process.pid), sockets(w.process.pid), [], 0, 0
    for i in range(ROUNDS):
        if w.process.poll() is not None:
            break
        one_stranger(w.address, frames, held)
        if i % 100 == 99:
            unserved += not served(w.address)
            worst = max(worst, rss_kib(w.process.pid))
    alive = w.process.poll() is None
    check(alive, f'alive after {ROUNDS} strangers', alive or w.process.stderr.read()[-2000:])
    check(unserved == 0, 'honest clients are served all the while', unserved)
    check(worst - idle < MEMORY_KIB, f'memory: {idle} KiB idle, {worst} KiB at most', worst)
    liars = [dial(w.address) for _ in range(64)]
    for s in liars:                       # Kafka allocates what these announce: 6.4 GB
        s.sendall(b'\x06\x40\x00\x00')
    check(served(w.address), 'served beside 64 that announce 100 MiB each')
    check(rss_kib(w.process.pid) - idle < MEMORY_KIB, 'which costs no memory', rss_kib(w.process.pid))
    for s in liars + held:
        s.close()
    for _ in range(200):                  # each answer is a turn of its loop
        served(w.address)
        if sockets(w.process.pid) <= idle_sockets:
            break
    check(sockets(w.process.pid) <= idle_sockets, 'no connection is left', (idle_sockets, sockets(w.process.pid)))
    code = w.end()
    check(code == 0, 'a clean end', (code, w.errors[-3000:]))
    check(not any(ord(c) < 32 and c != '\n' for c in w.errors), 'the log is plain text')
finish()
