#!/usr/bin/env python3
"""Measures weir's broker beside its peers, both sides in one run, and prints ratios.

usage: bench.py WEIR DIR-OF-BENCH-PROGRAMS [--rows start,produce,consume,single,raw,latency,
                partitions,connections,idle,restart,tail] [--messages N] [--runs N] [--kafka]

Peers: nats-server (start to first acknowledged message), librdkafka's in-process
mock broker (produce), the mock without any disk; kcat and grep (tail); Apache Kafka where
tests/cluster can start it (--kafka; it needs Java and syncs nothing). Every figure is a median; the sides take turns.
A row whose peer is missing says so and prints no ratio.
"""
import argparse
import json
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Weir:
    """A broker of our own in a directory of its own; ended and removed at the end."""

    def __init__(self, program, durability, data=None):
        self.dir = data or tempfile.mkdtemp(prefix='weir-bench-')
        self.keep = data is not None
        address = os.path.join(self.dir, 'address')
        if os.path.exists(address):
            os.unlink(address)
        begin = time.monotonic()
        self.process = subprocess.Popen(
            [program, 'serve', '--listen', '127.0.0.1:0', '--data', os.path.join(self.dir, 'data'), '--durability',
             durability, '--address-file', address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not os.path.exists(address):
            if self.process.poll() is not None or time.monotonic() - begin > 60:
                sys.exit('bench: weir serve did not start')
            time.sleep(0.0005)
        self.started = time.monotonic() - begin
        with open(address) as f:
            self.address = f.read().strip()
        self.pid = self.process.pid

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(60)
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)


class Kafka:
    """Apache Kafka on one node, as tests/cluster starts it."""
    durability = 'kafka'

    def __init__(self, program):
        here = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'cluster', 'kafka')
        self.stop_script, self.dir = os.path.join(here, 'stop'), tempfile.mkdtemp(prefix='weir-bench-')
        begin = time.monotonic()
        done = subprocess.run([os.path.join(here, 'start'), 'kraft', '1', str(free_port()), os.path.join(self.dir, 'k')],
                              capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f'bench: Apache Kafka did not start: {done.stderr.strip()[-300:]}')
        self.started = time.monotonic() - begin
        self.address = done.stdout.split()[-1]
        with open(os.path.join(self.dir, 'k', 'broker-1', 'pid')) as f:
            self.pid = int(f.read())

    def stop(self, how=None):
        subprocess.run([self.stop_script, os.path.join(self.dir, 'k'), '--wipe'], capture_output=True)
        shutil.rmtree(self.dir, ignore_errors=True)


def brokers(a, durabilities=('fsync', 'os')):
    """(name, how to start it) of every side."""
    sides = [(f'weir {d}', lambda d=d: Weir(a.weir, d)) for d in durabilities]
    return sides + ([('Kafka 4.3.0', lambda: Kafka(None))] if a.kafka else [])


def rss_kib(pid):
    with open(f'/proc/{pid}/smaps_rollup') as f:
        for line in f:
            if line.startswith('Rss:'):
                return int(line.split()[1])
    return 0


def high_water_kib(pid):
    """Of what runs now: wait4 would say at least what this process had when it forked."""
    try:
        with open(f'/proc/{pid}/status') as f:
            return next((int(line.split()[1]) for line in f if line.startswith('VmHWM')), 0)
    except OSError:
        return 0


def run_measured(command, **how):
    """Runs it to its end: (exit code, seconds, CPU seconds, MiB at most)."""
    begin, peak, ended = time.monotonic(), 0, 0
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, **how)
    while ended == 0:
        peak = max(peak, high_water_kib(p.pid))
        ended, status, usage = os.wait4(p.pid, os.WNOHANG)
        if ended == 0:
            time.sleep(0.001)
    p.returncode = os.waitstatus_to_exitcode(status)
    return p.returncode, time.monotonic() - begin, usage.ru_utime + usage.ru_stime, peak / 1024


def switches(pid):
    total = 0
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/status') as f:
            total += sum(int(line.split()[1]) for line in f if 'ctxt_switches' in line)
    return total


