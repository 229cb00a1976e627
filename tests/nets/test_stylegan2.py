"""StyleGAN2: parameters of the published sizes, modulation by its identities, and the families as configs
build them.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gax import nets
from gax.errors import GaxError
from gax.nets import fir, style, stylegan2
from tests.helpers.cases import with_slow

KEY = jax.random.key(0)
LABEL = jax.ShapeDtypeStruct((2,), jnp.int32)
SMALL = {'channel_base': 128, 'channel_max': 16}
TINY = {**SMALL, 'w_dim': 16, 'mapping_layers': 2}


def count(tree):
    return sum(int(np.prod(x.shape)) for x in jax.tree.leaves(tree))


def g_of(size, z=512, channels=3, classes=0, **fields):
    module = stylegan2.Generator((size, size, channels), num_classes=classes, **fields)
    inputs = jax.ShapeDtypeStruct((2, z), jnp.float32), *[LABEL] * bool(classes)
    return count(jax.eval_shape(nets.from_linen(module, *inputs).init, KEY)[0])


def d_of(size, channels=3, classes=0, **fields):
    module = stylegan2.Discriminator(num_classes=classes, **fields)
    inputs = jax.ShapeDtypeStruct((2, size, size, channels), jnp.float32), *[LABEL] * bool(classes)
    return count(jax.eval_shape(nets.from_linen(module, *inputs).init, KEY)[0])


AUTO = {'channel_base': 16384, 'mapping_layers': 2}
FULL = {'channel_base': 16384}


@pytest.mark.parametrize(
    ('size', 'fields', 'g', 'd'),
    with_slow(
        [
            (1024, {}, 30_370_060, 29_012_513),  # configuration F
            (512, {}, 30_276_583, 28_982_849),
            (256, {}, 30_034_338, 28_864_129),
            (256, FULL, 24_767_458, 24_001_089),  # paper256
            (256, AUTO, 23_191_522, 24_001_089),
            (128, AUTO, 22_949_277, 23_882_369),
            (64, AUTO, 22_243_608, 23_407_361),
            (32, AUTO, 19_947_539, 21_507_073),
        ],
        0,
        7,
    ),
)
def test_parameters_of_the_published_sizes(size, fields, g, d):
    assert g_of(size, **fields) == g
    assert d_of(size, **{name: value for name, value in fields.items() if name == 'channel_base'}) == d


def test_parameters_of_cifar():
    """D `orig`; with labels D maps them by eight layers though G has two."""
    assert g_of(32, **AUTO) == 19_947_539
    assert d_of(32, **FULL, architecture='orig') == 20_720_641
    assert g_of(32, **AUTO, classes=10) == 20_215_315
    assert d_of(32, **FULL, architecture='orig', classes=10) == 23_089_664


@pytest.mark.slow
def test_parameters_of_tiny_networks():
    assert g_of(16, 16, **TINY) == 11_542
    assert g_of(16, 16, **TINY, architecture='resnet') == 11_280
    assert g_of(16, 16, **TINY, classes=10) == 11_974
    assert [d_of(16, **SMALL, architecture=a) for a in ('resnet', 'orig', 'skip')] == [13_401, 13_017, 13_145]
    assert d_of(16, **SMALL, classes=10) == 16_008
    wide = {'channel_base': 512, 'channel_max': 32}
    assert [g_of(32, 64, c, **wide, w_dim=64, mapping_layers=2) for c in (3, 1)] == [83_171, 82_939]
    assert [d_of(32, c, **wide) for c in (3, 1)] == [72_561, 72_529]


def test_sizes():
    assert [stylegan2.count_of((n, n)) for n in (4, 16, 32, 256, 1024)] == [2, 6, 8, 14, 18]
    assert [stylegan2.doublings(s) for s in ((28, 28), (48, 64), (20, 8))] == [2, 3, 1]
    assert stylegan2.widths(3, 1024, 128) == [128, 128, 64, 32]
    with pytest.raises(GaxError, match=r'images are halved to about 4x4, and 36x66 can be halved 1 times'):
        stylegan2.doublings((36, 66))


def test_modulation_is_a_kernel_for_each_example():
    """The grouped convolution with kernels s W / |s W|, which is what it stands for."""
    x, s = jax.random.normal(KEY, (3, 5, 4, 6)), jax.random.normal(jax.random.key(1), (3, 6))
    kernel = jax.random.normal(jax.random.key(2), (3, 3, 6, 2))
    each = kernel[None] * s[:, None, None, :, None]
    each = each / jnp.sqrt(jnp.sum(each**2, axis=(1, 2, 3), keepdims=True) + 1e-8)
    grouped = lax.conv_general_dilated(
        x.transpose(1, 2, 0, 3).reshape(1, 5, 4, 18),
        each.transpose(1, 2, 3, 0, 4).reshape(3, 3, 6, 6),
        (1, 1),
        'SAME',
        dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
        feature_group_count=3,
    )
    wanted = grouped.reshape(5, 4, 3, 2).transpose(2, 0, 1, 3)
    modulated = jax.jit(style.modulated)
    np.testing.assert_allclose(modulated(x, kernel, s), wanted, atol=1e-5)
    # The scale of a style, and of an output's kernel, cancels.
    scaled = modulated(x, kernel * jnp.array([3.0, 0.5]), s * jnp.array([[2.0], [0.25], [5.0]]))
    np.testing.assert_allclose(scaled, wanted, atol=1e-5)


@pytest.mark.slow
def test_demodulated_kernels_have_unit_norm():
    """Of an impulse in one channel each tap is seen alone: their squares over channels sum to 1."""
    s = jnp.array([[0.5, 2.0, -1.0]] * 3)
    impulses = jnp.zeros((3, 5, 5, 3)).at[jnp.arange(3), 2, 2, jnp.arange(3)].set(1.0)
    kernel = jax.random.normal(KEY, (3, 3, 3, 4))
    out = jax.jit(style.modulated)(impulses, kernel, s)
    np.testing.assert_allclose(jnp.sum(out**2, axis=(0, 1, 2)), 1.0, rtol=1e-5)
    plain = style.modulated(impulses, kernel, 2 * s, demodulate=False)
    np.testing.assert_allclose(plain, 2 * style.modulated(impulses, kernel, s, demodulate=False), rtol=1e-5)


def test_the_mapping_ignores_the_length_of_z_and_averages_w_in_training():
    module = style.AveragedMapping(3, features=4, layers=2, multiplier=0.01, decay=0.75)
    z = jax.random.normal(KEY, (8, 5))
    net = nets.from_linen(module, jax.ShapeDtypeStruct(z.shape, z.dtype))
    params, state = net.init(KEY)
    ws, after = net.apply(params, state, z, train=True, key=KEY)
    np.testing.assert_allclose(net.apply(params, state, 3 * z, train=False, key=KEY)[0], ws, rtol=1e-4)
    assert ws.shape == (8, 3, 4)
    np.testing.assert_array_equal(ws[:, 0], ws[:, 2])
    np.testing.assert_array_equal(state['statistics']['w_average'], 0)
    average = after['statistics']['w_average']
    np.testing.assert_allclose(average, 0.25 * ws[:, 0].mean(axis=0), rtol=1e-5)
    assert net.apply(params, after, z, train=False, key=KEY)[1] is after


def test_each_layer_reads_its_own_style_and_noise_begins_silent():
    synthesis = stylegan2.Generator((8, 8, 2), **TINY).parts()[1]
    ws = jnp.zeros((1, 4, 16))
    variables = jax.jit(lambda: synthesis.init({'params': KEY, 'noise': KEY}, ws, train=False))()

    @jax.jit
    def run(variables, ws, key):
        return synthesis.apply(variables, ws, train=True, rngs={'noise': key})

    image = run(variables, ws, KEY)
    np.testing.assert_array_equal(run(variables, ws, jax.random.key(7)), image)
    for layer in range(4):
        assert jnp.abs(run(variables, ws.at[:, layer].set(1.0), KEY) - image).max() > 1e-3, layer
    variables['params']['StyledConv_2']['noise'] = jnp.ones(())
    noisy = run(variables, jnp.zeros((2, 4, 16)), KEY)
    assert jnp.abs(noisy[0] - noisy[1]).max() > 1e-3  # each example has its own


def test_skips_sum_smoothly_doubled_colors():
    """With the kernels of the last colours at 0 the image is the smaller one's, doubled, with their bias."""
    synthesis = stylegan2.Generator((8, 8, 2), **TINY).parts()[1]
    small = stylegan2.Generator((4, 4, 2), **TINY).parts()[1]
    rngs = {'params': KEY, 'noise': KEY}
    ws = jax.random.normal(KEY, (2, 4, 16))
    params = jax.jit(lambda: synthesis.init(rngs, ws, train=False))()['params']
    params['StyledColors_1']['kernel'] = jnp.zeros_like(params['StyledColors_1']['kernel'])
    of_small = jax.eval_shape(lambda: small.init(rngs, ws[:, :2], train=False))['params']
    shared = {name: params[name] for name in of_small}

    @jax.jit
    def both(params, shared):
        return (
            synthesis.apply({'params': params}, ws, train=False, rngs=rngs),
            small.apply({'params': shared}, ws[:, :2], train=False, rngs=rngs),
        )

    image, wanted = both(params, shared)
    np.testing.assert_allclose(image, fir.smooth_doubled(wanted), atol=1e-5)


