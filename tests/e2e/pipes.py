#!/usr/bin/env python3
"""produce and tail as programs in a pipe: bytes go through as they are."""
import base64
import csv
import io
import json
import os
import select
import shutil
import subprocess

from e2e import LIMIT, WEIR, contains, equal, main


def test_line_there_and_back(box):
    b = box.broker()
    box.run('produce', 't', '-b', b.address, input='hi\n')
    equal(box.run('tail', 't', '-e', '-b', b.address).stdout, 'hi\n', 'tail')


def test_without_a_broker(box):
    box.run('topics', 'create', 't')
    box.run('produce', 't', input='one\ntwo\n')
    equal(box.run('tail', 't', '-e').stdout, 'one\ntwo\n', 'tail')


def test_many_lines_in_order(box):
    b = box.broker('--durability', 'os')
    lines = ''.join(f'{i:07d} {"x" * (i % 500)}\n' for i in range(50000))
    box.run('produce', 't', '-b', b.address, '-z', 'lz4', input=lines)
    equal(box.run('tail', 't', '-e', '-b', b.address).stdout == lines, True, 'the same lines in the same order')


def test_bytes_untouched(box):
    b = box.broker()
    raw = bytes(i for i in range(256) if i != 10)
    box.run('produce', 't', '-b', b.address, input=raw + b'\n', text=False)
    equal(box.run('tail', 't', '-e', '-b', b.address, text=False).stdout, raw + b'\n', 'raw')
    row = json.loads(box.run('tail', 't', '-e', '-b', b.address, '-o', 'json').stdout)
    equal(row['value'], None, 'no UTF-8')
    equal(base64.b64decode(row['value_base64'], validate=True), raw, 'base64')
    box.run('produce', 'short', '-b', b.address, input=b'\xff\n\xff\xfe\n\xff\xfe\xfd\n', text=False)
    rows = [json.loads(x) for x in box.run('tail', 'short', '-e', '-b', b.address, '-o', 'json').stdout.splitlines()]
    equal([r['value_base64'] for r in rows], ['/w==', '//4=', '//79'], 'base64 of every length')


def test_json_and_csv_lose_nothing(box):
    b = box.broker()
    on = ('-b', b.address)
    hostile = b'\x1b]0;x\x07 "q", \\ \xc2\x9b \xe2\x80\xae \xed\xa0\x80 \xc0\x80 \x00 \r\xff'
    box.run('produce', 't', *on, '-K', '=', input=b'k\xfe=' + hostile + b'\n=\nplain\n', text=False)
    subprocess.run([WEIR.encode(), b'produce', b't', b'-b', b.address.encode(), b'-H', b'\xffn=v\xfe', b'-H', b'a=b'],
                   input=b'h\n', env=box.env, timeout=LIMIT, check=True)
    out = box.run('tail', 't', '-e', *on, '-o', 'json', text=False).stdout
    rows = [json.loads(x) for x in out.decode('utf-8').splitlines()]
    equal((rows[0]['value'], base64.b64decode(rows[0]['value_base64'])), (None, hostile), 'value')
    equal(base64.b64decode(rows[0]['key_base64']), b'k\xfe', 'key')
    equal((rows[1]['key'], rows[1]['value'], rows[2]['key']), ('', '', None), 'empty is not null')
    header = rows[3]['headers'][0]
    equal((header['key'], base64.b64decode(header['key_base64']), base64.b64decode(header['value_base64'])),
          (None, b'\xffn', b'v\xfe'), 'header')
    equal(rows[3]['headers'][1], {'key': 'a', 'value': 'b'}, 'a plain header')
    out = box.run('tail', 't', '-e', *on, '-o', 'csv', text=False).stdout
    rows = list(csv.DictReader(io.StringIO(out.decode('latin-1'), newline='')))
    equal(rows[0]['value'].encode('latin-1'), hostile, 'csv: the bytes')
    contains(out.split(b'\n')[2], b',"","",')
    contains(out, b',,plain,')


def test_files(box):
    b = box.broker()
    on = ('-b', b.address)
    for name, data in (('one', b'a\nb\n'), ('two', b'c\0d')):
        with open(f'{box.dir}/{name}', 'wb') as f:
            f.write(data)
    with open(f'{box.dir}/none', 'wb'):
        pass

    def values(topic):
        out = box.run('tail', topic, '-e', *on, '-o', 'json').stdout
        return [json.loads(x)['value'] for x in out.splitlines()]
    box.run('produce', 'whole', *on, *(f'{box.dir}/{n}' for n in ('one', 'two', 'none')))
    equal(values('whole'), ['a\nb\n', 'c\0d', ''], 'a file is a message')
    box.run('produce', 'lines', '-l', *on, *(f'{box.dir}/{n}' for n in ('one', 'none', 'two')))
    equal(values('lines'), ['a', 'b', 'c\0d'], 'its lines are')
    contains(box.run('produce', 'lines', f'{box.dir}/nothing', *on, code=1).stderr, 'nothing: No such file')


