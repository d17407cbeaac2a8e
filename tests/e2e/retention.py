#!/usr/bin/env python3
"""Room comes back: by retention.ms and retention.bytes, on the interval and at once when they change, by DeleteRecords
and by a deleted topic, as the file system sees it; and who reads in the middle of what goes is unharmed."""
import os
import select
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from weir import Scratch, Serve, WEIR, check, finish, need  # noqa: E402
from wire import BATCH_HEADER, FETCH, FETCH_VERSION, Wire, batches, fetch_body, large_batch, now_ms  # noqa: E402

MIB = 1 << 20
OUT_OF_RANGE = 1

need(WEIR)


def until(good, seconds=30):
    end = time.monotonic() + seconds
    while not good() and time.monotonic() < end:
        select.select([], [], [], 0.02)
    return good()


def used(path):
    """What du says, in MiB."""
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            try:
                total += os.stat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total / MIB


def whole(data, offset):
    """The batches of an answer are those from offset on, and say so themselves."""
    for base, _, _, b in batches(data):
        if base != offset or b.find(b'%024d' % offset, BATCH_HEADER, BATCH_HEADER + 60) < 0:
            return False
        offset += 1
    return True


def produce(c, topic, n, timestamp=None):
    """n records of half a MiB, each with the number that is its offset."""
    first = c.offset(topic, 0, -1)
    for i in range(first, first + n):
        error, base = c.produce(topic, 0, large_batch(b'%024d' % i, 19, timestamp))
        if error != 0 or base != i:
            sys.exit(f'produce to {topic}: error {error}, offset {base}')


def story(c, w, logs):
    hour = 3600 * 1000
    # by time, on the interval: nothing but time passes
    c.create_topic('time', segment_bytes=MIB, retention_ms=hour)
    produce(c, 'time', 20, now_ms() - hour + 3000)
    check(used(logs) > 9, f'{used(logs):.1f} MiB of records that are nearly an hour old', used(logs))
    check(until(lambda: c.offset('time', 0, -2) == 20), 'they go when the hour is over', c.offset('time', 0, -2))
    check(until(lambda: used(logs) < 1), f'and leave {used(logs):.1f} MiB', used(logs))
    # by size, on the interval
    c.create_topic('size', segment_bytes=MIB, retention_bytes=4 * MIB)
    produce(c, 'size', 40)
    check(until(lambda: used(logs) < 7), f'retention.bytes of 4 MiB leave {used(logs):.1f} of 20', used(logs))
    start = c.offset('size', 0, -2)
    error, _, data = c.fetch('size', 0, start, 64 * MIB)
    while error == 0 and 0 < len(batches(data)) < 40 - start:   # an answer may end before the log does
        error, _, more = c.fetch('size', 0, start + len(batches(data)), 64 * MIB)
        data += more
        if not more:
            break
    check(error == 0 and len(batches(data)) == 40 - start and whole(data, start),
          f'what is left from {start} on is whole', (error, len(batches(data)), len(data)))
    check(c.fetch('size', 0, 0)[0] == OUT_OF_RANGE, 'what is not is out of range')
    c.delete_topic('size')
    check(until(lambda: used(logs) < 1), f'a deleted topic leaves {used(logs):.1f} MiB', used(logs))
    # a change acts at once, and readers in the middle are unharmed
    c.create_topic('read', segment_bytes=MIB)
    produce(c, 'read', 60)
    slow = [Wire(w.address) for _ in range(4)]
    for i, s in enumerate(slow):
        s.send(FETCH, FETCH_VERSION, fetch_body('read', 0, 10 * i, 64 * MIB))
        s.send(FETCH, FETCH_VERSION, fetch_body('read', 0, 10 * i + 5, 64 * MIB))
    select.select([slow[3].socket], [], [], 30)      # the first bytes of an answer are there, most are not read
    error = c.set_config('read', 'retention.bytes', 2 * MIB)
    check(error == 0 and until(lambda: c.offset('read', 0, -2) > 50, 10), 'a change of retention.bytes acts')
    check(until(lambda: used(logs) < 5), f'and leaves {used(logs):.1f} MiB of 30', used(logs))
    for i, s in enumerate(slow):
        error, hw, data = s.fetched()
        check(error == 0 and len(batches(data)) > 0 and whole(data, 10 * i),
              f'reader {i} gets what it was being sent: {len(batches(data))} records', (error, hw, len(data)))
        error, hw, data = s.fetched()
        check(error == OUT_OF_RANGE or (error == 0 and whole(data, 10 * i + 5)),
              f'and then what is there, or that it is out of range: {error}', (error, hw, len(data)))
        s.close()
    # DeleteRecords
    produce(c, 'read', 20)
    check(c.set_config('read', 'retention.bytes', -1) == 0, 'no retention.bytes any more')
    end = c.offset('read', 0, -1)
    before = used(logs)
    check(c.delete_records('read', 0, end - 3) == (0, end - 3), 'DeleteRecords')
    check(until(lambda: used(logs) < 2.6), f'DeleteRecords of all but three of half a MiB: {before:.1f} MiB become '
                                           f'{used(logs):.1f}', used(logs))
    error, _, data = c.fetch('read', 0, end - 3, 64 * MIB)
    check(error == 0 and len(batches(data)) == 3 and whole(data, end - 3), 'the three are whole')
    check(c.delete_records('read', 0, -1) == (0, end), 'DeleteRecords up to the end')
    check(until(lambda: used(logs) < 0.5), f'leaves {used(logs):.1f} MiB', used(logs))
    produce(c, 'read', 2)
    check(c.fetch('read', 0, end)[0] == 0 and c.offset('read', 0, -1) == end + 2, 'and it goes on')
    # what was deleted and moved up stays so
    folders = len(os.listdir(logs))
    c.delete_topic('read')
    check(until(lambda: len(os.listdir(logs)) < folders), 'the folder of a deleted topic goes too')


with Scratch() as scratch:
    data = scratch / 'data'
    with Serve('--data', data, '--set', 'log.retention.check.interval.ms=1000') as w:
        with Wire(w.address) as c:
            story(c, w, os.path.join(data, 'logs'))
        code = w.end()
        check(code == 0, 'a clean end', (code, w.errors))
finish()
