"""Warnings about runs that go wrong."""

import pytest

from gax.watch import ACCURACY, LOGITS, PATIENCE, Watch


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


def test_other_metrics_are_left_alone():
    assert warnings('d/loss', [1e9] * 30) == []
    assert warnings('steps_per_sec', [1e9] * 30) == []


def test_metrics_are_watched_apart():
    watch, seen = Watch(), []
    for step in range(2 * PATIENCE):
        seen += watch({'step': step, 'd/accuracy': 1.0 if step % 2 else 0.5, 'e/accuracy': 1.0})
    assert len(seen) == 1
    assert 'e/accuracy' in seen[0]