def test_dash_is_standard_input(box):
    b = box.broker()
    for words, want in (((), '[a\nb\n]'), (('-l',), '[a][b]')):
        topic = 't' + ''.join(words)
        box.run('produce', topic, '-', *words, '-b', b.address, input='a\nb\n')
        equal(box.run('tail', topic, '-e', '-f', '[%s]', '-b', b.address).stdout, want, words)


def test_delimiters_and_count(box):
    b = box.broker()
    on = ('-b', b.address)
    box.run('produce', 't', *on, '-D', '\\0', '-K', '\\t', input='k\tv\nw\0rest')
    out = box.run('tail', 't', '-e', *on, '-f', '%k=%s;').stdout
    equal(out, 'k=v\nw;=rest;', 'NUL between messages, a tab behind the key')
    box.run('produce', 'd', *on, '-D', '<>', input='a<>b<<>' + 'x' * 70000 + '<>')
    equal(box.run('tail', 'd', '-e', *on, '-f', '%s|').stdout, 'a|b<|' + 'x' * 70000 + '|', 'of several bytes')
    box.run('produce', 'n', '-n', '3', *on, input='1\n2\n3\n4\n')
    equal(box.run('tail', 'n', '-e', *on).stdout, '1\n2\n3\n', 'count')
    box.run('produce', 'r', '--rate', '1000', *on, input='1\n2\n3\n')
    equal(box.run('tail', 'r', '-e', *on).stdout, '1\n2\n3\n', 'rate')


def test_receipts_for_programs(box):
    b = box.broker()
    on = ('-b', b.address)
    box.run('topics', 'create', 't', *on)
    row = json.loads(box.run('produce', 't', '-v', '-o', 'json', *on, input='a\n').stdout)
    equal((row['topic'], row['partition'], row['offset'], row['error_code'], row['message']), ('t', 0, 0, 0, None), 'json')
    row, = csv.DictReader(io.StringIO(box.run('produce', 't', '-v', '-o', 'csv', *on, input='a\n').stdout))
    equal((row['topic'], row['offset'], row['message']), ('t', '1', ''), 'csv')
    done = box.run('produce', 't', '-p', '9', '-v', '-o', 'json', *on, input='secret\n', code=1)
    contains(done.stderr, 'topic t has no partition 9')
    equal('secret' in done.stderr + done.stdout, False, "not the message's own bytes as the reason")
    equal(json.loads(done.stdout)['offset'], None, 'no offset')


def test_big_message(box):
    b = box.broker()
    line = 'y' * 900_000
    box.run('produce', 't', '-b', b.address, input=line + '\n')
    equal(len(box.run('tail', 't', '-e', '-b', b.address).stdout), 900_001, 'not cut')


def test_keys_headers_null(box):
    b = box.broker()
    box.run('produce', 't', '-b', b.address, '-K', ':', '-H', 'a=1', '-H', 'b=', '-Z', input='k1:v1\nk2:\nplain\n')
    rows = [json.loads(x) for x in box.run('tail', 't', '-e', '-b', b.address, '-o', 'json').stdout.splitlines()]
    equal([(r['key'], r['value']) for r in rows], [('k1', 'v1'), ('k2', None), (None, 'plain')], 'key and value')
    equal(rows[0]['headers'], [{'key': 'a', 'value': '1'}, {'key': 'b', 'value': ''}], 'headers')
    out = box.run('tail', 't', '-e', '-b', b.address, '-f', '%t/%p/%o %k=%s %K %S %h%%\\n').stdout.splitlines()
    equal(out[0], 't/0/0 k1=v1 2 2 a=1,b=%', 'format')
    equal(out[1], 't/0/1 k2= 2 -1 a=1,b=%', 'format of a null')


def test_receipts(box):
    b = box.broker()
    for acks in ('0', '1', 'all'):
        out = box.run('produce', f't{acks}', '-b', b.address, '-v', '--acks', acks, '--sync', input='a\nb\n').stdout
        equal(len(out.splitlines()), 2, 'receipts')
        if acks != '0':
            equal([x.split()[0] for x in out.splitlines()], ['0@0', '0@1'], 'where')