def run_json(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        sys.exit(f'bench: {" ".join(command)}: {done.stderr.strip()[-400:]}')
    return json.loads(done.stdout.splitlines()[-1])


def median(rows, key):
    return statistics.median(r[key] for r in rows)


def row_start(a):
    def times(kind, command):
        folder = tempfile.mkdtemp(prefix='weir-bench-')
        try:
            done = subprocess.run([a.tool('start'), kind, str(port), '1', folder, *command], capture_output=True, text=True)
            return float(done.stdout.split()[0]) if done.returncode == 0 else None
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    port = free_port()
    ours, theirs = [], []
    nats = shutil.which('nats-server')
    for _ in range(a.runs * 3):
        ours.append(times('kafka', [a.weir, 'serve', '--listen', f'127.0.0.1:{port}', '--data', '@DIR']))
        if nats:
            theirs.append(times('nats', [nats, '-a', '127.0.0.1', '-p', str(port), '-js', '-sd', '@DIR']))
    if None in ours:
        sys.exit('bench: weir did not acknowledge the first message')
    mine = statistics.median(ours)
    print(f'start to first acked message, fsync   weir {mine:7.2f} ms', end='')
    if nats and None not in theirs:
        peer = statistics.median(theirs)
        print(f'   nats-server JetStream (no fsync) {peer:7.2f} ms   ratio {mine / peer:.2f}')
    else:
        print('   nats-server: not installed')
    if a.kafka:
        k = Kafka(None)
        print(f'start of Apache Kafka 4.3.0 until it takes part: {k.started * 1000:.0f} ms, {rss_kib(k.pid)} KiB resident'
              f'   ratio {mine / k.started / 1000:.4f}')
        k.stop()


def row_produce(a):
    for size in (100, 1024):
        count = a.messages if size == 100 else a.messages // 4
        rows = {'mock': []}
        for _ in range(a.runs):
            rows['mock'].append(run_json([a.tool('rdk'), 'produce', 'mock', str(count), str(size)]))
            for name, begin in brokers(a):
                w = begin()
                rows.setdefault(name, []).append(
                    run_json([a.tool('rdk'), 'produce', w.address, str(count), str(size), str(w.pid)]))
                w.stop()
        base = median(rows['mock'], 'per_second')
        for name in rows:
            what = 'librdkafka mock' if name == 'mock' else name
            rate, cost, client = (median(rows[name], k) for k in ('per_second', 'broker_us', 'client_us'))
            print(f'produce {size:5} B  {what:16} {rate:10,.0f}/s   ratio {rate / base:4.2f}   broker {cost:6.3f} us/message'
                  f'   client {client:6.3f} us/message   broker/client {cost / client:4.2f}')


def row_consume(a):
    for size in (100, 1024):
        count = a.messages if size == 100 else a.messages // 4
        for name, begin in brokers(a, ('os',)):
            w = begin()
            run_json([a.tool('rdk'), 'produce', w.address, str(count), str(size), str(w.pid)])
            rows = [run_json([a.tool('rdk'), 'consume', w.address, str(count), str(w.pid), 'bench']) for _ in range(a.runs)]
            w.stop()
            rate, cost = median(rows, 'per_second'), median(rows, 'broker_us')
            print(f'consume {size:5} B  {name:16} {rate:10,.0f}/s   broker {cost:6.3f} us/message'
                  f'   client {median(rows, "client_us"):6.3f} us/message')


def row_latency(a):
    """From produce to consumer, 1,000 messages a second, linger 0."""
    for name, begin in brokers(a):
        w = begin()
        rows = [run_json([a.tool('rdk'), 'latency', w.address, '1000', '5', f'latency-{i}']) for i in range(a.runs)]
        w.stop()
        print(f'latency at 1,000/s  {name:16} p50 {median(rows, "p50_ms"):7.3f} ms   p99 {median(rows, "p99_ms"):7.3f} ms'
              f'   p99.9 {median(rows, "p999_ms"):7.3f} ms')


def row_partitions(a):
    """Round robin over 1,000 partitions against the same on one."""
    for name, begin in brokers(a, ('os',)):
        w = begin()
        rates = {}
        for n in (1, 1000):
            subprocess.run([a.weir, 'topics', 'create', '-b', w.address, f'spread-{n}', '--partitions', str(n)], check=True,
                           capture_output=True)
            rows = [run_json([a.tool('rdk'), 'spread', w.address, str(a.messages // 2), '100', str(w.pid), f'spread-{n}', str(n)])
                    for _ in range(a.runs)]
            rates[n] = median(rows, 'per_second'), median(rows, 'broker_us')
        w.stop()
        print(f'1,000 partitions    {name:16} {rates[1000][0]:10,.0f}/s of {rates[1][0]:,.0f}/s on one'
              f'   broker {rates[1000][1]:6.3f} of {rates[1][1]:6.3f} us/message')


def row_connections(a):
    """10,000 idle connections: memory each, and the latency of one that works beside them."""
    n = 10_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    n = min(n, hard - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    w = Weir(a.weir, 'os')
    one = run_json([a.tool('rdk'), 'latency', w.address, '1000', '3', 'before'])
    before = rss_kib(w.pid)
    host, _, port = w.address.rpartition(':')
    hello = bytes.fromhex('0000000a00120000000000010000')     # ApiVersions v0, correlation 1, no client id
    idle = []
    for _ in range(n):
        s = socket.create_connection((host, int(port)))
        s.sendall(hello)
        idle.append(s)
    for s in idle:
        s.recv(4096)
    after = rss_kib(w.pid)
    many = run_json([a.tool('rdk'), 'latency', w.address, '1000', '3', 'after'])
    print(f'{n:,} idle connections: {(after - before) * 1024 / n:.0f} bytes each; latency p50 {many["p50_ms"]:.3f} ms beside them, '
          f'{one["p50_ms"]:.3f} ms without, ratio {many["p50_ms"] / one["p50_ms"]:.2f}')
    for s in idle:
        s.close()
    w.stop()


def row_single(a):
    """One message a request, 64 connections that each wait for their answer, beside a bare epoll echo."""
    def load(address, *more):
        return run_json([a.tool('load'), 'produce', address, '64', *more])
    rows = {name: [] for name in ('echo', 'os, 1 partition', 'fsync, 1 partition', 'fsync, 16 partitions')}
    for _ in range(a.runs):
        rows['echo'].append(load('echo', '1', '100', '1', '2'))
        for name in [n for n in rows if ',' in n]:
            w = Weir(a.weir, name.split(',')[0])
            rows[name].append(load(w.address, name.split()[1], '100', '1', '2', str(w.pid)))
            w.stop()
        if a.kafka:
            k = Kafka(None)
            rows.setdefault('Kafka 4.3.0', []).append(load(k.address, '1', '100', '1', '5', str(k.pid)))
            k.stop()
    base = median(rows['echo'], 'requests_per_second')
    for name, got in rows.items():
        rate = median(got, 'requests_per_second')
        print(f'one message a request, 64 connections  {name:20} {rate:9,.0f}/s   ratio {rate / base:4.2f}   '
              f'p50 {median(got, "p50_us"):5.0f} us   p99 {median(got, "p99_us"):6.0f} us   '
              f'server {median(got, "broker_us_per_request"):5.2f} us/request')


def row_raw(a):
    """Large batches made before the clock starts, and a reader that decodes batch headers only."""
    for size, records in ((100, 9000), (1024, 900)):
        made, read = [], []
        for _ in range(a.runs):
            w = Weir(a.weir, 'os')
            made.append(run_json([a.tool('load'), 'produce', w.address, '2', '1', str(size), str(records), '2', str(w.pid)]))
            read.append(run_json([a.tool('load'), 'fetch', w.address, '2', str(w.pid)]))
            w.stop()
        print(f'raw {size:5} B  produce {median(made, "mb_per_second"):6,.0f} MB/s, broker {median(made, "broker_us"):5.3f} '
              f'us/message   fetch {median(read, "gb_per_second"):5.2f} GB/s, broker {median(read, "broker_s_per_gb"):5.3f} s/GB')


def row_idle(a):
    w = Weir(a.weir, 'fsync')
    time.sleep(2)
    before = switches(w.pid)
    time.sleep(10)
    rate = (switches(w.pid) - before) / 10
    print(f'idle  weir {rss_kib(w.pid):6} KiB resident, {rate:.1f} wake-ups/s', end='')
    nats = shutil.which('nats-server')
    if nats:
        folder = tempfile.mkdtemp(prefix='weir-bench-')
        p = subprocess.Popen([nats, '-a', '127.0.0.1', '-p', str(free_port()), '-js', '-sd', folder], stderr=subprocess.DEVNULL)
        time.sleep(2)
        before = switches(p.pid)
        time.sleep(10)
        peer = rss_kib(p.pid)
        print(f'   nats-server {peer} KiB, {(switches(p.pid) - before) / 10:.1f}/s   ratio of memory {rss_kib(w.pid) / peer:.2f}')
        p.terminate()
        p.wait()
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print('   nats-server: not installed')
    run_json([a.tool('rdk'), 'produce', w.address, str(a.messages), '1024', str(w.pid)])
    print(f'      after {a.messages * 1024 / 1e9:.1f} GB produced: {rss_kib(w.pid)} KiB resident')
    w.stop()


def row_restart(a):
    folder = tempfile.mkdtemp(prefix='weir-bench-')
    try:
        w = Weir(a.weir, 'fsync', folder)
        first = w.started
        count = 3_000_000
        run_json([a.tool('rdk'), 'produce', w.address, str(count), '1024', str(w.pid)])
        w.stop(signal.SIGKILL)
        w = Weir(a.weir, 'fsync', folder)
        print(f'restart after kill -9 with {count * 1024 / 1e9:.1f} GB: {w.started * 1000:.0f} ms   empty start {first * 1000:.0f} ms   '
              f'ratio {w.started / first:.1f}')
        w.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def row_tail(a):
    """One message in a thousand found in a topic: weir's own filter beside kcat piped to grep, same data, sides in turn."""
    if not shutil.which('kcat'):
        print('tail filter: kcat is not installed')
        return
    folder, w = tempfile.mkdtemp(prefix='weir-bench-'), Weir(a.weir, 'os')
    lines, count = os.path.join(folder, 'lines'), 1_000_000
    with open(lines, 'w') as f:
        for i in range(count):
            f.write('{"page":"%s","user":"u-%06d","ms":%d,"ok":true,"seq":%010d,"ref":"https://example.org/a"}\n'
                    % ('checkout' if i % 1000 == 0 else 'search', i * 7919 % 1000000, i % 977, i))

    def measure(topic, times, command):
        begin = time.monotonic()
        p = subprocess.Popen(['sh', '-c', f'exec 3>&1; {command} | wc -l >&3'], stdout=subprocess.PIPE, text=True)
        found = int(p.communicate()[0])
        if found != times * count // 1000:
            sys.exit(f'bench: {command}: {found} lines')
        return times * count / (time.monotonic() - begin)

    def peak(topic, filter_):
        """KiB resident at most; ru_maxrss would be this program's, from before the exec."""
        p = subprocess.Popen([a.weir, 'tail', '-b', w.address, topic, '-e', '--filter', filter_], stdout=subprocess.DEVNULL)
        most = 0
        while p.poll() is None:
            with open(f'/proc/{p.pid}/status') as f:
                most = max([most] + [int(line.split()[1]) for line in f if line.startswith('VmHWM')])
            time.sleep(0.002)
        return most

    for topic, times in (('one', 1), ('ten', 10)):
        subprocess.run([a.weir, 'topics', 'create', '-b', w.address, topic], check=True, capture_output=True)
        for _ in range(times):
            subprocess.run(['kcat', '-P', '-b', w.address, '-t', topic, '-l', lines, '-X', 'linger.ms=50'], check=True)
    kcat = f'kcat -C -q -e -b {w.address} -t one'
    sides = {'kcat | grep': f'{kcat} | grep checkout', 'kcat | grep -E': f"{kcat} | grep -E 'check[o]ut'",
             'weir, text': f'{a.weir} tail -b {w.address} one -e --filter checkout',
             'weir, /regex/': f"{a.weir} tail -b {w.address} one -e --filter '/check[o]ut/'",
             'weir, value:': f"{a.weir} tail -b {w.address} one -e --filter 'value:checkout && !key:x'"}
    rates = {name: [] for name in sides}
    for _ in range(a.runs):
        for name, command in sides.items():
            rates[name].append(measure('one', 1, command))
    base = statistics.median(rates['kcat | grep'])
    for name, got in rates.items():
        rate = statistics.median(got)
        print(f'tail filter  {name:15} {rate:12,.0f} messages/s scanned   ratio {rate / base:6.2f}')
    few, many = peak('one', 'checkout'), peak('ten', 'checkout')
    few_regex, many_regex = peak('one', '/check[o]ut/'), peak('ten', '/check[o]ut/')
    print(f'tail filter  resident after 1M {few} KiB, after 10M {many} KiB, ratio {many / few:.3f}; '
          f'/regex/ {few_regex} and {many_regex} KiB, ratio {many_regex / few_regex:.3f}')
    w.stop()
    shutil.rmtree(folder, ignore_errors=True)


ROWS = {'start': row_start, 'produce': row_produce, 'consume': row_consume, 'single': row_single, 'raw': row_raw,
        'latency': row_latency, 'partitions': row_partitions, 'connections': row_connections, 'idle': row_idle,
        'restart': row_restart, 'tail': row_tail}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('weir')
    p.add_argument('tools')
    p.add_argument('--rows', default=','.join(ROWS))
    p.add_argument('--messages', type=int, default=2_000_000)
    p.add_argument('--runs', type=int, default=3)
    p.add_argument('--kafka', action='store_true', help='Apache Kafka 4.3.0 as one more side')
    a = p.parse_args()
    a.tool = lambda name: os.path.join(a.tools, name)
    print(f'{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; medians of {a.runs} runs, the sides in turn')
    for name in a.rows.split(','):
        if name not in ROWS:
            p.error(f'no such row: {name}; there are {", ".join(ROWS)}')
        ROWS[name](a)


if __name__ == '__main__':
    main()
