#!/usr/bin/env python3
"""Foreign text on every screen: of a cluster each of whose strings does harm where a terminal gets it as it is.

What the console writes must be plain text in UTF-8 and sequences of its own (nasty.OWN); what is nasty never stands in
it as it came.  And it must be seen: SCREENS says for each view what its pictures show, escaped, behind its marks.
Views and commands are those of doc/keys.md, which is made from the program's own rows: a view that no picture shows
fails the test, and test_every_command_in_every_view runs what there is in each."""
import base64
import collections
import os
import re
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))
sys.path.insert(0, HERE)
from e2e import WEIR, equal, main  # noqa: E402
from fakebroker import NASTY, FakeBroker, topic_of  # noqa: E402
from nasty import OWN, mark_of, outside, shown, whole  # noqa: E402
from terminal import Terminal  # noqa: E402

KEYS = os.path.join(HERE, '..', '..', 'doc', 'keys.md')
MEMBER = 'describe_groups_resp_described_group_member'
open_terminals = []


def console(box, broker, *words, columns=220, rows=60, **env):
    """pyte knows neither REP nor to scroll by SU and SD, which this terminal does not have."""
    env = dict(box.env, **dict({'XDG_STATE_HOME': box.dir, 'TERM': 'screen-256color'}, **env))
    here = ['env', '-C', box.dir, os.path.abspath(WEIR)]    # an export writes where it runs
    t = Terminal([*here, *words, '-b', broker.address], env, columns, rows)
    open_terminals.append(t)
    return t


def check_written(what, raw, ascii_only=False):
    raw = re.sub(rb'\x1b[^a-zA-Z\x07]*\Z', b'', raw)      # where reading stopped
    rest = OWN.sub(b'', raw)
    at = re.search(rb'[\x00-\x1f\x7f]', rest)
    equal(outside(raw, OWN), [], f'{what}: outside, as in {at and rest[max(0, at.start() - 60):at.start() + 60]!r}')
    equal(whole(raw), [], f'{what}: as it came')
    if ascii_only:
        equal(sorted({b for b in raw if b > 126}), [], f'{what}: not ASCII')


# ---- what a picture shows ----

def field(path):
    """The mark of a field of the protocol, and how one of the nasty ones begins."""
    starts = sorted({re.escape(shown(nasty, ascii_only)[:3]) for _, nasty in NASTY for ascii_only in (False, True)})
    return mark_of(path) + '(?:' + '|'.join(starts) + ')'


def each(letter, first=0, last=len(NASTY) - 1, columns=4):
    """A row or a part of one for each of the nasty ones: T07 and the beginning of what follows it."""
    def begins(nasty):
        return re.escape(re.match('(?:[ -~](?![\u0300-\u0489]))*', shown(nasty)[:columns])[0])
    return [f'{letter}{i:02d}(?:": ")?' + begins(NASTY[i][1]) for i in range(first, last + 1)]      # or in JSON


# keys: from the list of topics; what stands between ~ is waited for.  wants: patterns of what the screen then shows.
Picture = collections.namedtuple('Picture', 'view keys wants')
SCREENS = [
    Picture('Topics', '1', each('T')),
    Picture('Topics', '1/T0<Enter>', each('T', 0, 9)),
    Picture('Groups', '2', each('G')),
    Picture('Groups', '2/G2<Enter>', each('G', 20, 29)),
    Picture('Topic', '1<Enter>', [r'T00\\x1b\]0;owned\\x07 +2 partitions']),
    Picture('Topic', '1e', [*each('C'), *each('D', 0, 20)]),
    Picture('Topic', '1ejj', each('E', 2, 2)),
    Picture('Topic', '1<Enter>]', each('G', 0, 20)),
    Picture('Group', '2/G01<Enter><Enter>', [*each('G', 1, 1), *(t + '.* 0 +26 +5 +31' for t in each('T', 0, 20))]),
    Picture('Group', '2/G01<Enter><Enter>]', [field(MEMBER + '.client_id'), field(MEMBER + '.client_host')]),
    Picture('Tail', '1t', each('V', 12, 29)),
    Picture('Tail', '1t~K28~g<Enter>', [*each('K', 0, 0), *each('H', 0, 0), *each('W', 0, 0)]),
    Picture('Tail', '1t~K28~gjjjj<Enter>dd', [r'HEADERS', *each('H', 4, 4)]),
    Picture('Tail', '1t~K28~gjj<Enter>d', [*each('H', 2, 2), '56 30 32 1b']),
    Picture('Produce', '1p', [r'Topic +T00\\x1b\]0;owned\\x07 ']),
    Picture('Produce', '1t~K28~gjR', [*each('V', 1, 1), *each('K', 1, 1), *each('H', 1, 1)]),
    Picture('Cluster', '5', [field('metadata_resp.cluster_id'), field('metadata_resp_broker.rack'), r'Qhost\\x1b']),
    Picture('Changes', '6', [r'topic TNEW\\x1b\[2J.* was created']),
    Picture('Log', '7', [r'Qhost\\x1b\]0;owned']),
]

