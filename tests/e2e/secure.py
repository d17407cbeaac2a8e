"""A secured Apache Kafka as weir's own connections meet it: PLAIN, SCRAM, TLS, client
certificates, by librdkafka's property names; and every refusal in one sentence.

Starts one Kafka by tests/cluster/kafka (Java, Maven for its jars): 77 without them.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import e2e
from e2e import contains, equal

CLUSTER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'cluster', 'kafka')
RENEW_MS = 3000
SCRAM_512 = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'


def free_ports():
    """A base port whose neighbours that the cluster takes are free too."""
    while True:
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            base = s.getsockname()[1]
        try:
            for offset in (0, 10, 31, 41, 51):
                with socket.socket() as s:
                    s.bind(('127.0.0.1', base + offset))
            return base
        except (OSError, OverflowError):
            continue


class Kafka:
    def __init__(self):
        self.dir = os.path.join(tempfile.mkdtemp(prefix='weir-secure-'), 'k')
        base = free_ports()
        done = subprocess.run(
            [os.path.join(CLUSTER, 'start'), 'kraft', '1', str(base), self.dir, '--sasl', '--mtls',
             f'connections.max.reauth.ms={RENEW_MS}', 'listener.name.sasl_plaintext.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
             f'listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config={SCRAM_512}'],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            print(done.stdout)
            self.stop()
            sys.exit(77 if done.returncode == 77 else 1)
        self.plain, self.sasl, self.ssl, self.sasl_ssl = (f'127.0.0.1:{base + n}' for n in (0, 31, 41, 51))

    def file(self, name):
        return os.path.join(self.dir, 'client', name)

    def stop(self):
        subprocess.run([os.path.join(CLUSTER, 'stop'), self.dir, '--wipe'], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(os.path.dirname(self.dir), ignore_errors=True)


kafka = None
TOPIC = 'alice-topic'


def x(**properties):
    """ssl_ca_location='f' -> -X ssl.ca.location=f"""
    return [word for name, value in properties.items() for word in ('-X', f'{name.replace("_", ".")}={value}')]


def login(user='admin', mechanism='PLAIN', password=None, **more):
    return x(security_protocol='sasl_plaintext', sasl_mechanism=mechanism, sasl_username=user,
             sasl_password=password or f'{user}-secret', **more)


def tls(**more):
    return x(security_protocol='ssl', ssl_ca_location=kafka.file('ca.crt'), **more)


def own_certificate():
    return x(ssl_certificate_location=kafka.file('alice.crt'), ssl_key_location=kafka.file('alice.key'))


def seen(box, address, *words):
    topics = {t['name']: t for t in box.json('topics', 'list', '-b', address, *words)}
    contains(topics, TOPIC)
    equal(topics[TOPIC]['messages'], 3, address)


def refused(box, address, words, *parts, command=('topics', 'list')):
    """Exit 1, nothing on stdout, one sentence on stderr that has these parts."""
    done = box.run(*command, '-b', address, *words, code=1)
    equal(done.stdout, '', 'stdout')
    lines = done.stderr.splitlines()
    equal(len(lines), 1, done.stderr)
    assert lines[0].startswith('weir: '), lines[0]
    for part in parts:
        contains(lines[0], part)
    for foreign in ('rdkafka#', '%3|', 'error:0', 'routines', 'secret'):
        assert foreign not in lines[0], lines[0]
    return lines[0]


def test_00_fill(box):
    box.run('topics', 'create', TOPIC, '-b', kafka.plain)
    box.run('produce', TOPIC, '-b', kafka.plain, input='one\ntwo\nthree\n')


def test_mechanisms(box):
    subprocess.run([os.path.join(CLUSTER, 'tool'), '4.3.0', 'kafka.admin.ConfigCommand', '--bootstrap-server',
                    kafka.plain, '--alter', '--entity-type', 'users', '--entity-name', 'admin', '--add-config',
                    'SCRAM-SHA-512=[iterations=8192,password=admin-secret]'],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    for mechanism in ('PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'):
        seen(box, kafka.sasl, *login(mechanism=mechanism))
    for mechanism in ('PLAIN', 'SCRAM-SHA-256'):
        seen(box, kafka.sasl, *login('alice', mechanism))
        seen(box, kafka.sasl, '-F', kafka.file(f'admin-{mechanism}.conf'))
        seen(box, kafka.sasl_ssl, '-F', kafka.file(f'admin-{mechanism}.conf'), *tls(), *x(security_protocol='SASL_SSL'))


def test_tls(box):
    seen(box, kafka.ssl, '-F', kafka.file('ssl.conf'))
    seen(box, kafka.ssl, *tls(), *own_certificate())
    seen(box, kafka.ssl.replace('127.0.0.1', 'localhost'), *tls(), *own_certificate())
    seen(box, kafka.ssl, *x(security_protocol='ssl', enable_ssl_certificate_verification='false'), *own_certificate())


def test_key_with_password(box):
    locked = kafka.file('locked.key')
    subprocess.run(['openssl', 'pkcs8', '-topk8', '-in', kafka.file('alice.key'), '-out', locked, '-passout', 'pass:sesame'],
                   check=True)
    words = [*tls(), *x(ssl_certificate_location=kafka.file('alice.crt'), ssl_key_location=locked)]
    seen(box, kafka.ssl, *words, *x(ssl_key_password='sesame'))
    refused(box, kafka.ssl, words, 'needs its password', 'ssl.key.password')
    refused(box, kafka.ssl, [*words, *x(ssl_key_password='open')], 'does not open')


def test_actions_and_records(box):
    words = login(mechanism='SCRAM-SHA-256')
    box.run('topics', 'create', 'alice-more', '-b', kafka.sasl, '--partitions', '2', *words)
    box.run('topics', 'delete', 'alice-more', '--yes', '-b', kafka.sasl, *words)
    for address, how in ((kafka.sasl, words), (kafka.ssl, ['-F', kafka.file('ssl.conf')]),
                         (kafka.sasl_ssl, [*login(), *tls(), *x(security_protocol='sasl_ssl')])):
        done = box.run('tail', TOPIC, '-e', '-b', address, *how)
        equal(done.stdout.splitlines()[:3], ['one', 'two', 'three'], address)
    box.run('hello', '-b', kafka.sasl, *login())


def test_produce_by_scram(box):
    """By every way in; what the cluster does not allow, and a wrong password, in one sentence."""
    box.run('topics', 'create', 'alice-made', '-b', kafka.plain)
    ways = [(kafka.sasl, login('alice', m)) for m in ('PLAIN', 'SCRAM-SHA-256')]
    ways += [(kafka.sasl_ssl, [*login('alice', 'SCRAM-SHA-256'), *tls(), *x(security_protocol='sasl_ssl')]),
             (kafka.ssl, [*tls(), *own_certificate()])]
    for i, (address, how) in enumerate(ways):
        done = box.run('produce', 'alice-made', '-v', '-b', address, *how, input=f'{i}\n')
        contains(done.stdout, f'0@{i} ')
    equal(box.run('tail', 'alice-made', '-e', '-b', kafka.plain).stdout, '0\n1\n2\n3\n')
    for mechanism in ('PLAIN', 'SCRAM-SHA-256'):
        done = box.run('produce', 'alice-made', '-b', kafka.sasl, *login('alice', mechanism, 'wrong'), input='no\n', code=1)
        contains(done.stderr, 'refused to log in alice by ' + mechanism)
    done = box.run('produce', 'bob-topic', '-b', kafka.sasl, *login('alice'), input='no\n', code=1)
    contains(done.stderr, 'TOPIC_AUTHORIZATION_FAILED: topic bob-topic')


def test_librdkafka_by_scram(box):
    """librdkafka before 2.6.1 cannot; then the sentence says so and names what can."""
    done = box.run('produce', TOPIC, '-b', kafka.sasl, *login(mechanism='SCRAM-SHA-256', socket_keepalive_enable='true'),
                   input='four\n', code=None)
    version = re.search(r'librdkafka (\d+)\.(\d+)\.(\d+)', done.stderr)
    if done.returncode == 0:
        return
    equal(done.returncode, 1)
    assert version and tuple(map(int, version.groups())) < (2, 6, 1), done.stderr
    contains(done.stderr, 'cannot log in by SCRAM-SHA-256')
    equal(len(done.stderr.splitlines()), 1)


def test_refused_logins(box):
    for mechanism in ('PLAIN', 'SCRAM-SHA-256'):
        for command in (('topics', 'list'), ('groups', 'list'), ('cluster',), ('tail', TOPIC, '-e')):
            refused(box, kafka.sasl, login(mechanism=mechanism, password='wrong'), 'refused to log in admin by ' + mechanism,
                    'sasl.password', command=command)
        refused(box, kafka.sasl, login('nobody', mechanism), 'refused to log in nobody')
    refused(box, kafka.sasl, login(mechanism='GSSAPI'), 'not by GSSAPI', 'sasl.mechanism')
    refused(box, kafka.sasl, x(security_protocol='sasl_plaintext', sasl_mechanism='PLAIN'), 'sasl.username')
    refused(box, kafka.sasl_ssl, [*login(mechanism='SCRAM-SHA-512'), *tls(), *x(security_protocol='sasl_ssl')])


def test_refused_certificates(box):
    refused(box, kafka.ssl, tls(), "wants a client's certificate", 'ssl.certificate.location')
    refused(box, kafka.ssl, x(security_protocol='ssl'), 'not trusted here (weir test CA)', 'ssl.ca.location')
    refused(box, kafka.ssl, x(security_protocol='ssl', ssl_ca_location=kafka.file('alice.crt')), 'not trusted here')
    refused(box, kafka.ssl, x(security_protocol='ssl', ssl_ca_location='/nonexistent'), '/nonexistent', 'No such file')
    # a name of this machine that the certificate is not for
    name = '127.1'
    line = refused(box, kafka.ssl.replace('127.0.0.1', name), [*tls(), *own_certificate()],
                   'shows a certificate for localhost, 127.0.0.1', 'ssl.endpoint.identification.algorithm')
    contains(line, f'not for {name}')
    box.run('topics', 'list', '-b', kafka.ssl.replace('127.0.0.1', name), *tls(), *own_certificate(),
            *x(ssl_endpoint_identification_algorithm='none'))


def test_wrong_port(box):
    refused(box, kafka.sasl, [], 'SASL')
    refused(box, kafka.ssl, [], 'TLS', 'security.protocol=ssl')
    refused(box, kafka.plain, tls(), 'TLS')
    refused(box, kafka.plain, login(), 'takes no login on this port')
    refused(box, kafka.ssl, login(), 'security.protocol=sasl_ssl')
    refused(box, kafka.sasl_ssl, tls(), 'security.protocol=sasl_ssl')


def test_wrong_properties(box):
    refused(box, kafka.sasl, x(sasl_usrname='admin'), 'sasl.usrname')
    refused(box, kafka.sasl, x(security_protocol='tls'), 'tls is none of plaintext, ssl, sasl_plaintext, sasl_ssl')
    refused(box, kafka.ssl, [*tls(), *x(ssl_cipher_suites='AES256-SHA')], 'ssl.cipher.suites')


def established(pid, port):
    """Our ends of the process's connections to a port."""
    inodes = set()
    for fd in os.listdir(f'/proc/{pid}/fd'):
        try:
            target = os.readlink(f'/proc/{pid}/fd/{fd}')
        except OSError:
            continue
        if target.startswith('socket:['):
            inodes.add(target[8:-1])
    with open(f'/proc/{pid}/net/tcp', encoding='ascii') as f:
        rows = [line.split() for line in f.readlines()[1:]]
    return {r[1] for r in rows if r[2].endswith(f':{port:04X}') and r[3] == '01' and r[9] in inodes}


