"""Layers against their definitions, and against the Flax layers whose parameters they share."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.errors import GaxError
from gax.nets import layers
from tests.helpers.cases import with_slow

KEY = jax.random.key(0)


@pytest.mark.parametrize('rate', [0.1, 0.3, 0.5, 0.9])
def test_dropout_rate_and_scale(rate):
    x = jnp.full((300, 333), 2.0)
    out = np.asarray(layers.dropout(KEY, x, rate))
    kept = out != 0
    spread = np.sqrt(rate * (1 - rate) / x.size)
    assert abs(kept.mean() - (1 - rate)) < 5 * spread + 2**-16
    np.testing.assert_allclose(out[kept], 2.0 / (1 - rate), rtol=1e-6)


def test_dropout_draws_elements_apart():
    """Two elements share a 32-bit draw, half the array apart: they must not share their fate."""
    kept = np.asarray(layers.dropout(KEY, jnp.ones(200_000), 0.5)) != 0
    for lag in (1, 2, 16, 100_000):
        assert abs(np.mean(kept[lag:] == kept[:-lag]) - 0.5) < 0.01
    assert layers.dropout(KEY, jnp.ones((3, 5)), 0.5).shape == (3, 5)  # an odd size


def test_dropout_is_a_function_of_the_key():
    x = jnp.ones((40, 50))
    np.testing.assert_array_equal(layers.dropout(KEY, x, 0.5), layers.dropout(KEY, x, 0.5))
    assert not np.array_equal(layers.dropout(KEY, x, 0.5), layers.dropout(jax.random.key(1), x, 0.5))


def test_dropout_gradient_is_its_mask():
    x = jnp.linspace(-1, 1, 1001) + 1e-3
    out = layers.dropout(KEY, x, 0.3)
    gradient = jax.grad(lambda x: jnp.sum(layers.dropout(KEY, x, 0.3)))(x)
    np.testing.assert_allclose(gradient, np.where(np.asarray(out) != 0, 1 / 0.7, 0), rtol=1e-6)


@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
def test_dropout_keeps_the_dtype(dtype):
    assert layers.dropout(KEY, jnp.ones(8, dtype), 0.3).dtype == dtype


def test_dropout_module_is_off_where_it_should_be():
    x = jnp.ones((4, 5))
    for rate, train in ((0.0, True), (0.5, False)):
        assert layers.Dropout(rate).apply({}, x, train) is x
    out = layers.Dropout(0.5).apply({}, x, True, rngs={'dropout': KEY})
    assert set(np.unique(out)) == {0.0, 2.0}


def test_embed_is_a_table_lookup():
    label = jnp.array([3, 0, 3, 2])
    layer, flax = layers.Embed(4, 5), nn.Embed(4, 5)
    variables = layer.init(KEY, label)
    table = variables['params']['embedding']
    np.testing.assert_array_equal(layer.apply(variables, label), table[np.asarray(label)])
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(jnp.shape, flax.init(KEY, label))
    weight = jnp.arange(20.0).reshape(4, 5)
    gradient = jax.grad(lambda v: jnp.sum(layer.apply(v, label) * weight))(variables)['params']['embedding']
    np.testing.assert_allclose(gradient[3], weight[0] + weight[2])
    np.testing.assert_array_equal(gradient[1], 0)


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('transpose', [True, False])
@pytest.mark.parametrize(('kernel', 'stride'), with_slow([(5, 1), (5, 2), (4, 2)], 0, 2))
def test_conv_is_flax_conv(bias, transpose, kernel, stride):
    x = jax.random.normal(KEY, (2, 7, 6, 3))
    ours = layers.Conv(4, kernel, stride, bias, transpose=transpose)
    theirs = (nn.ConvTranspose if transpose else nn.Conv)(4, (kernel,) * 2, (stride,) * 2, use_bias=bias)
    variables = theirs.init(KEY, x)
    if bias:
        variables['params']['bias'] = jnp.arange(4.0)
    assert jax.tree.map(jnp.shape, ours.init(KEY, x)) == jax.tree.map(jnp.shape, variables)
    np.testing.assert_allclose(ours.apply(variables, x), theirs.apply(variables, x), atol=2e-5)


def test_grouped_conv_is_flax_conv():
    x = jax.random.normal(KEY, (2, 5, 4, 6))
    ours, theirs = layers.Conv(9, 3, groups=3), nn.Conv(9, (3, 3), feature_group_count=3)
    variables = theirs.init(KEY, x)
    assert jax.tree.map(jnp.shape, ours.init(KEY, x)) == jax.tree.map(jnp.shape, variables)
    np.testing.assert_allclose(ours.apply(variables, x), theirs.apply(variables, x), atol=2e-5)


def test_batch_norm_convention():
    """running = momentum * running + (1 - momentum) * batch; population variance; epsilon inside the root."""
    x = jnp.array([[1.0, 10.0], [3.0, 30.0]])

    class Normed(nn.Module):
        @nn.compact
        def __call__(self, x, train):
            return layers.batch_norm(train, momentum=0.75, epsilon=0.5)(x)

    variables = Normed().init(KEY, x, False)
    out, new = Normed().apply(variables, x, True, mutable=['batch_stats'])
    np.testing.assert_allclose(out[:, 0], [-1 / np.sqrt(1.5), 1 / np.sqrt(1.5)], rtol=1e-5)
    (stats,) = new['batch_stats'].values()
    np.testing.assert_allclose(stats['mean'], [0.25 * 2, 0.25 * 20], rtol=1e-5)
    np.testing.assert_allclose(stats['var'], [0.75 + 0.25 * 1, 0.75 + 0.25 * 100], rtol=1e-5)
    still = Normed().apply(variables, x, False)
    np.testing.assert_allclose(still, x / np.sqrt(1.5), rtol=1e-5)


def test_activations():
    x = jnp.array([-2.0, 0.0, 3.0])
    assert layers.activation('leaky_relu', 0.1)(x).tolist() == pytest.approx([-0.2, 0, 3])
    assert layers.activation('relu', 0.1)(x).tolist() == [0, 0, 3]
    np.testing.assert_allclose(layers.activation('tanh', 0.1)(x), np.tanh([-2.0, 0, 3]), rtol=1e-5)
    np.testing.assert_allclose(layers.activation('silu', 0)(x), x / (1 + np.exp(-np.asarray(x))), rtol=1e-5)
    with pytest.raises(GaxError, match="unknown activation 'relo' \\(nearest: 'relu'\\)"):
        layers.activation('relo', 0.1)
