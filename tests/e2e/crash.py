#!/usr/bin/env python3
"""kill -9 of weir under five idempotent producers, one per codec, a consumer group that commits, and topics that are
made, written and deleted meanwhile.  After each restart: commits have not gone back, deleted topics are gone, created
ones are there with what was acknowledged.  At the end: every acknowledged message once, in order, and the group saw
each.  CYCLES (default 3) kills, each after up to LINES times 500 acknowledgements; SEED, DURABILITY (fsync or os)."""
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from weir import Scratch, Serve, WEIR, check, failures, finish, need  # noqa: E402
from wire import CODECS, Wire, batch, batches  # noqa: E402

KCHECK = os.environ.get('KCHECK', os.path.abspath('tests/tools/kcheck'))
CYCLES = int(os.environ.get('CYCLES', '3'))
LINES = int(os.environ.get('LINES', '20'))
SEED = int(os.environ.get('SEED', '1'))
DURABILITY = os.environ.get('DURABILITY', 'fsync')
PARTITIONS = 2
GROUP = 'kcheck'
MAKERS = 3
SHORT = 'short-lived-'

need(WEIR, KCHECK)
chance = random.Random(SEED)


class Maker(threading.Thread):
    """Makes topics, writes to them, deletes some; knows what was acknowledged.  Ends when the connection breaks."""

    def __init__(self, address, first, books):
        super().__init__()
        self.address, self.first, self.books = address, first, books
        self.chance = random.Random(first)

    def run(self):
        try:
            with Wire(self.address) as c:
                for i in range(self.first, self.first + 100000):
                    self.one(c, SHORT + str(i))
        except (OSError, EOFError):
            pass

    def one(self, c, name):
        b = self.books
        b.doubtful.add(name)
        error = c.create_topic(name, 2)
        if error != 0:
            b.wrong.append(f'create {name}: error {error}')
            return
        b.there[name] = 0
        b.doubtful.discard(name)
        for i in range(self.chance.randrange(4)):
            error, base = c.produce(name, 1, batch([b'%s %d' % (name.encode(), i)]))
            if error != 0 or base != i:
                b.wrong.append(f'produce to {name} just made: error {error}, offset {base}')
            b.there[name] = i + 1
        if self.chance.randrange(3) > 0:
            b.doubtful.add(name)
            error = c.delete_topic(name)
            if error != 0:
                b.wrong.append(f'delete {name}: error {error}')
                return
            del b.there[name]
            b.gone.add(name)
            b.doubtful.discard(name)


class Books:
    def __init__(self):
        self.there, self.gone, self.doubtful, self.wrong = {}, set(), set(), []

    def compare(self, c):
        """What is not as it was acknowledged."""
        found = {t for t in c.topics() if t.startswith(SHORT)}
        wrong = [f'{t} was deleted and is there' for t in sorted(self.gone & found)]
        wrong += [f'{t} was made and is not there' for t in sorted(set(self.there) - self.doubtful - found)]
        for t in chance.sample(sorted(set(self.there) & found), min(20, len(set(self.there) & found))):
            values = [b for b in batches(c.fetch(t, 1, 0)[2])]
            for i in range(self.there[t]):
                if i >= len(values) or b'%s %d' % (t.encode(), i) not in values[i][3]:
                    wrong.append(f'{t}: record {i} is not there')
        for t in self.doubtful:            # known again from here on
            if t in found:
                self.there.setdefault(t, 0)
            else:
                self.there.pop(t, None)
                self.gone.add(t)
        self.doubtful.clear()
        return wrong + self.wrong


def commits(path):
    """topic, partition -> the highest offset whose commit was acknowledged."""
    best = {}
    try:
        with open(path) as f:
            for line in f:
                words = line.split()
                if len(words) == 3 and line.endswith('\n'):
                    key = words[0], int(words[1])
                    best[key] = max(best.get(key, 0), int(words[2]))
    except FileNotFoundError:
        pass
    return best


