"""A Kafka whose every string is nasty: the answers have the shape that the console asks for, and each string that
a handler does not give itself is one of nasty.py's, behind the mark of its field.

A cluster of two: broker 1 is this socket, broker 2 has a name that nobody can look up."""
import os
import socketserver
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import schema  # noqa: E402
from nasty import LONG, NASTY, marked  # noqa: E402
from wire import batch  # noqa: E402

PARTITIONS, RECORDS_AT = 2, 1719000000000
HOST = b'Qhost\x1b]0;owned\x07\x9b31m'                   # of broker 2
RACK = marked('metadata_resp_broker.rack')
REFUSED = dict.fromkeys((8, 19, 20, 21, 22, 32, 37, 42, 44), 42) | {0: 87}     # in words, where the API has some


def topic_of(i):
    """Named for each of the nasty ones; the name begins with the place and what is nasty."""
    return b'T%02d' % i + NASTY[i][1]


TOPICS = [topic_of(i) for i in range(len(NASTY))] + [b'TLONG' + LONG, b'plain']
GROUPS = [b'G%02d' % i + nasty for i, (_, nasty) in enumerate(NASTY)] + [b'GLONG' + LONG, b'plain-group']


def assigned(topics):
    body = {'assigned_partitions': [{'topic': t, 'partitions': [0, 1]} for t in topics],
            'user_data': marked('consumer_assignment.user_data')}
    return struct.pack('>h', 1) + schema.encode(schema.data['consumer_assignment'], 1, body)


def records():
    """One for each nasty thing: in the value, in the key, and in name and value of two headers."""
    out = []
    for i, (_, nasty) in enumerate(NASTY):
        value = b'V%02d' % i + nasty
        if i % 5 == 4:
            bare = nasty.replace(b'"', b'').replace(b'\\', b'')
            value = b'{"V%02d": "' % i + bare + b'", "n": [1, {"a\\u001b[5m": null}]}'
        headers = [(b'H%02d' % i + nasty, b'W%02d' % i + nasty), (b'none' + nasty, None)]
        out.append((value, b'K%02d' % i + nasty, headers))
    return out + [(b'VLONG' + LONG * 2, b'KLONG' + LONG, [(b'HLONG' + LONG, LONG)])]


RECORDS = records()
BATCH = batch(RECORDS, RECORDS_AT)


