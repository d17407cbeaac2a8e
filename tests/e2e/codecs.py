#!/usr/bin/env python3
"""Compressed batches stay compressed: what librdkafka compressed is in the segment file and in the answer to Fetch byte
for byte, with its codec, and the consumer reads it back; a topic's compression.type stores what it says."""
import glob
import os
import select
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from weir import Scratch, Serve, WEIR, check, finish, need  # noqa: E402
from wire import CODECS, Wire, batches  # noqa: E402

KCHECK = os.environ.get('KCHECK', os.path.abspath('tests/tools/kcheck'))
MESSAGE_BYTES = 205                       # of kcheck with a codec, at least

need(WEIR, KCHECK)


def produce(w, topic, journal, codec, lines=4):
    p = subprocess.Popen([KCHECK, 'produce', w.address, topic, '1', journal, codec], stdout=subprocess.PIPE, text=True)
    for _ in range(lines):                # 500 acknowledgements each
        if not select.select([p.stdout], [], [], 60)[0] or not p.stdout.readline():
            break
    p.send_signal(signal.SIGTERM)
    said = p.communicate(timeout=60)[0].strip().splitlines()[-1]
    if p.returncode != 0 or not said.endswith('failed 0'):
        check(False, f'{codec}: {said}')


def stored(data, before):
    """The bytes of the one topic whose folder is new."""
    folders = set(glob.glob(os.path.join(data, 'logs', '*'))) - before
    return b''.join(open(f, 'rb').read() for d in folders for f in sorted(glob.glob(os.path.join(d, '*.log'))))


def fetched(c, topic):
    out, offset = b'', 0
    while True:
        error, hw, got = c.fetch(topic, 0, offset, 1 << 20)
        if error != 0 or offset >= hw:
            return out
        out += got
        last = batches(got)[-1]
        offset = last[0] + last[2]


def one(w, c, data, scratch, topic, codec, want, **configs):
    before = set(glob.glob(os.path.join(data, 'logs', '*')))
    if c.create_topic(topic, **configs) != 0:
        check(False, 'create ' + topic)
    journal = scratch / topic
    produce(w, topic, journal, codec)
    on_disk, on_wire = stored(data, before), fetched(c, topic)
    found = batches(on_disk)
    n = sum(b[2] for b in found)
    check(n >= 2000 and {b[1] for b in found} == {want}, f'{topic}: {n} messages are stored as {want}',
          (n, {b[1] for b in found}))
    check(on_disk == on_wire, f'{topic}: {len(on_wire)} bytes are fetched as they are stored',
          (len(on_disk), len(on_wire)))
    per = len(on_disk) / n
    check(per > MESSAGE_BYTES if want == 'none' else per < MESSAGE_BYTES / 3,
          f'{topic}: {per:.1f} bytes a message', per)
    verified = subprocess.run([KCHECK, 'verify', w.address, topic, '1', journal], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
    check(verified.returncode == 0, f'{topic}: {verified.stdout.strip()}')


with Scratch() as scratch:
    data = scratch / 'data'
    with Serve('--data', data, '--durability', 'os') as w:
        with Wire(w.address) as c:
            for codec in CODECS:
                one(w, c, data, scratch, codec, codec, codec)
            for codec in CODECS:
                name = 'uncompressed' if codec == 'none' else codec
                one(w, c, data, scratch, 'gzip-to-' + name, 'gzip', codec, compression_type=name)
        code = w.end()
        check(code == 0, 'a clean end', (code, w.errors))
finish()
