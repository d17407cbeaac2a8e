"""A Kafka client of a few lines for tests that need to see bytes or to behave badly: no retries, one request at a time,
old versions of the APIs without tagged fields.  Answers are read by position; what a test needs is returned."""
import socket
import struct
import time
import zlib

PRODUCE, FETCH, LIST_OFFSETS, METADATA = 0, 1, 2, 3
OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR = 8, 9, 10
API_VERSIONS, CREATE_TOPICS, DELETE_TOPICS, DELETE_RECORDS = 18, 19, 20, 21
ALTER_CONFIGS = 44
FETCH_VERSION = 10
STORAGE_ERROR = 56
BATCH_HEADER = 61
CODECS = ('none', 'gzip', 'snappy', 'lz4', 'zstd')


def _crc32c_table():
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82f63b78 if i & 1 else 0)
        table.append(i)
    return table


_TABLE = _crc32c_table()


def crc32c(data, zeros_log2=None, after=b''):
    """Of data, then 2**zeros_log2 zeroes at the price of none, then after."""
    c = 0xffffffff
    for byte in data:
        c = _TABLE[(c ^ byte) & 255] ^ c >> 8
    if zeros_log2 is not None:
        c = _apply(_zeros(zeros_log2), c)
    for byte in after:
        c = _TABLE[(c ^ byte) & 255] ^ c >> 8
    return c ^ 0xffffffff


def _apply(matrix, c):
    out = 0
    for bit in range(32):
        if c >> bit & 1:
            out ^= matrix[bit]
    return out


def _zeros(log2, cache={}):
    """What 2**log2 zero bytes do to the register: the image of each bit."""
    if log2 not in cache:
        if log2 == 0:
            cache[0] = [_TABLE[1 << bit & 255] ^ (1 << bit) >> 8 for bit in range(32)]
        else:
            half = _zeros(log2 - 1)
            cache[log2] = [_apply(half, half[bit]) for bit in range(32)]
    return cache[log2]


def text(s):
    if s is None:
        return struct.pack('>h', -1)
    b = s if isinstance(s, bytes) else s.encode('utf-8', 'surrogateescape')
    return struct.pack('>h', len(b)) + b


def blob(b):
    return struct.pack('>i', len(b)) + b


def array(items):
    return struct.pack('>i', len(items)) + b''.join(items)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def get(self, form):
        n = struct.calcsize('>' + form)
        v = struct.unpack_from('>' + form, self.data, self.at)
        self.at += n
        return v[0] if len(v) == 1 else v

    def text(self):
        n = self.get('h')
        if n < 0:
            return None
        self.at += n
        return self.data[self.at - n:self.at].decode('utf-8', 'surrogateescape')

    def blob(self):
        n = self.get('i')
        if n < 0:
            return b''
        self.at += n
        return self.data[self.at - n:self.at]

    def array(self, one):
        return [one() for _ in range(self.get('i'))]


def now_ms():
    return int(time.time() * 1000)


def varint(n):
    n = (n << 1) ^ (n >> 63)
    out = bytearray()
    while True:
        out.append(n & 127 | (128 if n > 127 else 0))
        n >>= 7
        if n == 0:
            return bytes(out)


def record(at, value, key=None, headers=()):
    """The at-th of its batch; key and the values of headers may be None."""
    def field(b):
        return varint(-1) if b is None else varint(len(b)) + b
    body = b'\0' + varint(0) + varint(at) + field(key) + field(value) + varint(len(headers))
    body += b''.join(field(name) + field(v) for name, v in headers)
    return varint(len(body)) + body