# keys: to a question or a sentence.  refuse: APIs that refuse, in words.
Sentence = collections.namedtuple('Sentence', 'keys wants refuse', defaults=((),))
ESCAPED = r'\$' + "'T00" + r'\\033\]0;owned\\007' + "'"    # as a shell takes it
SENTENCES = [
    Sentence('1D', [r'T00\\x1b\]0;owned\\x07', ESCAPED]),
    Sentence('1+', [r'T00\\x1b\]0;owned\\x07', ESCAPED]),
    Sentence('1:truncate<Enter>', [r'[Dd]elete.*T00\\x1b\]0;owned\\x07']),
    Sentence('1e~C00~e', [*each('C', 0, 0), *each('D', 0, 0), *each('E', 0, 0), ESCAPED, r"'C00\\033\]0"]),
    Sentence('1jjjj<Space>j<Space>D', [*each('T', 4, 5), r"'T04\\033\["]),
    Sentence('2gD', [r'G00\\x1b\]0;owned\\x07', r"'G00\\033\]0;"]),
    Sentence('2go', [r'G00\\x1b\]0;owned\\x07', r"'G00\\033\]0;"]),
    Sentence('1D' + shown(topic_of(0)) + '<Enter>', [r'deleted topic T00\\x1b\]0;owned']),
    Sentence('1D' + shown(topic_of(0)) + '<Enter>', [field('delete_topics_resp_deletable_topic.error_message')], [20]),
    Sentence('1:new x<Enter><Enter>', [field('create_topics_resp_creatable_topic.error_message')], [19]),
    Sentence('1+9<Enter>', [field('create_partitions_resp_topic.error_message')], [37]),
    Sentence('1e~C00~e9<Enter>', [field('alter_configs_resp_resource.error_message')], [44]),
    Sentence('1e', [field('describe_configs_resp_result.error_message')], [32]),
    Sentence('1pj<C-s>', [field('produce_resp_batch_index_and_error_message.batch_index_error_message')], [0]),
    Sentence('1:hello<Enter>', [field('create_topics_resp_creatable_topic.error_message')], [19]),
    Sentence('1c', [r'copied.*T00\\x1b']),
    Sentence('2gc', [r'copied.*G00\\x1b']),
    Sentence('7:tail T0<Tab>', each('T', 0, 5)),
    Sentence('7:produce T0<Tab>', each('T', 0, 5)),
]
# Pasted, between the brackets of a paste: what a person may have in the clipboard.
PASTED = [('1/', 'Q'), ('1:', 'Q'), ('1:tail ', 'Q'), ('1:theme ', 'Q'), ('1n', 'Q'), ('1:columns ', 'Q'),
          ('1:sort ', 'Q'), ('1p', 'Q'), ('1t/', 'Q'), ('1t:from ', 'Q'), ('1t:export ', 'Q'), ('2/', 'Q'),
          ('1:connect ', 'Q')]


def to_topics(t):
    """From wherever a picture was, to the list; what stood on the screen is forgotten, so that it proves nothing later.
    What is typed at a prompt comes behind all that was written before."""
    t.steps = getattr(t, 'steps', 0) + 1
    t.type('<Esc><Esc><Esc><Esc><Esc>')
    t.type(f'1g:zz{t.steps};')
    t.wait(f'zz{t.steps};')
    t.type('<Esc>')
    t.gone(f'zz{t.steps};')     # painted: else what is typed next stands on the screen as far as it differs, and no more
    t.screen.erase_in_display(2)


def look(t, what, keys, wants):
    for i, part in enumerate(keys.split('~')):
        t.wait(part) if i % 2 else t.type(part)
    os.kill(t.pid, signal.SIGWINCH)                     # it paints the whole screen again, and not what has changed
    for want in wants:
        try:
            t.wait(want)
        except AssertionError as e:
            raise AssertionError(f'{what} {keys!r}: {e}') from None


# ---- what there is: the rows of doc/keys.md ----

def commands():
    """(name, views) of each command."""
    with open(KEYS, encoding='utf-8') as f:
        rows = re.findall(r'^\|[^|]*\| `:(\w+)`[^|]*\| ([^|]*) \|', f.read(), re.M)
    return [(name, where.split(', ')) for name, where in rows]


