#!/usr/bin/env python3
"""Measures weir's console beside htop and beside the Kafka consoles that are there, all in one run.

usage: console.py WEIR [--peer NAME=PATH]... [--rows start,loading,commands,keys,idle,tail,hostile] [--rounds N] [--quick]
                  [--only NAME,...] [--sizes 80x24,...] [--broker HOST:PORT [--truth FILE] | --kafka] [--groups N]
                  [--json FILE]

Peers (found on PATH or given by --peer): htop, yozf (yozefu), kaskade, kafkatop, kaf, kcat, and Apache Kafka's own
tools, where tests/cluster/kafka has its jars.  A peer that is missing has no column.

The cluster is a `weir serve` made for this run, Apache Kafka 4.3.0 (--kafka), or one that runs already; it is filled by
tests/tools/fill-cluster, whose live groups stay.  Each program runs in a pty by tests/tools/termmeter; the sides take
turns, a figure is the median of the rounds (idle, tail and hostile: of one).  CPU seconds, bytes, memory and events are
sound on a busy machine; times are not: every row says under which load it was taken.
The last two columns are weir's figure over htop's, and over that of the best peer.
"""
import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from bench import Kafka, Weir, run_measured

HERE = os.path.dirname(os.path.abspath(__file__))
TERMMETER = os.path.join(HERE, '..', 'tools', 'termmeter')
FILL = os.path.join(HERE, '..', 'tools', 'fill-cluster')
KAFKA_TOOL = os.path.join(HERE, '..', 'cluster', 'kafka', 'tool')
CONSOLES = ('weir', 'htop', 'yozf', 'kaskade', 'kafkatop')
COMMANDS = ('weir', 'kaf', 'kcat', 'kafkatop', 'kafka')
FIREHOSE, HOSTILE = 'bench.firehose', 'hostile-payloads'
SLEEPERS = 160      # something for htop to scroll


def say(text):
    print(f'console: {text}', file=sys.stderr, flush=True)


class Results:
    """Values by (row, side), and the loads under which a row was taken."""

    def __init__(self):
        self.values, self.loads, self.order, self.notes = {}, {}, [], []

    def add(self, row, side, value):
        if row not in self.order:
            self.order.append(row)
        if value is not None:
            self.values.setdefault((row, side), []).append(value)
            self.loads.setdefault(row, []).append(os.getloadavg()[0])

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def median(self, row, side):
        got = self.values.get((row, side))
        return statistics.median(got) if got else None


