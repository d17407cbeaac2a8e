#!/usr/bin/env python3
"""Who owns the broker: started for a command, attached to, kept, left, killed."""
import os
import select
import signal
import socket
import subprocess

from e2e import LIMIT, WEIR, contains, control, ended, equal, main, status


def waiting_tail(box, **more):
    """A command that holds on to the broker it started."""
    box.run('topics', 'create', 't', '--data', box.data)
    box.run('produce', 't', '--data', box.data, input='ready\n')
    tail = subprocess.Popen([WEIR, 'tail', 't', '--from', 'beginning', '--data', box.data], stdout=subprocess.PIPE,
                            text=True, env=box.env, **more)
    equal(tail.stdout.readline(), 'ready\n', 'tail')
    return tail


def test_ends_with_its_command(box):
    box.run('topics', '--data', box.data)
    equal(os.path.exists(os.path.join(box.data, '.control')), False, 'socket')
    contains(box.run('stop', '--data', box.data, code=1).stderr, 'no broker is running')


def test_inherits_nothing(box):
    """A terminal or a pipe that the broker held open would never end for its other side."""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    tail = waiting_tail(box, close_fds=False)
    os.close(write)
    control(box.data, 'stay')
    tail.kill()
    tail.wait(LIMIT)
    tail.stdout.close()
    equal(bool(select.select([read], [], [], LIMIT)[0]) and os.read(read, 1), b'', 'closed on every side')
    os.close(read)
    box.run('stop', '--data', box.data)


def test_second_command_attaches(box):
    tail = waiting_tail(box)
    pid = status(box.data)['pid']
    box.run('produce', 't', '--data', box.data, input='second\n')
    equal(tail.stdout.readline(), 'second\n', 'through the same broker')
    equal(status(box.data)['pid'], pid, 'the same broker')
    tail.send_signal(signal.SIGINT)
    equal(tail.wait(LIMIT), 0, 'exit code')
    tail.stdout.close()
    equal(ended(int(pid)), True, 'the broker ends with the last command')


def test_killed_command_leaves_nothing(box):
    tail = waiting_tail(box)
    pid = int(status(box.data)['pid'])
    tail.kill()
    tail.wait(LIMIT)
    tail.stdout.close()
    equal(ended(pid), True, 'the broker ends by itself')


def test_clients_keep_a_broker(box):
    tail = waiting_tail(box)
    s = status(box.data)
    host, port = s['address'].rsplit(':', 1)
    client = socket.create_connection((host, int(port)))
    tail.send_signal(signal.SIGTERM)
    equal(tail.wait(LIMIT), 0, 'exit code')
    tail.stdout.close()
    equal(status(box.data)['clients'], '1', 'still there for the client')
    client.close()
    equal(ended(int(s['pid'])), True, 'and gone with it')


def test_serve_is_nobodys(box):
    b = box.broker()
    box.run('hello', '--data', box.data)
    equal(b.process.poll(), None, 'still there after a command')
    box.run('stop', '--data', box.data)
    equal(b.process.wait(LIMIT), 0, 'stopped cleanly')


def test_leaving_asks_once(box):
    """A broker that a command may not end is not asked again and again whether it ends: that took a tenth of a second."""
    box.broker()
    door, real, heard = box.data + '/.control', box.data + '/real', []
    os.rename(door, real)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(door)
        listener.listen()
        listener.settimeout(LIMIT)
        command = subprocess.Popen([WEIR, 'topics', '--data', box.data], env=box.env, stdout=subprocess.DEVNULL)
        asker, _ = listener.accept()
        with asker, socket.socket(socket.AF_UNIX) as broker:
            broker.connect(real)
            answers = broker.makefile('rb')
            for line in asker.makefile('rb'):
                heard.append(line.decode().strip())
                broker.sendall(line)
                asker.sendall(answers.readline())
            answers.close()
    equal(command.wait(LIMIT), 0, 'exit code')
    equal(heard.count('leave'), 1, f'how often of {heard}')
    os.remove(door)
    os.rename(real, door)


def test_stay(box):
    tail = waiting_tail(box)
    pid = int(status(box.data)['pid'])
    equal(control(box.data, 'stay'), 'ok', 'stay')
    tail.kill()
    tail.wait(LIMIT)
    tail.stdout.close()
    equal(status(box.data)['consoles'], '0', 'no console')
    box.run('stop', '--data', box.data)
    equal(ended(pid), True, 'stopped when told')