def views():
    return sorted({v for _, where in commands() for v in where} - {'everywhere'})


def test_every_view_is_shown(box):
    equal(sorted({p.view for p in SCREENS}), views(), 'views')


def pictures(box, what, *words, ascii_only=False, **env):
    with FakeBroker() as broker:
        t = console(box, broker, *words, **env)
        t.wait(each('T', 5, 5)[0])
        broker.kafka.topics = broker.kafka.topics + [b'TNEW\x1b[2J']
        for p in SCREENS:
            to_topics(t)
            look(t, what + ' ' + p.view, p.keys, p.wants)
        to_topics(t)
        t.type('q')
        equal(t.end(), 0, 'exit code')
        check_written(what, t.raw, ascii_only)


def test_pictures(box):
    pictures(box, 'UTF-8')


def test_pictures_in_ascii(box):
    """A terminal that is none of UTF-8: not a byte above it."""
    for how in ({'LC_ALL': 'C'}, {'LC_ALL': 'de_DE.ISO-8859-1'}):
        pictures(box, str(how), ascii_only=True, **how)


def test_sentences(box):
    """Questions, what was refused in words, what was copied, what completes: all that quotes a name or a reason."""
    with FakeBroker() as broker:
        t = console(box, broker)
        t.wait(each('T', 5, 5)[0])
        for s in SENTENCES:
            broker.kafka.refuse = set(s.refuse)
            to_topics(t)
            look(t, 'sentence', s.keys, s.wants)
        to_topics(t)
        check_written('sentences', t.raw)
        check_copied(t.raw)


def check_copied(raw):
    """OSC 52 carries base64, and in it what may be pasted anywhere."""
    copied = re.findall(rb'\x1b\]52;c;([^\x07]*)\x07', raw)
    equal(len(copied) > 1, True, 'copied')
    for payload in copied:
        equal(outside(base64.b64decode(payload, validate=True)), [], 'copied')


def harm(turn):
    """In UTF-8, as terminals paste; its end is seen, where the field is too short for it all."""
    text = b'|'.join(nasty for _, nasty in NASTY[turn:] + NASTY[:turn]).decode('utf-8', 'ignore')
    return text[:70].encode() + b'Q'


def test_pasted(box):
    with FakeBroker() as broker:
        t = console(box, broker)
        t.wait(each('T', 5, 5)[0])
        for turn, (keys, want) in enumerate(PASTED):
            for at in range(turn % 5, len(NASTY), 5):
                to_topics(t)
                t.type(keys)
                os.write(t.fd, b'\x1b[200~' + harm(at) + b'\x1b[201~')
                t.wait(want)
                t.type('<Enter>')
        to_topics(t)
        check_written('pasted', t.raw)


# Those that leave the console or start another program; other stories show them.
LEAVING = {'quit', 'exit', 'suspend', 'editor', 'connect'}
INTO = {'Topics': '1', 'Groups': '2', 'Tail': '1t~KLONG~', 'Produce': '1p', 'Cluster': '5', 'Changes': '6',
        'Log': '7', 'Topic': '1<Enter>', 'Group': '2/G01<Enter><Enter>'}


def test_every_command_in_every_view(box):
    """Each command that applies where we are, at two sizes: whatever it shows, nothing gets through."""
    equal(sorted(INTO), views(), 'views')
    with FakeBroker() as broker:
        for columns, rows, term in ((80, 24, 'xterm-256color'), (47, 13, 'linux')):
            t = console(box, broker, columns=columns, rows=rows, TERM=term)
            t.wait('T00')
            for view, keys in INTO.items():
                for name in (n for n, where in commands() if {view, 'everywhere'} & set(where) and n not in LEAVING):
                    to_topics(t)
                    look(t, view, keys, [])
                    t.type(f':{name}<Enter>')
                    t.type('?<Esc>')
            to_topics(t)
            check_written(f'{columns}x{rows}', t.raw)


def test_refused_logins(box):
    for refuse, path in (([17], r'\\x1b\]0;owned'), ([36], field('sasl_authenticate_resp.error_message'))):
        with FakeBroker(refuse=refuse) as broker:
            t = console(box, broker, '-X', 'security.protocol=sasl_plaintext', '-X', 'sasl.mechanism=PLAIN',
                        '-X', 'sasl.username=u', '-X', 'sasl.password=p')
            t.wait(path)
            t.type('7')
            t.wait(path)
            t.type('q')
            equal(t.end(), 0, 'exit code')
            check_written('login', t.raw)


try:
    main()
finally:
    for terminal in open_terminals:
        terminal.close()
