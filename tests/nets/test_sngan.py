"""The residual networks of SNGAN: parameters counted by hand, layer by layer, and what labels and pixels
do.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import nets
from gax.config import base
from gax.core.spec import Field, Spec
from gax.errors import GaxError
from gax.nets import registry, sngan
from gax.nets.layers import ConditionalBatchNorm, doubled, halved

KEY = jax.random.key(0)
LABEL = jax.ShapeDtypeStruct((2,), jnp.int32)


def count(tree):
    return sum(int(np.prod(x.shape)) for x in jax.tree.leaves(tree))


def shapes(module, *inputs):
    return jax.eval_shape(nets.from_linen(module, *inputs).init, KEY)


def conv(cin, cout, size=3):
    return size * size * cin * cout + cout


def test_parameters_for_cifar10():
    """Table 4: G dense 4x4x256, three blocks up of 256; D four blocks of 128, the first two of half the
    size.
    """
    params, state = shapes(sngan.Generator((32, 32, 3)), jnp.zeros((2, 128)))
    norm = 2 * 256
    block = (norm + conv(256, 256)) * 2 + conv(256, 256, 1)
    assert count(params) == (128 * 4096 + 4096) + 3 * block + norm + conv(256, 3) == 4_276_739
    assert count(state) == 7 * norm
    params, state = shapes(sngan.Discriminator(), jnp.zeros((2, 32, 32, 3)))
    first = conv(3, 128) + conv(128, 128) + conv(3, 128, 1)
    second = 2 * conv(128, 128) + conv(128, 128, 1)
    assert count(params) == first + second + 2 * 2 * conv(128, 128) + (128 + 1) == 1_053_825
    assert count(state) == 0


def test_parameters_with_classes():
    """G: the scales and offsets of the six batch-norms in blocks, a row a class instead of one.

    D: an embedding.
    """
    g, _ = shapes(sngan.Generator((32, 32, 3), num_classes=10), jnp.zeros((2, 128)), LABEL)
    assert count(g) == 4_276_739 + 6 * 9 * 2 * 256
    d, _ = shapes(sngan.Discriminator(num_classes=10), jnp.zeros((2, 32, 32, 3)), LABEL)
    assert count(d) == 1_053_825 + 10 * 128


def test_doubled_and_halved():
    x = jnp.arange(12.0).reshape(1, 2, 3, 2)
    np.testing.assert_array_equal(doubled(x), np.asarray(x).repeat(2, 1).repeat(2, 2))
    np.testing.assert_array_equal(halved(doubled(x)), x)


@pytest.mark.slow
def test_convolutions_of_one_pixel_commute_with_resampling():
    """What the blocks' shortcuts rely on."""
    x, kernel = jax.random.normal(KEY, (2, 4, 6, 3)), jax.random.normal(KEY, (3, 5))
    np.testing.assert_allclose(doubled(x @ kernel + 1), doubled(x) @ kernel + 1, atol=1e-5)
    np.testing.assert_allclose(halved(x) @ kernel + 1, halved(x @ kernel + 1), atol=1e-5)


def test_conditional_batch_norm():
    """(x - mean) / sqrt(var + eps), then the row of the label; mean and variance over all classes."""
    x, label = jnp.array([[1.0], [3.0], [5.0], [7.0]]), jnp.array([0, 1, 1, 0])
    layer = ConditionalBatchNorm(2, momentum=0.75, epsilon=0.0)
    variables = layer.init(KEY, x, label, train=False)
    variables['params'] = {'scale': jnp.array([[1.0], [10.0]]), 'bias': jnp.array([[0.0], [5.0]])}
    out, new = layer.apply(variables, x, label, train=True, mutable=['batch_stats'])
    z = (np.array([1, 3, 5, 7]) - 4) / np.sqrt(5)
    np.testing.assert_allclose(out[:, 0], [z[0], 10 * z[1] + 5, 10 * z[2] + 5, z[3]], rtol=1e-5)
    (stats,) = new['batch_stats'].values()
    np.testing.assert_allclose([stats['mean'][0], stats['var'][0]], [0.25 * 4, 0.75 + 0.25 * 5], rtol=1e-6)


