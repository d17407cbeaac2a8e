#!/usr/bin/env python3
"""A disk that fills up, as its clients see it.  Produce is refused with an error that clients try again on, commits and
deletes are taken, nothing acknowledged is lost, and when there is room it goes on by itself: room by a deleted topic,
by DeleteRecords, by retention, by others; a kill -9 in between.  A small tmpfs in a mount namespace of its own: without
root this is skipped.  FILE_SYSTEM=ext4 takes a file with that in it instead."""
import os
import select
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from weir import SKIP, Scratch, Serve, WEIR, check, finish, need  # noqa: E402
from wire import STORAGE_ERROR, Wire, batches, large_batch  # noqa: E402

KCHECK = os.environ.get('KCHECK', os.path.abspath('tests/tools/kcheck'))
MIB = 1 << 20
SIZE_MIB = 192
FILE_SYSTEM = os.environ.get('FILE_SYSTEM', 'tmpfs')

need(WEIR, KCHECK)
if os.environ.get('WEIR_DISKFULL') != 'inside':
    if os.geteuid() != 0 or shutil.which('unshare') is None or \
            subprocess.run(['unshare', '-m', 'true'], stderr=subprocess.DEVNULL).returncode != 0:
        print('skipped: a private mount needs root and unshare')
        sys.exit(SKIP)
    os.execvpe('unshare', ['unshare', '-m', sys.executable, *sys.argv], dict(os.environ, WEIR_DISKFULL='inside'))


def room(path):
    s = os.statvfs(path)
    return s.f_bavail * s.f_frsize


def until(good, seconds=30):
    end = time.monotonic() + seconds
    while not good() and time.monotonic() < end:
        select.select([], [], [], 0.02)
    return good()


class Books:
    """What was acknowledged: topic -> values in order."""

    def __init__(self):
        self.acked = {}
        self.n = 0

    def produce(self, c, topic, log2=18):
        """The error code of one batch of about 2**log2 bytes; its value is kept when it was acknowledged."""
        self.n += 1
        value = b'%024d' % self.n
        error, base = c.produce(topic, 0, large_batch(value, log2))
        if error == 0:
            kept = self.acked.setdefault(topic, [])
            check_quietly(base == len(kept), f'{topic}: offset {base} where {len(kept)} was expected')
            kept.append(value)
        return error

    def fill(self, c, topic):
        """Until it is refused; the error code and how many batches went in before."""
        n = 0
        while True:
            error = self.produce(c, topic)
            if error != 0 or n > 4000:
                return error, n
            n += 1

    def wrong(self, c, topic, start=0):
        """What of the topic is not as it was acknowledged from `start` on; None: all is."""
        want, offset = self.acked.get(topic, []), start
        while offset < len(want):
            error, hw, got = c.fetch(topic, 0, offset, 8 * MIB)
            if error != 0 or hw != len(want):
                return f'error {error}, end {hw} of {len(want)}'
            found = batches(got)
            if not found:
                return f'nothing at {offset}'
            for base, _, _, data in found:
                if base != offset or data.find(want[base], 0, 120) < 0:
                    return f'at {offset} there is {base}: {data[:120]!r}'
                offset += 1
        return None


def check_quietly(good, what):
    if not good:
        check(False, what)


def working_while_full(c, books, what):
    error = books.produce(c, 'keep')
    check(error == STORAGE_ERROR, f'{what}: produce is refused', error)
    check([c.commit('g', 'keep', 0, i) for i in range(1, 50)] == [0] * 49, f'{what}: commits are taken')
    check(c.committed('g', 'keep', 0) == 49, f'{what}: and kept')
    check(books.wrong(c, 'keep') is None, f'{what}: reading goes on', books.wrong(c, 'keep'))


def resumed(c, books, topic, what):
    check(until(lambda: books.produce(c, topic, 8) == 0), f'{what}: produce is taken again by itself')