def test_from(box):
    b = box.broker()
    box.run('produce', 't', '-b', b.address, input=''.join(f'{i}\n' for i in range(10)))

    def tail(*words):
        return box.run('tail', 't', '-e', '-b', b.address, *words).stdout.split()
    equal(tail('--from', '7'), ['7', '8', '9'], 'offset')
    equal(tail('--from', '-2'), ['8', '9'], 'last two')
    equal(tail('--from', 'end'), [], 'end')
    equal((tail('--from', 'earliest', '-n', '1'), tail('--from', 'latest')), (['0'], []), 'in the words of a reset')
    equal(tail('-n', '3'), ['0', '1', '2'], 'count')
    equal(tail('--from', '1h'), [str(i) for i in range(10)], 'an hour ago')
    equal(tail('--from', '2099-01-01'), [], 'a day to come')
    equal(tail('-p', '0,0', '-n', '1'), ['0'], 'a partition that is named twice')
    equal(len(tail('-p', '0,0')), 10, 'is read once, to its end')
    equal(tail('--filter', '4'), ['4'], 'filter')
    equal(tail('--filter', 'value:/[13]/'), ['1', '3'], 'of the value')
    box.run('tail', 't', '-e', '-b', b.address, '--filter', '/[/', code=2)


def test_closed_pipe_is_quiet(box):
    b = box.broker('--durability', 'os')
    box.run('produce', 't', '-b', b.address, input='z' * 100 + '\n', code=0)
    box.run('produce', 't', '-b', b.address, input=('z' * 100 + '\n') * 20000)
    tail = subprocess.Popen([WEIR, 'tail', 't', '-e', '-b', b.address], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    tail.stdout.readline()
    tail.stdout.close()
    equal(tail.stderr.read(), b'', 'stderr')
    tail.stderr.close()
    equal(tail.wait(LIMIT), 0, 'exit code')


def test_reader_that_has_seen_enough(box):
    """tail | grep -m 1 ends with grep, though no record comes after."""
    b = box.broker()
    box.run('produce', 't', '-b', b.address, input='ready\n')
    tail = subprocess.Popen([WEIR, 'tail', 't', '--from', 'beginning', '-b', b.address], stdout=subprocess.PIPE)
    equal(tail.stdout.readline(), b'ready\n', 'a line')
    tail.stdout.close()
    try:
        equal(tail.wait(LIMIT), 0, 'exit code')
    finally:
        tail.kill()
        tail.wait()


def test_follows(box):
    b = box.broker()
    box.run('topics', 'create', 't', '-b', b.address)
    tail = subprocess.Popen([WEIR, 'tail', 't', '--from', 'beginning', '-n', '2', '-b', b.address],
                            stdout=subprocess.PIPE, text=True)
    box.run('produce', 't', '-b', b.address, input='first\n')
    equal(tail.stdout.readline(), 'first\n', 'the first')
    box.run('produce', 't', '-b', b.address, input='second\n')
    equal(tail.stdout.readline(), 'second\n', 'the second')
    tail.stdout.close()
    equal(tail.wait(LIMIT), 0, 'exit code')


def test_nobody_there(box):
    """--timeout-ms is the time that a script waits for a tail too, and who watches is told that the broker went."""
    b = box.broker()
    box.run('produce', 't', '-b', b.address, input='a\n')
    with subprocess.Popen([WEIR, 'tail', 't', '--from', 'beginning', '--timeout-ms', '300', '-b', b.address], text=True,
                          env=box.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tail:
        equal(tail.stdout.readline(), 'a\n', 'it follows')
        b.stop()
        equal(bool(select.select([tail.stderr], [], [], LIMIT)[0]), True, 'something is said')
        contains(tail.stderr.readline(), 't: nothing in 300 ms: cannot reach')
        tail.terminate()
        equal(tail.wait(LIMIT), 0, 'exit code')
    contains(box.run('tail', 't', '-e', '--timeout-ms', '300', '-b', b.address, code=1).stderr,
             't: nothing in 300 ms: cannot reach')


def test_kcat_reads_and_writes(box):
    if shutil.which('kcat') is None:
        return
    b = box.broker()
    box.run('produce', 't', '-b', b.address, '-k', 'key', '-z', 'zstd', input='from weir\n')
    out = subprocess.run(['kcat', '-C', '-q', '-e', '-b', b.address, '-t', 't', '-f', '%k %s\n'], stdout=subprocess.PIPE,
                         text=True, timeout=LIMIT, check=True)
    equal(out.stdout, 'key from weir\n', 'kcat reads')
    subprocess.run(['kcat', '-P', '-b', b.address, '-t', 't'], input='from kcat\n', text=True, timeout=LIMIT, check=True)
    contains(box.run('tail', 't', '-e', '-b', b.address).stdout, 'from kcat\n')


def test_no_topic(box):
    b = box.broker('--set', 'auto.create.topics.enable=false')
    contains(box.run('tail', 'nope', '-e', '-b', b.address, code=1).stderr, 'nope')
    assert os.path.isdir(box.data)


main()