def test_conditional_batch_norm_without_classes_is_plain():
    x = jax.random.normal(KEY, (6, 2, 3, 4))
    layer = ConditionalBatchNorm()
    variables = layer.init(KEY, x, train=False)
    out, _ = layer.apply(variables, x, train=True, mutable=['batch_stats'])
    np.testing.assert_allclose(out, (x - x.mean((0, 1, 2))) / x.std((0, 1, 2)), atol=1e-3)


@pytest.mark.parametrize(('shape', 'widths'), [((28, 28, 1), (8, 6, 4)), ((16, 24, 3), (4, 4, 4, 4))])
def test_images_of_any_shape_that_fits(shape, widths):
    g = nets.from_linen(sngan.Generator(shape, widths), jnp.zeros((2, 5)))
    d = nets.from_linen(sngan.Discriminator((4, 6, 6)), jnp.zeros((2, *shape)))

    def both(z):
        image, _ = g.apply(*g.init(KEY), z, train=False, key=KEY)
        return image, d.apply(*d.init(KEY), image, train=False, key=KEY)[0]

    image, logits = jax.eval_shape(both, jnp.zeros((3, 5)))
    assert image.shape == (3, *shape)
    assert logits.shape == (3,)


def test_images_that_do_not_fit_are_refused():
    with pytest.raises(
        GaxError, match=r'g\.net\.widths halves 28x28 images 3 times: both sides must be multiples of 8'
    ):
        registry.pair(config(), Spec('x', {'image': Field((28, 28, 1))}))
    smaller = config()
    smaller.g.net.widths, smaller.d.net.downs = (4, 4), 3
    with pytest.raises(GaxError, match=r'd\.net\.downs halves 28x28 images 3 times'):
        registry.pair(smaller, Spec('x', {'image': Field((28, 28, 1))}))
    with pytest.raises(GaxError, match="kind 'sngan' are for images, and the data are points"):
        registry.pair(config(), Spec('x', {'point': Field((2,), 'point')}))


def config():
    made = base('sngan')
    made.g.net.widths, made.d.net.widths = (4, 4, 4, 4), (4, 4)
    return made


@pytest.mark.slow
def test_family_has_spectral_norm_in_d_only():
    made = config()
    networks, scorer = registry.pair(made, Spec('x', {'image': Field((16, 16, 1))}, 0, 10), num_classes=3)
    (g_params, _), (_, d_state) = (networks[name].init(KEY) for name in 'gd')
    assert set(g_params['UpBlock_0']['ConditionalBatchNorm_0']) == {'scale', 'bias'}
    linear = {k for k in d_state['u'] if k.endswith(('kernel', 'embedding'))}
    assert linear == set(d_state['u'])
    assert len(linear) == 2 * 3 + 1 + 1  # two blocks with a shortcut each, dense, embedding
    assert scorer.inputs(None, {'image': 1, 'label': 2}) == (1, 2)


def test_the_discriminator_sums_over_pixels():
    """One block of zero kernels but the shortcut: logit = sum over halved pixels of relu(w x + b), then
    affine.
    """
    d = nets.from_linen(sngan.Discriminator((1,), 1), jnp.zeros((2, 4, 4, 1)))
    params, _ = jax.eval_shape(d.init, KEY)
    params = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), params)
    params['DownBlock_0']['shortcut'] = {'kernel': jnp.full((1, 1, 1, 1), 2.0), 'bias': jnp.ones(1)}
    params['Dense_0'] = {'kernel': jnp.full((1, 1), 3.0), 'bias': jnp.full(1, 0.5)}
    x = jnp.stack([jnp.full((4, 4, 1), 0.25), jnp.full((4, 4, 1), -1.0)])
    out, _ = d.apply(params, {}, x, train=False, key=None)
    np.testing.assert_allclose(out, [3 * 4 * 1.5 + 0.5, 0.5])