class Kafka:
    """What answers: a method for each API that needs a shape, by its name in the schema."""

    def __init__(self, refuse=(), topics=None, groups=None):
        self.refuse = set(refuse)                       # keys of APIs that answer with REFUSED
        self.topics = TOPICS if topics is None else topics
        self.groups = GROUPS if groups is None else groups
        self.asked = []                                 # (key, request), for who wants to know what was sent
        self.host, self.port = '127.0.0.1', 0

    # ---- what fills a string that no handler gave ----

    def fill_for(self, key):
        turns = {}

        def fill(path, field):
            if field.type == 'string' and field.many == 'one':
                turns[path] = turns.get(path, -1) + 1
                return marked(path, turns[path])
            if field.name == 'error_code' and key in self.refuse and not path.split('.')[0].endswith('_partition'):
                return REFUSED.get(key, 0)
            return None
        return fill

    # ---- the cluster ----

    def api_versions(self, q):
        return {'error_code': 0, 'api_keys': [{'api_key': k, 'min_version': m.min, 'max_version': m.max}
                                              for k, m in sorted(schema.requests.items())]}

    def metadata(self, q):
        wanted = self.topics if q['topics'] is None else [t['name'] for t in q['topics']]
        partitions = [{'partition_index': i, 'leader_id': 1 + (i == 9), 'replica_nodes': [1, 2], 'isr_nodes': [1]}
                      for i in range(PARTITIONS)]
        ids = {t: b'%016d' % i for i, t in enumerate(self.topics)}
        return {'brokers': [{'node_id': 1, 'host': self.host.encode(), 'port': self.port, 'rack': RACK},
                            {'node_id': 2, 'host': HOST, 'port': 1, 'rack': RACK}],
                'controller_id': 1, 'error_code': 0,
                'topics': [{'name': t, 'partitions': partitions, 'error_code': 0, 'topic_id': ids.get(t, b'9' * 16)}
                           for t in wanted]}

    def describe_quorum(self, q):
        state = [{'replica_id': i, 'log_end_offset': 10} for i in (1, 2)]
        return {'error_code': 0, 'topics': [{'topic_name': b'__cluster_metadata', 'partitions': [
            {'leader_id': 1, 'leader_epoch': 3, 'high_watermark': 10, 'current_voters': state}]}]}

    def describe_log_dirs(self, q):
        sizes = [{'partition_index': i, 'partition_size': 1000} for i in range(PARTITIONS)]
        return {'error_code': 0, 'results': [
            {'error_code': 0, 'topics': [{'name': t, 'partitions': sizes} for t in self.topics]}]}

    def describe_configs(self, q):
        configs = [{'name': b'C%02d' % i + nasty, 'value': b'D%02d' % i + nasty, 'documentation': b'E%02d' % i + nasty,
                    'config_source': 1, 'synonyms': [{}, {}]} for i, (_, nasty) in enumerate(NASTY)]
        configs += [{'name': b'CLONG' + LONG, 'value': b'DLONG' + LONG, 'config_source': 5, 'synonyms': []},
                    {'name': b'cleanup.policy', 'value': b'delete\x1b[5m', 'config_source': 5}]
        return {'results': [dict(configs=configs, **{k: r[k] for k in ('resource_type', 'resource_name')})
                            for r in q['resources']]}

    # ---- records ----

    def each(self, q, partition, topics='topics', name='name'):
        return [{name: t[name], 'partitions': [partition(p) for p in t['partitions']]} for t in q[topics]]

    def list_offsets(self, q):
        def one(p):
            end = len(RECORDS) if p['partition_index'] == 0 else 0
            offset = 0 if p['timestamp'] == -2 else end
            return {'partition_index': p['partition_index'], 'offset': offset, 'timestamp': -1}
        return {'topics': self.each(q, one)}

    def fetch(self, q):
        def one(p):
            first = p['partition'] == 0
            more = first and p['fetch_offset'] < len(RECORDS)
            return {'partition_index': p['partition'], 'high_watermark': len(RECORDS) if first else 0,
                    'last_stable_offset': len(RECORDS) if first else 0, 'records': BATCH if more else b''}
        wanted = [p for t in q['topics'] for p in t['partitions']]
        if not any(p['partition'] == 0 and p['fetch_offset'] < len(RECORDS) for p in wanted):
            threading.Event().wait(0.05)                # no long poll, but no busy loop
        return {'error_code': 0, 'responses': [
            {'topic': t['topic'], 'partitions': [one(p) for p in t['partitions']]} for t in q['topics']]}

    def produce(self, q):
        def one(p):
            return {'index': p['index'], 'base_offset': 7, 'error_code': REFUSED[0] if 0 in self.refuse else 0,
                    'record_errors': [{'batch_index': 0}]}
        return {'responses': [{'name': t['name'], 'partition_responses': [one(p) for p in t['partition_data']]}
                              for t in q['topic_data']]}

    def init_producer_id(self, q):
        return {'producer_id': 1, 'producer_epoch': 0}

    # ---- groups ----

    def list_groups(self, q):
        return {'error_code': 0, 'groups': [
            {'group_id': g, 'protocol_type': b'consumer', 'group_type': b'consumer' if i % 3 == 2 else b'classic',
             'group_state': self.state_of(g)} for i, g in enumerate(self.groups)]}

    def state_of(self, group):
        """The same in every answer: a state that changes is told among the changes."""
        at = self.groups.index(group) if group in self.groups else 0
        return marked('describe_groups_resp_described_group.group_state', at)

    def has_members(self, group):
        return group in self.groups and self.groups.index(group) % 2 == 1

    def describe_groups(self, q):
        members = [{'member_assignment': assigned(self.topics[:3] + [marked('consumer_assignment_topic.topic')])}, {}]
        return {'groups': [{'group_id': g, 'protocol_type': b'consumer', 'group_state': self.state_of(g),
                            'members': members if self.has_members(g) else []} for g in q['groups']]}

    def consumer_group_describe(self, q):
        share = {'topic_partitions': [{'topic_name': t, 'partitions': [0, 1]} for t in self.topics[3:6]]}
        members = [{'assignment': share, 'target_assignment': share}]
        return {'groups': [{'group_id': g, 'members': members if self.has_members(g) else [],
                            'group_state': self.state_of(g)} for g in q['group_ids']]}

    def offset_fetch(self, q):
        topics = [{'name': t, 'partitions': [{'partition_index': i, 'committed_offset': 5 * (1 - i)} for i in range(2)]}
                  for t in self.topics]
        if q.get('groups') is None:
            return {'topics': topics}
        return {'groups': [{'group_id': g['group_id'], 'topics': topics} for g in q['groups']]}

    def find_coordinator(self, q):
        where = {'node_id': 1, 'host': self.host.encode(), 'port': self.port}
        return dict(where, coordinators=[dict(where, key=k) for k in q.get('coordinator_keys') or []])

    # ---- changes: done, or refused in words ----

    def create_topics(self, q):
        return {'topics': [{'name': t['name'], 'configs': []} for t in q['topics']]}

    def delete_topics(self, q):
        return {'responses': [{'name': n} for n in q.get('topic_names') or [t['name'] for t in q['topics']]]}

    def create_partitions(self, q):
        return {'results': [{'name': t['name']} for t in q['topics']]}

    def incremental_alter_configs(self, q):
        return {'responses': [{'resource_type': 2, 'resource_name': r['resource_name']} for r in q['resources']]}

    def delete_records(self, q):
        error = REFUSED[21] if 21 in self.refuse else 0
        return {'topics': self.each(q, lambda p: {'partition_index': p['partition_index'], 'error_code': error})}

    def delete_groups(self, q):
        return {'results': [{'group_id': g} for g in q['groups_names']]}

    def offset_commit(self, q):
        error = REFUSED[8] if 8 in self.refuse else 0
        return {'topics': self.each(q, lambda p: {'partition_index': p['partition_index'], 'error_code': error})}

    # ---- logins ----

    def sasl_handshake(self, q):
        return {'error_code': 33 if 17 in self.refuse else 0, 'mechanisms': [b'PLAIN'] + [nasty for _, nasty in NASTY]}

    def sasl_authenticate(self, q):
        return {'error_code': 58 if 36 in self.refuse else 0}

    # ---- frames ----

    def answer(self, frame):
        key, version, correlation = struct.unpack_from('>hhi', frame)
        request, response = schema.requests[key], schema.responses[key]
        id_bytes = struct.unpack_from('>h', frame, 8)[0]
        body = frame[10 + max(id_bytes, 0) + (version >= request.flexible):]
        asked = schema.decode(request, version, body)
        self.asked.append((key, asked))
        name = response.struct.removesuffix('_resp')
        shape = getattr(self, name, lambda q: {})(asked)
        known = {f.name for f in schema.structs[response.struct]}
        shape = {k: v for k, v in shape.items() if k in known}
        head = struct.pack('>i', correlation) + (b'\0' if version >= response.flexible and key != 18 else b'')
        out = head + schema.encode(response, version, shape, self.fill_for(key))
        return struct.pack('>i', len(out)) + out


class Connection(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            while True:
                size = self.rfile.read(4)
                if len(size) < 4:
                    return
                self.wfile.write(self.server.kafka.answer(self.rfile.read(struct.unpack('>i', size)[0])))
        except OSError:
            pass                                        # who asked has gone


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True


class FakeBroker:
    """A Kafka on a port of the kernel's choice, as long as the with lasts."""

    def __init__(self, *args, **more):
        self.kafka = Kafka(*args, **more)
        self.server = Server(('127.0.0.1', 0), Connection)
        self.server.kafka = self.kafka
        self.kafka.port = self.server.server_address[1]
        self.address = f'127.0.0.1:{self.kafka.port}'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