class Bench:
    """One filled cluster, the programs, and a directory that is removed at the end."""

    def __init__(self, a):
        self.a, self.results = a, Results()
        self.dir = tempfile.mkdtemp(prefix='weir-console-')
        self.programs = {'weir': os.path.abspath(a.weir)}
        self.find_programs()
        self.children, self.broker = [], None
        self.n_runs = 0

    def find_programs(self):
        given = dict(p.split('=', 1) for p in self.a.peer)
        unknown = set(given) - set(CONSOLES) - set(COMMANDS)
        if unknown:
            sys.exit(f'bench: no such peer: {", ".join(sorted(unknown))}; there are {", ".join(sorted({*CONSOLES, *COMMANDS}))}')
        for name in dict.fromkeys(CONSOLES + COMMANDS):
            path = given.get(name) or shutil.which(name)
            if name == 'kafka' and not path and self.a.kafka:
                path = KAFKA_TOOL
            if name != 'weir' and path and (not self.a.only or name in self.a.only):
                if not os.access(path, os.X_OK):
                    sys.exit(f'bench: cannot run {path}: give --peer {name}=PATH of the program')
                self.programs[name] = os.path.abspath(path)

    def child(self, command, **how):
        p = subprocess.Popen(command, stdin=subprocess.DEVNULL, **how)
        self.children.append(p)
        return p

    def start(self):
        if self.a.broker:
            self.address = self.a.broker
        else:
            self.broker = Kafka(None) if self.a.kafka else Weir(self.programs['weir'], 'fsync')
            self.address = self.broker.address
        self.truth = os.path.join(self.dir, 'truth.json')
        if self.a.truth:
            self.truth = self.a.truth
        elif not self.a.broker:
            say(f'filling {self.address}')
            log = open(os.path.join(self.dir, 'fill.log'), 'w+')
            p = self.child([sys.executable, FILL, '-b', self.address, '-q', '--truth', self.truth, '--hold', *self.a.fill],
                           stdout=subprocess.DEVNULL, stderr=log)
            while 'have an assignment' not in open(log.name).read():
                if p.poll() is not None:
                    sys.exit(f'bench: fill-cluster ended with {p.returncode}: {open(log.name).read()[-400:]}')
                time.sleep(0.2)
        self.learn()
        subprocess.run([self.programs['weir'], 'topics', 'create', '-b', self.address, FIREHOSE, '--partitions', '4'],
                       capture_output=True)
        self.n_topics += 1

    def learn(self):
        """What is in the cluster, so that a screen can be said to be complete."""
        def ask(*words):
            done = subprocess.run([self.programs['weir'], *words, '-b', self.address, '-o', 'json'], capture_output=True, text=True)
            return json.loads(done.stdout or '[]')
        topics = ask('topics', 'list')
        self.n_topics = len([t for t in topics if not t['name'].startswith('__') and t['name'] != FIREHOSE])
        self.n_groups = len(ask('groups', 'list'))
        self.trouble, self.big_group = r'\d+', None
        data = [t for t in topics if (t.get('messages') or 0) > 150]
        self.big_topic = max(data, key=lambda t: t['messages'])['name'] if data else HOSTILE
        if os.path.exists(self.truth):
            with open(self.truth) as f:
                groups = json.load(f)['groups']
            rows = {g: [r for t in topics.values() for r in t.values()] for g, topics in groups.items()}
            self.trouble = str(sum(any(r['case'] == 'below-start' for r in v) for v in rows.values()))
            plain = [g for g in rows if re.fullmatch('[a-z0-9-]+', g)]
            self.big_group = max(plain, key=lambda g: len(rows[g]))
            self.big_group_rows = len(rows[self.big_group])

    def stop(self):
        for p in self.children:
            if p.poll() is None:
                p.terminate()
                p.wait(60)
        if self.broker:
            self.broker.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    # ---- one run of one program

    def scratch(self):
        """A home of its own for a run: what a program remembers must not change the next one."""
        self.n_runs += 1
        home = os.path.join(self.dir, f'home-{self.n_runs}')
        os.makedirs(home)
        names = {'XDG_STATE_HOME': 'state', 'XDG_DATA_HOME': 'data', 'XDG_CONFIG_HOME': 'config', 'HTOPRC': 'htoprc'}
        return home, [w for n, v in names.items() for w in ('--env', f'{n}={home}/{v}')]

    def meter(self, side, command, steps, size='120x36'):
        """Runs (tag, step) pairs; the report, and the steps' own by tag."""
        home, env = self.scratch()
        out = os.path.join(home, 'report.json')
        if side == 'yozf':
            self.yozf_config(home)
            command = [*command, '--config-dir', home]
        words = [sys.executable, TERMMETER, '-q', '--keep-going', '-s', size, '-n', side, '-j', out, *env]
        for _, step in steps:
            words += ['-e', step]
        done = subprocess.run([*words, '--', *command], capture_output=True, text=True, cwd=home)
        if not os.path.exists(out):
            sys.exit(f'bench: termmeter: {done.stderr.strip()[-300:]}')
        with open(out, errors='surrogateescape') as f:
            report = json.load(f)
        shutil.rmtree(home, ignore_errors=True)
        tags = {}
        for (tag, _), got in zip(steps, report['steps']):
            if not got['ok'] and tag:
                self.results.note(f'{side} {size}: {got["step"]}: {got.get("why", "failed")}')
            if tag:
                tags[tag] = got if got['ok'] else {}
        return report, tags

    def yozf_config(self, home):
        config = {'initial_query': 'from end - 10', 'history': [], 'show_shortcuts': True, 'default_kafka_config': {},
                  'clusters': {'bench': {'kafka': {'bootstrap.servers': self.address, 'security.protocol': 'plaintext',
                                                   'broker.address.family': 'v4'}}}}
        with open(os.path.join(home, 'config.json'), 'w') as f:
            json.dump(config, f)

    def console(self, side, *more):
        """The command of a console on the cluster."""
        program = self.programs[side]
        return {'weir': [program, '-b', self.address, *more],
                'htop': [program],
                'yozf': [program, '-c', 'bench', *more],
                'kaskade': [program, *(more or ('admin',)), '-b', self.address],
                'kafkatop': [program, '--kafka-broker', self.address, '--all', '--poll-iterations', '-1']}[side]

    def complete(self, side):
        """The screen that shows all the names (for htop: its first full screen)."""
        return {'weir': rf'(?s)Topics {self.n_topics:,}.*\n [^ ] \S+ +\d', 'htop': r'(?s)Load average.*F10',
                'yozf': r'\[ \] \S+[\s\S]*\[ \] ', 'kaskade': r'Topics \[\d+\]', 'kafkatop': r'poll: \d+'}[side]

    def consoles(self):
        return [s for s in CONSOLES if s in self.programs]

    # ---- the rows

    def start_steps(self, side):
        steps = [('names', f'wait /{self.complete(side)}/ 90'), ('names_cpu', 'mark names')]
        if side == 'weir':
            steps += [('', 'keys "2"'), ('lag', rf'wait /Groups {self.n_groups:,} +!{self.trouble}\b/ 60'), ('lag_cpu', 'mark lag')]
        elif side == 'kaskade':
            steps += [('lag', r'wait /Updated \d\d:/ 90'), ('lag_cpu', 'mark lag')]
        elif side == 'kafkatop':
            steps += [('lag', r'wait /poll: \d+/ 90'), ('lag_cpu', 'mark lag')]
        return [*steps, ('end', 'mark end'), *self.leave(side)]

    @staticmethod
    def leave(side):
        return [('', 'keys "%s"' % {'weir': '<C-c>', 'htop': 'q', 'yozf': '<C-c>', 'kaskade': '<C-c>', 'kafkatop': 'q'}[side]),
                ('', 'exit 5')]

    def row_start(self, first):
        for side in self.consoles():
            report, t = self.meter(side, self.console(side), self.start_steps(side))
            add = lambda row, value: self.results.add(row, side, value)
            add('start: first byte, ms', report['first_byte_ms'])
            if side != 'kafkatop':      # it has no list of topics
                add('start: all topic names, ms', t['names'].get('since_start_ms'))
                add('start: CPU-s until then', t['names_cpu'].get('sample', {}).get('cpu_s'))
            add('start: lag of all groups, ms', t.get('lag', {}).get('since_start_ms'))
            add('start: CPU-s until then, lag', t.get('lag_cpu', {}).get('sample', {}).get('cpu_s'))
            add('start: RSS peak, MiB', t['end']['sample']['hwm_kib'] / 1024)

    def row_loading(self, first):
        """Keys while the groups are still being read: as soon as their names are there."""
        for side in [s for s in self.consoles() if s in ('weir', 'htop')]:
            steps = [('', f'wait /{self.complete(side)}/ 90')]
            if side == 'weir':
                steps += [('', 'keys "2"'), ('', f'wait /Groups {self.n_groups:,}/ 60')]
            key = 'j' if side == 'weir' else '<Down>'
            _, t = self.meter(side, self.console(side), [*steps, ('keys', f'latency "{key}" {self.a.keys}'), *self.leave(side)])
            if t['keys']:
                self.results.add('groups being read: key to paint p50, ms', side, t['keys']['paint_done_ms']['p50'])
                self.results.add('groups being read: key to paint p99, ms', side, t['keys']['paint_done_ms']['p99'])

    def command_lines(self, side):
        """What a script would call: (row, command, the lines that it must print at least)."""
        program, b = self.programs[side], self.address
        admin = 'org.apache.kafka.tools.'
        return {
            'weir': [('topics', [program, 'topics', 'list', '-b', b], self.n_topics),
                     ('lag', [program, 'groups', 'list', '-b', b], self.n_groups),
                     ('rows', [program, 'groups', 'describe', '-b', b], self.n_groups)],
            'kaf': [('topics', [program, '-b', b, 'topics'], self.n_topics)],
            'kcat': [('topics', [program, '-b', b, '-L'], self.n_topics)],
            'kafkatop': [('lag', [program, '--kafka-broker', b, '--summary-json', '--all'], 1)],
            'kafka': [('topics', [program, '4.3.0', admin + 'TopicCommand', '--bootstrap-server', b, '--list'], self.n_topics),
                      ('rows', [program, '4.3.0', admin + 'consumer.group.ConsumerGroupCommand', '--bootstrap-server', b,
                               '--describe', '--all-groups'], self.n_groups)]}[side]

    def row_commands(self, first):
        for side in [s for s in COMMANDS if s in self.programs]:
            for what, command, least in self.command_lines(side):
                with tempfile.TemporaryFile() as out:
                    code, took, cpu, peak = run_measured(command, stdout=out, stderr=subprocess.DEVNULL)
                    out.seek(0)
                    lines = out.read().count(b'\n')
                if code != 0 or lines < least:
                    self.results.note(f'{side}: {" ".join(command[1:4])} …: exit {code}, {lines} lines of {least}')
                    continue
                name = {'topics': 'command: list the topics', 'lag': 'command: lag of all groups',
                        'rows': 'command: every lag row'}[what]
                self.results.add(f'{name}, ms', side, took * 1000)
                self.results.add(f'{name}, CPU-s', side, cpu)
                self.results.add(f'{name}, RSS MiB', side, peak)

    def scroll(self, view, rows, key, most=10**6):
        """Down to the last row of the window, so that each further key scrolls; then the keys that count: at most
        `most`, since a key on the last row paints nothing."""
        return [('', 'quiet 400 6'), ('', 'paste "%s"' % (key * rows)), ('', 'quiet 400 4'),
                (view, f'latency "{key}" {min(self.a.keys, most)}')]

    def key_steps(self, side, rows):
        down = 'j' if side == 'weir' else '<Down>'
        steps = [('', f'wait /{self.complete(side)}/ 90'), *self.scroll('topics', rows, down)]
        if side == 'weir':
            steps += [('', 'keys "2"'), ('', f'wait /Groups {self.n_groups:,} +!/ 20'), *self.scroll('groups', rows, down)]
            if self.big_group:
                steps += [('', f'keys "/{self.big_group}<Enter>"'), ('', 'quiet 300 4'), ('', 'keys "<Enter>"'),
                          ('', 'wait /Partitions \\d/ 10'), *self.scroll('group', 0, down, self.big_group_rows - 1)]
            steps += [('', f'keys ":tail {self.big_topic}<Enter>"'), ('', r'wait /[1-9]\d* read/ 10'), ('', 'quiet 400 4'),
                      ('', 'keys "g"'), *self.scroll('tail', rows, down)]
        return steps + self.leave(side)

    def row_keys(self, first):
        for size in self.a.sizes:
            rows = int(size.split('x')[1])
            for side in [s for s in self.consoles() if s != 'kafkatop']:      # which has no cursor
                _, t = self.meter(side, self.console(side), self.key_steps(side, rows), size)
                for view in [v for v in ('topics', 'groups', 'group', 'tail') if v in t and t[v]]:
                    got, where = t[view], f'{view} {size}'
                    if got['bytes_per_key']['n'] == 0:
                        continue
                    self.results.add(f'key to paint p50, ms: {where}', side, got['paint_done_ms']['p50'])
                    self.results.add(f'key to paint p99, ms: {where}', side, got['paint_done_ms']['p99'])
                    self.results.add(f'bytes a scrolled line: {where}', side, got['bytes_per_key']['p50'])
                    # htop has one list: each of weir's views stands beside it.
                    if side == 'htop' and view == 'topics':
                        for other in ('groups', 'group', 'tail'):
                            for row, value in (('key to paint p50, ms', got['paint_done_ms']['p50']),
                                               ('key to paint p99, ms', got['paint_done_ms']['p99']),
                                               ('bytes a scrolled line', got['bytes_per_key']['p50'])):
                                self.results.add(f'{row}: {other} {size}', side, value)

    def row_idle(self, first):
        if not first:
            return
        for side in self.consoles():
            views = ['topics', 'groups'] if side == 'weir' else ['topics']
            steps = [('', f'wait /{self.complete(side)}/ 90')]
            for view in views:
                if view == 'groups':
                    steps.append(('', 'keys "2"'))
                steps += [('', 'quiet 3000 40'), (view, f'idle {self.a.seconds / 2} {view}')]
            _, t = self.meter(side, self.console(side), steps + self.leave(side))
            for view in [v for v in views if t.get(v)]:
                for row, key in (('bytes/s', 'bytes_per_s'), ('wake-ups/s', 'wakeups_per_s'), ('CPU %', 'cpu_percent')):
                    self.results.add(f'idle, {view}: {row}', side, t[view]['idle'][key])

    def row_tail(self, first):
        """A tail of a topic into which one producer writes as fast as it can."""
        if not first:
            return
        seconds = self.a.seconds
        for side in [s for s in self.consoles() if s in ('weir', 'yozf', 'kaskade')]:
            key, page = {'weir': ('?', 'HERE, IN Tail'), 'yozf': ('<C-h>', 'Ring buffer'), 'kaskade': ('?', 'Consumer Mode Help')}[side]
            show = f'"{key}"', f'/{page}/', '"<Esc>"', rf'/\A(?![\s\S]*{page})/'
            more = {'weir': (), 'yozf': ('-t', FIREHOSE, 'from end'), 'kaskade': ('consumer', '-t', FIREHOSE)}[side]
            steps = [('', f'wait /{"TOPIC" if side == "weir" else "."}/ 60')]
            if side == 'weir':
                steps += [('', f'keys ":tail {FIREHOSE}<Enter>"'), ('', f'wait /{FIREHOSE}/ 10')]
            steps += [('', 'sleep 3'), ('begin', 'mark begin'), ('busy', f'idle {seconds} tail'), ('end', 'mark end'),
                      ('behind', r'cap 3 /([\d,]+) behind/ behind'), ('keys', 'flip 15 %s %s %s %s' % show)]
            out = open(os.path.join(self.dir, f'firehose-{side}'), 'w+')
            p = self.child([sys.executable, FILL, '-b', self.address, '--firehose', FIREHOSE, '--seconds', str(seconds + 25)],
                           stdout=out, stderr=subprocess.DEVNULL)
            _, t = self.meter(side, self.console(side, *more), steps + self.leave(side))
            p.wait()
            out.seek(0)
            made = json.loads(out.read() or '{}')
            self.tail_figures(side, t, made.get('per_second'))

    def tail_figures(self, side, t, rate):
        add = lambda row, value: self.results.add(f'tail at full speed: {row}', side, value)
        add('records/s of the producer', rate)
        if t.get('begin') and t.get('end'):
            add('RSS at the start, MiB', t['begin']['sample']['rss_kib'] / 1024)
            add(f'RSS after {self.a.seconds} s, MiB', t['end']['sample']['rss_kib'] / 1024)
        if t.get('busy'):
            add('CPU %', t['busy']['idle']['cpu_percent'])
            add('bytes/s', t['busy']['idle']['bytes_per_s'])
        values = [int(v.replace(',', '')) for _, v in t.get('behind', {}).get('cap', {}).get('values', []) if isinstance(v, str)]
        if values:
            add('records behind, as it says (most)', max(values))
        if t.get('keys', {}).get('show_ms', {}).get('n'):
            add('key to what it shows p50, ms', t['keys']['show_ms']['p50'])
            add('key to what it shows p99, ms', t['keys']['show_ms']['p99'])

    def row_hostile(self, first):
        """Records full of escape sequences: what of them reaches the terminal."""
        if not first:
            return
        b, end = self.address, [('', 'quiet 1500 20')]
        weir = [('', 'wait /TOPIC/ 10'), ('', f'keys ":tail {HOSTILE}<Enter>"'), ('', r'wait /\d+ read/ 10'), *end,
                *[step for _ in range(13) for step in (('', 'keys "<Enter>"'), ('', 'quiet 100 2'), ('', 'keys "<Esc>k"'))],
                ('', 'keys "2"'), *end, *self.leave('weir')]
        runs = [('weir', self.console('weir'), weir)]
        if 'yozf' in self.programs:
            runs.append(('yozf', self.console('yozf', '-t', HOSTILE, 'from beginning'), end + self.leave('yozf')))
        if 'kaskade' in self.programs:
            runs.append(('kaskade', self.console('kaskade', 'consumer', '-t', HOSTILE, '--earliest', '-k', 'string', '-v', 'string'),
                         [('', 'sleep 4'), *end, *self.leave('kaskade')]))
        if 'kafkatop' in self.programs:
            runs.append(('kafkatop', self.console('kafkatop') + ['--group-filter-pattern', 'ostile|title|x'],
                         [('', r'try /poll: \d+/ 60'), *end, *self.leave('kafkatop')]))
        if 'kcat' in self.programs:
            runs.append(('kcat', [self.programs['kcat'], '-b', b, '-C', '-e', '-q', '-t', HOSTILE, '-o', 'beginning'], [('', 'exit 20')]))
        if 'kaf' in self.programs:
            runs.append(('kaf', [self.programs['kaf'], '-b', b, 'consume', HOSTILE, '--offset', 'oldest'], end))
        if 'kafka' in self.programs:
            runs.append(('kafka', [self.programs['kafka'], '4.3.0', 'org.apache.kafka.tools.consumer.ConsoleConsumer', '--bootstrap-server',
                                   b, '--topic', HOSTILE, '--from-beginning', '--timeout-ms', '4000'], [('', 'exit 60')]))
        for side, command, steps in runs:
            report, _ = self.meter(side, command, steps)
            kinds = {}
            for e in report['events']:
                kinds[e['kind']] = kinds.get(e['kind'], 0) + 1
            self.results.add('hostile records: terminal events (title, clipboard, …)', side, sum(kinds.values()))
            self.results.add('hostile records: C1, bidi, zero width, bad UTF-8', side, sum(report['odd'].values()))
            if kinds or report['odd']:
                self.results.note(f'{side}, hostile records: {kinds} {report["odd"]}')
        done = subprocess.run([self.programs['weir'], 'tail', HOSTILE, '-b', b, '-e', '--from', 'beginning'], capture_output=True)
        if done.returncode != 0:
            self.results.note(f'weir tail: exit {done.returncode}: {done.stderr[-200:]!r}')

    # ---- the table

    def table(self):
        r = self.results
        sides = [s for s in dict.fromkeys(CONSOLES + COMMANDS) if any(k[1] == s for k in r.values)]
        width = max(len(row) for row in r.order)
        head = ''.join(f'{s:>10}' for s in sides)
        print(f'{"":{width}} {"load":>9}{head}{"/htop":>8}{"/best":>8}')
        for row in r.order:
            got = {s: r.median(row, s) for s in sides}
            loads = r.loads.get(row, [0])
            peers = [v for s, v in got.items() if s not in ('weir', 'htop') and v is not None]
            print(f'{row:{width}} {min(loads):4.1f}-{max(loads):4.1f}' + ''.join(f'{number(got[s]):>10}' for s in sides) +
                  f'{ratio(got.get("weir"), got.get("htop")):>8}{ratio(got.get("weir"), min(peers, default=None)):>8}')
        for text in r.notes:
            print(f'note: {text}')


