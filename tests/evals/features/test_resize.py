"""Resizers: TensorFlow 1's bilinear by hand, Pillow's bicubic by Pillow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gax.evals.features import resize
from tests.helpers import inception_peer


def line(values, size, resizer):
    """One row of pixels resized to `size`; down the column all rows are alike."""
    images = jnp.broadcast_to(jnp.asarray(values, jnp.uint8)[None, None, :, None], (1, 3, len(values), 1))
    out = np.asarray(resizer(images, size))[0, :, :, 0]
    np.testing.assert_allclose(out, np.broadcast_to(out[:1], out.shape), atol=1e-4)
    return out[0]


@pytest.mark.parametrize(
    ('values', 'size', 'expected'),
    [
        # Outputs lie at 0, 0.5, 1, 1.5: corners are matched, and the last pixel goes on.
        ([0, 100], 4, [0, 50, 100, 100]),
        # At 0, 0.6, 1.2, 1.8, 2.4.
        ([10, 20, 50], 5, [10, 16, 26, 44, 50]),
        # Halved: every other pixel as it is, its neighbour unseen. Antialiasing would mix them.
        ([0, 200, 40, 240], 2, [0, 40]),
        # At 0, 4/3, 8/3.
        ([0, 30, 60, 120], 3, [0, 40, 100]),
        ([7, 9, 11], 3, [7, 9, 11]),
    ],
)
def test_tf1_is_bilinear_between_corners(values, size, expected):
    np.testing.assert_allclose(line(values, size, resize.tf1), expected, atol=1e-4)


def test_tf1_works_down_as_it_does_across():
    x = jnp.asarray(np.random.RandomState(0).randint(0, 256, (2, 5, 7, 3)), jnp.uint8)
    turned = resize.tf1(x.swapaxes(1, 2), 11).swapaxes(1, 2)
    np.testing.assert_allclose(resize.tf1(x, 11), turned, atol=1e-4)


def by_pillow(images, size):
    """As clean-fid does: each channel in floating point, then clipped."""
    channels = np.moveaxis(images, -1, 1).astype(np.float32)
    done = [
        [np.asarray(Image.fromarray(c).resize((size, size), Image.Resampling.BICUBIC)) for c in image]
        for image in channels
    ]
    return np.moveaxis(np.array(done), 1, -1).clip(0, 255)


@pytest.mark.parametrize(
    ('height', 'width', 'size'), [(28, 28, 299), (32, 40, 299), (299, 299, 299), (333, 350, 299), (90, 60, 7)]
)
def test_clean_is_pillows_bicubic(height, width, size):
    images = np.random.RandomState(0).randint(0, 256, (2, height, width, 3)).astype(np.uint8)
    images[1] = 255 * (images[1] > 200)  # overshoots, so that clipping matters
    found = np.asarray(jax.jit(resize.clean, static_argnums=1)(images, size))
    assert found.dtype == np.float32
    # Of 255: float32 products against Pillow's float64 sums. A gray level is 1.
    np.testing.assert_allclose(found, by_pillow(images, size), atol=5e-4)


def test_clean_by_hand():
    # Two pixels to one: centre 1, stretched kernel at distances 1/4 of its unit, equal by symmetry.
    assert line([0, 100], 1, resize.clean) == pytest.approx([50])
    # Two to four: output 0 is centred on 1/4, the pixels' centres at distances 1/4 and 5/4 of it.
    near, far = 1.5 / 64 - 2.5 / 16 + 1, -0.5 * 125 / 64 + 2.5 * 25 / 16 - 4 * 1.25 + 2
    first = 100 * far / (near + far)
    assert first < 0  # and is clipped, for pixels have no negative light
    # Output 1 is centred on 3/4, at distances 1/4 and 3/4.
    other = 1.5 * 27 / 64 - 2.5 * 9 / 16 + 1
    second = 100 * other / (near + other)
    assert line([0, 100], 4, resize.clean) == pytest.approx([0, second, 100 - second, 100 - first])


@pytest.mark.parametrize('name', resize.RESIZERS)
def test_every_resizer_keeps_a_plain_image_and_its_type(name):
    images = np.full((2, 9, 13, 1), 77, np.uint8)
    for given in (images, images.astype(np.float32)):
        found = resize.RESIZERS[name](given, 21)
        assert found.shape == (2, 21, 21, 1)
        assert found.dtype == jnp.float32
        np.testing.assert_allclose(found, 77.0, rtol=1e-6)


def test_tf1_is_torch_fidelitys():
    peer = inception_peer.fidelity('interpolate_compat_tensorflow')
    import torch

    x = np.random.RandomState(0).randint(0, 256, (2, 28, 47, 3)).astype(np.float32)
    there = torch.from_numpy(x).permute(0, 3, 1, 2)
    for size in (299, 13):
        want = peer.interpolate_bilinear_2d_like_tensorflow1x(there, (size, size), align_corners=False)
        # Operation by operation it is the same to the bit; compiled, a product and a sum may be fused.
        np.testing.assert_array_equal(resize.tf1(jnp.asarray(x), size), want.permute(0, 2, 3, 1).numpy())
        jitted = jax.jit(resize.tf1, static_argnums=1)(x, size)
        np.testing.assert_allclose(jitted, want.permute(0, 2, 3, 1).numpy(), atol=1e-4)
