"""The tutorials' MLP pair: its parameters counted by hand, and what it computes."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import nets
from gax.nets import mlp
from tests.helpers.cases import with_slow
from tests.helpers.toys import same


def count(tree):
    return sum(int(np.prod(x.shape)) for x in jax.tree.leaves(tree))


def shapes(module, *inputs):
    net = nets.from_linen(module, *inputs)
    return jax.eval_shape(net.init, jax.random.key(0))


def test_parameters_of_the_tutorials_generator():
    """Dense 100-128-256-512-1024-784 with biases; scale and offset of a batch-norm after all but the
    first.
    """
    params, state = shapes(mlp.Generator((28, 28, 1), (128, 256, 512, 1024)), jnp.zeros((2, 100)))
    sizes = (100, 128, 256, 512, 1024, 784)
    dense = sum(a * b + b for a, b in pairwise(sizes))
    normed = 2 * (256 + 512 + 1024)
    assert count(params) == dense + normed
    assert count(state) == normed  # means and variances


def test_parameters_of_the_tutorials_discriminator():
    params, state = shapes(mlp.Discriminator((1024, 512, 256), dropout=0.3), jnp.zeros((2, 28, 28, 1)))
    sizes = (784, 1024, 512, 256, 1)
    assert count(params) == sum(a * b + b for a, b in pairwise(sizes))
    assert count(state) == 0


def test_generator_shapes_and_range():
    for shape, tanh in (((5, 3, 2), True), ((2,), False)):
        net = nets.from_linen(mlp.Generator(shape, (8, 8)), jnp.zeros((2, 4)))
        params, state = net.init(jax.random.key(0))
        out, _ = net.apply(params, state, 100 * jnp.ones((6, 4)), train=False, key=None)
        assert out.shape == (6, *shape)
        assert (np.abs(out).max() <= 1) == tanh


def test_discriminator_by_hand():
    net = nets.from_linen(mlp.Discriminator((3,), slope=0.2, dropout=0.0), jnp.zeros((2, 1, 2, 1)))
    params, _ = net.init(jax.random.key(0))
    x = jnp.array([[1.0, -2.0], [0.5, 3.0]])
    params = jax.tree.map(lambda p: p + 0.1, params)
    first, last = params['Dense_0'], params['Dense_1']
    hidden = x @ first['kernel'] + first['bias']
    expected = jnp.where(hidden > 0, hidden, 0.2 * hidden) @ last['kernel'] + last['bias']
    out, _ = net.apply(params, {}, x.reshape(2, 1, 2, 1), train=False, key=None)
    assert out.shape == (2,)
    np.testing.assert_allclose(out, expected[:, 0], rtol=1e-5)


@pytest.mark.parametrize('train', with_slow([True, False], 0))
def test_statistics_move_in_training_only(train):
    net = nets.from_linen(mlp.Generator((2,), (4, 4)), jnp.zeros((2, 3)))
    params, state = net.init(jax.random.key(0))
    z = jax.random.normal(jax.random.key(1), (16, 3))
    _, after = net.apply(params, state, z, train=train, key=jax.random.key(2))
    assert jax.tree.structure(after) == jax.tree.structure(state)
    moved = any(not np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (after, state)), strict=True))
    assert moved == train


def test_dropout_follows_the_key_in_training_only():
    net = nets.from_linen(mlp.Discriminator((16,), dropout=0.5), jnp.zeros((2, 4)))
    params, state = net.init(jax.random.key(0))

    def call(seed, train=True):
        return net.apply(params, state, jnp.ones((8, 4)), train=train, key=jax.random.key(seed))[0]

    same(call(0), call(0))
    assert not np.array_equal(call(0), call(1))
    same(call(0, train=False), call(1, train=False))


def test_unequal_initial_parameters_per_seed():
    net = nets.from_linen(mlp.Discriminator((4,), dropout=0.0), jnp.zeros((2, 3)))
    first, second = (net.init(jax.random.key(s))[0]['Dense_0']['kernel'] for s in (0, 1))
    assert not np.array_equal(first, second)


def test_maxout_by_hand():
    """Each unit is the largest of its pieces: |x| = max(x, -x), then a sum."""
    net = nets.from_linen(mlp.Discriminator((2,), 'maxout', pieces=2, dropout=0.0), jnp.zeros((2, 2)))
    params, _ = net.init(jax.random.key(0))
    assert jax.tree.map(jnp.shape, params['Dense_0']) == {'kernel': (2, 4), 'bias': (4,)}
    params['Dense_0']['kernel'] = jnp.array([[1.0, -1, 0, 0], [0, 0, 1, -1]])
    params['Dense_1']['kernel'] = jnp.array([[1.0], [10.0]])
    out, _ = net.apply(params, {}, jnp.array([[-3.0, 2.0], [1.0, -5.0]]), train=False, key=None)
    np.testing.assert_allclose(out, [3 + 20, 1 + 50])


def test_pacgans_networks():
    """G 2-400-400-400-400-2, each hidden layer normalised; D 2-200-200-200-1 of five pieces.

    Lin et al., 2018.
    """
    g, state = shapes(mlp.Generator((2,), (400,) * 4, 'relu', batch_norm_first=True), jnp.zeros((2, 2)))
    assert count(g) == (2 * 400 + 400) + 3 * (400 * 400 + 400) + 4 * 2 * 400 + (400 * 2 + 2)
    assert count(state) == 4 * 2 * 400
    d, _ = shapes(mlp.Discriminator((200,) * 3, 'maxout'), jnp.zeros((2, 2)))
    assert count(d) == (2 * 1000 + 1000) + 2 * (200 * 1000 + 1000) + 201