def batch(values, timestamp=None, codec=0):
    """One record batch v2, of now unless told; a value alone, or (value, key, headers); codec 0 or 1 (gzip)."""
    timestamp = now_ms() if timestamp is None else timestamp
    records = b''.join(record(i, *(v if isinstance(v, tuple) else (v,))) for i, v in enumerate(values))
    if codec == 1:
        z = zlib.compressobj(6, zlib.DEFLATED, 31)
        records = z.compress(records) + z.flush()
    n = len(values)
    tail = struct.pack('>hiqqqhii', codec, n - 1, timestamp, timestamp, -1, -1, -1, n) + records
    return struct.pack('>qiibI', 0, 9 + len(tail), -1, 2, crc32c(tail)) + tail


def large_batch(head, log2, timestamp=None):
    """A batch of one record: head, then 2**log2 zero bytes.  Costs next to nothing to make."""
    timestamp = now_ms() if timestamp is None else timestamp
    n = len(head) + (1 << log2)
    before = b'\0' + varint(0) + varint(0) + varint(-1) + varint(n) + head
    length = varint(len(before) + (1 << log2) + 1)
    fixed = struct.pack('>hiqqqhii', 0, 0, timestamp, timestamp, -1, -1, -1, 1) + length + before
    crc = crc32c(fixed, log2, b'\0')
    return struct.pack('>qiibI', 0, 9 + len(fixed) + (1 << log2) + 1, -1, 2, crc) + fixed + bytes((1 << log2) + 1)


def batches(data):
    """(base offset, codec, records, bytes) of each whole batch."""
    out = []
    at = 0
    while at + BATCH_HEADER <= len(data):
        base, length = struct.unpack_from('>qi', data, at)
        if at + 12 + length > len(data) or data[at + 16] != 2:
            break
        attributes = struct.unpack_from('>h', data, at + 21)[0]
        count = struct.unpack_from('>i', data, at + 57)[0]
        out.append((base, CODECS[attributes & 7], count, data[at:at + 12 + length]))
        at += 12 + length
    return out


def address_of(address):
    host, port = address.rsplit(':', 1)
    return host.strip('[]'), int(port)


def request(key, version, body, correlation=1, client_id='wire'):
    head = struct.pack('>hhi', key, version, correlation) + text(client_id)
    return blob(head + body)


def produce_body(topic, partition, records, acks=-1, timeout_ms=30000):
    return text(None) + struct.pack('>hi', acks, timeout_ms) + array([
        text(topic) + array([struct.pack('>i', partition) + blob(records)])])


def fetch_body(topic, partition, offset, max_bytes=1 << 20, wait_ms=0, min_bytes=1):
    """Of version 10, without a session."""
    return struct.pack('>iiiibii', -1, wait_ms, min_bytes, max_bytes, 0, 0, -1) + array([
        text(topic) + array([struct.pack('>iiqqi', partition, -1, offset, -1, max_bytes)])]) + array([])