@pytest.mark.parametrize('architecture', stylegan2.ARCHITECTURES)
def test_networks_play(architecture):
    """Labels, heads and bfloat16 at the largest size; outputs are float32."""
    fields = {**SMALL, 'architecture': architecture, 'bfloat16_stages': 1}
    g = stylegan2.Generator((12, 8, 2), w_dim=8, mapping_layers=1, num_classes=3, **fields)
    d = stylegan2.Discriminator(group=2, num_classes=3, heads={'code': 2}, **fields)
    z, label, image = jnp.zeros((4, 6)), jnp.zeros(4, jnp.int32), jnp.zeros((4, 12, 8, 2))
    nets_of = nets.from_linen(g, z, label), nets.from_linen(d, image, label)

    def play(key):
        (of_g, g_state), (of_d, d_state) = (net.init(key) for net in nets_of)
        z, label = jax.random.normal(key, z_shape), jnp.array([0, 1, 2, 0])
        image, _ = nets_of[0].apply(of_g, g_state, z, label, train=True, key=key)
        return image, nets_of[1].apply(of_d, d_state, image, label, train=True, key=key)[0]

    z_shape = z.shape
    image, out = jax.eval_shape(play, KEY)
    assert (image.shape, image.dtype) == ((4, 12, 8, 2), jnp.float32)
    assert out['logits'].shape == (4,)
    assert out['features'].shape == (4, 16)


@pytest.mark.slow
def test_labels_move_the_logit():
    d = stylegan2.Discriminator(**SMALL, num_classes=3)
    image, label = jax.random.normal(KEY, (3, 8, 8, 1)), jnp.arange(3)
    image = jnp.broadcast_to(image[:1], image.shape)
    variables = jax.jit(d.init, static_argnames='train')(KEY, image, label, train=False)
    logits = jax.jit(d.apply, static_argnames='train')(variables, image, label, train=False)
    assert len(np.unique(np.asarray(logits))) == 3
