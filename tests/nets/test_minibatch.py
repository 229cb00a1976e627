"""Layers that see the batch, against numbers worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import nets
from gax.errors import GaxError
from gax.nets import dcgan, mlp
from gax.nets.minibatch import MinibatchDiscrimination, MinibatchStd, see_batch

KEY = jax.random.key(0)


def test_std_of_two_groups():
    """Rows 0, 2 are a group, rows 1, 3 another: deviations |a - b| / 2 of each element, then their mean."""
    x = jnp.array([[0.0, 1.0], [5.0, 5.0], [4.0, 7.0], [5.0, 5.0]])
    out = MinibatchStd(group=2).apply({}, x)
    np.testing.assert_array_equal(out[:, :2], x)
    np.testing.assert_allclose(out[:, 2], [2.5, 1e-4, 2.5, 1e-4], rtol=1e-5)  # (2 + 3) / 2; sqrt(1e-8)


def test_std_is_one_map_on_images():
    x = jax.random.normal(KEY, (8, 2, 3, 5))
    out = MinibatchStd().apply({}, x)
    assert out.shape == (8, 2, 3, 6)
    wanted = np.asarray(x)[1::2].std(axis=0).mean()
    np.testing.assert_allclose(out[1::2, :, :, 5], wanted, rtol=1e-5)
    assert not np.allclose(out[0, 0, 0, 5], wanted)


def test_std_of_a_batch_smaller_than_a_group_and_of_one_that_does_not_divide():
    x = jnp.array([[1.0], [4.0], [1.0]])
    np.testing.assert_allclose(MinibatchStd().apply({}, x)[:, 1], np.sqrt(2), rtol=1e-5)
    with pytest.raises(GaxError, match='groups of 4, and cannot divide 6'):
        MinibatchStd().apply({}, jnp.ones((6, 1)))


def test_std_has_a_gradient_where_all_are_equal():
    gradient = jax.grad(lambda x: MinibatchStd().apply({}, x)[:, 1].sum())(jnp.ones((4, 1)))
    np.testing.assert_array_equal(gradient, 0)


def test_discrimination_by_hand():
    """One kernel of two dimensions, T = (1, 2): M = f (1, 2), so |M_i - M_j|_1 = 3 |f_i - f_j|."""
    x = jnp.array([[0.0], [1.0], [3.0]])
    variables = {'params': {'kernel': jnp.array([[[1.0, 2.0]]])}}
    out = MinibatchDiscrimination(1, 2).apply(variables, x)
    wanted = [np.exp(-3) + np.exp(-9), np.exp(-3) + np.exp(-6), np.exp(-9) + np.exp(-6)]
    np.testing.assert_allclose(out, np.stack([[0, 1, 3], wanted], 1), rtol=1e-5)


def test_discrimination_counts_copies_and_not_oneself():
    layer = MinibatchDiscrimination(3, 2)
    x = jnp.ones((5, 4))
    variables = layer.init(KEY, x)
    assert variables['params']['kernel'].shape == (4, 3, 2)
    np.testing.assert_allclose(layer.apply(variables, x)[:, 4:], 4.0)


@pytest.mark.slow
@pytest.mark.parametrize(('kind', 'more'), [('', 0), ('std', 1), ('discrimination', 50)])
def test_discriminators_get_more_features_for_the_logits_only(kind, more):
    made = {
        'mlp': (mlp.Discriminator((7,), minibatch=kind, heads={'code': 2}), 7, more),
        # A channel of the 2x3 map, or features beside the flat ones.
        'dcgan': (
            dcgan.Discriminator((7,), minibatch=kind, heads={'code': 2}),
            42,
            6 if kind == 'std' else more,
        ),
    }
    for module, features, extra in made.values():
        net = nets.from_linen(module, jnp.zeros((2, 4, 6, 1)))
        params, state = net.init(KEY)
        assert params['Dense_1' if 'Dense_1' in params else 'Dense_0']['kernel'].shape == (
            features + extra,
            1,
        )
        assert params['head_code']['kernel'].shape == (features, 2)
        x = jax.random.normal(KEY, (4, 4, 6, 1))
        for_each = [
            net.apply(params, state, x[rows], train=False, key=None)[0] for rows in (slice(4), slice(2))
        ]
        whole, half = (out['logits'][:2] for out in for_each)
        assert np.allclose(whole, half, atol=1e-6) == (kind == '')
        np.testing.assert_allclose(for_each[0]['features'][:2], for_each[1]['features'], atol=1e-6)


def test_unknown_kind():
    with pytest.raises(GaxError, match=r"unknown d\.net\.minibatch 'sdt' \(nearest: 'std'\)"):
        see_batch('sdt', jnp.ones((2, 2)))