class Wire:
    def __init__(self, address, seconds=30):
        self.socket = socket.create_connection(address_of(address), seconds)
        self.socket.settimeout(seconds)
        self.n = 0
        self.client_id = 'wire'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def close(self):
        self.socket.close()

    def send(self, key, version, body):
        self.n += 1
        self.socket.sendall(request(key, version, body, self.n, self.client_id))

    def read(self, n):
        got = bytearray()
        while len(got) < n:
            more = self.socket.recv(min(n - len(got), 1 << 20))
            if not more:
                raise EOFError('the broker closed the connection')
            got += more
        return bytes(got)

    def receive(self):
        frame = self.read(struct.unpack('>i', self.read(4))[0])
        return Reader(frame[4:])

    def ask(self, key, version, body):
        self.send(key, version, body)
        return self.receive()

    def ping(self):
        return self.ask(API_VERSIONS, 0, b'').get('h') == 0

    def create_topic(self, topic, partitions=1, **configs):
        """The error code; configs by Kafka's names with '_' for '.'."""
        pairs = [text(k.replace('_', '.')) + text(str(v)) for k, v in configs.items()]
        r = self.ask(CREATE_TOPICS, 2, array([text(topic) + struct.pack('>ih', partitions, 1) + array([]) +
                                              array(pairs)]) + struct.pack('>i?', 30000, False))
        r.get('i')
        return r.array(lambda: (r.text(), r.get('h'), r.text()))[0][1]

    def delete_topic(self, topic):
        r = self.ask(DELETE_TOPICS, 1, array([text(topic)]) + struct.pack('>i', 30000))
        r.get('i')
        return r.array(lambda: (r.text(), r.get('h')))[0][1]

    def topics(self):
        """name -> number of partitions."""
        r = self.ask(METADATA, 4, struct.pack('>i?', -1, False))
        r.get('i')
        r.array(lambda: (r.get('i'), r.text(), r.get('i'), r.text()))
        r.text()
        r.get('i')

        def partition():
            r.get('hii')
            r.array(lambda: r.get('i'))
            r.array(lambda: r.get('i'))

        def topic():
            error, name, _ = r.get('h'), r.text(), r.get('b')
            return error, name, len(r.array(partition))
        return {name: n for error, name, n in r.array(topic) if error == 0}

    def produce(self, topic, partition, records, acks=-1):
        """(error, base offset)"""
        self.send(PRODUCE, 3, produce_body(topic, partition, records, acks))
        return self.produced()

    def produced(self):
        r = self.receive()
        r.get('i')
        r.text()
        r.get('i')
        _, error, base, _ = r.get('ihqq')
        return error, base

    def fetch(self, topic, partition, offset, max_bytes=1 << 20, wait_ms=0):
        """(error, high watermark, bytes)"""
        self.send(FETCH, FETCH_VERSION, fetch_body(topic, partition, offset, max_bytes, wait_ms))
        return self.fetched()

    def fetched(self):
        r = self.receive()
        r.get('ihi')
        r.get('i')
        r.text()
        r.get('i')
        _, error, hw, _, _ = r.get('ihqqq')
        r.array(lambda: r.get('qq'))
        return error, hw, r.blob()

    def offset(self, topic, partition, when):
        """ListOffsets: -1 the end, -2 the start."""
        r = self.ask(LIST_OFFSETS, 1, struct.pack('>i', -1) + array([
            text(topic) + array([struct.pack('>iq', partition, when)])]))
        r.get('i')
        r.text()
        r.get('i')
        _, error, _, offset = r.get('ihqq')
        return offset if error == 0 else -error - 1000

    def commit(self, group, topic, partition, offset):
        """The error code; the coordinator is this broker, the commit of nobody's generation."""
        r = self.ask(OFFSET_COMMIT, 2, text(group) + struct.pack('>i', -1) + text('') + struct.pack('>q', -1) + array([
            text(topic) + array([struct.pack('>iq', partition, offset) + text('')])]))
        r.get('i')
        r.text()
        r.get('i')
        return r.get('ih')[1]

    def committed(self, group, topic, partition):
        r = self.ask(OFFSET_FETCH, 1, text(group) + array([text(topic) + array([struct.pack('>i', partition)])]))
        r.get('i')
        r.text()
        r.get('i')
        return r.get('iq')[1]

    def coordinator(self, group):
        return self.ask(FIND_COORDINATOR, 0, text(group)).get('h')

    def delete_records(self, topic, partition, offset):
        """(error, low watermark)"""
        r = self.ask(DELETE_RECORDS, 0, array([text(topic) + array([struct.pack('>iq', partition, offset)])]) +
                     struct.pack('>i', 30000))
        r.get('i')
        r.get('i')
        r.text()
        r.get('i')
        _, low, error = r.get('iqh')
        return error, low

    def set_config(self, topic, name, value):
        r = self.ask(ALTER_CONFIGS, 0, array([struct.pack('>b', 2) + text(topic) + array([
            text(name) + struct.pack('>b', 0) + text(str(value))])]) + struct.pack('>?', False))
        r.get('i')
        r.get('i')
        return r.get('h')
