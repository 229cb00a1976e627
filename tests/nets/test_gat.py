"""GAT's networks: the paper's parameters, and the parts of transformers by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gax import nets
from gax.errors import GaxError
from gax.nets import gat, gat_blocks, transformer
from tests.helpers.cases import with_slow

KEY = jax.random.key(0)
LABELS = jax.ShapeDtypeStruct((2,), jnp.int32)
SIZES = {'S': (384, 12, 6), 'B': (768, 12, 12)}


def example(*shape):
    return jax.ShapeDtypeStruct((2, *shape), jnp.float32)


def parameters(module, *inputs):
    tree = jax.eval_shape(nets.from_linen(module, *inputs).init, KEY)[0]
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize(('name', 'g', 'd'), with_slow([('S', 29.26, 39.2), ('B', 116.56, 104.7)], 0))
def test_parameters_for_latents_of_imagenet(name, g, d):
    """In millions. Theirs count a patch embedding that G multiplies by 0, D's head for DINOv2, and D's fixed
    positions, which are added here.
    """
    width, depth, heads = SIZES[name]
    made = gat.Generator((32, 32, 4), 2, width, depth, heads, num_classes=1000)
    embedding = 16 * width + width
    assert round((parameters(made, example(64), LABELS) + embedding) / 1e6, 2) == g
    judge = gat.Discriminator(2, width, depth, heads, num_classes=1000)
    head = (width * 2048 + 2048) + (2048 * 2048 + 2048) + (2048 * 768 + 768)
    total = parameters(judge, example(32, 32, 16), LABELS) + head + 256 * width
    assert round(total / 1e6, 1) == d


def test_exact_parameters_of_s2():
    made = gat.Generator((32, 32, 4), num_classes=1000)
    assert parameters(made, example(64), LABELS) == 29_256_512
    judge = gat.Discriminator(num_classes=1000)
    assert parameters(judge, example(32, 32, 16), LABELS) == 32_556_160


def test_patches_and_back():
    x = jax.random.normal(KEY, (2, 4, 6, 3))
    tokens = transformer.patches(x, 2)
    assert tokens.shape == (2, 6, 12)
    np.testing.assert_array_equal(tokens[:, 1].reshape(2, 2, 2, 3), x[:, :2, 2:4])
    np.testing.assert_array_equal(transformer.image_of(tokens, (4, 6, 3), 2), x)
    with pytest.raises(GaxError, match='patches of 4x4 do not tile 4x6 images'):
        transformer.patches(x, 4)


def test_positions():
    """Of row 1 and column 2, with two rates, 1 and 1/100."""
    found = transformer.positions(2, 3, 8)[5]
    wave = [
        np.sin(2),
        np.sin(0.02),
        np.cos(2),
        np.cos(0.02),
        np.sin(1),
        np.sin(0.01),
        np.cos(1),
        np.cos(0.01),
    ]
    np.testing.assert_allclose(found, wave, rtol=1e-6)


def test_rotary_products_depend_on_the_difference_of_places():
    """Every token the same vector: its product with another depends on how far apart they are."""
    query, key = (jax.random.normal(k, (1, 1, 1, 8)) for k in jax.random.split(KEY))
    turned = [
        np.asarray(transformer.rotary(jnp.broadcast_to(x, (1, 12, 1, 8)), 3, 4))[0, :, 0]
        for x in (query, key)
    ]
    products = (turned[0] @ turned[1].T).reshape(3, 4, 3, 4)
    np.testing.assert_allclose(products[:2, :3, :2, :3], products[1:, 1:, 1:, 1:], atol=1e-5)
    assert abs(products[0, 0, 0, 1] - products[0, 0, 1, 0]) > 1e-3
    np.testing.assert_allclose(np.linalg.norm(turned[0], axis=-1), np.linalg.norm(query), rtol=1e-5)
    more = transformer.rotary(jnp.broadcast_to(query, (1, 13, 1, 8)), 3, 4)
    np.testing.assert_array_equal(more[0, 0, 0], query[0, 0, 0])
    np.testing.assert_allclose(more[0, 1:, 0], turned[0], rtol=1e-6)


@pytest.mark.slow
def test_slow_layers_are_the_same_at_first_and_move_less():
    """Adam moves a stored number by the rate, and so the layer's own by rate times multiplier."""
    x = jnp.ones((1, 3))
    for multiplier in (1.0, 0.01):
        module = transformer.SlowDense(2, multiplier)
        variables = module.init(KEY, x)
        if multiplier == 1.0:
            first = module.apply(variables, x)
        np.testing.assert_allclose(module.apply(variables, x), first, rtol=1e-5)
        optimizer = optax.adam(0.1, eps=0.0)
        gradient = jax.grad(lambda v, module=module: jnp.sum(module.apply(v, x)))(variables)
        update, _ = optimizer.update(gradient, optimizer.init(variables))
        moved = module.apply(optax.apply_updates(variables, update), x)
        np.testing.assert_allclose(moved, first - 4 * 0.1 * multiplier, rtol=1e-4)  # 3 kernels and a bias