def by_deletion(data, scratch):
    books = Books()
    with Serve('--data', data) as w:
        with Wire(w.address) as c:
            for topic in ('keep', 'big', 'other'):
                check_quietly(c.create_topic(topic, segment_bytes=MIB) == 0, 'create ' + topic)
            books.produce(c, 'keep')
            error, n = books.fill(c, 'big')
            check(error == STORAGE_ERROR and n > 100, f'{n} batches, then it is refused as a storage error', error)
            check(16 * MIB < room(data), f'{room(data) // MIB} MiB are left for the rest', room(data))
            working_while_full(c, books, 'full')
            client = subprocess.Popen([KCHECK, 'produce', w.address, 'other', '1', scratch / 'journal'],
                                      stdout=subprocess.PIPE, text=True)
            check(not select.select([client.stdout], [], [], 2)[0], 'a client of librdkafka waits')
            check(c.delete_topic('big') == 0, 'a topic can be deleted')
            check(until(lambda: room(data) > 100 * MIB), f'its room is free: {room(data) // MIB} MiB', room(data))
            resumed(c, books, 'keep', 'after the deletion')
            check(bool(select.select([client.stdout], [], [], 30)[0]), 'the client goes on by itself')
            client.send_signal(signal.SIGTERM)
            said = client.communicate(timeout=120)[0].strip().splitlines()[-1]
            check(said.endswith('failed 0'), f'the client: {said}')
            verified = subprocess.run([KCHECK, 'verify', w.address, 'other', '1', scratch / 'journal'], text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
            check(verified.returncode == 0, f'the client: {verified.stdout.strip()}')
            books.acked.pop('big')
            check('big' not in c.topics(), 'the topic is gone')
        code = w.end()
        check(code == 0, 'a clean end', (code, w.errors))
        check(w.errors.count('nearly full') == 1 and w.errors.count('room again:') == 1,
              'the log says it, once each', w.errors)
    return books


def by_crash(data, books):
    with Serve('--data', data) as w:
        with Wire(w.address) as c:
            check(c.create_topic('again', segment_bytes=MIB) == 0, 'create again')
            error, n = books.fill(c, 'again')
            check(error == STORAGE_ERROR, f'full again after {n} batches', error)
        w.end(signal.SIGKILL)
    with Serve('--data', data) as w, Wire(w.address) as c:
        for topic in ('keep', 'again'):
            check(books.wrong(c, topic) is None, f'kill -9 while full: {topic} is whole', books.wrong(c, topic))
        if books.produce(c, 'keep', 8) == 0:         # the checkpoint of the start made room
            books.fill(c, 'again')
        working_while_full(c, books, 'after the crash')
        half = len(books.acked['again']) // 2
        error, low = c.delete_records('again', 0, half)
        check((error, low) == (0, half), 'records can be deleted', (error, low))
        resumed(c, books, 'keep', 'after DeleteRecords')
        check(books.wrong(c, 'again', half) is None, 'what was left of it is whole', books.wrong(c, 'again', half))
        books.fill(c, 'again')
        check(c.set_config('again', 'retention.bytes', 2 * MIB) == 0, 'a config can be changed')
        resumed(c, books, 'keep', 'after retention')
        check(until(lambda: c.offset('again', 0, -2) > half), 'retention moved the start up')
        code = w.end()
        check(code == 0, 'a clean end', (code, w.errors))


def by_others(data, books):
    """Somebody else takes the last byte, and gives it back."""
    filler = os.path.join(os.path.dirname(data), 'filler')

    def take_all():
        with open(filler, 'wb', buffering=0) as f:
            try:
                while f.write(bytes(MIB)):
                    pass
            except OSError:
                pass

    with Serve('--data', data, '--set', 'log.retention.check.interval.ms=1000') as w:
        with Wire(w.address) as c:
            books.produce(c, 'keep')
            take_all()
            check(room(data) < MIB, 'others took all the room', room(data))
            check(until(lambda: books.produce(c, 'keep', 8) == STORAGE_ERROR, 5), 'nothing left: produce is refused')
            error = c.commit('g', 'keep', 0, 60)
            check(c.committed('g', 'keep', 0) == (60 if error == 0 else 49),
                  f'nothing left: a commit is taken or refused (error {error}), not forgotten')
            check(c.delete_topic('again') == 0, 'nothing left: a topic can be deleted')
            check(books.wrong(c, 'keep') is None, 'nothing left: reading goes on', books.wrong(c, 'keep'))
            books.acked.pop('again')
        w.end(signal.SIGKILL)
    take_all()
    w = Serve('--data', data)
    if w.address is None:
        code = w.process.wait(60)
        errors = w.process.stderr.read()
        check(code == 1 and 'space' in errors, 'nothing left: a start says so', (code, errors))
        os.unlink(filler)
        w = Serve('--data', data)
    with w, Wire(w.address) as c:
        if os.path.exists(filler):
            os.unlink(filler)
        resumed(c, books, 'keep', 'when others gave the room back')
        check(books.wrong(c, 'keep') is None, 'all that was acknowledged is there', books.wrong(c, 'keep'))
        check('again' not in c.topics(), 'the deleted topic is gone')
        code = w.end()
        check(code == 0, 'a clean end', (code, w.errors))


with Scratch() as scratch:
    disk = scratch / 'disk'
    os.mkdir(disk)
    mount = ['mount', '-t', 'tmpfs', '-o', f'size={SIZE_MIB}m,mode=700', 'weir-test', disk]
    if FILE_SYSTEM != 'tmpfs':
        image = scratch / 'image'
        with open(image, 'wb') as f:
            f.truncate(SIZE_MIB * MIB)
        subprocess.run(['mkfs.' + FILE_SYSTEM, '-q', image], check=True)
        mount = ['mount', '-o', 'loop', image, disk]
    done = subprocess.run(mount, text=True, stderr=subprocess.PIPE)
    if done.returncode != 0:
        print(f'skipped: no {FILE_SYSTEM} can be mounted: {done.stderr.strip()}')
        sys.exit(SKIP)
    try:
        books = by_deletion(os.path.join(disk, 'data'), scratch)
        by_crash(os.path.join(disk, 'data'), books)
        by_others(os.path.join(disk, 'data'), books)
    finally:
        subprocess.run(['umount', '-l', disk])
finish()
