"""Equalised layers: the scale of their weights, and how far a step of Adam moves them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gax.nets import equalized
from tests.helpers.cases import with_slow

KEY = jax.random.key(0)


@pytest.mark.parametrize('multiplier', [1.0, 0.01])
def test_the_output_at_the_beginning_does_not_depend_on_the_multiplier(multiplier):
    x = jax.random.normal(KEY, (3, 5))
    layer = equalized.Dense(4, gain=2.0, multiplier=multiplier)
    variables = layer.init(KEY, x)
    normal = equalized.Dense(4).init(KEY, x)['params']['kernel']  # N(0, 1) of the same key
    np.testing.assert_allclose(variables['params']['kernel'], normal / multiplier, rtol=1e-6)
    np.testing.assert_allclose(layer.apply(variables, x), x @ normal * (2 / np.sqrt(5)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ('layer', 'shape', 'fan_in'),
    with_slow(
        [
            (equalized.Dense(4, gain=3.0, multiplier=0.5), (2, 16), 16),
            (equalized.Conv(4, 3, gain=3.0, multiplier=0.5), (2, 6, 6, 8), 72),
        ],
        1,
    ),
)
def test_a_step_of_adam_moves_the_used_weight_by_rate_multiplier_gain_over_root_fan_in(layer, shape, fan_in):
    """The first step of Adam is the rate times the sign of the gradient."""
    x = jax.random.normal(KEY, shape)
    variables = layer.init(KEY, x)
    adam = optax.adam(0.01, eps=1e-12)
    gradient = jax.grad(lambda v: jnp.sum(layer.apply(v, x) ** 2))(variables)
    step, _ = adam.update(gradient, adam.init(variables))
    moved = jax.tree.map(jnp.add, variables, step)
    used = [v['params']['kernel'] * (0.5 * 3 / np.sqrt(fan_in)) for v in (variables, moved)]
    np.testing.assert_allclose(jnp.abs(used[1] - used[0]), 0.01 * 0.5 * 3 / np.sqrt(fan_in), rtol=2e-3)
    bias = jnp.abs(moved['params']['bias'] - variables['params']['bias'])
    np.testing.assert_allclose(bias, 0.01, rtol=1e-3)


def test_a_bias_begins_where_it_is_told_and_is_multiplied():
    x = jnp.zeros((2, 3))
    layer = equalized.Dense(4, multiplier=0.5, bias_start=1.0)
    np.testing.assert_array_equal(layer.apply(layer.init(KEY, x), x), 0.5)


@pytest.mark.slow
def test_second_moments():
    """Of N(0, 1): (1 + 0.04) / 2 * 2 after the activation, and 1 after the norm."""
    x = jax.random.normal(KEY, (100_000,))
    np.testing.assert_allclose(jnp.mean(equalized.leaky_relu(x) ** 2), 1.04, atol=0.02)
    np.testing.assert_allclose(equalized.leaky_relu(jnp.array([2.0, -1.0]), 0.5), [2**0.5, -0.1 * 2**0.5])
    np.testing.assert_allclose(equalized.unit(jnp.array([[3.0, -3.0], [0.0, 2.0]])), [[1, -1], [0, 2**0.5]])
