"""The TensorFlow tutorial's DCGAN: its parameters counted by hand, the images it can make, and its
conditioning.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import gans, nets
from gax.config import base
from gax.core.spec import Field, Spec
from gax.errors import GaxError
from gax.nets import dcgan
from tests.helpers.cases import with_slow

LABEL = jax.ShapeDtypeStruct((2,), jnp.int32)


def count(tree):
    return sum(int(np.prod(x.shape)) for x in jax.tree.leaves(tree))


def shapes(module, *inputs):
    return jax.eval_shape(nets.from_linen(module, *inputs).init, jax.random.key(0))


def test_parameters_of_the_tutorials_generator():
    params, state = shapes(dcgan.Generator((28, 28, 1)), jnp.zeros((2, 100)))
    units = 7 * 7 * 256
    kernels = 100 * units + 25 * (256 * 128 + 128 * 64 + 64 * 1)  # no biases
    normed = 2 * (units + 128 + 64)  # scale and offset; a unit each before the reshape, a channel each after
    assert count(params) == kernels + normed
    assert count(state) == normed
    assert count(params) + count(state) == 2_330_944  # as the tutorial's `generator.summary()` says


def test_parameters_of_the_tutorials_discriminator():
    params, state = shapes(dcgan.Discriminator(), jnp.zeros((2, 28, 28, 1)))
    assert count(params) == (25 * 1 * 64 + 64) + (25 * 64 * 128 + 128) + (7 * 7 * 128 + 1)
    assert count(state) == 0


def test_conditional_parameters():
    """G: a table of 10 x latents. D: a table of 10 x features."""
    z, image = jnp.zeros((2, 100)), jnp.zeros((2, 28, 28, 1))
    plain, labelled = (
        count(shapes(dcgan.Generator((28, 28, 1), num_classes=n), z, *[LABEL] * bool(n))[0]) for n in (0, 10)
    )
    assert labelled - plain == 10 * 100
    plain, labelled = (
        count(shapes(dcgan.Discriminator(num_classes=n), image, *[LABEL] * bool(n))[0]) for n in (0, 10)
    )
    assert labelled - plain == 10 * 7 * 7 * 128


@pytest.mark.parametrize(
    'shape', with_slow([((28, 28, 1),), ((32, 32, 3),), ((16, 24, 3),), ((4, 8, 2),)], 0, 2)
)
def test_images_of_any_shape_that_fits(shape):
    g = nets.from_linen(dcgan.Generator(shape, (6, 5, 4)), jnp.zeros((2, 3)))
    d = nets.from_linen(dcgan.Discriminator((3, 4)), jnp.zeros((2, *shape)))
    key = jax.random.key(0)

    def both(z):
        image, _ = g.apply(*g.init(key), z, train=False, key=key)
        return image, d.apply(*d.init(key), image, train=False, key=key)[0]

    image, logits = jax.eval_shape(both, jnp.zeros((5, 3)))
    assert image.shape == (5, *shape)
    assert logits.shape == (5,)


@pytest.mark.parametrize('shape', [(27, 28, 1), (30, 30, 3), (28, 29, 1)])
def test_images_that_do_not_fit_are_refused(shape):
    with pytest.raises(GaxError) as info:
        dcgan.base_shape(shape, (1, 2, 2), (8, 8, 8))
    height, width, _ = shape
    assert f'dcgan cannot make {height}x{width} images: both sides must be multiples of 4' in str(info.value)
    assert f'e.g. {height // 4 * 4}' in str(info.value)


def test_the_recipe_refuses_them_before_anything_is_computed():
    with pytest.raises(GaxError, match='cannot make 30x30 images'):
        gans.make(base('dcgan'), Spec('x', {'image': Field((30, 30, 3))}, 0, 10))


def test_strides_and_widths_go_together():
    with pytest.raises(
        GaxError, match=r'g.net.strides \(1, 2\) and g.net.widths \(8, 8, 8\) must be of one length'
    ):
        dcgan.base_shape((28, 28, 1), (1, 2), (8, 8, 8))


def test_conditioning_needs_labels():
    config = base('dcgan')
    config.conditional = True
    with pytest.raises(GaxError, match='conditional=True needs labels, and x has none'):
        gans.make(config, Spec('x', {'image': Field((28, 28, 1))}, 0, 10))


@pytest.mark.slow
def test_projection_discriminator():
    """The logits of two classes differ by the product of their embeddings' difference with the features."""
    d = nets.from_linen(dcgan.Discriminator((3,), num_classes=4, dropout=0.0), jnp.zeros((2, 4, 6, 1)), LABEL)
    params, _ = d.init(jax.random.key(0))
    image = jax.random.normal(jax.random.key(1), (5, 4, 6, 1))

    def score(label):
        return d.apply(params, {}, image, jnp.full(5, label), train=False, key=None)[0]

    table, kernel = params['Embed_0']['embedding'], params['Dense_0']['kernel'][:, 0]
    difference = table[2] - table[1]
    # The features follow from a linear probe: the dense layer is one, the difference of embeddings another.
    probe = jax.tree.map(lambda x: x, params)
    probe['Dense_0'] = {'kernel': difference[:, None], 'bias': jnp.zeros(1)}
    probe['Embed_0'] = {'embedding': jnp.zeros_like(table)}
    expected, _ = d.apply(probe, {}, image, jnp.zeros(5, jnp.int32), train=False, key=None)
    assert difference.shape == kernel.shape
    np.testing.assert_allclose(score(2) - score(1), expected, atol=1e-5)