def number(value):
    if value is None:
        return '–'
    if value == 0 or value == int(value):
        return f'{int(value):,}'
    return f'{value:.2f}' if value < 10 else f'{value:.1f}' if value < 100 else f'{value:,.0f}'


def ratio(mine, other):
    if mine is None or other is None:
        return ''
    if other == 0:
        return '=' if mine == 0 else 'more'
    return f'{mine / other:.2f}'


ROWS = ('start', 'loading', 'commands', 'keys', 'idle', 'tail', 'hostile')


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('weir')
    p.add_argument('--peer', action='append', default=[], metavar='NAME=PATH')
    p.add_argument('--only', default='', help='these peers, and no others')
    p.add_argument('--rows', default=','.join(ROWS))
    p.add_argument('--rounds', type=int, default=3)
    p.add_argument('--sizes', default='80x24,120x36,200x50')
    p.add_argument('--keys', type=int, default=50, help='key presses a measurement')
    p.add_argument('--seconds', type=int, default=30, help='of the tail at full speed; half of it for idle')
    p.add_argument('--quick', action='store_true', help='one round, few keys, short waits: to see that it works')
    p.add_argument('--broker', help='a filled cluster that runs already')
    p.add_argument('--truth', help='what fill-cluster wrote about it')
    p.add_argument('--kafka', action='store_true', help='Apache Kafka 4.3.0 instead of weir serve; its tools as one more peer')
    p.add_argument('--groups', type=int, help='so many groups on 400 topics, instead of 506 on 2,000')
    p.add_argument('--fill', default='', help='options for fill-cluster')
    p.add_argument('--json', help='all values of all rounds, to a file')
    a = p.parse_args()
    if a.quick:
        a.rounds, a.keys, a.seconds = 1, 10, 8
    a.sizes, a.fill, a.only = a.sizes.split(','), a.fill.split(), [n for n in a.only.split(',') if n]
    if a.groups:
        a.fill = ['--topics', '400', '--groups', str(a.groups), *a.fill]
    a.peer = [x for x in a.peer if '=' in x or p.error(f'--peer {x}: wants NAME=PATH')]
    rows = a.rows.split(',')
    for name in rows:
        if name not in ROWS:
            p.error(f'no such row: {name}; there are {", ".join(ROWS)}')
    os.environ.setdefault('KAFKA_HEAP', '1500m')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))     # so that nothing is left running
    bench = Bench(a)
    try:
        bench.children += [subprocess.Popen(['sleep', '86400']) for _ in range(SLEEPERS)]
        bench.start()
        print(f'{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; {bench.n_topics:,} topics, {bench.n_groups:,} groups; '
              f'medians of {a.rounds} rounds, the sides in turn', flush=True)
        for i in range(a.rounds):
            for name in rows:
                say(f'round {i + 1} of {a.rounds}: {name}, load {os.getloadavg()[0]:.1f}')
                getattr(bench, 'row_' + name)(i == 0)
        bench.table()
        if a.json:
            with open(a.json, 'w') as f:
                json.dump([{'row': k[0], 'side': k[1], 'values': v} for k, v in bench.results.values.items()], f, indent=1)
    finally:
        bench.stop()


if __name__ == '__main__':
    main()