@pytest.mark.slow
def test_the_mean_of_w_of_each_class():
    """New mean = 0.9 * 0 + 0.1 * mean of the class's w; of absent classes it stays. All blocks have one w."""
    z, label = jax.random.normal(KEY, (3, 4)), jnp.array([1, 1, 0])
    mapping = gat_blocks.Mapping(2, 5, 0.9, 3)
    variables = mapping.init(KEY, z, label, train=False)
    ws, after = mapping.apply(variables, z, label, train=True, mutable=['statistics'])
    assert ws.shape == (3, 2, 5)
    np.testing.assert_array_equal(ws[:, 0], ws[:, 1])
    mean, w = after['statistics']['w_average'], ws[:, 0]
    np.testing.assert_allclose(mean[1], 0.1 * (w[0] + w[1]) / 2, rtol=1e-4)
    np.testing.assert_allclose(mean[0], 0.1 * w[2], rtol=1e-4)
    np.testing.assert_array_equal(mean[2], 0)
    np.testing.assert_array_equal(mapping.apply({**variables, **after}, z, label, train=False), ws)


def test_images_of_the_levels_are_sums():
    """Without the last head the last two images are equal, and without labels there is one mean of w."""
    made = gat.Generator((4, 4, 2), 2, 8, 3, 2, levels=3, outputs='both')
    z = jnp.ones((2, 4))

    def run(key):
        variables = made.init(key, z, train=False)
        assert variables['statistics']['Mapping_0']['w_average'].shape == (1, 8)
        params = {**variables['params']}
        last = jax.tree.map(jnp.zeros_like, params['Synthesis_0']['Dense_5'])
        params['Synthesis_0'] = {**params['Synthesis_0'], 'Dense_5': last}
        return made.apply({**variables, 'params': params}, z, train=False)

    found = np.asarray(jax.jit(run)(KEY)).reshape(2, 4, 4, 3, 2)
    np.testing.assert_array_equal(found[..., 1, :], found[..., 2, :])
    assert np.abs(found[..., 0, :] - found[..., 1, :]).max() > 1e-2


@pytest.mark.slow
def test_each_block_reads_its_w():
    """The w of the last of three blocks changes the image of the last of three levels alone."""
    synthesis = gat.Generator((4, 4, 2), 2, 8, 3, 2, levels=3, outputs='both').parts()[1]
    ws = jax.random.normal(KEY, (2, 3, 8))

    def run(key):
        variables = synthesis.init(key, ws, train=False)
        return [synthesis.apply(variables, w, train=False) for w in (ws, ws.at[:, 2].add(1.0))]

    before, after = (np.asarray(x).reshape(2, 4, 4, 3, 2) for x in jax.jit(run)(KEY))
    np.testing.assert_allclose(before[..., :2, :], after[..., :2, :], atol=1e-6)
    assert np.abs(before[..., 2, :] - after[..., 2, :]).max() > 1e-2


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(GaxError, match=r'g\.net\.levels=4 images need as many blocks, and g\.net\.depth=2'):
        parameters(gat.Generator((4, 4, 2), depth=2), example(4))
    with pytest.raises(GaxError, match='3 heads do not divide 8 channels into multiples of 4'):
        parameters(gat.Discriminator(2, 8, 1, 3), example(4, 4, 2))