@pytest.mark.slow
def test_the_generators_latents_are_multiplied_by_the_labels_embedding():
    shape = ((4, 4, 1), (4, 4), (1, 2))
    plain = nets.from_linen(dcgan.Generator(*shape), jnp.zeros((2, 5)))
    labelled = nets.from_linen(dcgan.Generator(*shape, num_classes=3), jnp.zeros((2, 5)), LABEL)
    params, state = labelled.init(jax.random.key(0))
    z, label = jax.random.normal(jax.random.key(1), (4, 5)), jnp.array([2, 0, 1, 2])
    found, _ = labelled.apply(params, state, z, label, train=False, key=None)
    rest = {name: value for name, value in params.items() if name != 'Embed_0'}
    multiplied = z * params['Embed_0']['embedding'][np.asarray(label)]
    expected, _ = plain.apply(rest, state, multiplied, train=False, key=None)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.slow
def test_labels_change_the_images_and_latents_too():
    g = nets.from_linen(dcgan.Generator((4, 4, 1), (4, 4), (1, 2), num_classes=3), jnp.zeros((2, 5)), LABEL)
    params, state = g.init(jax.random.key(0))
    z = jnp.ones((2, 5)).at[1].set(2.0)

    def make(*labels):
        return g.apply(params, state, z, jnp.array(labels), train=False, key=None)[0]

    both = make(0, 0)
    assert np.abs(both[0] - both[1]).max() > 1e-4
    assert np.abs(make(1, 0)[0] - both[0]).max() > 1e-4
    np.testing.assert_array_equal(make(1, 0)[1], both[1])


@pytest.mark.slow
def test_norms_by_class_leave_the_latents_alone():
    """Two classes whose scales and offsets agree make one image; the parameters are a row a class."""
    g = nets.from_linen(
        dcgan.Generator((4, 4, 1), (4, 4), (1, 2), num_classes=3, class_norm=True), jnp.zeros((2, 5)), LABEL
    )
    params, state = g.init(jax.random.key(0))
    norms = [params[name] for name in params if name.startswith('ConditionalBatchNorm')]
    assert [norm['scale'].shape for norm in norms] == [(3, 2 * 2 * 4), (3, 4)]
    assert not [name for name in params if name.startswith('Embed')]
    z, train = jax.random.normal(jax.random.key(1), (2, 5)), {'train': False, 'key': None}
    first = g.apply(params, state, z, jnp.array([0, 1]), **train)[0]
    np.testing.assert_array_equal(first, g.apply(params, state, z, jnp.array([2, 0]), **train)[0])
    norms[1]['bias'] = norms[1]['bias'].at[2].set(1.0)
    moved = np.abs(first - g.apply(params, state, z, jnp.array([2, 0]), **train)[0]).max((1, 2, 3))
    assert moved[0] > 1e-3
    assert moved[1] == 0