def start(what, address, topic, journal, *more):
    return subprocess.Popen([KCHECK, what, address, topic, str(PARTITIONS), journal, *more], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT if what != 'produce' else None, text=True)


def some_acknowledgements(producers):
    """Some lines of 500 acknowledgements from whichever producers get them."""
    for _ in range(chance.randint(1, LINES)):
        ready, _, _ = select.select([p.stdout for p in producers.values()], [], [], 60)
        if not ready:
            sys.exit('no producer gets acknowledgements')
        for out in ready:
            if not out.readline():
                sys.exit('a producer ended by itself')


def last_line(p, seconds=180):
    p.send_signal(signal.SIGTERM)
    said = p.communicate(timeout=seconds)[0].strip().splitlines()
    return said[-1] if said else ''


def until(good, seconds):
    end = time.monotonic() + seconds
    while not good() and time.monotonic() < end:
        select.select([], [], [], 0.05)
    return good()


def run(scratch):
    args = ('--data', scratch / 'data', '--durability', DURABILITY)
    books, worst, first = Books(), 0, 0
    w = Serve(*args)
    address = w.address
    with w, Wire(address) as c:
        for codec in CODECS:
            c.create_topic('kept-' + codec, PARTITIONS)
    w = Serve(*args, listen=address)
    producers = {x: start('produce', address, 'kept-' + x, scratch / x, x) for x in CODECS}
    follower = start('consume', address, ','.join('kept-' + x for x in CODECS), scratch / 'commits')
    try:
        for cycle in range(CYCLES):
            makers = [Maker(address, first + 100000 * i, books) for i in range(MAKERS)]
            first += 100000 * MAKERS
            for m in makers:
                m.start()
            some_acknowledgements(producers)
            acked = commits(scratch / 'commits')
            w.end(signal.SIGKILL)
            for m in makers:
                m.join()
            begin = time.monotonic()
            w = Serve(*args, listen=address)
            worst = max(worst, time.monotonic() - begin)
            if w.address != address:
                sys.exit(f'weir serve did not come back: {w.end(signal.SIGKILL)} {w.errors}')
            with Wire(address) as c:
                back = [(k, n, got) for k, n in acked.items() for got in [c.committed(GROUP, *k)] if got < n]
                wrong = books.compare(c)
            if back or wrong or follower.poll() is not None:
                check(False, f'after kill {cycle + 1}: commits, topics, the member of the group',
                      (back[:5], wrong[:5], follower.poll()))
                break
        some_acknowledgements(producers)
        total = 0
        for codec, p in producers.items():
            said = last_line(p)
            check(p.returncode == 0 and said.endswith('failed 0'), f'{codec}: {said}')
            total += int(said.split('acknowledged ')[1].split(',')[0]) if 'acknowledged' in said else 0
        with Wire(address) as c:
            ends = {(f'kept-{x}', p): c.offset(f'kept-{x}', p, -1) for x in CODECS for p in range(PARTITIONS)}
        check(until(lambda: commits(scratch / 'commits') == ends, 60), 'the group has read and committed all of it',
              (commits(scratch / 'commits'), ends))
        said = last_line(follower)
        check(follower.returncode == 0, f'the group: {said}')
        made = len(books.there) + len(books.gone)
        check(True, f'{CYCLES} kills, {total} messages acknowledged, {made} topics made, '
                    f'{len(books.gone)} of them deleted, slowest start {worst * 1000:.0f} ms')
        for codec in CODECS:
            p = start('verify', address, 'kept-' + codec, scratch / codec)
            said = p.communicate(timeout=300)[0].strip()
            check(p.returncode == 0, f'{codec}: {said}')
        code = w.end()
        check(code == 0, 'a clean end', (code, w.errors[-2000:]))
    finally:
        for p in [*producers.values(), follower, w.process]:
            if p.poll() is None:
                p.kill()
                p.communicate()


with Scratch() as scratch:
    run(scratch)
    if failures and os.environ.get('KEEP'):
        os.rename(scratch.path, os.environ['KEEP'])
finish()
