#!/usr/bin/env python3
"""weir produce against weir serve: kill -9 in the middle, what other clients read of it, settings, limits."""
import os
import select
import shutil
import signal
import subprocess
import threading

from e2e import LIMIT, WEIR, contains, equal, main
from weir import Serve

MESSAGES = 100000


def lines(first, last):
    return ''.join(f'{i:06d} of a story that is told once and in order\n' for i in range(first, last))


class Producer(threading.Thread):
    """weir produce -v; counts the receipts as they come."""

    def __init__(self, box, *words):
        super().__init__(daemon=True)
        self.process = subprocess.Popen([WEIR, 'produce', '-v', *words], env=box.env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.n, self.news = 0, threading.Condition()
        self.start()

    def run(self):
        for _ in self.process.stdout:
            with self.news:
                self.n += 1
                self.news.notify()

    def feed(self, text):
        """Writes, and waits until more is acknowledged: some of it, while some is under way."""
        with self.news:
            before = self.n
        self.process.stdin.write(text)
        self.process.stdin.flush()
        with self.news:
            assert self.news.wait_for(lambda: self.n > before, LIMIT), 'nothing is acknowledged'

    def finish(self):
        self.process.stdin.close()
        self.join(LIMIT)
        return self.process.wait(LIMIT), self.n


def test_kill9(box):
    """acks=all while the broker is killed and started again: no loss, no duplicate, in order, one partition and three."""
    args = ('--data', box.data, '--durability', 'os')
    w = Serve(*args)
    address, producers = w.address, []
    try:
        for topic, partitions in (('one', 1), ('three', 3)):
            box.run('topics', 'create', topic, '--partitions', str(partitions), '-b', address)
            producers.append(Producer(box, topic, '-b', address, '-z', 'lz4'))
        part = MESSAGES // 5
        for i in range(5):
            for p in producers:
                p.feed(lines(i * part, (i + 1) * part))
            if i < 4:
                w.end(signal.SIGKILL)
                w = Serve(*args, listen=address)
                equal(w.address, address)
        for p in producers:
            equal(p.finish(), (0, MESSAGES), 'exit code and receipts')
        equal(box.run('tail', 'one', '-e', '-b', address).stdout, lines(0, MESSAGES))
        got = []
        for i in range(3):
            rows = box.run('tail', 'three', '-e', '-p', str(i), '-b', address).stdout.splitlines(True)
            equal(rows, sorted(rows), 'the order of a partition')
            got += rows
        equal(''.join(sorted(got)), lines(0, MESSAGES))
    finally:
        for p in producers:
            p.process.kill()
            p.process.wait()
        if w.process.poll() is None:
            w.end(signal.SIGKILL)


def test_kcat_reads(box):
    if shutil.which('kcat') is None:
        return
    b = box.broker()
    for acks in ('all', '1', '0'):
        for codec in ('none', 'gzip', 'snappy', 'lz4', 'zstd'):
            box.run('produce', 't', '-b', b.address, '--acks', acks, '-z', codec, '-k', codec, '-H', f'acks={acks}', '-H', 'e=',
                    input=f'{codec} {acks}\n{"x" * 5000}\n')
    done = subprocess.run(['kcat', '-b', b.address, '-C', '-t', 't', '-e', '-q', '-f', '%k|%h|%s\n'], env=box.env,
                          stdout=subprocess.PIPE, text=True, timeout=LIMIT, check=True)
    want = [f'{c}|acks={a},e=|{v}' for a in ('all', '1', '0') for c in ('none', 'gzip', 'snappy', 'lz4', 'zstd')
            for v in (f'{c} {a}', 'x' * 5000)]
    equal(done.stdout.splitlines(), want)


def loads_librdkafka(box, *words, **more):
    done = subprocess.run([WEIR, *words], env=dict(box.env, LD_DEBUG='files'), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=LIMIT, check=True, **more)
    return 'librdkafka' in done.stderr


def test_librdkafka_only_where_it_is_wanted(box):
    b = box.broker()
    on = ('-b', b.address)
    equal(loads_librdkafka(box, 'produce', 't', *on, input='a\n'), False)
    equal(loads_librdkafka(box, 'produce', 't', *on, '-X', 'linger.ms=1', '-X', 'client.id=me', input='b\n'), False)
    equal(loads_librdkafka(box, 'produce', 't', *on, '-X', 'socket.keepalive.enable=true', input='c\n'), True)
    equal(box.run('tail', 't', '-e', *on).stdout, 'a\nb\nc\n')
    contains(box.run('produce', 't', *on, '-X', 'lingr.ms=1', input='d\n', code=1).stderr, 'lingr.ms')
    contains(box.run('produce', 't', *on, '-X', 'linger.ms=long', input='d\n', code=1).stderr, 'linger.ms: long is not')
    contains(box.run('produce', 't', *on, '-X', 'acks=2', input='d\n', code=1).stderr, 'acks: 2 is not 0, 1 or all')
    contains(box.run('produce', 't', *on, '-X', 'compression.type=lzma', input='d\n', code=1).stderr,
             'compression.type: lzma is not none, gzip')
    equal(box.run('produce', 't', *on, '-v', '-X', 'acks=0', input='d\n').stdout.split()[0], '0@-')
    contains(box.run('produce', 't', *on, '-v', '-X', 'acks=0', '--acks', 'all', input='e\n').stdout, '0@4')


def test_too_large(box):
    b = box.broker()
    on = ('-b', b.address)
    box.run('topics', 'create', 'small', *on, '--set', 'max.message.bytes=2000')
    done = box.run('produce', 'small', *on, input=lines(0, 5000) + 'z' * 3000 + '\n' + lines(5000, 6000), code=1)
    equal(done.stderr.splitlines(), ['weir: not delivered: MESSAGE_TOO_LARGE: small/0: a message of 3000 bytes is more than the '
                                     'topic or the broker takes (max.message.bytes)'])
    equal(box.run('tail', 'small', '-e', *on).stdout, lines(0, 6000))
    contains(box.run('produce', 'small', *on, '-X', 'message.max.bytes=1000', input='y' * 1001 + '\n', code=1).stderr,
             '1001 bytes are more than message.max.bytes=1000')


def test_one_wrong_line(box):
    """Of a batch in which the broker refuses a record only that one fails, and the rest stays in order."""
    b = box.broker()
    on = ('-b', b.address)
    box.run('topics', 'create', 'keyed', *on, '--set', 'cleanup.policy=compact')
    done = box.run('produce', 'keyed', *on, '--key-delimiter', ':', '-X', 'linger.ms=500', '-z', 'lz4',
                   input='a:1\nno key\nb:2\nc:3\nno \x1bkey\nd:4\n', code=1)
    equal(done.stderr.splitlines(), ['weir: not delivered: INVALID_RECORD: keyed/0: Compacted topic cannot accept message without '
                                     f'key in topic partition keyed-0 · the record with "{value}"'
                                     for value in ('no key', 'no \\x1bkey')])
    equal(box.run('tail', 'keyed', '-e', *on).stdout, '1\n2\n3\n4\n')


def test_no_such_topic(box):
    b = box.broker('--set', 'auto.create.topics.enable=false')
    on = ('-b', b.address, '-X', 'message.timeout.ms=1000')
    done = box.run('produce', 'nowhere', *on, input='a\nb\n', code=1)
    for line in done.stderr.splitlines():
        contains(line, 'nowhere')
    equal(len(done.stderr.splitlines()), 2)
    equal(box.json('topics', 'list', *on[:2]), [])


def test_nobody_there(box):
    b = box.broker()
    b.stop()
    done = box.run('produce', 't', '-b', b.address, '-X', 'message.timeout.ms=1000', input='a\n', code=1)
    contains(done.stderr, 'connection refused')
    done = box.run('produce', 't', '-b', b.address, '--timeout-ms', '1500', input='a\n', code=1)
    contains(done.stderr, 'waiting: cannot reach')
    contains(done.stderr, '1 message is not acknowledged after 1500 ms: cannot reach')
    with subprocess.Popen([WEIR, 'produce', 't', '-b', b.address], env=box.env, text=True, stdin=subprocess.PIPE,
                          stderr=subprocess.PIPE) as p:
        p.stdin.write('typed\n')
        p.stdin.flush()
        equal(bool(select.select([p.stderr], [], [], LIMIT)[0]), True, 'it is said before the input ends')
        contains(p.stderr.readline(), 'waiting: cannot reach')
        p.kill()


def test_interrupted(box):
    """What was read and is whole is sent, and said; the signal ends the program as it ends others."""
    b = box.broker()
    for how in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen([WEIR, 'produce', how.name, '-v', '-b', b.address], env=box.env, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
            p.stdin.write('one\ntwo\nhalf')
            p.stdin.flush()
            equal([p.stdout.readline().split()[0] for _ in range(2)], ['0@0', '0@1'], 'receipts')
            p.send_signal(how)
            equal((p.wait(LIMIT), p.stderr.read()), (-how, 'weir: interrupted: 2 messages sent and acknowledged\n'),
                  how.name)
        equal(box.run('tail', how.name, '-e', '-b', b.address).stdout, 'one\ntwo\n', 'the half line is not sent')
    b.stop()
    patient = ('--timeout-ms', '600000', '-X', 'message.timeout.ms=600000')
    with subprocess.Popen([WEIR, 'produce', 't', '--sync', *patient, '-b', b.address], env=box.env, text=True,
                          stdin=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        p.stdin.write('one\n')
        p.stdin.flush()
        contains(p.stderr.readline(), 'waiting: cannot reach')
        p.send_signal(signal.SIGINT)
        p.send_signal(signal.SIGINT)
        try:
            equal(p.wait(LIMIT), -signal.SIGINT, 'it does not wait for a broker that may never come')
        finally:
            p.kill()


if __name__ == '__main__':
    os.environ.setdefault('WEIR', WEIR)
    main()
