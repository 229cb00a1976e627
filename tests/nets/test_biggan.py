"""SAGAN, BigGAN and BigGAN-deep: parameter counts of published models, and what makes their layers theirs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import nets
from gax.config import base
from gax.core.spec import Field, Spec
from gax.errors import GaxError
from gax.gans import make
from gax.nets import biggan, biggan_deep, registry, sagan
from gax.nets.attention import SelfAttention
from gax.nets.biggan import LinearBatchNorm, chunked
from tests.helpers.cases import with_slow

KEY = jax.random.key(0)
UP = {128: (16, 16, 8, 4, 2, 1), 256: (16, 16, 8, 8, 4, 2, 1)}
DOWN = {128: (1, 2, 4, 8, 16, 16), 256: (1, 2, 4, 8, 8, 16, 16)}


def count(module, *inputs):
    """The number of parameters, from shapes alone."""
    params, _ = jax.eval_shape(nets.from_linen(module, *inputs).init, KEY)
    return sum(x.size for x in jax.tree.leaves(params))


def counts(family, size, latents, classes, g, d):
    labels = registry.labels(classes)
    generator = family.Generator((size, size, 3), num_classes=classes, **g)
    discriminator = family.Discriminator(num_classes=classes, **d)
    return (
        count(generator, registry.example(latents), *labels),
        count(discriminator, registry.example(size, size, 3), *labels),
    )


def large(size, ch, g_attention, d_attention, **fields):
    """The fields of G and D at 128x128 or 256x256."""
    g = {'widths': tuple(ch * n for n in UP[size]), 'attention': g_attention, **fields}
    d = {'widths': tuple(ch * n for n in DOWN[size]), 'attention': d_attention, 'downs': len(DOWN[size]) - 1}
    return g, d


def plain(g_widths, d_widths, downs, g_attention=(), d_attention=(), **fields):
    g = {'widths': g_widths, 'attention': g_attention, **fields}
    return g, {'widths': d_widths, 'attention': d_attention, 'downs': downs}


def widths(ch, *factors):
    return tuple(ch * n for n in factors)


# Totals that public training logs and unit tests print (StudioGAN, compare_gan), or that were counted on
# the authors' classes (BigGAN-PyTorch).
PUBLISHED = [
    (sagan, 128, 128, 1000, *large(128, 64, (4,), (1,)), 42_017_412, 39_448_258),
    (sagan, 128, 128, 1000, *large(128, 64, (), ()), 41_996_931, 39_443_137),
    (sagan, 32, 128, 10, {}, {}, 4_386_308, 1_075_586),
    (sagan, 32, 128, 10, {'attention': ()}, {'attention': ()}, 4_304_387, 1_055_105),
    (sagan, 32, 128, 10, *plain((256,) * 4, (256,) * 4, 2), 4_304_387, 4_207_361),
    (
        *(sagan, 64, 128, 200),
        *plain(widths(64, 16, 8, 4, 2, 1), widths(64, 1, 2, 4, 8, 16), 4, (3,), (1,)),
        *(13_387_396, 19_752_642),
    ),
    (
        *(sagan, 64, 128, 200),
        *plain(widths(64, 16, 8, 4, 2, 1), widths(64, 1, 2, 4, 8, 16), 4),
        *(13_366_915, 19_747_521),
    ),
    (biggan, 128, 120, 1000, *large(128, 96, (4,), (1,)), 70_433_988, 87_982_370),
    (biggan, 128, 120, 1000, *large(128, 64, (4,), (1,)), 31_978_628, 39_448_258),
    (biggan, 256, 140, 1000, *large(256, 96, (4,), (2,)), 82_235_844, 99_225_890),
    (biggan, 256, 140, 1000, *large(256, 96, (5,), (1,)), 82_097_604, 99_191_330),
    (biggan, 32, 80, 10, {}, {}, 9_416_196, 2_415_170),
    (biggan, 32, 80, 10, {}, {'widths': (384,) * 4, 'attention': (1, 2, 3, 4)}, 9_416_196, 10_194_053),
    (
        *(biggan, 64, 100, 200),
        *plain(widths(80, 16, 8, 4, 2, 1), widths(80, 1, 2, 4, 8, 16), 4, (3,), (1,)),
        *(17_335_204, 30_796_722),
    ),
    (
        *(biggan, 32, 16, 10),
        *plain((32,) * 4, (32,) * 4, 2, (2,), (1, 2, 3, 4), embedding=8),
        *(68_116, 72_293),
    ),
    (
        *(biggan, 64, 20, 10),
        *plain(widths(8, 16, 16, 8, 4, 2), widths(8, 1, 2, 4, 8, 16), 4, (3,), (1,), embedding=8),
        *(494_196, 307_690),
    ),
    (biggan_deep, 128, 128, 1000, *large(128, 128, (4,), (1,)), 50_244_484, 34_590_210),
    (biggan_deep, 256, 128, 1000, *large(256, 128, (4,), (2,)), 55_736_708, 38_247_426),
    (
        *(biggan_deep, 32, 16, 10),
        *plain((64,) * 4, (64,) * 4, 2, (2,), (1, 2, 3), embedding=16),
        *(124_548, 58_468),
    ),
]


@pytest.mark.parametrize(
    ('family', 'size', 'latents', 'classes', 'g', 'd', 'of_g', 'of_d'), with_slow(PUBLISHED, 2, 14, 18)
)
def test_parameters_are_as_many_as_published(family, size, latents, classes, g, d, of_g, of_d):
    assert counts(family, size, latents, classes, g, d) == (of_g, of_d)


@pytest.mark.parametrize('family', with_slow([sagan, biggan, biggan_deep], 1))
@pytest.mark.parametrize(('shape', 'classes'), [((48, 64, 3), 0), ((16, 16, 1), 3)])
def test_images_of_any_shape_that_fits_with_and_without_classes(family, shape, classes):
    labels = registry.labels(classes)
    module = family.Generator(shape, (8, 8, 4), attention=(1,), num_classes=classes)
    g = nets.from_linen(module, registry.example(6), *labels)
    module = family.Discriminator((4, 8, 8), downs=2, attention=(2,), num_classes=classes)
    d = nets.from_linen(module, registry.example(*shape), *labels)

    def both(z, *label):
        image, _ = g.apply(*g.init(KEY), z, *label, train=False, key=KEY)
        return image, d.apply(*d.init(KEY), image, *label, train=False, key=KEY)[0]

    image, logits = jax.eval_shape(both, registry.example(6), *labels)
    assert image.shape == (2, *shape)
    assert logits.shape == (2,)


def attend(x, gamma):
    layer = SelfAttention()
    params = jax.jit(layer.init)(KEY, x)['params']
    assert params['gamma'] == 0
    params['gamma'] = jnp.asarray(gamma)
    return jax.jit(layer.apply)({'params': params}, x), params


def test_attention_is_the_identity_at_first_and_has_5_c_squared_over_4_plus_1_parameters():
    x = jax.random.normal(KEY, (2, 4, 6, 16))
    out, params = attend(x, 0.0)
    np.testing.assert_array_equal(out, x)
    assert sum(p.size for p in jax.tree.leaves(params)) == 5 * 16**2 // 4 + 1


def test_attention_as_sums_over_pixels():
    """One example, pixel by pixel, in NumPy: no scale in the softmax, keys and values the largest of four."""
    x = jax.random.normal(KEY, (1, 4, 6, 8))
    out, params = attend(x, 0.5)
    kernels = {name: np.asarray(params[name]['kernel'])[0, 0] for name in ('query', 'key', 'value', 'out')}
    pixels = np.asarray(x)[0]

    def pooled(name):
        y = pixels @ kernels[name]
        rows = [y[i : i + 2, j : j + 2].max((0, 1)) for i in (0, 2) for j in (0, 2, 4)]
        return np.stack(rows)

    keys, values = pooled('key'), pooled('value')
    assert (keys.shape, values.shape) == ((6, 1), (6, 4))
    for i in range(4):
        for j in range(6):
            weights = np.exp(keys @ (pixels[i, j] @ kernels['query']))
            weights /= weights.sum()
            expected = pixels[i, j] + 0.5 * (weights @ values) @ kernels['out']
            np.testing.assert_allclose(out[0, i, j], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_attention_does_not_depend_on_the_order_of_keys():
    """Rows of 2x2 squares in another order: the pixels of the result have that order, too."""
    x = jax.random.normal(KEY, (2, 6, 4, 8))
    order = jnp.array([4, 5, 0, 1, 2, 3])
    np.testing.assert_allclose(attend(x[:, order], 1.0)[0], attend(x, 1.0)[0][:, order], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ('latents', 'count', 'sizes'),
    [
        (120, 6, [20] * 6),
        (140, 7, [20] * 7),
        (160, 8, [20] * 8),
        (80, 4, [20] * 4),
        (100, 5, [20] * 5),
        (128, 6, [23, 21, 21, 21, 21, 21]),
    ],
)
def test_latents_are_cut_into_equal_chunks_and_the_first_has_the_rest(latents, count, sizes):
    z = jnp.arange(2.0 * latents).reshape(2, latents)
    parts = chunked(z, count)
    assert [part.shape[1] for part in parts] == sizes
    np.testing.assert_array_equal(jnp.concatenate(parts, axis=1), z)


def test_fewer_latents_than_chunks_are_refused():
    with pytest.raises(GaxError, match=r'config\.latent_dim=3: .* 4 chunks'):
        chunked(jnp.zeros((2, 3)), 4)


def test_batch_norms_of_the_largest_model_have_148_rows():
    """The shared embedding of 128 numbers, and a chunk of 20."""
    g, _ = large(128, 96, (4,), (1,))
    module = biggan.Generator((128, 128, 3), num_classes=1000, **g)
    net = nets.from_linen(module, registry.example(120), *registry.labels(1000))
    params = jax.eval_shape(net.init, KEY)[0]
    assert params['UpBlock_0']['LinearBatchNorm_0']['scale']['kernel'].shape == (148, 16 * 96)
    assert params['Dense_0']['kernel'].shape == (20, 4 * 4 * 16 * 96)
    assert params[biggan.SHARED]['embedding'].shape == (1000, 128)


def test_linear_batch_norm():
    """At zero kernels a plain batch-norm; else 1 + y L and y M, example by example."""
    x, y = jax.random.normal(KEY, (6, 2, 3, 4)), jax.random.normal(jax.random.key(1), (6, 5))
    layer = LinearBatchNorm()
    variables = zeros_of(layer, x, y, train=False)
    rows = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
    kernels = dict(zip(('scale', 'offset'), rows, strict=True))
    pixels = np.asarray(x)
    plain = (pixels - pixels.mean((0, 1, 2))) / np.sqrt(pixels.var((0, 1, 2)) + 1e-5)

    @jax.jit
    def run(params):
        return layer.apply({**variables, 'params': params}, x, y, train=True, mutable=['batch_stats'])[0]

    out = run({name: {'kernel': jnp.asarray(kernel)} for name, kernel in kernels.items()})
    scale, offset = (np.asarray(y) @ kernels[name] for name in ('scale', 'offset'))
    np.testing.assert_allclose(
        out, plain * (1 + scale)[:, None, None] + offset[:, None, None], rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(run(variables['params']), plain, rtol=1e-4, atol=1e-5)


def test_kernels_are_orthogonal_at_first():
    init = biggan.ORTHOGONAL
    kernel = init(KEY, (3, 3, 2, 5)).reshape(18, 5)
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(5), atol=1e-5)


def tiny(gan, **changes):
    config = base(gan)
    config.latent_dim = 4
    config.g.net.update({'widths': (8, 4), 'attention': (1,)})
    config.d.net.update({'widths': (4, 8), 'downs': 1, 'attention': (1,)})
    config.update(changes)
    return config


SPEC = Spec('x', {'image': Field((8, 8, 3))}, num_classes=3)


def divided_by(net):
    return set(jax.eval_shape(net.init, KEY)[1]['u'])


def test_what_spectral_normalisation_divides():
    """All kernels of G, the maps of its batch-norms and D's embedding too; not G's embedding, nor tables."""
    game = make(tiny('biggan'), SPEC)
    g, d = (divided_by(game.nets[name]) for name in 'gd')
    assert {'UpBlock_0/LinearBatchNorm_0/scale/kernel', 'SelfAttention_0/query/kernel', 'Dense_0/kernel'} <= g
    assert not any('embedding' in path for path in g)
    assert {'Embed_0/embedding', 'Dense_0/kernel', 'DownBlock_0/shortcut/kernel'} <= d
    game = make(tiny('sagan'), SPEC)
    assert not any('BatchNorm' in path for path in divided_by(game.nets['g']))
    assert 'Embed_0/embedding' in divided_by(game.nets['d'])


def zeros_of(module, *inputs, **options):
    """The module's variables, all zero."""
    shapes = jax.eval_shape(lambda: module.init(KEY, *inputs, **options))
    return jax.tree.map(lambda x: jnp.zeros(x.shape), shapes)


