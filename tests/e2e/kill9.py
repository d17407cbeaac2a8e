#!/usr/bin/env python3
"""kill -9 of weir serve while clients produce with acks=all: after each restart every acknowledged message is there
once, in order.  CYCLES (default 3) kills, or SOAK_SECONDS of them; SEED chooses the moments; DURABILITY fsync or os."""
import os
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from weir import Scratch, Serve, WEIR, check, finish, need  # noqa: E402

KCHECK = os.environ.get('KCHECK', os.path.abspath('tests/tools/kcheck'))
CYCLES = int(os.environ.get('CYCLES', '3'))
SOAK_SECONDS = float(os.environ.get('SOAK_SECONDS', '0'))
SEED = int(os.environ.get('SEED', '1'))
DURABILITY = os.environ.get('DURABILITY', 'fsync')
PARTITIONS = '6'

need(WEIR, KCHECK)


def kcheck(what, address, journal, **kwargs):
    return subprocess.Popen([KCHECK, what, address, 'kept', PARTITIONS, journal], stdout=subprocess.PIPE, text=True, **kwargs)


def verified(address, journal):
    p = kcheck('verify', address, journal, stderr=subprocess.STDOUT)
    said, _ = p.communicate(timeout=300)
    return p.returncode == 0, said.strip()


def cycles():
    end = time.monotonic() + SOAK_SECONDS
    n = 0
    while n < CYCLES or time.monotonic() < end:
        n += 1
        yield n


with Scratch() as scratch:
    chance = random.Random(SEED)
    journal = scratch / 'journal'
    args = ('--data', scratch / 'data', '--durability', DURABILITY, '--set', 'num.partitions=' + PARTITIONS)
    w = Serve(*args)
    with w:
        address = w.address
        producer = kcheck('produce', address, journal)
        worst = kills = 0
        for kills in cycles():
            for _ in range(chance.randint(1, 40)):          # a line each 500 acknowledgements
                if not producer.stdout.readline():
                    sys.exit('kcheck produce ended by itself')
            w.end(signal.SIGKILL)
            begin = time.monotonic()
            w = Serve(*args, listen=address)
            worst = max(worst, time.monotonic() - begin)
            if w.address != address:
                sys.exit(f'weir serve did not come back after kill {kills}: {w.end(signal.SIGKILL)} {w.errors}')
        producer.stdout.readline()
        producer.send_signal(signal.SIGTERM)
        said, _ = producer.communicate(timeout=120)
        check(producer.returncode == 0, f'{kills} kills; {said.strip().splitlines()[-1] if said.strip() else said}; '
                                        f'slowest start {worst * 1000:.0f} ms')
        good, said = verified(address, journal)
        check(good, 'after the last kill', said)
        code = w.end()
        check(code == 0, 'a clean end', (code, w.errors))
        with Serve(*args, listen=address) as w:
            good, said = verified(address, journal)
            check(good, 'after a clean restart', said)
finish()
