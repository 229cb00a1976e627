"""The filter [1, 3, 3, 1], alone and with a kernel, against numbers by hand and convolutions of XLA."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gax.errors import GaxError
from gax.nets import fir
from tests.helpers.cases import with_slow

KEY = jax.random.key(0)
DIMS = ('NHWC', 'HWIO', 'NHWC')
LOWERINGS = ('cheapest', 'lax')
convolved_up = jax.jit(fir.convolved_up, static_argnames='lowering')
convolved_down = jax.jit(fir.convolved_down, static_argnames='lowering')


def line(*values):
    """A row of pixels, repeated down the image so that the other direction changes nothing inside it."""
    return jnp.tile(jnp.array(values, jnp.float32)[None, None, :, None], (1, 8, 1, 1))


@partial(jax.jit, static_argnames='up')
def plainly(x, kernel, up):
    """FIR and kernel as XLA's convolutions of the image with zeros outside, on what a crop keeps."""
    taps = np.array([1.0, 3, 3, 1]) / (4 if up else 8)
    channels = x.shape[-1]
    each = jnp.asarray(np.outer(taps, taps)[:, :, None, None] * np.eye(channels), jnp.float32)
    if up:
        batch, height, width, _ = x.shape
        x = jnp.zeros((batch, 2 * height, 2 * width, channels)).at[:, ::2, ::2].set(x)
    pads = [(3, 2)] * 2 if up else [(2, 2)] * 2
    x = lax.conv_general_dilated(x, each, (1, 1), pads, dimension_numbers=DIMS)
    return lax.conv_general_dilated(x, kernel, (1, 1) if up else (2, 2), 'VALID', dimension_numbers=DIMS)


def test_a_row_by_hand():
    up = fir.smooth_doubled(line(1, 2, 3, 4))[0, 8, :, 0]
    np.testing.assert_allclose(up, [0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 3.0], rtol=1e-6)
    down = fir.smooth_halved(line(*range(1, 9)))[0, 2, :, 0]
    np.testing.assert_allclose(down, [1.5, 3.5, 5.5, 6.375], rtol=1e-6)


@pytest.mark.slow
def test_doubling_is_four_times_the_adjoint_of_halving():
    x, y = jax.random.normal(KEY, (2, 4, 6, 3)), jax.random.normal(jax.random.key(1), (2, 8, 12, 3))
    doubled, halved = jnp.vdot(fir.smooth_doubled(x), y), jnp.vdot(x, fir.smooth_halved(y))
    np.testing.assert_allclose(doubled, 4 * halved, rtol=1e-5)


def test_a_constant_image_stays_itself_inside():
    x = jnp.full((1, 8, 8, 1), 3.0)
    np.testing.assert_allclose(fir.smooth_doubled(x)[:, 1:-1, 1:-1], 3.0, rtol=1e-6)
    np.testing.assert_allclose(fir.smooth_halved(x)[:, 1:-1, 1:-1], 3.0, rtol=1e-6)


@pytest.mark.parametrize('lowering', LOWERINGS)
@pytest.mark.parametrize('size', [1, 3])
def test_filter_and_kernel_are_one_operator(lowering, size):
    kernel = jax.random.normal(jax.random.key(1), (size, size, 3, 2))
    wide = kernel if size == 3 else jnp.pad(kernel, ((1, 1), (1, 1), (0, 0), (0, 0)))
    x = jax.random.normal(KEY, (2, 6, 4, 3))
    up, down = (f(x, kernel, lowering=lowering) for f in (convolved_up, convolved_down))
    np.testing.assert_allclose(up, plainly(x, wide, up=True), atol=1e-5)
    # A 1x1 kernel is applied where the filter alone has its pixels: one before those of the 3x3.
    np.testing.assert_allclose(down, plainly(x, wide, up=False), atol=1e-5)


@pytest.mark.parametrize('lowering', with_slow(LOWERINGS, 0))
def test_gradients_of_both_lowerings(lowering):
    """Of a sum of squares, with respect to image and kernel: those of XLA's convolutions."""
    kernel, x = jax.random.normal(jax.random.key(1), (3, 3, 2, 2)), jax.random.normal(KEY, (1, 4, 4, 2))
    for up, f in ((True, convolved_up), (False, convolved_down)):

        def squares(x, kernel, f=f):
            return jnp.sum(jnp.square(f(x, kernel, lowering=lowering)))

        def wanted(x, kernel, up=up):
            return jnp.sum(jnp.square(plainly(x, kernel, up)))

        both = jax.jit(lambda x, k, fs=(squares, wanted): [jax.grad(g, (0, 1))(x, k) for g in fs])
        for got, want in zip(*both(x, kernel), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('lowering', with_slow(LOWERINGS, 0))
def test_a_kernel_of_one_tap_leaves_the_filter_and_others_differ_at_the_border_alone(lowering):
    x = jax.random.normal(KEY, (1, 6, 6, 1))
    centre = jnp.zeros((3, 3, 1, 1)).at[1, 1].set(1.0)
    up = convolved_up(x, centre, lowering=lowering)
    np.testing.assert_allclose(up, fir.smooth_doubled(x), atol=1e-6)
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 1, 1))
    up = convolved_up(x, kernel, lowering=lowering)
    other = lax.conv_general_dilated(fir.smooth_doubled(x), kernel, (1, 1), 'SAME', dimension_numbers=DIMS)
    np.testing.assert_allclose(up[:, 1:-1, 1:-1], other[:, 1:-1, 1:-1], atol=1e-5)
    assert jnp.abs(up - other)[0, 0].max() > 0.01


def test_blocks_and_back():
    x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    blocks = fir.pixels_to_blocks(x)
    np.testing.assert_array_equal(blocks[0, 0, 1], [2, 3, 6, 7])
    np.testing.assert_array_equal(fir.blocks_to_pixels(blocks), x)


def test_odd_sides_are_refused():
    with pytest.raises(GaxError, match='images of 5x4 cannot be halved'):
        fir.convolved_down(jnp.zeros((1, 5, 4, 1)), jnp.zeros((3, 3, 1, 1)))


def test_products_with_a_matrix_are_shifted_copies(monkeypatch):
    x = jax.random.normal(jax.random.key(0), (2, 5, 7, 3))
    assert fir.by_products(5)
    products = fir.filtered(x, (0.5, 1.0, 2.0), 2, 1)
    monkeypatch.setattr(fir, 'LARGEST_PRODUCT', 0)
    assert not fir.by_products(5)
    np.testing.assert_allclose(products, fir.filtered(x, (0.5, 1.0, 2.0), 2, 1), rtol=1e-5, atol=1e-5)
