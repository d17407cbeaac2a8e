#!/usr/bin/env python3
"""The commands: topics, groups, cluster; usage errors; read-only; what needs a yes."""
import csv
import fcntl
import io
import os
import pty
import shutil
import struct
import subprocess
import termios

from e2e import LIMIT, WEIR, contains, equal, main


def test_topics(box):
    b = box.broker()
    on = ('-b', b.address)
    box.run('topics', 'create', 'a', 'b', '--partitions', '3', '--set', 'retention.ms=1000', *on)
    rows = box.json('topics', 'list', *on)
    equal([(r['name'], r['partitions'], r['replication_factor'], r['messages']) for r in rows],
          [('a', 3, 1, 0), ('b', 3, 1, 0)], 'list')
    contains(box.run('topics', 'create', 'a', *on, code=1).stdout, 'already exists')
    box.run('topics', 'alter', 'a', '--partitions', '5', '--set', 'retention.ms=2000', *on)
    found = box.json('topics', 'describe', 'a', *on)
    equal(len(found['partitions']), 5, 'partitions')
    equal([c['value'] for c in found['configs'] if c['name'] == 'retention.ms'], ['2000'], 'config')
    box.run('topics', 'alter', 'a', '--set', 'retention.ms=', *on)
    found = box.json('topics', 'describe', 'a', *on)
    equal([c['is_default'] for c in found['configs'] if c['name'] == 'retention.ms'], [True], 'back to the default')
    box.run('topics', 'delete', 'a', '--yes', *on)
    equal([r['name'] for r in box.json('topics', *on)], ['b'], 'deleted')
    contains(box.run('topics', 'describe', 'a', *on, code=1).stderr, 'no topic a')


def test_csv_and_table(box):
    b = box.broker()
    box.run('topics', 'create', 'a', '-b', b.address)
    rows = list(csv.DictReader(io.StringIO(box.run('topics', 'list', '-o', 'csv', '-b', b.address).stdout)))
    equal(rows[0]['name'], 'a', 'csv')
    table = box.run('topics', 'list', '-b', b.address).stdout.splitlines()
    equal(table[0].split(), ['TOPIC', 'PARTITIONS', 'REPLICATION', 'ISR', 'MESSAGES', 'BYTES'], 'head')
    equal(table[1].split()[:2], ['a', '1'], 'row')


LAG = ['group', 'topic', 'partition', 'committed', 'start', 'end', 'lag', 'kind', 'lost', 'ahead', 'readable', 'member',
       'client_id', 'host']


