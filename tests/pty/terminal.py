"""A program in a real pseudo-terminal, its screen as pyte sees it.

Nothing sleeps: wait() reads what the program writes until the screen shows what
is expected, or fails with the screen after LIMIT seconds.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

try:
    import pyte
except ImportError:
    print('skip: pyte is missing')
    sys.exit(77)

LIMIT = 30
opened = []
KEYS = {'<Enter>': '\r', '<Esc>': '\x1b', '<Tab>': '\t', '<Up>': '\x1b[A', '<Down>': '\x1b[B', '<C-z>': '\x1a',
        '<C-c>': '\x03', '<C-d>': '\x04', '<C-l>': '\x0c', '<C-s>': '\x13', '<PgDn>': '\x1b[6~',
        '<BS>': '\x7f', '<Space>': ' '}


CHARACTER = rb'(?:[\x20-\x7e]|[\xc2-\xf4][\x80-\xbf]{1,3})'
REPEATED = re.compile(rb'(' + CHARACTER + rb')\x1b\[(\d+)b')
PARTIAL = re.compile(rb'(?:\x1b(?:\[[0-9;?]*)?|[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})?\Z')
LAST = re.compile(rb'(?:' + CHARACTER + rb')?\Z')


class Terminal:
    """argv in a terminal of its own; the session leader is argv itself."""

    def __init__(self, argv, env, columns=100, rows=24):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b''                                  # everything that was written
        self.columns, self.rows = columns, rows
        self.status = None
        self.rest, self.last = b'', b''                 # the beginning of a sequence; the character at the end
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
            os.execvpe(argv[0], argv, env)
        opened.append(self)

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def text(self):
        """Not by pyte's display, which falls over the half of a wide character that is left of it."""
        cells = self.screen.buffer
        rows = (''.join(cells[y][x].data for x in range(self.screen.columns)) for y in range(self.screen.lines))
        return '\n'.join(row.rstrip() for row in rows)

    def read(self, seconds, most=65536):
        """Takes in what comes within the time; False at the end."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, most)
        except OSError:                                 # EIO: the other end is closed
            return False
        self.raw += data
        self.feed(data)
        return bool(data)

    def feed(self, data):
        """To pyte, which knows no REP: the character before it once more, so many times."""
        data = self.rest + data
        self.rest = PARTIAL.search(data)[0]
        data = self.last + data[:len(data) - len(self.rest)]
        whole = REPEATED.sub(lambda m: m[1] * (1 + int(m[2])), data)
        self.stream.feed(whole[len(self.last):])
        self.last = LAST.search(whole)[0]

    def wait(self, pattern, gone=False):
        deadline = time.monotonic() + LIMIT
        while bool(re.search(pattern, self.text(), re.M)) == gone:
            left = deadline - time.monotonic()
            if left <= 0 or not self.read(left):
                raise AssertionError(f'{pattern!r} {"stays" if gone else "does not come"}; the screen:\n{self.text()}')

    def wait_written(self, what, times):
        """Until these bytes were written so often (pyte knows no second screen: old text stays)."""
        deadline = time.monotonic() + LIMIT
        while self.raw.count(what) < times:
            left = deadline - time.monotonic()
            if left <= 0 or not self.read(left):
                raise AssertionError(f'{what!r} was written {self.raw.count(what)} times; the screen:\n{self.text()}')

    def gone(self, pattern):
        self.wait(pattern, gone=True)

    def type(self, text):
        for part in re.split(r'(<[A-Za-z-]+>)', text):
            os.write(self.fd, KEYS.get(part, part).encode())

    def end(self):
        """Waits for the program's end; its exit code, or minus the signal."""
        deadline = time.monotonic() + LIMIT
        while self.read(max(0, deadline - time.monotonic())):
            if time.monotonic() > deadline:
                raise AssertionError(f'does not end; the screen:\n{self.text()}')
        return self.reap()

    def reap(self):
        if self.status is None:
            _, status = os.waitpid(self.pid, 0)
            self.status = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        return self.status

    def hang_up(self):
        """The terminal's window is closed."""
        os.close(self.fd)
        self.fd = -1

    def close(self):
        if self.status is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.reap()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def close_all():
    for terminal in opened:
        terminal.close()


# What a full-screen program turns on, and how it turns it off: alternate screen, hidden cursor, mouse, paste, keypad.
SWITCHES = [(b'\x1b[?1049h', b'\x1b[?1049l'), (b'\x1b[?25l', b'\x1b[?25h'), (b'\x1b[?1000h', b'\x1b[?1000l'),
            (b'\x1b[?1006h', b'\x1b[?1006l'), (b'\x1b[?2004h', b'\x1b[?2004l'), (b'\x1b[?1h', b'\x1b[?1l')]


def left_on(raw):
    """Which switches were turned on and not off again."""
    return [on for on, off in SWITCHES if raw.rfind(on) > max(raw.rfind(off), raw.rfind(b'\x1b[?12l' + off[1:]))]
