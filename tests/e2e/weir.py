"""What the end-to-end tests share: a weir serve of one's own, and checks that say what they saw."""
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile

WEIR = os.environ.get('WEIR', os.path.abspath('weir'))
SKIP = 77
failures = []


def check(good, what, seen=''):
    print(('ok   ' if good else 'FAIL ') + what + (f': {seen!r}' if not good else ''), flush=True)
    if not good:
        failures.append(what)


def need(*programs):
    for program in programs:
        if shutil.which(program) is None and not os.access(program, os.X_OK):
            print(f'skipped: {program} is not here')
            sys.exit(SKIP)


def finish():
    print(f'{len(failures)} failed')
    sys.exit(1 if failures else 0)


class Scratch:
    """A directory that goes at the end."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix='weir-e2e-')
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def __truediv__(self, name):
        return os.path.join(self.path, name)


class Serve:
    """weir serve, started and accepting (its line on stdout says so)."""

    def __init__(self, *args, listen='127.0.0.1:0', env=None, before=None):
        self.process = subprocess.Popen([WEIR, 'serve', '--listen', listen, *args], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=env, preexec_fn=before)
        self.line = self.wait_line()
        self.address = self.line.split(' listens on ')[1].split(',')[0] if ' listens on ' in self.line else None

    def wait_line(self, seconds=60):
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        return self.process.stdout.readline() if ready else ''

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        out, self.errors = self.process.communicate(timeout=60)
        return self.process.returncode

    def __enter__(self):
        if self.address is None:
            self.process.kill()
            _, errors = self.process.communicate()
            sys.exit(f'weir serve did not start: {errors}')
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def refused(*args, env=None, before=None):
    """Runs weir serve that is to refuse: its exit code and stderr."""
    done = subprocess.run([WEIR, 'serve', *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                          env=env, preexec_fn=before)
    return done.returncode, done.stderr
