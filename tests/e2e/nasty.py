"""Text that does harm where it reaches a terminal as it is, how weir shows it, and what may reach a terminal at all.

A field that carries it begins with a mark of its own: what shows the mark and behind it the escaped form has shown the
field, and what shows no mark has proved nothing."""
import re
import unicodedata
import zlib

import schema


def chars(first, last):
    return ''.join(map(chr, range(first, last + 1))).encode()


NASTY = [
    ('title', b'\x1b]0;owned\x07'),
    ('clipboard', b'\x1b]52;c;b3duZWQ=\x1b\\'),
    ('hyperlink', b'\x1b]8;;http://evil\x1b\\here\x1b]8;;\x1b\\'),
    ('look and clear', b'\x1b[5;7m\x1b[2J\x1b[3J\x1b[1;1H'),
    ('modes', b'\x1b[?1049l\x1b[?1003h\x1b[?25l\x1b[4h\x1bc'),
    ('device control', b'\x1bP+q544e\x1b\\\x1bP1$r0m\x1b\\'),
    ('application', b'\x1b_Gi=1;AAAA\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\'),
    ('replies', b'\x1b[c\x1b[>c\x1b[6n\x1b[21t\x1bP$qm\x1b\\\x1bZ\x05'),
    ('charset', b'\x1b(0\x0eqqq\x1b)0\x1bN\x1b%@'),
    ('C0', bytes(range(16))),
    ('C0, upper half', bytes(range(16, 32)) + b'\x7f'),
    ('C1', chars(0x80, 0x9f)),
    ('C1 as bytes', bytes(range(0x80, 0xa0))),
    ('8-bit CSI and OSC', b'\x9b31m\x9d0;owned\x9c\xc2\x9b31m\xc2\x9d0;owned\xc2\x9c'),
    ('overlong', b'\xc0\x9b\xc1\xbf\xe0\x80\x9b\xe0\x82\x9b\xf0\x80\x80\x9b\xc0\x80'),
    ('surrogates', b'\xed\xa0\x80\xed\xb0\x80\xed\xbf\xbf'),
    ('beyond Unicode', b'\xf4\x90\x80\x80\xf8\x88\x80\x80\x80\xff\xfe'),
    ('cut UTF-8', b'\xe2\x80[31m\xf0\x9f\x92'),
    ('bidi', chars(0x202a, 0x202e) + chars(0x2066, 0x2069) + '\u200e\u200f\u061c'.encode()),
    ('zero width', '\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e'.encode()),
    ('lines', b'\rover\n\tnew\b\b\v\f' + '\u2028\u2029\u0085'.encode()),
    ('invisible', '\u115f\u3164\u034f\ufe0f\U000e0041\U000e0100\ue000\uffff'.encode()),
    ('combining flood', 'a'.encode() + '\u0301\u0489'.encode() * 30 + b'\x1b[m'),
    ('wide', '漢字'.encode() * 12 + b'\x1b[m'),
    ('shell', b"';\x1b[m$(touch owned)`touch owned`\n\"!x\\' #"),
    ('format', b'%s%n%*d%99999999d\x1b[m'),
    ('CSV and JSON', b'",\r\n=1+1\x1b[m"},{"a\\u001b[m'),
    ('markup', b'\x1b[<b>&lt;\x00\x1b'),
    ('half a sequence', b'\x1b['),
    ('the other half', b'31;5mx\x1b'),
]
NAMES = [name for name, _ in NASTY]
LONG = b'\x1b[7m' + b'long\x9b' * 6500                  # a string of the protocol has 32767 bytes at most

UNSEEN = {0x034f, 0x115f, 0x1160, 0x3164, 0xffa0, 0x17b4, 0x17b5}


def plain(char):
    """What a terminal may be given; surrogates stand for bytes that are no UTF-8."""
    cp = ord(char)
    if cp in UNSEEN or 0xfe00 <= cp <= 0xfe0f or 0x180b <= cp <= 0x180f or 0xe0000 <= cp <= 0xe0fff:
        return False
    return unicodedata.category(char) not in ('Cc', 'Cf', 'Cs', 'Co', 'Cn', 'Zl', 'Zp')


def shown(octets, ascii_only=False):
    """As weir says that it shows it (core/base/text.h), by other code."""
    out = ''
    for char in octets.decode('utf-8', 'surrogateescape'):
        cp = ord(char)
        if 0xdc80 <= cp <= 0xdcff:
            out += f'\\x{cp - 0xdc00:02x}'
        elif char in '\n\r\t':
            out += {'\n': '\\n', '\r': '\\r', '\t': '\\t'}[char]
        elif cp < 0x20 or cp == 0x7f:
            out += f'\\x{cp:02x}'
        elif plain(char) and (cp < 0x80 or not ascii_only):
            out += char
        else:
            out += f'\\u{{{cp:x}}}'
    return out


# ---- marks ----

marks = {}                                              # path of a field -> its mark


def mark_of(path):
    """Four characters that occur nowhere else and are the same in every run."""
    if path not in marks:
        owner, name = path.split('.')
        assert name in [f.name for f in schema.structs[owner]], f'{path}: no such field'
        n = zlib.crc32(path.encode()) % 36 ** 3
        while True:
            mark = 'Q' + ''.join('0123456789abcdefghijklmnopqrstuvwxyz'[n // 36 ** i % 36] for i in range(3))
            if mark not in marks.values():
                break
            n = (n + 1) % 36 ** 3
        marks[path] = mark
    return marks[path]


def marked(path, turn=0):
    """The mark, then nearly everything above, beginning with another one for each field and turn."""
    at = (zlib.crc32(path.encode()) + turn) % len(NASTY)
    return mark_of(path).encode() + b'|'.join(nasty for _, nasty in NASTY[at:] + NASTY[:at])


def begins(path, text):
    """Whether the text shows the field: its mark, and directly behind it how one of the nasty ones is shown."""
    return any(mark_of(path) + shown(nasty, narrow)[:4] in text for _, nasty in NASTY for narrow in (False, True))


# ---- what was written ----

# What weir and curses write for themselves, and nothing else: moving, erasing, looks, the modes that are put back.
OWN = re.compile(rb'''\x1b\[(?:
      [0-9;]*[ABCDGHJKLMPSTXZ@bdfmr]                    # cursor, erase, insert, delete, repeat, looks, margins
    | \?(?:1|7|12|25|1000|1002|1006|1049|2004)(?:;\d+)*[hl]
    | \?[0-9;]*c                                        # the Linux console's cursor
    | 3?4[hl] | 2[23];0;0t
    )
    | \x1b[()][0AB] | \x1b[=>78DEM]
    | \x1b\]52;c;[A-Za-z0-9+/=]*\x07
    | [\r\n\b\t\x0e\x0f]''', re.X)


def outside(raw, own=None):
    """What is neither plain text in UTF-8 nor one of the sequences (without them: nor the end of a line)."""
    rest = raw.replace(b'\r\n', b'\n').replace(b'\n', b'') if own is None else own.sub(b'', raw)
    return sorted({shown(char.encode('utf-8', 'surrogateescape')) for char in rest.decode('utf-8', 'surrogateescape')
                   if not plain(char)})


def whole(raw):
    """Which of the nasty ones stand in it as they came (an ESC at the end may begin what weir writes behind it)."""
    return [name for name, nasty in NASTY if len(nasty) > 3 and outside(nasty[:-1]) and nasty in raw]