def test_port_taken(box):
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        s.listen()
        taken = f'127.0.0.1:{s.getsockname()[1]}'
        box.config(f'serve = {{ listen = "{taken}"; }};')
        out = box.run('hello', '--data', box.data).stdout
        contains(out, f'another program has {taken}')
        contains(out, 'hello: passed')


def test_serve_refusals(box):
    b = box.broker()
    contains(box.run('serve', '--data', box.data, '--listen', '127.0.0.1:0', code=3).stderr, f'pid {b.pid}')
    contains(box.run('serve', '--data', box.dir + '/d', '--listen', b.address, code=4).stderr, 'in use')
    os.mkdir(box.dir + '/foreign')
    with open(box.dir + '/foreign/letter', 'w', encoding='utf-8'):
        pass
    for words in (('serve', '--listen', '127.0.0.1:0'), ('topics',)):
        done = box.run(*words, '--data', box.dir + '/foreign', code=5 if words[0] == 'serve' else 1)
        contains(done.stderr, 'not a data directory of weir')
    equal(os.listdir(box.dir + '/foreign'), ['letter'], 'nothing was touched')


def test_deep_directory(box):
    deep = os.path.join(box.dir, *['d' * 60] * 4)
    os.makedirs(deep)
    box.run('hello', '--data', deep + '/data')


def test_ephemeral(box):
    box.env['TMPDIR'] = box.dir + '/tmp'
    os.mkdir(box.env['TMPDIR'])
    box.run('hello', '--ephemeral')
    equal(os.listdir(box.env['TMPDIR']), [], 'removed')


def killed_ephemeral(box):
    """A broker of its own that was killed: its directory, which stays behind."""
    before = set(os.listdir(box.env['TMPDIR']))
    with subprocess.Popen([WEIR, 'serve', '--ephemeral', '--listen', '127.0.0.1:0'], env=box.env,
                          stdout=subprocess.PIPE) as broker:
        broker.stdout.readline()
        broker.kill()
    left, = set(os.listdir(box.env['TMPDIR'])) - before
    return left


def test_ephemeral_killed(box):
    """The next one takes away what the dead left, and nothing else."""
    box.env['TMPDIR'] = tmp = box.dir + '/tmp'
    os.mkdir(tmp)
    kept = killed_ephemeral(box)
    rescue = box.broker(data=f'{tmp}/{kept}')           # it is no longer ephemeral
    rescue.stop(signal.SIGKILL)
    box.broker(data=f'{tmp}/weir-mydata').stop(signal.SIGKILL)
    shared = killed_ephemeral(box)
    os.chmod(f'{tmp}/{shared}', 0o770)
    os.mkdir(f'{tmp}/weir-letter')
    with open(f'{tmp}/weir-letter/letter', 'w', encoding='utf-8'):
        pass
    elsewhere = killed_ephemeral(box)
    os.rename(f'{tmp}/{elsewhere}', box.dir + '/elsewhere')
    os.symlink(box.dir + '/elsewhere', f'{tmp}/weir-symbol')
    box.broker('--remove-data', data=f'{tmp}/weir-living')
    stays = {kept, shared, 'weir-mydata', 'weir-letter', 'weir-symbol', 'weir-living'}
    equal(set(os.listdir(tmp)), stays, 'only what was dead went')
    dead = killed_ephemeral(box)
    equal(set(os.listdir(tmp)), stays | {dead}, 'what a kill leaves')
    box.run('hello', '--ephemeral')
    equal(set(os.listdir(tmp)), stays, 'what is left')
    equal(os.path.exists(box.dir + '/elsewhere/.lock'), True, 'behind a link')


def test_hostile_lines(box):
    b = box.broker()
    contains(control(box.data, 'nonsense \x1b[2J'), 'error')
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(os.path.join(box.data, '.control'))
        s.settimeout(LIMIT)
        try:
            s.sendall(b'x' * 100000)
            got = s.recv(10)
        except (BrokenPipeError, ConnectionResetError):
            got = b''
        equal(got, b'', 'a line without end is closed')
    equal(b.process.poll(), None, 'alive')


main()
