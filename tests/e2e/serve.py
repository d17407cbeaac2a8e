#!/usr/bin/env python3
"""weir serve as a user meets it: start, stop, refusals with their exit codes, strangers at the port, what is left behind."""
import os
import socket
import stat
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from weir import Scratch, Serve, WEIR, check, finish, need, refused  # noqa: E402

need(WEIR)


def connect(address):
    host, port = address.rsplit(':', 1)
    s = socket.create_connection((host.strip('[]'), int(port)), 30)
    s.settimeout(30)
    return s


def api_versions(s, number=7):
    """Asks ApiVersions v0; the correlation id that comes back, None at the end."""
    body = struct.pack('>hhih', 18, 0, number, -1)
    s.sendall(struct.pack('>i', len(body)) + body)
    return answer(s)


def exactly(s, n):
    data = b''
    while len(data) < n:
        got = s.recv(n - len(data))
        if not got:
            return b''
        data += got
    return data


def one_answer(s):
    head = exactly(s, 4)
    return head + exactly(s, struct.unpack('>i', head)[0]) if head else b''


def answer(s):
    """Its correlation id, None at the end."""
    whole = one_answer(s)
    return struct.unpack('>i', whole[4:8])[0] if whole else None


def closed(s):
    try:
        return s.recv(1) == b''
    except ConnectionResetError:
        return True


def start_and_stop(scratch):
    data, file = scratch / 'data', scratch / 'address'
    with Serve('--data', data, '--address-file', file) as w:
        check(os.path.exists(file) and open(file).read() == w.address + '\n', 'the address file has the address')
        check('durability fsync' in w.line and data in w.line, 'the line says durability and place', w.line)
        check(stat.S_IMODE(os.stat(data).st_mode) == 0o700, 'the directory is private')
        modes = {stat.S_IMODE(os.stat(os.path.join(where, name)).st_mode)
                 for where, _, names in os.walk(data) for name in names}
        check(modes <= {0o600}, 'its files are private', modes)
        with connect(w.address) as s:
            check(api_versions(s) == 7, 'it answers')
            code, said = refused('--data', data, '--listen', '127.0.0.1:0')
            check(code == 3 and f'is in use by weir pid {w.process.pid} at {w.address}' in said,
                  'a second owner is refused with pid and address', (code, said))
            check(api_versions(s, 8) == 8, 'the first one goes on')
        code = w.end()
        check(code == 0, 'SIGTERM ends it cleanly', (code, w.errors))
        check(not os.path.exists(file), 'the address file is gone')
        check('pid' not in open(os.path.join(data, '.lock')).read(), 'the lock names nobody')
    with Serve('--data', data, '--durability', 'os') as w:
        check('durability os' in w.line, 'the directory opens again', w.line)
        check(w.end(2) == 0, 'SIGINT ends it cleanly')


def refusals(scratch):
    data = scratch / 'never'
    with socket.create_server(('127.0.0.1', 0)) as taken:
        address = '127.0.0.1:%d' % taken.getsockname()[1]
        code, said = refused('--listen', address, '--data', data)
        check(code == 4 and f'cannot listen on {address}: address already in use; choose another with --listen' in said,
              'a taken port', (code, said))
        check(not os.path.exists(data), 'and nothing was made')
    foreign = scratch / 'foreign'
    os.mkdir(foreign)
    for name, text in ('.lock', ''), ('meta.properties', 'version=1\n'):
        with open(os.path.join(foreign, name), 'w') as f:
            f.write(text)
    before = sorted(os.listdir(foreign)), os.stat(foreign).st_mtime_ns
    code, said = refused('--listen', '127.0.0.1:0', '--data', foreign)
    check(code == 5 and 'not a data directory of weir' in said, 'a foreign directory', (code, said))
    check((sorted(os.listdir(foreign)), os.stat(foreign).st_mtime_ns) == before, 'and nothing there was touched')
    code, said = refused('--listen', '127.0.0.1:0', '--data', os.path.join(foreign, 'meta.properties'))
    check(code == 5, 'a file for a directory', (code, said))
    for args, words in ((('--listen', '0.0.0.0:0'), '--insecure-listen'), (('--listen', '127.0.0.1:x'), 'HOST:PORT'),
                        (('--listen', '::1:5'), 'brackets'), (('--durability', 'none'), 'fsync or os'),
                        (('--set', 'no.such.thing=1'), 'no.such.thing'), (('--set', 'x'), 'NAME=VALUE'),
                        (('--wrong',), '--wrong'), (('word',), 'word'), (('--ephemeral', '--data', data), 'exclude'),
                        (('-c', scratch / 'none.conf'), 'none.conf'), (('--advertise', ':1'), 'host')):
        code, said = refused('--data', data, *args)
        check(code == 2 and words in said, f'wrong usage: {" ".join(args)}', (code, said))
    check(not os.path.exists(data), 'none of them made the directory')


