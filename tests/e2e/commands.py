#!/usr/bin/env python3
"""The commands: topics, groups, cluster; usage errors; read-only; what needs a yes."""
import csv
import io

from e2e import contains, equal, main


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
    import shutil
    import subprocess
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


def test_cluster(box):
    b = box.broker()
    found = box.json('cluster', '-b', b.address)
    equal(len(found['brokers']), 1, 'brokers')
    equal(found['brokers'][0]['node_id'], found['cluster'][0]['controller_id'], 'controller')


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
                  ('produce', 'a', 'b'), ('produce', 'a', '--acks', '7'), ('produce', 'a', '-z', 'rar'),
                  ('tail', 'a', '--from', 'noon'), ('tail', 'a', '-f', '%q'), ('tail', 'a', '-p', 'x'),
                  ('topics', 'list', '--acks', '1'), ('topics', 'alter', 'a'), ('groups', 'reset', 'g'),
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
