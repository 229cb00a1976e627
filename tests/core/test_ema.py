"""Moving averages against the closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.core import ema


@pytest.mark.parametrize('decay', [0.0, 0.5, 0.99, 1.0])
def test_closed_form_after_n_equal_updates(decay):
    """p + decay^n (p0 - p)."""
    old, value = {'w': jnp.array([1.0, -3.0])}, {'w': jnp.array([5.0, 2.0])}
    average = jax.jit(lambda o: jax.lax.fori_loop(0, 7, lambda i, x: ema.update(x, value, decay), o))(old)
    p0, p = np.array([1.0, -3.0]), np.array([5.0, 2.0])
    np.testing.assert_allclose(average['w'], p + decay**7 * (p0 - p), rtol=1e-5)


def test_at_the_value_it_stays_bit_for_bit():
    x = {'w': jnp.asarray(np.random.default_rng(0).normal(size=100), jnp.float32)}
    assert np.array_equal(ema.update(x, x, 0.999)['w'], x['w'])


def test_leaves_that_are_not_floats_are_copied():
    old, value = {'n': jnp.array(1), 'b': jnp.array(False)}, {'n': jnp.array(7), 'b': jnp.array(True)}
    found = ema.update(old, value, 0.9)
    assert (int(found['n']), bool(found['b'])) == (7, True)
    assert found['n'].dtype == value['n'].dtype


def test_decay_may_be_traced_and_dtypes_stay():
    old, value = jnp.zeros(2, jnp.bfloat16), jnp.ones(2, jnp.bfloat16)
    assert ema.update(old, value, 0.5).dtype == jnp.bfloat16
    found = jax.vmap(lambda d: ema.update(jnp.zeros(()), jnp.ones(()), d))(jnp.array([0.25, 0.75]))
    np.testing.assert_allclose(found, [0.75, 0.25])


def test_warmup():
    decay = ema.with_warmup(0.9)
    steps = np.array([0, 8, 80, 1000])
    np.testing.assert_allclose(decay(steps), np.minimum(0.9, (1 + steps) / (10 + steps)), rtol=1e-6)
