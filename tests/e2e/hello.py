#!/usr/bin/env python3
"""weir hello: on the embedded broker, on a named one, twice on the same topic, and where nothing listens."""
from e2e import contains, equal, main

STEPS = ['connect', 'create', 'list', 'produce', 'read', 'offset']


def test_fresh(box):
    out = box.run('hello').stdout
    contains(out, 'hello: passed')
    contains(out, 'started for this')


def test_steps(box):
    steps = box.json('hello', '--ephemeral')
    equal([s['step'] for s in steps], STEPS, 'steps')
    equal([s['ok'] for s in steps], [True] * len(STEPS), 'ok')


def test_twice_and_among_others(box):
    b = box.broker()
    box.run('produce', 'dataengineering', '-b', b.address, input=''.join(f'other {i}\n' for i in range(2000)), code=None)
    box.run('hello', '-b', b.address)
    out = box.run('hello', '-b', b.address).stdout
    contains(out, 'is there already')
    contains(out, 'hello: passed')


def test_other_topic(box):
    box.run('hello', 'mine', '--ephemeral')


def test_nobody_there(box):
    done = box.run('hello', '-b', '127.0.0.1:1', code=1)
    contains(done.stderr, '127.0.0.1:1')
    contains(done.stdout, 'FAILED')


def test_data_survive(box):
    box.run('hello')
    equal(box.json('topics', 'list')[0]['messages'], 5, 'messages after the broker has ended and come again')


main()
