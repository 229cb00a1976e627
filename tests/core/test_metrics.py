"""Metrics between two log lines."""

import jax
import jax.numpy as jnp
import pytest

from gax.core import metrics


def pair(value, count=1.0):
    return jnp.float32(value), jnp.float32(count)


def fill(*rows):
    found = metrics.empty(rows[0])
    for step, row in enumerate(rows, start=10):
        found = jax.jit(metrics.add)(found, row, jnp.int32(step))
    return found


def test_means_are_sums_over_counts():
    """A lazy term counts where it was evaluated; a player of several moves counts each."""
    found = fill(
        {'d/loss': pair(3.0, 2.0), 'd/r1': pair(5.0), 'a': pair(1.0)},
        {'d/loss': pair(5.0, 2.0), 'd/r1': pair(0.0, 0.0), 'a': pair(2.0)},
        {'d/loss': pair(1.0, 2.0), 'd/r1': pair(0.0, 0.0), 'a': pair(6.0)},
    )
    assert metrics.means(found) == {'a': 3.0, 'd/loss': 1.5, 'd/r1': 5.0}
    assert list(metrics.means(found)) == ['a', 'd/loss', 'd/r1']
    assert metrics.first_bad(found) is None


def test_what_was_never_counted_is_left_out():
    found = fill({'d/r1': pair(0.0, 0.0), 'x': pair(2.0)})
    assert metrics.means(found) == {'x': 2.0}
    assert metrics.means(metrics.empty({'x': pair(0.0)})) == {}


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), float('-inf')])
def test_the_first_step_that_was_not_finite_is_kept(bad):
    found = fill(
        {'a': pair(1.0), 'b': pair(1.0)},
        {'a': pair(1.0), 'b': pair(bad)},
        {'a': pair(bad), 'b': pair(1.0)},
        {'a': pair(bad), 'b': pair(bad)},
    )
    assert metrics.first_bad(found) == (11, 'b')
    assert int(found.bad['a']) == 12


def test_empty_takes_shapes():
    shapes = jax.eval_shape(lambda: {'x': pair(1.0)})
    found = metrics.empty(shapes)
    assert (found.totals['x'], int(found.bad['x'])) == ((0.0, 0.0), metrics.NEVER)
    assert metrics.first_bad(found) is None