def config_file(scratch):
    path = scratch / 'weir.conf'
    with open(path, 'w') as f:
        f.write('serve = { listen = "127.0.0.1:1"; durability = "os"; data = "%s"; set = ["num.partitions=3"]; };\n'
                'theme = "dark";\n' % (scratch / 'from-file'))
    with Serve('-c', path) as w:
        check('durability os' in w.line and os.path.isdir(scratch / 'from-file') and not w.address.endswith(':1'),
              'the file counts, the command line goes before it', w.line)
        w.end()
    with open(path, 'w') as f:
        f.write('serve = { lisen = "127.0.0.1:1"; };\n')
    code, said = refused('-c', path)
    check(code == 2 and 'lisen' in said, 'a misspelt key is refused', (code, said))


def ephemeral(scratch):
    env = dict(os.environ, TMPDIR=scratch / 'tmp')
    os.mkdir(scratch / 'tmp')
    with Serve('--ephemeral', env=env) as w:
        check(len(os.listdir(scratch / 'tmp')) == 1, 'a private directory')
        check(w.end() == 0 and os.listdir(scratch / 'tmp') == [], 'removed at the end', os.listdir(scratch / 'tmp'))
    code, _ = refused('--ephemeral', '--listen', '127.0.0.1:0', '--address-file', scratch / 'no/such/place', env=env)
    check(code == 1 and os.listdir(scratch / 'tmp') == [], 'also after a failed start', os.listdir(scratch / 'tmp'))


def strangers(w):
    for first, name in (b'GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'HTTP'), (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'TLS'), \
            (b'\xff\xff\xff\xff', 'a negative size'), (struct.pack('>i', 104857601), 'a size over the limit'), \
            (struct.pack('>ihhi', 8, 999, 0, 1), 'an unknown key'), (struct.pack('>i', 0), 'an empty frame'):
        with connect(w.address) as s:
            s.sendall(first)
            check(closed(s), f'{name} is closed')
    with connect(w.address) as s:
        frame = struct.pack('>ihhih', 10, 18, 0, 5, -1)
        for i in range(len(frame)):
            s.sendall(frame[i:i + 1])
        check(answer(s) == 5, 'a frame in single bytes is answered')
        s.sendall(b''.join(struct.pack('>ihhih', 10, 18, 0, i, -1) for i in range(2000)))
        check([answer(s) for _ in range(2000)] == list(range(2000)), '2,000 requests at once are answered in order')
    with connect(w.address) as s:
        one = struct.pack('>ihhih', 10, 18, 0, 1, -1)
        s.sendall(one)
        size = len(one_answer(s))
        s.settimeout(1)
        sent, block = 0, one * 4096
        try:
            while sent < 64 << 20:
                sent += s.send(block[sent % len(one):])
        except TimeoutError:
            pass
        check(sent < 64 << 20, 'who does not read his answers is not read either', sent)
        with connect(w.address) as other:
            check(api_versions(other, 3) == 3, 'others are served meanwhile')
        s.settimeout(30)
        owed = sent // len(one) * size
        while owed > 0:
            got = len(s.recv(1 << 20))
            if got == 0:
                break
            owed -= got
        check(owed == 0, 'and what was sent is answered once he reads', owed)
    with connect(w.address) as s:
        s.sendall(b'\x00\x00')
    with connect(w.address) as s:
        check(api_versions(s) == 7, 'a client that leaves in mid-frame hurts nobody')


def addresses(scratch):
    with Serve('--ephemeral') as w:
        try:
            with connect('[::1]:' + w.address.rsplit(':', 1)[1]) as s:
                check(api_versions(s) == 7, '::1 is served too')
        except OSError:
            print('no IPv6 here')
        strangers(w)
        code = w.end()
        check(code == 0, 'it ends cleanly after strangers', (code, w.errors))
        for word in 'TLS', 'HTTP':
            check(sum(word in line for line in w.errors.splitlines()) == 1, f'one line about {word}', w.errors)
    with Serve('--ephemeral', '--insecure-listen', listen='0.0.0.0:0') as w:
        with connect(w.address) as s:
            check(api_versions(s) == 7, 'a wildcard listener', w.address)


with Scratch() as scratch:
    os.environ['XDG_CONFIG_HOME'] = scratch.path
    start_and_stop(scratch)
    refusals(scratch)
    config_file(scratch)
    ephemeral(scratch)
    addresses(scratch)
finish()
