#!/usr/bin/env python3
"""Foreign text in the output of every command: each string of a cluster does harm where a terminal gets it as it is.

To a terminal nothing goes but plain text and ends of lines, in every format; in a pipe JSON and CSV give back the very
bytes.  The commands are those of weir --help: one without a row in COMMANDS fails the test."""
import base64
import collections
import csv
import io
import json
import os
import pty
import re
import select
import subprocess

from e2e import LIMIT, WEIR, contains, equal, main
from fakebroker import GROUPS, HOST, NASTY, RACK, RECORDS, TOPICS, FakeBroker
from nasty import begins, mark_of, marked, outside, shown, whole
from wire import Wire

TURNS = range(len(NASTY))
ASKED = TOPICS[0]                                       # what is changed, deleted, read
DESCRIBED = 'describe_groups_resp_described_group'
MEMBER = DESCRIBED + '_member'
IN_GROUP = GROUPS[1]                                    # one with members


def without_nul(octets):
    """As an argument of a program or in a C string: no NUL."""
    return octets.replace(b'\0', b'')


# words: of the command.  columns: what its rows hold, as bytes, or the path of a field of the protocol, each of whose
# strings begins with its mark.  says: fields that a sentence or a row quotes.  refuse: APIs that the cluster refuses.
# tables: False where the table leaves those columns out.
Row = collections.namedtuple('Row', 'words columns says refuse input tables',
                             defaults=({}, (), (), b'', True))

CONFIGS = [letter + b'%02d' % i + nasty for letter in (b'C', b'D') for i, (_, nasty) in enumerate(NASTY)]
COMMANDS = {
    'topics list': [Row([], {'name': TOPICS})],
    'topics describe': [Row([ASKED], {'topic': [ASKED], 'name': CONFIGS[:len(NASTY)], 'value': CONFIGS[len(NASTY):]}),
                        Row([ASKED], says=['describe_configs_resp_result.error_message'], refuse=[32])],
    'topics create': [Row([ASKED], {'topic': [ASKED]}),
                      Row([ASKED], says=['create_topics_resp_creatable_topic.error_message'], refuse=[19]),
                      Row(['--explain', ASKED])],
    'topics alter': [Row([ASKED, '--partitions', '9', '--set', b'x\x1b[m=\x1b[m'], {'topic': [ASKED]}),
                     Row([ASKED, '--partitions', '9'], says=['create_partitions_resp_topic.error_message'],
                         refuse=[37]),
                     Row([ASKED, '--set', b'a=b'],
                         says=['alter_configs_resp_resource.error_message'], refuse=[44]),
                     Row(['--explain', ASKED, '--set', b"x\x1b[m=\x1b[m'"])],
    'topics delete': [Row(['--yes', ASKED], {'topic': [ASKED]}),
                      Row(['--yes', ASKED], says=['delete_topics_resp_deletable_topic.error_message'], refuse=[20]),
                      Row([ASKED], input=b'no\n'),
                      Row(['--explain', ASKED])],
    'groups list': [Row([], {'group': GROUPS, 'group_state': DESCRIBED + '.group_state'})],
    'groups describe': [Row([IN_GROUP], {'group': [IN_GROUP], 'topic': TOPICS}),
                        Row([IN_GROUP], {'client_id': MEMBER + '.client_id', 'host': MEMBER + '.client_host'}),
                        Row([IN_GROUP], {'member': MEMBER + '.member_id'}, tables=False),
                        Row(['--members', IN_GROUP],
                            {'group': [IN_GROUP], 'member': MEMBER + '.member_id', 'client_id': MEMBER + '.client_id',
                             'host': MEMBER + '.client_host'})],
    'groups reset': [Row([b'new', '--to', 'earliest', '-t', ASKED], {'topic': [ASKED]}, input=b'no\n'),
                     Row([b'new' + NASTY[0][1], '--to', 'latest', '--yes', '-t', ASKED], {'topic': [ASKED]}),
                     Row([b'new' + NASTY[0][1], '--to', 'latest', '--yes', '-t', ASKED], refuse=[8]),
                     Row(['--explain', b'new' + NASTY[0][1], '--to', 'latest', '-t', ASKED])],
    'groups delete': [Row(['--yes', GROUPS[0]], {'group': [GROUPS[0]]}), Row(['--yes', GROUPS[0]], refuse=[42]),
                      Row([GROUPS[0]], input=b'no\n'), Row(['--explain', GROUPS[0]])],
    'produce': [Row(['-v', ASKED], {'topic': [ASKED]}, input=b'x\n', tables=False),
                Row(['-v', ASKED], says=['produce_resp_batch_index_and_error_message.batch_index_error_message'],
                    refuse=[0], input=b'x\n'),
                Row([ASKED, b'no-file\x1b[m\x9b'])],
    'tail': [Row([ASKED, '-e'], {'value': [r[0] for r in RECORDS]}),
             Row([ASKED, '-e', '-f', '%t %k %h %s\\n'],
                 {'value': [r[0] for r in RECORDS], 'key': [r[1] for r in RECORDS]}),
             Row([ASKED, '-e', '--filter', b'V00\x1b'], {'value': [RECORDS[0][0]]})],
    'cluster': [Row([], {'cluster_id': 'metadata_resp.cluster_id', 'host': [HOST]}),
                Row([], {'rack': [RACK]}, tables=False)],
    'hello': [Row([ASKED], says=['create_topics_resp_creatable_topic.error_message'], refuse=[19])],
    'stop': [Row(['--data', b'none' + NASTY[0][1]])],
}
NO_FORMAT = {'stop'}                                    # commands without --output
OF_ITS_OWN = {'stop'}                                   # not of a cluster that is named


