"""Warnings about runs that go wrong."""

import numpy as np
import pytest

from gax.training.diagnostics import ACCURACY, DIVERSITY, LOGITS, MEMORY, NOTHING, PATIENCE, Watch


def warnings(name, values):
    """-> the log lines (from 0) at which a warning came."""
    watch = Watch()
    return [i for i, value in enumerate(values) for _ in watch({'step': i, name: value})]


@pytest.mark.parametrize(
    ('name', 'bad', 'good'),
    [
        ('d/accuracy', 1.0, 0.9),
        ('d/accuracy', ACCURACY, 0.99),
        ('d/logits_max', 150.0, 99.0),
        ('critic/logits_max', -LOGITS, -1.0),
        ('d/diversity', 0.01, 0.9),
        ('d/diversity', DIVERSITY - 1e-6, DIVERSITY),
        ('g/grad_norm', NOTHING, 1.0),
    ],
)
def test_warns_once_after_patience_until_things_recover(name, bad, good):
    assert warnings(name, [bad] * 50) == [PATIENCE - 1]
    assert warnings(name, [bad] * (PATIENCE - 1) + [good] + [bad] * (PATIENCE - 1)) == []
    assert warnings(name, [bad] * PATIENCE + [good] + [bad] * PATIENCE) == [PATIENCE - 1, 2 * PATIENCE]


def test_says_step_metric_and_player():
    watch = Watch()
    lines = [text for step in range(PATIENCE) for text in watch({'step': step * 100, 'd/accuracy': 1.0})]
    assert lines[0].startswith(f'step {(PATIENCE - 1) * 100}: d/accuracy has been at 1.000')
    assert "'d'" in lines[0]


@pytest.mark.parametrize('unit', [1e-3, 1.0, 1e4])
@pytest.mark.parametrize(('factor', 'word'), [(100.0, 'explode'), (0.001, 'vanish')])
def test_gradients_are_held_against_their_usual_size(unit, factor, word):
    """In whatever unit: what counts is the median of the good lines, which the bad ones do not move."""
    watch, usual = Watch(), [unit, 2 * unit, 3 * unit, 2 * unit, 2 * unit] * 6
    far, near = 2 * unit * factor ** np.array([1.01, 0.99])
    values = [*usual, *[near] * 5, *[far] * 40]
    said = [(i, text) for i, v in enumerate(values) for text in watch({'step': i, 'g/grad_norm': float(v)})]
    assert [i for i, _ in said] == [len(usual) + 5 + PATIENCE - 1]
    assert word in said[0][1]
    assert "'g'" in said[0][1] or 'config.g.optimizer' in said[0][1]


def test_gradients_are_not_judged_before_their_size_is_known_nor_when_it_drifts():
    assert warnings('g/grad_norm', [1.0] * (PATIENCE - 1) + [1e6] * (PATIENCE - 1)) == []
    assert warnings('g/grad_norm', list(np.geomspace(1.0, 1e-4, 10 * MEMORY))) == []


def test_a_run_that_goes_on_remembers_and_does_not_say_it_twice():
    rows = [{'step': i, 'd/diversity': 0.1, 'g/grad_norm': 1.0} for i in range(PATIENCE)]
    watch = Watch(rows)
    after = [{'step': i, 'd/diversity': 0.1, 'g/grad_norm': 200.0} for i in range(PATIENCE, 2 * PATIENCE)]
    said = [text for row in after for text in watch(row)]
    assert len(said) == 1
    assert said[0].startswith(
        f'step {2 * PATIENCE - 1}: g/grad_norm has been more than 100 times its usual 1'
    )


def test_other_metrics_are_left_alone():
    assert warnings('d/loss', [1e9] * 30) == []
    assert warnings('steps_per_sec', [1e9] * 30) == []


def test_metrics_are_watched_apart():
    watch, seen = Watch(), []
    for step in range(2 * PATIENCE):
        seen += watch({'step': step, 'd/accuracy': 1.0 if step % 2 else 0.5, 'e/accuracy': 1.0})
    assert len(seen) == 1
    assert 'e/accuracy' in seen[0]