def test_groups(box):
    b = box.broker()
    on = ('-b', b.address)
    box.run('topics', 'create', 't', *on)
    box.run('produce', 't', input=''.join(f'{i}\n' for i in range(10)), *on)
    equal(box.json('groups', 'list', *on), [], 'none')
    contains(box.run('groups', 'describe', 'g', *on, code=1).stderr, 'no group g')
    if shutil.which('kcat') is None:
        return
    subprocess.run(['kcat', '-b', b.address, '-G', 'g', '-o', 'beginning', '-c', '4', '-q', 't'], check=True, timeout=60,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    row, = box.json('groups', 'describe', 'g', *on)
    equal(list(row), LAG, 'names')
    equal((row['committed'], row['end'], row['lag'], row['kind'], row['readable'], row['lost']),
          (4, 10, 6, 'exact', 6, None), 'lag')
    before = box.run('groups', 'reset', 'g', '--to', 'earliest', *on, code=1)
    contains(before.stderr, '--yes')
    equal(box.json('groups', 'describe', 'g', *on)[0]['committed'], 4, 'a preview changes nothing')
    for to, want in (('earliest', 0), ('latest', 10), ('7', 7), ('-2', 5), ('+1', 6), ('99', 10)):
        box.run('groups', 'reset', 'g', '--to', to, '--yes', *on)
        equal(box.json('groups', 'describe', 'g', *on)[0]['committed'], want, to)
    box.run('groups', 'delete', 'g', '--yes', *on)
    equal(box.json('groups', *on), [], 'deleted')


def test_names(box):
    b = box.broker()
    on = ('-b', b.address)
    box.run('topics', 'create', 'red.one', 'red.two', 'blue', *on)
    for group, topic in (('g.one', 'red.one'), ('g.two', 'blue')):
        box.run('groups', 'reset', group, '--to', 'latest', '-t', topic, '--yes', *on)

    def names(*words):
        return sorted({r.get('name', r.get('group')) for r in box.json(*words, *on)})
    equal(names('topics', 'list', '-r', 'red[.].*'), ['red.one', 'red.two'], 'a regular expression')
    equal(names('topics', 'list', '-r', 'red|blue'), ['blue'], 'whole names')
    equal(names('topics', 'list', '-i', '-r', '__.*'), ['__consumer_offsets'], 'internal ones when asked for')
    equal(names('groups', 'list', '-r', 'g.*o.*'), ['g.one', 'g.two'], 'groups')
    equal(names('groups', 'describe'), ['g.one', 'g.two'], 'without a name all')
    equal([r['topic'] for r in box.json('groups', 'describe', '-t', 'blue', *on)], ['blue'], 'one topic of them')
    equal(sorted({r['topic'] for r in box.json('topics', 'describe', *on)['partitions']}), ['blue', 'red.one', 'red.two'],
          'described without a name')
    equal(sorted({r['topic'] for r in box.json('topics', 'describe', '-r', 'red.*', *on)['configs']}),
          ['red.one', 'red.two'], 'configs')
    contains(box.run('topics', 'list', '-r', 'green.*', *on, code=1).stderr, 'no topic matches green.*')
    contains(box.run('groups', 'list', 'g.three', *on, code=1).stderr, 'no group g.three here')


def test_reset_of_what_is_new(box):
    b = box.broker()
    on = ('-b', b.address)
    box.run('topics', 'create', 't', '--partitions', '3', *on)
    box.run('produce', 't', '-p', '1', input='a\nb\n', *on)
    contains(box.run('groups', 'reset', 'g', '--to', 'latest', '--yes', *on, code=1).stderr, '--topic')
    contains(box.run('groups', 'reset', 'g', '--to', 'latest', '-t', 'none', '--yes', *on, code=1).stderr, 'no topic none')
    box.run('groups', 'reset', 'g', '--to', 'latest', '-t', 't:1', '--yes', *on)

    def committed():
        return {r['partition']: r['committed'] for r in box.json('groups', 'describe', 'g', *on)}
    equal(committed(), {0: None, 1: 2, 2: None}, 'a group that was not there')
    box.run('groups', 'reset', 'g', '--to', 'earliest', '-t', 't', '--yes', *on)
    equal(committed(), {0: 0, 1: 0, 2: 0}, 'partitions without a commit')


def test_topic_option(box):
    """What --topic names and nobody has is an error, and nothing is done: a script with a slip of the pen must not go on."""
    b = box.broker()
    on = ('-b', b.address)
    box.run('topics', 'create', 't', 'u', '--partitions', '3', *on)
    box.run('groups', 'reset', 'g', '--to', 'latest', '-t', 't', '--yes', *on)

    def chosen(*words):
        return [(r['topic'], r['partition']) for r in box.json('groups', 'describe', 'g', *words, *on)]
    equal(chosen('-t', 't:2,0'), [('t', 0), ('t', 2)], 'a list')
    equal(chosen('-t', 't:1,1', '-t', 't:1,2'), [('t', 1), ('t', 2)], 'named twice')
    for words, why in ((('-t', 'u'), '--topic: nothing of u here'), (('-t', 't:1,9'), '--topic: no partition 9 of t here')):
        contains(box.run('groups', 'describe', 'g', *words, *on, code=1).stderr, why)
    contains(box.run('groups', 'reset', 'g', '--to', '5', '-t', 'u:0,9', '--yes', *on, code=1).stderr,
             '--topic: no partition 9 of u here')
    equal({r['topic'] for r in box.json('groups', 'describe', 'g', *on)}, {'t'}, 'nothing was done')


def test_reset_words(box):
    b = box.broker()
    on = ('-b', b.address)
    box.run('topics', 'create', 't', *on)
    box.run('produce', 't', *on, input='a\nb\n')
    for to, want in (('latest', 2), ('earliest', 0), ('end', 2), ('beginning', 0)):
        box.run('groups', 'reset', 'g', '-t', 't', '--to', to, '--yes', *on)
        equal(box.json('groups', 'describe', 'g', *on)[0]['committed'], want, to)


def test_change_without_answer(box):
    """Each name has its row, also when nobody is there who could say what became of it."""
    rows = box.json('topics', 'create', 'a', 'b', '-b', '127.0.0.1:1', code=1)
    equal([(r['topic'], r['action'], r['ok']) for r in rows], [('a', 'create', False), ('b', 'create', False)], 'rows')
    rows = box.json('groups', 'delete', 'a', 'b', '--yes', '-b', '127.0.0.1:1', code=1)
    equal([(r['group'], r['ok']) for r in rows], [('a', False), ('b', False)], 'groups')


def test_json_is_always_valid(box):
    """Where there is no answer it is null, at which a reader stumbles who takes it for a list."""
    nobody = ('-b', '127.0.0.1:1')
    for words in (('topics', 'list'), ('topics', 'describe'), ('groups', 'list'), ('groups', 'describe'), ('cluster',),
                  ('groups', 'reset', 'g', '--to', 'latest'), ('topics', 'delete', 'a'), ('topics', 'create', 'a', '--read-only')):
        equal(box.json(*words, *nobody, code=1, input=''), None, words)
    contains(box.json('hello', *nobody, code=1)[0]['message'], 'connection refused')
    for words in (('tail', 't', '-e', '--timeout-ms', '300'), ('produce', 't', '-v', '--timeout-ms', '300')):
        equal(box.run(*words, '-o', 'json', *nobody, code=1, input='a\n').stdout, '', 'no lines')
    b = box.broker()
    for words in (('topics', 'list'), ('groups', 'list'), ('groups', 'describe')):
        equal(box.json(*words, '-b', b.address), [], words)
    equal(box.json('topics', 'describe', '-b', b.address), {'partitions': [], 'configs': []}, 'nothing to describe')


def test_long_names(box):
    """A long name stands out of its column on a terminal; into a pipe the columns are as wide as they are."""
    b = box.broker()
    long = 'x' * 200
    box.run('topics', 'create', 'a', long, '-b', b.address)
    lines = box.run('topics', 'list', '-b', b.address).stdout.splitlines()
    equal((len(lines[0]), len(lines[1])), (len(lines[2]), len(lines[2])), 'aligned in a pipe')
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
    subprocess.run([WEIR, 'topics', 'list', '-b', b.address], stdout=theirs, env=box.env, timeout=LIMIT, check=True)
    os.close(theirs)
    head, short, wide, _ = os.read(ours, 65536).decode().split('\r\n')
    os.close(ours)
    equal((len(head), len(head) < 100, wide.split()[0]), (len(short), True, long), 'on a terminal')


def test_members(box):
    if shutil.which('kcat') is None:
        return
    b = box.broker()
    box.run('topics', 'create', 't', '--partitions', '2', '-b', b.address)
    box.run('produce', 't', '-p', '0', '-b', b.address, input='a\n')
    reader = subprocess.Popen(['kcat', '-u', '-b', b.address, '-X', 'client.id=me', '-X', 'auto.offset.reset=earliest', '-q',
                               '-G', 'g', 't'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        equal(reader.stdout.readline(), b'a\n', 'it reads')
        row, = box.json('groups', 'describe', 'g', '--members', '-b', b.address)
        equal((row['client_id'], row['partitions'], row['assignment']), ('me', 2, 't:0,1'), 'the member')
    finally:
        reader.kill()
        reader.communicate()


def test_cluster(box):
    b = box.broker()
    found = box.json('cluster', '-b', b.address)
    equal(len(found['brokers']), 1, 'brokers')
    equal(found['brokers'][0]['node_id'], found['cluster'][0]['controller_id'], 'controller')
    equal((found['cluster'][0]['controller_from_quorum'], found['brokers'][0]['is_voter']), (True, True), 'the quorum says')


def test_addresses(box):
    b = box.broker()
    box.run('topics', 'create', 'a', '-b', b.address)
    for broker in (f'127.0.0.1:1,{b.address}', f' 127.0.0.1:1 , {b.address}\t, ', '127.0.0.1:1,' * 100 + b.address):
        equal([r['name'] for r in box.json('topics', '-b', broker)], ['a'], broker)
    contains(box.run('topics', '-b', ' , ', code=1).stderr, 'no broker address given')


def test_output_that_fails(box):
    b = box.broker()
    on = ('-b', b.address)
    box.run('topics', 'create', 't', *on)
    box.run('produce', 't', *on, input='a\n')
    for words in (('topics', 'list'), ('topics', 'list', '-o', 'json'), ('topics', 'list', '-o', 'csv'), ('tail', 't', '-e'),
                  ('produce', 't', '-v'), ('--help',), ('hello',), ('topics', 'delete', 't', '--explain')):
        if words != ('--help',):
            words += on
        with open('/dev/full', 'wb') as full:
            done = subprocess.run([WEIR, *words], input=b'b\n', stdout=full, stderr=subprocess.PIPE, env=box.env,
                                  timeout=LIMIT, check=False)
        equal(done.returncode, 1, f'a full disk, {words}')
        contains(done.stderr.decode(), 'standard output')
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([WEIR, *words], input=b'b\n', stdout=write, stderr=subprocess.PIPE, env=box.env,
                              timeout=LIMIT, check=False)
        os.close(write)
        equal((done.returncode, done.stderr), (0, b''), f'a reader that has gone, {words}')


def test_descriptors_that_are_closed(box):
    b = box.broker()
    box.run('topics', 'create', 't', '-b', b.address)
    for words, fd, code in ((('topics', 'list'), 1, 1), (('produce', 't'), 0, 1), (('topics', 'list'), 2, 0)):
        done = subprocess.run([WEIR, *words, '-b', b.address], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=box.env, timeout=LIMIT, check=False,
                              preexec_fn=lambda fd=fd: os.close(fd))
        equal(done.returncode, code, f'{words} with {fd} closed: {done.stderr}')


def test_ascii(box):
    b = box.broker()
    on = ('-b', b.address)
    box.run('topics', 'create', 't', *on)
    box.run('groups', 'reset', 'grüße', '--to', 'latest', '-t', 't', '--yes', *on)
    for how in ((), ('-o', 'json'), ('-o', 'csv')):
        contains(box.run('groups', 'list', *how, *on).stdout, 'grüße')
        out = box.run('groups', 'list', '--ascii', *how, *on).stdout
        out.encode('ascii')
        contains(out, 'gr')
    contains(box.run('groups', 'list', 'weiß', '--ascii', *on, code=1).stderr, 'wei\\u{df}')


def test_bash_completion(box):
    doc = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../doc/weir.bash')
    if shutil.which('bash') is None or shutil.which('sed') is None:
        return
    b = box.broker()
    box.run('topics', 'create', 'billing', 'billing.late', 'other', '-b', b.address)
    env = dict(box.env, PATH=os.path.dirname(os.path.abspath(WEIR)) + ':' + os.environ['PATH'])

    def complete(line):
        script = 'source "$0"; COMP_LINE=$1 COMP_POINT=${#1}; _weir; printf "%s\\n" "${COMPREPLY[@]}"'
        return subprocess.run(['bash', '-c', script, doc, line], stdout=subprocess.PIPE, text=True, env=env, timeout=LIMIT,
                              check=True).stdout.split()
    equal(complete('weir to'), ['topics'], 'a command')
    equal(complete('weir -b host:9092 topics de'), ['describe', 'delete'], 'a subcommand behind an option with a value')
    equal(complete(f'weir tail -b {b.address} bil'), ['billing', 'billing.late'], 'topics of the cluster')
    equal(complete('weir tail bil'), [], 'no question without a cluster')
    equal(complete('weir tail t -o '), ['table', 'json', 'csv'], 'a value')
    equal(complete('weir groups reset g --to-d'), ['--to-datetime'], 'an option')


def test_refusals(box):
    b = box.broker()
    on = ('-b', b.address)
    for words in (('topics', 'create', 'x'), ('topics', 'delete', 'x'), ('produce', 'x'), ('hello',),
                  ('groups', 'reset', 'g', '--to', 'latest')):
        contains(box.run(*words, '--read-only', *on, code=1, input='').stderr, 'read-only')
    box.run('topics', 'create', 'x', *on)
    contains(box.run('topics', 'delete', 'x', *on, code=1, input='x\n').stderr, '--yes')
    equal(len(box.json('topics', *on)), 1, 'still there')


def test_usage(box):
    for words in (('nope',), ('topics', 'nope'), ('--nope',), ('topics', 'list', '-o', 'xml'), ('topics', 'create'),
                  ('produce', 'a', '-l'), ('produce', 'a', '-D', '\\q'), ('produce', 'a', '--rate', '0'), ('produce', 'a', '--acks', '7'), ('produce', 'a', '-z', 'rar'),
                  ('tail', 'a', '--from', 'noon'), ('tail', 'a', '-f', '%q'), ('tail', 'a', '-p', 'x'),
                  ('topics', 'list', '--acks', '1'), ('topics', 'list', '-r', '['), ('groups', 'describe', 'g', '-t', 't:x'),
                  ('topics', 'alter', 'a', '--replication', '3'), ('stop', '-o', 'json'), ('topics', 'alter', 'a'), ('groups', 'reset', 'g'),
                  ('topics', 'create', 'a', '--partitions', '0'), ('topics', 'create', 'a', '--replication', '0'),
                  ('topics', 'alter', 'a', '--partitions', '0'), ('tail', 'a', '-p', ''), ('tail', 'a', '-f', '%'),
                  ('groups', 'describe', 'g', '--members', '-t', 't'), ('groups', 'describe', 'g', '-t', 't:1,'),
                  ('topics', 'create', 'a', '--partitions', 'many'), ('cluster', 'x'), ('-X', 'novalue'), ('-b',),
                  ('serve', '--nope'), ('serve', '--durability', 'maybe'), ('serve', 'x'), ()):
        done = box.run(*words, code=2, input='')
        contains(done.stderr, 'weir')
        equal(len(done.stderr.splitlines()), 1, f'one line for {words}')


def test_help(box):
    contains(box.run('--help').stdout, 'topics create')
    contains(box.run('--version').stdout, 'weir ')
    for words in (('topics',), ('topics', 'create'), ('produce',), ('tail',), ('hello',), ('serve',), ('groups', 'reset')):
        contains(box.run(*words, '--help').stdout, 'usage: weir ' + words[0])
    for line in box.run('cluster', '--help').stdout.splitlines():
        equal(line, line.rstrip(), 'no blank at its end')


def test_explain(box):
    on = ('-b', 'broker:9092')
    equal(box.run('topics', 'delete', "a'b", '--explain', *on).stdout,
          "kafka-topics.sh --bootstrap-server broker:9092 --delete --topic 'a'\\''b'\n", 'quoted')
    equal(box.run('groups', 'reset', 'g', '--to', '-5', '--explain', *on).stdout,
          'kafka-consumer-groups.sh --bootstrap-server broker:9092 --reset-offsets --group g --all-topics --shift-by -5 '
          '--execute\n', 'reset')


def test_property_file(box):
    path = box.dir + '/p'
    with open(path, 'w', encoding='utf-8') as f:
        f.write('# comment\nclient.id = mine\n\nlinger.ms=0\n')
    b = box.broker()
    box.run('topics', '-F', path, '-b', b.address)
    contains(box.run('topics', '-F', path + 'x', '-b', b.address, code=1).stderr, path + 'x')
    box.run('topics', 'create', 'here', '-b', b.address)
    for name in ('bootstrap.servers', 'metadata.broker.list'):
        there = f'{name}={b.address}'
        equal([r['name'] for r in box.json('topics', '-X', there)], ['here'], 'the cluster by its property')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(there + '\n')
        equal([r['name'] for r in box.json('topics', '-F', path)], ['here'], 'from a file')
        equal([r['name'] for r in box.json('topics', '-F', '/dev/stdin', input=there)], ['here'], 'from a pipe')
        contains(box.run('topics', '-b', '127.0.0.1:1', '-F', path, code=1).stderr, '127.0.0.1:1')
        contains(box.run('stop', '-X', there, code=2).stderr, b.address)
    box.config('console = { broker = "127.0.0.1:1"; };')
    equal([r['name'] for r in box.json('topics', '-F', path)], ['here'], 'what is typed goes first')
    contains(box.run('topics', 'delete', 'x', '--explain', '-F', path).stdout, b.address)
    contains(box.run('hello', '-X', 'no.such.property=1', '-b', b.address, code=1).stderr, 'no.such.property')


def test_configuration(box):
    b = box.broker()
    box.run('topics', 'create', 'a', '-b', b.address)
    box.config(f'console = {{ broker = "{b.address}"; property = [ "client.id=x" ]; read_only = true; }};', 'prod.conf')
    equal([r['name'] for r in box.json('topics', '-c', 'prod')], ['a'], 'a profile by its name')
    contains(box.run('topics', 'create', 'b', '-c', 'prod', code=1).stderr, 'read-only')
    box.config(f'console = {{ broker = "127.0.0.1:1"; timeout_ms = 5000; }};')
    contains(box.run('topics', code=1).stderr, '127.0.0.1:1')
    equal(len(box.json('topics', '-b', b.address)), 1, 'what is typed goes first')
    box.config(f'serve = {{ data = "{box.dir}/other"; listen = "127.0.0.1:0"; }};')
    box.run('topics', 'create', 'elsewhere')
    equal([r['name'] for r in box.json('topics', '--data', box.dir + '/other')], ['elsewhere'], "the broker's own group")
    box.config('console = {\n  colour = "red";\n};')
    contains(box.run('topics', code=2).stderr, 'weir.conf:2: console has no setting colour')
    box.config('console = {\n  read_only = "maybe";\n};')
    contains(box.run('topics', code=2).stderr, 'true or false')
    contains(box.run('topics', '-c', 'none', code=2).stderr, 'none')


main()