def test_login_is_renewed(box):
    """The broker bounds a login; the same connections live through three such times, and the tail reads on."""
    address = kafka.sasl
    box.run('topics', 'create', 'alice-slow', '-b', kafka.plain)
    tail = subprocess.Popen([e2e.WEIR, 'tail', 'alice-slow', '--from', 'beginning', '-b', address,
                             *login(mechanism='SCRAM-SHA-256')], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=box.env, text=True)
    slow = None
    try:
        slow = subprocess.Popen(['sh', '-c', f'i=0; while [ $i -lt 12 ]; do echo $i; i=$((i + 1)); sleep 1; done | '
                                 f'exec "$0" produce alice-slow -b {kafka.plain}', e2e.WEIR], env=box.env)
        for i in range(12):
            equal(tail.stdout.readline(), f'{i}\n', 'the tail')
            if i == 1:
                before = established(tail.pid, int(address.split(':')[1]))
                assert before, 'no connection'
        after = established(tail.pid, int(address.split(':')[1]))
        assert before <= after, (before, after)
        tail.send_signal(signal.SIGINT)
        _, errors = tail.communicate(timeout=e2e.LIMIT)
        equal((tail.returncode, errors), (0, ''))
    finally:
        for p in (tail, slow):
            if p is not None and p.poll() is None:
                p.kill()
                p.wait()


if __name__ == '__main__':
    e2e.need('java', 'mvn', 'openssl', 'bash')
    kafka = Kafka()
    try:
        e2e.main()
    finally:
        kafka.stop()
