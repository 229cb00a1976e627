"""Recurrent networks: the GRU against Flax's cell, causality, labels, exact numbers of parameters."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.nets import recurrent

X = jax.random.normal(jax.random.key(0), (3, 5, 2))


def count(params):
    return sum(leaf.size for leaf in jax.tree.leaves(params))


@pytest.mark.slow
def test_the_gru_is_flaxs():
    """With its own parameters put into Flax's cell, forwards and backwards."""
    layer, loop = recurrent.GRU(4), nn.RNN(nn.GRUCell(4))
    params = layer.init(jax.random.key(1), X)['params']
    params['recurrent_bias'] = jnp.arange(4.0)
    params['Dense_0']['bias'] = jnp.linspace(-1, 1, 12)
    parts = {
        f'i{gate}': {'kernel': params['Dense_0']['kernel'][:, 4 * i : 4 * i + 4]}
        for i, gate in enumerate('rzn')
    }
    for i, gate in enumerate('rzn'):
        parts[f'i{gate}']['bias'] = params['Dense_0']['bias'][4 * i : 4 * i + 4]
        parts[f'h{gate}'] = {'kernel': params['recurrent'][:, 4 * i : 4 * i + 4]}
    parts['hn']['bias'] = params['recurrent_bias']
    theirs = {'cell': parts}
    assert jax.tree.map(jnp.shape, theirs) == jax.tree.map(
        jnp.shape, loop.init(jax.random.key(0), X)['params']
    )

    def both(x):
        return layer.apply({'params': params}, x), loop.apply({'params': theirs}, x)

    def slopes(x):
        return [jax.grad(lambda x, i=i: jnp.sum(jnp.sin(3 * both(x)[i])))(x) for i in (0, 1)]

    (ours, wanted), both_slopes = jax.jit(lambda x: (both(x), slopes(x)))(X)
    np.testing.assert_allclose(ours, wanted, atol=1e-6)
    np.testing.assert_allclose(*both_slopes, atol=1e-5)


def test_the_recurrent_matrix_is_orthogonal_gate_by_gate():
    kernel = recurrent.orthogonal_blocks(jax.random.key(0), (4, 12))
    for block in np.split(np.asarray(kernel), 3, axis=1):
        np.testing.assert_allclose(block @ block.T, np.eye(4), atol=1e-6)


def test_parameters_and_shapes():
    """A GRU layer of H units on C columns has 3 (C H + H + H^2) + H numbers, an LSTM 4 (C H + H + H^2)."""
    gru = lambda c, h: 3 * (c * h + h + h * h) + h  # noqa: E731
    lstm = lambda c, h: 4 * (c * h + h + h * h)  # noqa: E731
    g = recurrent.SeriesGenerator((5, 2), num_classes=3, widths=(4, 6))

    def shapes_of(module, *inputs):
        """-> (output, variables)."""
        return jax.eval_shape(lambda: module.init_with_output(jax.random.key(0), *inputs, train=False))

    out, variables = shapes_of(g, X, jnp.array([0, 1, 2]))
    assert count(variables) == gru(2 + 3, 4) + gru(4, 6) + 6 * 2 + 2
    assert out.shape == (3, 5, 2)
    d = recurrent.SeriesDiscriminator(cell='lstm', widths=(4,), heads={})
    out, variables = shapes_of(d, X)
    assert count(variables) == lstm(2, 4) + 4 + 1
    assert (out['logits'].shape, out['features'].shape) == ((3, 5), (3, 4))
    e = recurrent.SeriesEncoder(7, widths=(4,), output='linear')
    assert shapes_of(e, X)[0].shape == (3, 5, 7)


def test_a_step_depends_on_the_steps_before_it_alone():
    g = recurrent.SeriesGenerator((5, 2), widths=(4,))
    variables = g.init(jax.random.key(0), X, train=False)
    jacobian = jax.jit(jax.jacobian(lambda x: g.apply(variables, x, train=False)[0, :, 0]))(X)[:, 0, :, 0]
    assert np.all(np.asarray(jacobian)[np.triu_indices(5, 1)] == 0)
    assert np.all(np.asarray(jacobian)[np.tril_indices(5)] != 0)
