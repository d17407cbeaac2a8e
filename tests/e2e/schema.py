"""Kafka's messages in Python, by the rows of core/proto/schema/*.def: the program's own description of the protocol,
read by other code.  A message is a dict of its fields; what is not given takes its default, or what fill() says."""
import collections
import glob
import os
import re
import struct

ROWS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'core', 'proto', 'schema', '*.def')
NUMBERS = {'VMAX': 32767, 'NN': 32767, 'NOFLEX': 32767, 'INT32_MIN': -2 ** 31, 'INT64_MIN': -2 ** 63,
           'INT32_MAX': 2 ** 31 - 1, 'INT64_MAX': 2 ** 63 - 1}
FORMS = {'boolean': '?', 'i8': 'b', 'i16': 'h', 'u16': 'H', 'i32': 'i', 'u32': 'I', 'i64': 'q', 'f64': 'd',
         'uuid': '16s'}

Field = collections.namedtuple('Field', 'name type many since until null_since default tag')
Message = collections.namedtuple('Message', 'struct key min max flexible')

structs = {}                                            # name -> fields
requests, responses, data = {}, {}, {}                  # by key, by key, by name


def number(word):
    return NUMBERS[word] if word in NUMBERS else int(word.strip('()'), 0)


def take_field(kind, words):
    """A row of a field; tagged rows are the plain ones with the tag at the end."""
    tag = number(words.pop()) if kind[0] == 'T' else None
    kind = kind.lstrip('T')
    owner, default = words.pop(0), 0
    if kind in ('FIELD', 'LIST', 'ARRAY', 'OBJECT', 'NOBJECT'):
        kind_of = words.pop(0)
    else:
        kind_of = kind.lower()
    if kind == 'FIELD':
        default = number(words.pop())
    name, since, until = words[0], number(words[1]), number(words[2])
    null_since = number(words[3]) if len(words) > 3 else NUMBERS['NN']
    shape = {'LIST': 'list', 'ARRAY': 'list', 'NOBJECT': 'pointer'}.get(kind, 'one')
    structs[owner].append(Field(name, kind_of, shape, since, until, null_since, default, tag))


def take_row(kind, words):
    if kind == 'STRUCT':
        structs[words[0]] = []
    elif kind in ('REQUEST', 'RESPONSE'):
        known = requests if kind == 'REQUEST' else responses
        known[int(words[1])] = Message(words[0], *map(number, words[1:]))
    elif kind == 'DATA':
        data[words[0]] = Message(words[0], -1, *map(number, words[1:]))
    elif kind != 'END':
        take_field(kind, words)


def load():
    for path in sorted(glob.glob(ROWS)):
        with open(path, encoding='utf-8') as f:
            text = re.sub(r'/\*.*?\*/|^#.*?$|INT64_C', '', f.read(), flags=re.S | re.M)
        for kind, words in re.findall(r'(\w+)\(((?:[^()]|\([^()]*\))*)\)', text):
            take_row(kind, [w.strip() for w in words.split(',')])


load()


# ---- writing ----

def uvarint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


class Writer:
    """fill(path, field) gives what a message leaves out, None: the default."""

    def __init__(self, message, version, fill=lambda path, field: None):
        self.version, self.flexible, self.fill = version, version >= message.flexible, fill
        self.out = bytearray()

    def length(self, n, form):
        self.out += uvarint(n + 1) if self.flexible else struct.pack(form, n)

    def one(self, f, value):
        if f.type in ('string', 'bytes', 'records'):
            form = '>h' if f.type == 'string' else '>i'
            self.length(-1 if value is None else len(value), form)
            self.out += value or b''
        elif f.type in FORMS:
            self.out += struct.pack('>' + FORMS[f.type], value)
        else:
            self.struct(f.type, value)

    def field(self, f, value):
        if f.many == 'list':
            self.length(-1 if value is None else len(value), '>i')
            for v in value or []:
                self.one(f, v)
        elif f.many == 'pointer':
            self.out += struct.pack('>b', -1 if value is None else 1)
            if value is not None:
                self.one(f, value)
        else:
            self.one(f, value)

    def default(self, f):
        if f.many == 'list':
            return []
        if f.many == 'pointer':
            return None
        if f.type in ('string', 'bytes', 'records'):
            return None if f.null_since <= f.since else b''
        if f.type == 'uuid':
            return bytes(16)
        return f.default if f.type in FORMS else {}

    def value(self, name, f, given):
        if f.name in given:
            return given[f.name]
        filled = self.fill(f'{name}.{f.name}', f)
        return self.default(f) if filled is None else filled

    def struct(self, name, given):
        unknown = set(given) - {f.name for f in structs[name]}
        assert not unknown, f'{name} has no {unknown}'
        tagged = []
        for f in structs[name]:
            if not f.since <= self.version <= f.until:
                continue
            if f.tag is None or not self.flexible:
                self.field(f, self.value(name, f, given))
            elif f.name in given:
                tagged.append((f.tag, f, given[f.name]))
        if self.flexible:
            self.tags(tagged)

    def tags(self, tagged):
        self.out += uvarint(len(tagged))
        for tag, f, value in sorted(tagged, key=lambda t: t[0]):
            whole, self.out = self.out, bytearray()
            self.field(f, value)
            body, self.out = self.out, whole
            self.out += uvarint(tag) + uvarint(len(body)) + body


def encode(message, version, value, fill=lambda path, field: None):
    w = Writer(message, version, fill)
    w.struct(message.struct, value)
    return bytes(w.out)


# ---- reading ----

class Reader:
    def __init__(self, message, version, octets):
        self.version, self.flexible = version, version >= message.flexible
        self.octets, self.at = octets, 0

    def take(self, n):
        assert n <= len(self.octets) - self.at, 'cut short'
        self.at += n
        return self.octets[self.at - n:self.at]

    def get(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def length(self, form):
        return self.uvarint() - 1 if self.flexible else self.get(form)

    def one(self, f):
        if f.type in ('string', 'bytes', 'records'):
            n = self.length('>h' if f.type == 'string' else '>i')
            return None if n < 0 else self.take(n)
        return self.get('>' + FORMS[f.type]) if f.type in FORMS else self.struct(f.type)

    def field(self, f):
        if f.many == 'list':
            n = self.length('>i')
            return None if n < 0 else [self.one(f) for _ in range(n)]
        if f.many == 'pointer' and self.get('>b') < 0:
            return None
        return self.one(f)

    def struct(self, name):
        out, tags = {}, {}
        for f in structs[name]:
            if not f.since <= self.version <= f.until:
                continue
            if f.tag is None or not self.flexible:
                out[f.name] = self.field(f)
            else:
                tags[f.tag] = f
        for _ in range(self.uvarint() if self.flexible else 0):
            tag, size = self.uvarint(), self.uvarint()
            end = self.at + size
            if tag in tags:
                out[tags[tag].name] = self.field(tags[tag])
            self.at = end
        return out


def decode(message, version, octets):
    return Reader(message, version, octets).struct(message.struct)