@pytest.mark.slow
def test_bottleneck_shortcuts_drop_and_append_channels():
    """With all kernels of the residual branch at zero, what is left is the shortcut."""
    x, y = jax.random.normal(KEY, (2, 4, 4, 8)), jnp.zeros((2, 3))
    up = biggan_deep.UpBlock(6, True, 0.9)
    out = jax.jit(lambda v: up.apply(v, x, y, train=False))(zeros_of(up, x, y, train=False))
    np.testing.assert_array_equal(out, np.asarray(x)[..., :6].repeat(2, 1).repeat(2, 2))
    down = biggan_deep.DownBlock(12, True)
    variables, kernel = zeros_of(down, x), jax.random.normal(KEY, (1, 1, 8, 4))
    variables['params']['shortcut']['kernel'] = kernel
    out = jax.jit(lambda v: down.apply(v, x))(variables)
    small = np.asarray(x).reshape(2, 2, 2, 2, 2, 8).mean((2, 4))
    np.testing.assert_allclose(out[..., :8], small, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(out[..., 8:], small @ np.asarray(kernel)[0, 0], rtol=1e-4, atol=1e-5)


def test_attention_after_no_block_is_refused():
    config = tiny('biggan')
    config.g.net.attention = (2,)
    with pytest.raises(GaxError, match=r'config\.g\.net\.attention=\(2,\): .* blocks 1 to 1'):
        make(config, SPEC)


@pytest.mark.parametrize('gan', ['sagan', 'biggan'])
def test_labels_that_do_not_exist_are_refused(gan):
    unlabelled = SPEC._replace(num_classes=0)
    with pytest.raises(GaxError, match='conditional=True needs labels, and x has none'):
        make(tiny(gan), unlabelled)
    assert make(tiny(gan, conditional=False), unlabelled).conditions == ()


def test_more_halvings_than_groups_of_blocks_are_refused():
    d = biggan_deep.Discriminator((4, 8), downs=2, attention=())
    with pytest.raises(GaxError, match=r'd\.net\.downs=2: 2 widths have 1 groups'):
        jax.eval_shape(lambda: d.init(KEY, jnp.zeros((2, 8, 8, 3)), train=False))
