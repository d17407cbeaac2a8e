"""What the end-to-end tests share: a private home, a broker, the program itself.

A test file imports this, defines functions test_NAME(box) and calls main().
Nothing sleeps to wait: a broker tells its address through a pipe, programs are
waited for, everything has a time limit.  Exit 77: a tool is missing.
"""
import inspect
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback

WEIR = os.environ.get('WEIR', os.path.join(os.getcwd(), 'weir'))
LIMIT = 60


def need(*tools):
    for tool in tools:
        if shutil.which(tool) is None:
            print(f'skip: {tool} is missing')
            sys.exit(77)


class Broker:
    """weir serve on a port of the kernel's choice."""

    def __init__(self, data, *options, env=None):
        read, write = os.pipe()
        self.process = subprocess.Popen(
            [WEIR, 'serve', '--listen', '127.0.0.1:0', '--data', data, '--ready-fd', str(write), *options],
            pass_fds=[write], stdout=subprocess.DEVNULL, env=env)
        os.close(write)
        with os.fdopen(read) as f:
            self.address = f.readline().strip()
        assert self.address, 'the broker did not start'
        self.pid = self.process.pid

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(LIMIT)


class Box:
    """A directory and an environment of its own; brokers started in it are ended with it."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='weir-e2e-')
        self.brokers = []
        self.data = os.path.join(self.dir, 'data')
        self.env = dict(os.environ, HOME=self.dir, XDG_DATA_HOME=os.path.join(self.dir, 'share'),
                        XDG_CONFIG_HOME=os.path.join(self.dir, 'config'), LC_ALL='C.UTF-8', TERM='xterm-256color')
        self.env.pop('NO_COLOR', None)
        self.config('serve = { listen = "127.0.0.1:0"; };')        # tests run side by side

    def config(self, text, name='weir.conf'):
        os.makedirs(self.env['XDG_CONFIG_HOME'] + '/weir', exist_ok=True)
        with open(f'{self.env["XDG_CONFIG_HOME"]}/weir/{name}', 'w', encoding='utf-8') as f:
            f.write(text)

    def broker(self, *options, data=None):
        b = Broker(data or self.data, *options, env=self.env)
        self.brokers.append(b)
        return b

    def run(self, *words, code=0, input=None, text=True, **more):
        """Runs weir; the exit code must be `code` (None: any)."""
        done = subprocess.run([WEIR, *words], input=input, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=text,
                              timeout=LIMIT, env=self.env, **more)
        if code is not None and done.returncode != code:
            raise AssertionError(f'weir {" ".join(words)}: exit {done.returncode}, not {code}\n'
                                 f'stdout: {done.stdout}\nstderr: {done.stderr}')
        return done

    def json(self, *words, **more):
        return json.loads(self.run(*words, '-o', 'json', **more).stdout)

    def close(self):
        for b in self.brokers:
            b.stop(signal.SIGKILL)
        for where, _, names in os.walk(self.dir):       # brokers that a failed test left as nobody's
            if '.control' in names:
                subprocess.run([WEIR, 'stop', '--data', where], env=self.env, timeout=LIMIT, check=False,
                               stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)


def ended(pid):
    """True once the process (nobody's child of ours) is gone; waits for it without polling."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    gone = bool(select.select([fd], [], [], LIMIT)[0])
    os.close(fd)
    return gone


def control(data, line):
    """A line to the broker of a data directory; its answer."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(LIMIT)
        s.connect(os.path.join(data, '.control'))
        s.sendall(line.encode() + b'\n')
        return s.makefile().readline().strip()


def status(data):
    return dict(word.split('=', 1) for word in control(data, 'status').split()[1:])


def equal(got, want, what=''):
    if got != want:
        raise AssertionError(f'{what}: got {got!r}, want {want!r}')


def contains(text, part):
    if part not in text:
        raise AssertionError(f'{part!r} is not in {text!r}')


def main():
    module = inspect.getmodule(inspect.stack()[1][0])
    tests = [(n, f) for n, f in vars(module).items() if n.startswith('test_')]
    wanted = sys.argv[1:]
    failed = 0
    for name, function in tests:
        if wanted and name not in wanted:
            continue
        box = Box()
        try:
            function(box)
            print(f'ok {name}', flush=True)
        except Exception:                               # one failed test does not hide the next
            failed += 1
            print(f'FAIL {name}', flush=True)
            traceback.print_exc()
        finally:
            box.close()
    sys.exit(1 if failed else 0)