# ---- running ----

def on_a_terminal(argv, env, typed=b''):
    """All that it writes to a terminal, of which it is stdin, stdout and stderr."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], argv, env)
    raw = b''
    os.write(fd, typed + b'\x04')
    try:
        while select.select([fd], [], [], LIMIT)[0]:
            more = os.read(fd, 65536)
            if not more:
                break
            raw += more
    except OSError:                                     # EIO: it has ended
        pass
    os.close(fd)
    os.waitpid(pid, 0)
    return raw


def piped(argv, env, typed=b''):
    done = subprocess.run(argv, input=typed, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=LIMIT,
                          check=False)
    return done.stdout, done.stderr


def argv_of(command, row, form, address):
    argv = [WEIR, *command.split(), *([] if command in OF_ITS_OWN else ['-b', address])]
    argv += [] if command in NO_FORMAT else ['-o', form]
    return argv + [without_nul(w) if isinstance(w, bytes) else w for w in row.words]


# ---- reading what was printed ----

def rows_of_json(text, stream):
    if stream:
        return [json.loads(line) for line in text.split('\n') if line]
    found = json.loads(text) if text.strip() else []
    return [r for part in found.values() for r in part] if isinstance(found, dict) else found


def cell_of_json(row, column):
    """The bytes: a string, or what is no UTF-8 in base64 beside a null."""
    if row.get(column + '_base64') is not None:
        return base64.b64decode(row[column + '_base64'])
    return None if row.get(column) is None else row[column].encode()


def rows_of_csv(octets):
    """Sections stand behind a blank line, each with its own first line of names."""
    out, names = [], None
    for line in csv.reader(io.StringIO(octets.decode('utf-8', 'surrogateescape'), newline='')):
        if not line:
            names = None
        elif names is None:
            names = line
        else:
            equal(len(line), len(names), 'columns')
            out.append({n: cell.encode('utf-8', 'surrogateescape') for n, cell in zip(names, line)})
    return out


def cells(form, octets, column, stream):
    """The bytes of a column, as JSON or CSV give them."""
    if form == 'csv':
        return [r[column] for r in rows_of_csv(octets) if column in r]
    return [cell_of_json(r, column) for r in rows_of_json(octets.decode(), stream) if column in r]


def all_of(want):
    """The values that a column may have, and those that must be there."""
    if isinstance(want, str):
        return {marked(want, turn) for turn in TURNS}, set()
    return set(want), set(want)


def check_columns(what, row, form, octets, on_terminal, stream):
    for column, want in row.columns.items():
        may, must = all_of(want)
        if form == 'csv' and on_terminal:               # shown, and then quoted
            may, must = ({shown(v).encode() for v in values} for values in (may, must))
        got = {c for c in cells(form, octets, column, stream) if c}
        equal([shown(v)[:60] for v in must - got], [], f'{what}: missing in {column}')
        if isinstance(want, str):
            marks = {c for c in got if c[:4] == mark_of(want).encode()}
            equal(bool(marks), True, f'{what}: {column} shows {want}')
            equal(marks - may, set(), f'{what}: {column} is whole')


def check_table(what, row, text, stream):
    for column, want in row.columns.items() if row.tables else ():
        if isinstance(want, str):
            equal(begins(want, text), True, f'{what}: {want}')
        elif not stream:
            equal([shown(v)[:60] for v in want if shown(v) not in text], [], f'{what}: {column}')


def check_tail_as_bytes(what, row, octets):
    """As kcat: the bytes."""
    for column, want in row.columns.items():
        equal([shown(v)[:60] for v in want if v not in octets], [], f'{what}: {column}')


def check_quoted(what, row, text):
    """In a sentence, which JSON writes with two backslashes for one, and to a terminal in ASCII."""
    text = re.sub(r'\\u([0-9A-F]{4})', lambda m: chr(int(m[1], 16)), text.replace('\\\\', '\\'))
    for path in row.says:
        equal(begins(path, text), True, f'{what}: {path} in {text[:2000]!r}')


def check_clean(what, octets):
    equal(outside(octets), [], what)
    equal(whole(octets), [], what)
    octets.decode()


def check_command(box, broker, command, row, form):
    what = f'{command} {row.words} -o {form}'
    stream = command in ('tail', 'produce')
    broker.kafka.refuse = set(row.refuse)
    argv = argv_of(command, row, form, broker.address)
    raw = on_a_terminal(argv, box.env, row.input)
    check_clean(what + ' on a terminal', raw)
    text = raw.replace(b'\r\n', b'\n').decode()
    check_quoted(what, row, text)
    out, errors = piped(argv, box.env, row.input)
    check_clean(what + ', stderr', errors)
    check_quoted(what, row, errors.decode() + out.decode('utf-8', 'replace'))
    if form != 'table':
        check_columns(what, row, form, out, False, stream)
        return text, out
    if command == 'tail':
        check_tail_as_bytes(what, row, out)
        equal([shown(v)[:60] for want in row.columns.values() for v in want if shown(v) not in text], [], what)
    else:
        check_clean(what + ' in a pipe', out)
        check_table(what, row, out.decode(), stream)
        check_table(what, row, text, stream)
    return text, out


# ---- tests ----

def commands_of_help(box):
    return set(re.findall(r'^  ([a-z]+(?: [a-z]+)?)  +\S', box.run('--help').stdout.split('Without -b')[0], re.M))


def test_every_command_has_a_row(box):
    equal(commands_of_help(box), set(COMMANDS), 'commands')


def test_every_command(box):
    with FakeBroker() as broker:
        for command, rows in COMMANDS.items():
            for row in rows:
                for form in ('table',) if command in NO_FORMAT else ('table', 'json', 'csv'):
                    check_command(box, broker, command, row, form)


def test_a_terminal_without_utf8(box):
    """The second byte of a letter of UTF-8 may be CSI there."""
    for how in ({'LC_ALL': 'C'}, {'LC_ALL': 'de_DE.ISO-8859-1'}, {'LANG': 'POSIX', 'LC_ALL': ''}, {}):
        env, ascii_option = dict(box.env, **how), [] if how else ['--ascii']
        with FakeBroker(topics=TOPICS + ['\u255b31m'.encode()]) as broker:
            for words in (['topics', 'list'], ['topics', 'list', '-o', 'csv'], ['topics', 'list', '-o', 'json'],
                          ['cluster'], ['tail', ASKED, '-e', '-f', '%k %s %h\\n'], ['topics', 'describe', ASKED],
                          ['topics', 'describe', '\u6f22\u255b'], ['topics', 'delete', '\u6f22\u255b']):
                raw = on_a_terminal([WEIR, *words, *ascii_option, '-b', broker.address], env, b'no\n')
                equal([b for b in set(raw) if not 32 <= b < 127 and b not in b'\r\n'], [], f'{words} {how}')
                equal(bool(re.search(rb'x1b|u001B|u\{6f22\}', raw)), True, f'{words} {how} {raw}')


# What a person types, each with a place for what does harm: {} is replaced.
TYPED = ['{}', '--{}', '-{}', 'topics {}', 'groups {}', '-o {}', 'topics list {}', 'topics list -r [{}',
         'topics list -b {}', 'topics list -b h:{}', 'topics list --data /dev/null/{}', 'topics list -c {}',
         'topics list -F {}', 'topics list -X {}', 'topics list -X {}=1 -b 127.0.0.1:1',
         'topics list -X security.protocol={}',
         'topics list -X sasl.mechanism={} -X security.protocol=sasl_plaintext -b 127.0.0.1:1',
         'topics list --timeout-ms {}', 'topics create a --partitions {}', 'topics create a --set {}',
         'topics delete {}', 'topics delete a --explain={}', 'groups delete {}',
         'groups reset g --to earliest -t {}', 'groups reset g --to earliest -t t:{}', 'produce t -p {}',
         'produce t -z {}', 'produce t --acks {}', 'produce t -X acks={}', 'tail t --from {}', 'tail t -f %{}',
         'tail t -f \\{}', 'tail t -n {}', 'stop {}', 'stop -b {}', 'stop --data {}', '-c {}', 'serve {}',
         'serve --{}', 'serve --listen {}', 'serve --listen 127.0.0.1:{}', 'serve --data /dev/null/{}',
         'serve -c {}', 'serve --durability {}', 'serve --set {}', 'serve --set {}=1',
         'serve --set log.retention.ms={}', 'serve --kafka-config {}',
         'serve --listen 127.0.0.1:0 --address-file /dev/null/{} --ephemeral', 'serve --lenient-replication {}',
         'cluster {}', 'tail t -p {}', 'produce t -l {}']
STOPS_AT_ONE = {'-{}', 'tail t -f %{}', 'tail t -f \\{}'}   # of which one byte is repeated


def harm(turn):
    """Nearly all of it in one word, each time beginning with another one."""
    all_of_it = [nasty for _, nasty in NASTY[turn:] + NASTY[:turn]]
    return without_nul(b'Q' + b'|'.join(all_of_it)).replace(b'/', b'')[:100]


def typed_argv(words, evil):
    argv = [WEIR.encode(), *(w.encode().replace(b'{}', evil) for w in words.split(' '))]
    return argv + [b'--timeout-ms=200'] * (b'127.0.0.1:1' in argv)


def test_what_was_typed(box):
    """Every sentence about the command line, with hostile words in each place."""
    env = dict(box.env, XDG_DATA_HOME=box.dir + '/no/where')
    for at, words in enumerate(TYPED):
        told = ''
        for turn in range(at % 5, len(NASTY), 5):
            evil = harm(turn)[words in STOPS_AT_ONE:]
            done = subprocess.run(typed_argv(words, evil), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env=env, timeout=LIMIT, check=False, cwd=box.dir)
            equal(done.returncode != 0, True, f'{words} refused')
            check_clean(f'{words} {evil[:20]}', done.stdout + done.stderr)
            told += done.stderr.decode()
        want = '\\' if words in STOPS_AT_ONE else 'Q'
        equal(want in told, True, f'{words} is repeated in {told}')


def test_environment(box):
    """Names that come from outside of the command line."""
    evil = harm(0)
    for name, words in (('TERM', []), ('XDG_DATA_HOME', ['topics']), ('HOME', ['topics'])):
        env = dict(box.env, **{name: os.fsdecode(b'/dev/null/' + evil if name != 'TERM' else evil)})
        if name == 'HOME':
            env.pop('XDG_CONFIG_HOME'), env.pop('XDG_DATA_HOME')
        raw = on_a_terminal([WEIR, *words], env)
        check_clean(name, raw)
        equal(b'weir: ' in raw, True, f'{name} {raw}')


FILES = [('weir.conf', 'console = { broker = "{}"; };', ['topics', '--timeout-ms=200', '-c']),
         ('weir.conf', 'serve = { listen = "{}"; };', ['serve', '-c']),
         ('weir.conf', 'serve = { set = [ "{}=1" ]; };', ['serve', '-c']),
         ('weir.conf', 'keys = { tail = "{}"; };', ['-b', '127.0.0.1:1', '-c']),
         ('properties', '{}=1\n', ['topics', '--timeout-ms=200', '-b', '127.0.0.1:1', '-F']),
         ('server.properties', '{}=1\n', ['serve', '--data', '/dev/null/x', '--kafka-config']),
         ('server.properties', 'listeners={}\n', ['serve', '--data', '/dev/null/x', '--kafka-config'])]


def test_files(box):
    """What a file says that a sentence repeats; on a terminal, so that the console starts too."""
    for name, text, words in FILES:
        for turn in range(0, len(NASTY), 5):
            evil = harm(turn).replace(b'"', b'').replace(b'\\', b'').replace(b'\n', b'').replace(b'\r', b'')
            path = os.path.join(box.dir, name)
            with open(path, 'wb') as f:
                f.write(text.encode().replace(b'{}', evil))
            raw = on_a_terminal([WEIR, *words, path], dict(box.env, XDG_DATA_HOME=box.dir + '/no'))
            check_clean(f'{text} {evil[:20]}', raw)
            equal(b'Q' in raw, True, f'{text}: {raw}')


def test_shown_commands(box):
    """What --explain shows means the same name to a shell, and runs nothing else."""
    tool = os.path.join(box.dir, 'kafka-topics.sh')
    with open(tool, 'w', encoding='utf-8') as f:
        f.write('#!/bin/sh\nfor word; do printf "%s\\0" "$word"; done\n')
    os.chmod(tool, 0o755)
    env = dict(box.env, PATH=f'{box.dir}:{os.environ["PATH"]}')
    for name, nasty in NASTY:
        topic = b'T' + without_nul(nasty)
        shown_there = on_a_terminal([WEIR, 'topics', 'delete', topic, '--explain', '-b', 'h:1'], box.env)
        line, _ = piped([WEIR, 'topics', 'delete', topic, '--explain', '-b', 'h:1'], box.env)
        equal(shown_there.replace(b'\r\n', b'\n'), line, 'the same on a terminal')
        done = subprocess.run(['bash', '-c', line], stdout=subprocess.PIPE, cwd=box.dir, env=env, timeout=LIMIT,
                              check=True)
        equal(done.stdout.split(b'\0')[:-1], [b'--bootstrap-server', b'h:1', b'--delete', b'--topic', topic], name)
    equal(os.path.exists(os.path.join(box.dir, 'owned')), False, 'nothing else was run')


def test_log_of_the_broker(box):
    """Clients with such names: the broker's log, and what it answers in words, stay plain."""
    log = os.path.join(box.dir, 'log')
    with open(log, 'wb') as f:
        serve = subprocess.Popen([WEIR, 'serve', '--listen', '127.0.0.1:0', '--ephemeral'], stdout=subprocess.PIPE,
                                 stderr=f, env=box.env)
    try:
        address = serve.stdout.readline().decode().split(' listens on ')[1].split(',')[0]
        speak_badly(address)
    finally:
        serve.terminate()
        serve.communicate(timeout=LIMIT)
    with open(log, 'rb') as f:
        lines = f.read()
    check_clean('the log', lines)
    contains(lines.decode(), 'closed')


def speak_badly(address):
    for _, nasty in NASTY:
        name = nasty.decode('utf-8', 'surrogateescape')
        with Wire(address) as w:
            w.client_id = nasty
            w.create_topic(name)
            w.set_config('no-topic', name, name)
            w.commit(name, name, 0, 1)
            w.coordinator(name)
        with Wire(address) as w:                        # a frame of junk, which the log tells of
            w.socket.sendall(b'\x7f\xff\xff\xff' + nasty)
            equal(w.socket.recv(1), b'', 'closed')


main()
