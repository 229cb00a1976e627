"""The host loop, with a carry that records what happened to it."""

import itertools

import pytest

from gax.training import loop


class Log:
    """What happened, in order; `advance` and `hook` write to it."""

    def __init__(self):
        self.events = []

    def advance(self, carry, step, count):
        assert carry == step, 'steps must follow one another'
        self.events.append(('advance', step, count))
        return carry + count

    def hook(self, name, every, later=False, **fields):
        def run(step, carry):
            assert carry == step
            self.events.append((name, step))
            return carry, (lambda: self.events.append((f'{name} later', step))) if later else None

        return loop.Hook(every, run, **fields)

    def steps(self, name):
        return [step for kind, step, *_ in self.events if kind == name]


def run(log, hooks, start=0, end=10, size=1, **fields):
    return loop.run(start, log.advance, start, end, hooks, steps_per_call=lambda: size, **fields)


def test_hooks_run_after_multiples_of_their_rhythm():
    log = Log()
    assert run(log, [log.hook('a', 2), log.hook('b', 5)]) == (10, 10)
    assert log.steps('advance') == list(range(10))
    assert log.steps('a') == [2, 4, 6, 8, 10]
    assert log.steps('b') == [5, 10]
    assert [e[0] for e in log.events if e[1] == 10] == ['a', 'b']


def test_the_rhythm_is_that_of_the_whole_run_after_a_resume():
    log = Log()
    run(log, [log.hook('a', 4)], start=3, end=13)
    assert log.steps('a') == [4, 8, 12]


@pytest.mark.parametrize(('every', 'expected'), [(4, [4, 8, 10]), (5, [5, 10])])
def test_at_end_runs_once_at_the_last_step(every, expected):
    log = Log()
    run(log, [log.hook('save', every, at_end=True), log.hook('log', every)])
    assert log.steps('save') == expected
    assert log.steps('log') == [s for s in expected if s % every == 0]


def test_later_runs_when_the_next_steps_are_on_their_way():
    log = Log()
    run(log, [log.hook('log', 2, later=True)], end=4)
    assert log.events == [
        ('advance', 0, 1),
        ('advance', 1, 1),
        ('log', 2),
        ('advance', 2, 1),
        ('log later', 2),
        ('advance', 3, 1),
        ('log', 4),
        ('log later', 4),  # nothing follows: at once
    ]


def test_a_barrier_waits_for_all_later_work():
    log = Log()
    run(log, [log.hook('log', 2, later=True), log.hook('save', 2, barrier=True)], end=2)
    assert log.events[-3:] == [('log', 2), ('log later', 2), ('save', 2)]


@pytest.mark.parametrize('size', [1, 3, 4, 7, 50])
def test_calls_of_many_steps_never_cross_a_hook(size):
    log = Log()
    hooks = [log.hook('a', 4), log.hook('b', 6, at_end=True)]
    assert run(log, hooks, start=1, end=21, size=size) == (21, 21)
    calls = [(step, count) for kind, step, *rest in log.events if kind == 'advance' for count in rest]
    assert max(count for _, count in calls) == min(size, 4)
    for step, count in calls:
        inside = range(step + 1, step + count)
        assert not [s for s in inside if s % 4 == 0 or s % 6 == 0], 'a call ran past a hook'
    assert log.steps('a') == [4, 8, 12, 16, 20]
    assert log.steps('b') == [6, 12, 18, 21]
    if size == 3:
        assert calls[:4] == [(1, 3), (4, 2), (6, 2), (8, 3)]


def test_without_hooks_calls_are_as_large_as_they_may_be():
    log = Log()
    run(log, [], end=10, size=4)
    assert log.events == [('advance', 0, 4), ('advance', 4, 4), ('advance', 8, 2)]


def test_the_size_of_a_call_is_asked_for_before_each():
    log, sizes = Log(), iter((1, 3, 2, 9))
    loop.run(0, log.advance, 0, 10, [log.hook('a', 5)], steps_per_call=lambda: next(sizes))
    assert [count for kind, _, *rest in log.events if kind == 'advance' for count in rest] == [1, 3, 1, 5]


def test_stop_is_asked_before_every_call_and_leaves_in_order():
    log, asked = Log(), itertools.count()
    hooks = [
        log.hook('log', 2, later=True),
        log.hook('save', 100, barrier=True, at_end=True, at_stop=True),
        log.hook('sample', 100, at_end=True),
        log.hook('both', 4, at_stop=True),
    ]
    assert run(log, hooks, stop=lambda: next(asked) >= 4, end=50) == (4, 4)
    assert log.events[-4:] == [('log', 4), ('both', 4), ('log later', 4), ('save', 4)]


def test_stopped_before_it_began_it_does_nothing():
    log = Log()
    assert run(log, [log.hook('save', 7, at_end=True, at_stop=True)], start=3, stop=lambda: True) == (3, 3)
    assert log.events == []


def test_progress_is_told_every_call():
    log, seen = Log(), []
    run(log, [log.hook('a', 5)], size=2, progress=seen.append)
    assert seen == [2, 4, 5, 7, 9, 10]


def test_a_hook_may_change_what_is_carried():
    carry, done = loop.run(0, lambda c, s, n: c + n, 0, 6, [loop.Hook(2, lambda step, c: (c + 100, None))])
    assert (carry, done) == (306, 6)


def test_nothing_to_do():
    log = Log()
    assert run(log, [log.hook('a', 2)], start=10, end=10) == (10, 10)
    assert log.events == []
