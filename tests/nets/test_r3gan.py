"""The networks of R3GAN: parameters of the published sizes, the identity they begin as, and the filters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gax import nets
from gax.config import base
from gax.core.spec import Field, Spec
from gax.errors import GaxError
from gax.nets import r3gan, registry

KEY = jax.random.key(0)
LABEL = jax.ShapeDtypeStruct((2,), jnp.int32)
WIDTHS = (768, 768, 768, 768, 384, 192, 96)


def count(tree):
    return sum(int(np.prod(x.shape)) for x in jax.tree.leaves(tree))


def shapes(module, *inputs):
    return jax.eval_shape(nets.from_linen(module, *inputs).init, KEY)


def block(c):
    """1x1 to 2c, 3x3 of 16 channels a group, 1x1 back; biases after the first two."""
    return (c * 2 * c + 2 * c) + (9 * 16 * 2 * c + 2 * c) + 2 * c * c


@pytest.mark.slow
def test_parameters_for_ffhq256():
    """The paper's config E: G 23.06 M, D 23.01 M."""
    body = sum(2 * block(c) for c in WIDTHS) + 768 * 384 + 384 * 192 + 192 * 96
    g, _ = shapes(r3gan.Generator((256, 256, 3), WIDTHS), jnp.zeros((2, 64)))
    assert count(g) == body + (64 * 768 + 16 * 768) + 96 * 3
    assert round(count(g) / 1e6, 2) == 23.06
    d, state = shapes(r3gan.Discriminator(WIDTHS[::-1]), jnp.zeros((2, 256, 256, 3)))
    assert count(d) == body + (16 * 768 + 768) + 96 * 3
    assert round(count(d) / 1e6, 2) == 23.01
    assert count(state) == 0


def test_parameters_with_labels():
    """G: a table of as many columns as latents, and as many more inputs.

    D: a square map and a table, for a column.
    """
    z, image = jnp.zeros((2, 5)), jnp.zeros((2, 8, 8, 1))
    plain, labelled = (
        count(shapes(r3gan.Generator((8, 8, 1), (16, 8), num_classes=n), z, *[LABEL] * bool(n))[0])
        for n in (0, 3)
    )
    assert labelled - plain == 3 * 5 + 5 * 16
    plain, labelled = (
        count(shapes(r3gan.Discriminator((8, 16), num_classes=n), image, *[LABEL] * bool(n))[0])
        for n in (0, 3)
    )
    assert labelled - plain == 16 * 16 - 16 + 3 * 16


def test_blocks_begin_as_the_identity_and_have_gradients():
    x = jax.random.normal(KEY, (2, 4, 4, 16))
    made = r3gan.Block(2, 16, total=8)

    @jax.jit
    def run(x):
        variables = made.init(KEY, x)
        gradient = jax.grad(lambda v: jnp.sum(made.apply(v, x) ** 2))(variables)['params']
        return variables, made.apply(variables, x), gradient

    variables, out, gradient = run(x)
    np.testing.assert_array_equal(out, x)
    assert jnp.abs(gradient['Conv_2']['kernel']).max() > 0
    assert variables['params']['Conv_1']['kernel'].shape == (3, 3, 16, 32)


def test_groups_that_do_not_divide_are_refused():
    with pytest.raises(GaxError, match=r'r3gan divides 40 channels .* into groups of 16'):
        r3gan.Block(2, 16, total=1).init(KEY, jnp.zeros((1, 4, 4, 20)))
    narrow = r3gan.Block(2, 16, total=1).init(KEY, jnp.zeros((1, 4, 4, 4)))
    assert narrow['params']['Conv_1']['kernel'].shape == (3, 3, 8, 8)


@pytest.mark.slow
def test_scale_of_the_initial_kernels():
    """gain / sqrt(fan-in) with gain sqrt(2 / 1.04) 16^(-1/4): fan-in 64 for the 1x1, 9 * 16 for the grouped
    3x3.
    """
    params = r3gan.Block(2, 16, total=16).init(KEY, jnp.zeros((1, 4, 4, 64)))['params']
    gain = np.sqrt(2 / 1.04) / 2
    np.testing.assert_allclose(params['Conv_0']['kernel'].std(), gain / np.sqrt(64), rtol=0.05)
    np.testing.assert_allclose(params['Conv_1']['kernel'].std(), gain / np.sqrt(144), rtol=0.05)


@pytest.mark.slow
def test_smooth_resampling_is_the_filter():
    """Against convolutions with the outer product of [1, 3, 3, 1] with itself."""
    taps = np.array([1.0, 3, 3, 1])
    kernel = jnp.asarray(np.outer(taps, taps)[:, :, None, None], jnp.float32)
    x = jax.random.normal(KEY, (2, 6, 4, 1))
    dims = ('NHWC', 'HWIO', 'NHWC')
    down = lax.conv_general_dilated(x, kernel / 64, (2, 2), [(1, 1)] * 2, dimension_numbers=dims)
    up = lax.conv_general_dilated(
        x, kernel / 16, (1, 1), [(2, 2)] * 2, lhs_dilation=(2, 2), dimension_numbers=dims
    )
    np.testing.assert_allclose(r3gan.smooth_halved(x), down, atol=1e-6)
    np.testing.assert_allclose(r3gan.smooth_doubled(x), up, atol=1e-6)


def test_smooth_resampling_by_hand():
    line = jnp.array([4.0, 8.0])[None, :, None, None]
    # Across the one column, zeros outside: 3/4 of it twice up.
    np.testing.assert_allclose(r3gan.smooth_doubled(line)[0, :, 0, 0], 0.75 * np.array([3, 5, 7, 6]))


@pytest.mark.slow
@pytest.mark.parametrize('labels', [0, 3])
def test_family(labels):
    made = base('r3gan')
    made.g.net.widths, made.d.net.widths, made.latent_dim = (8, 4), (4, 8), 6
    networks, scorer = registry.pair(
        made, Spec('x', {'image': Field((6, 4, 2))}, 0, 3), labels, heads={'code': 2}
    )
    label = [jnp.array([0, 1, 2])] * bool(labels)

    def play(key):
        (g, g_state), (d, d_state) = (networks[name].init(key) for name in 'gd')
        z = jax.random.normal(key, (3, 6))
        image, _ = networks['g'].apply(g, g_state, z, *label, train=True, key=key)
        return image, networks['d'].apply(d, d_state, image, *label, train=True, key=key)[0]

    image, out = jax.jit(play)(KEY)
    assert image.shape == (3, 6, 4, 2)
    assert scorer.logits(out).shape == (3,)
    assert out['features'].shape == (3, 8)
    assert np.all(np.isfinite(out['logits']))
