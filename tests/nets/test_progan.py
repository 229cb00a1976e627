"""ProGAN's networks: parameter counts, the limits of fading, convolutions fused with a change of size."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import errors
from gax.core.growth import Stage
from gax.nets import blocks, growing, progan, registry, stylegan
from gax.nets.layers import doubled, halved
from gax.nets.ops import conv
from tests.helpers.cases import with_slow


def count(module, *shapes):
    net = registry.from_linen(module, *(registry.example(*shape) for shape in shapes))
    params = jax.eval_shape(lambda: net.init(jax.random.key(0)))[0]
    return sum(leaf.size for leaf in jax.tree.leaves(params))


COUNTS = {
    1024: (23_079_115, 23_087_249),
    256: (23_044_309, 23_052_353),
    128: (22_933_394, 22_941_313),
    64: (22_490_383, 22_498_049),
    32: (20_719_628, 20_726_785),
}


@pytest.mark.parametrize('side', with_slow(COUNTS, 1))
def test_parameters_are_as_many_as_the_papers(side):
    g, d = progan.Generator((side, side, 3)), progan.Discriminator()
    assert (count(g, (512,)), count(d, (side, side, 3))) == COUNTS[side]


def test_parameters_of_a_tiny_one():
    g, d = progan.Generator((16, 16, 3), 128, 16), progan.Discriminator(128, 16)
    assert (count(g, (16,)), count(d, (16, 16, 3))) == (12_945, 13_145)


def test_channels_of_the_paper():
    """Its nf(s) = min(8192 / 2^s, 512), s = level + 1; nf(0) is the dense layer of D."""
    levels = range(-1, 9)
    ours = [growing.channels_at(level, 16384, 512) for level in levels]
    assert ours == [min(8192 // 2 ** (level + 1), 512) for level in levels]


def test_levels_of_images_that_are_not_square():
    assert [growing.levels((side, side, 3)) for side in (4, 8, 32, 1024)] == [0, 1, 3, 8]
    assert growing.levels((48, 64, 3)) == 3
    assert growing.base_of((48, 64, 3)) == (6, 8)
    for shape in ((3, 3, 3), (8, 9, 3), (12, 24, 3)):
        if shape == (12, 24, 3):
            assert growing.base_of(shape) == (6, 12)
            continue
        with pytest.raises(errors.GaxError, match='halve images until the shorter side has 4 to 7 pixels'):
            growing.levels(shape)


@pytest.fixture(scope='module')
def random():
    return np.random.default_rng(0)


def test_a_convolution_fused_with_doubling_or_halving(random):
    x, kernel = random.normal(size=(2, 4, 6, 3)), random.normal(size=(3, 3, 3, 5))
    x, kernel = jnp.asarray(x, jnp.float32), jnp.asarray(kernel, jnp.float32)
    np.testing.assert_allclose(blocks.doubled_conv(x, kernel), conv.conv(doubled(x), kernel), atol=1e-4)
    np.testing.assert_allclose(blocks.halved_conv(x, kernel), halved(conv.conv(x, kernel)), atol=1e-4)


def test_reals_are_faded(random):
    x = jnp.asarray(random.normal(size=(1, 16, 16, 1)), jnp.float32)
    np.testing.assert_array_equal(growing.faded(x, Stage(2)), x)
    low = doubled(halved(x))
    np.testing.assert_allclose(growing.faded(x, Stage(1)), low, rtol=1e-6)
    np.testing.assert_allclose(growing.faded(x, Stage(2, 0.25)), 0.25 * x + 0.75 * low, atol=1e-6)
    lowest = doubled(doubled(halved(halved(x))))
    np.testing.assert_allclose(growing.faded(x, Stage(1, 0.25)), 0.25 * low + 0.75 * lowest, atol=1e-6)


SHAPE = (8, 8, 2)
SIZES = {'channel_base': 32, 'channel_max': 4}
FAMILIES = {'progan': (progan, SIZES), 'stylegan': (stylegan, SIZES)}


@pytest.fixture(scope='module', params=with_slow(FAMILIES, 0))
def nets(request):
    """(G, D, images of a stage, logits of a stage), whose biases and all else are random numbers."""
    family, sizes = FAMILIES[request.param]
    g = registry.from_linen(family.Generator(SHAPE, **sizes), registry.example(6))
    d = registry.from_linen(family.Discriminator(**sizes), registry.example(*SHAPE))
    key = jax.random.key(1)

    def randomised(net):
        params, state = net.init(key)
        leaves, tree = jax.tree.flatten(params)
        keys = jax.random.split(key, len(leaves))
        noisy = [x + 0.1 * jax.random.normal(k, x.shape) for k, x in zip(keys, leaves, strict=True)]
        return jax.tree.unflatten(tree, noisy), state

    @partial(jax.jit, static_argnums=0)
    def applied(name, variables, x, stage):
        return {'g': g, 'd': d}[name].apply(*variables, x, stage, train=False, key=key)[0]

    variables = jax.jit(lambda: {'g': randomised(g), 'd': randomised(d)})()

    def run(name, x, stage):
        return applied(name, variables[name], x, stage)

    return run


@pytest.mark.slow
def test_fading_begins_at_the_level_below_and_ends_at_the_new_one(nets, random):
    z = jnp.asarray(random.normal(size=(4, 6)), jnp.float32)
    x = jnp.asarray(random.normal(size=(4, *SHAPE)), jnp.float32)
    at = {s: nets('g', z, s) for s in (Stage(0), Stage(1))}
    np.testing.assert_allclose(nets('g', z, Stage(1, 0.0)), at[Stage(0)], atol=1e-5)
    np.testing.assert_allclose(nets('g', z, Stage(1, 1.0)), at[Stage(1)], atol=1e-5)
    half = nets('g', z, Stage(1, 0.5))
    np.testing.assert_allclose(half, (at[Stage(0)] + at[Stage(1)]) / 2, atol=1e-5)
    assert at[Stage(1)].shape == (4, *SHAPE)
    np.testing.assert_allclose(doubled(halved(at[Stage(0)])), at[Stage(0)], atol=1e-6)
    np.testing.assert_allclose(nets('d', x, Stage(1, 1.0)), nets('d', x, Stage(1)), atol=1e-4)
    np.testing.assert_allclose(nets('d', x, Stage(1, 0.0)), nets('d', x, Stage(0)), atol=1e-4)
    assert not np.allclose(nets('d', x, Stage(0)), nets('d', x, Stage(1)), atol=1e-2)


def test_a_stage_beyond_the_image_is_refused(nets):
    with pytest.raises(errors.GaxError, match='the level of a stage must be from 0 to 1, and is 2'):
        nets('g', jnp.zeros((1, 6)), Stage(2))


@pytest.mark.slow
def test_the_features_of_g_have_unit_length_and_z_any(random):
    g = registry.from_linen(progan.Generator(SHAPE, 32, 4), registry.example(6))
    z = jnp.asarray(random.normal(size=(2, 6)), jnp.float32)
    both = jax.jit(
        lambda: g.apply(*g.init(jax.random.key(0)), jnp.concatenate([z, 100 * z]), train=False, key=None)
    )
    one, other = jnp.split(both()[0], 2)
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.slow
def test_labels_choose_the_logit(random):
    d = registry.from_linen(
        progan.Discriminator(64, 4, num_classes=3), registry.example(8, 8, 1), *registry.labels(3)
    )
    x = jnp.asarray(random.normal(size=(4, 8, 8, 1)), jnp.float32)

    @jax.jit
    def logits(kept):
        params, state = d.init(jax.random.key(0))
        last = params['critic']['logits']
        params['critic']['logits'] = {**last, 'kernel': last['kernel'] * kept}
        return [d.apply(params, state, x, jnp.full(4, c), train=False, key=None)[0] for c in range(3)]

    every, changed = logits(jnp.ones((1, 3))), logits(jnp.asarray([[0.0, 0.0, 1.0]]))
    np.testing.assert_allclose(changed[0], 0, atol=1e-6)
    np.testing.assert_allclose(changed[2], every[2])
    assert not np.allclose(every[0], every[1], atol=1e-3)
