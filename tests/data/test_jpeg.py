"""JPEG inside a step, against Pillow's files."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gax import data
from gax.data import degrade, jpeg
from gax.errors import GaxError


def pillow(image, quality):
    """uint8 [H, W, C] through a file of 4:4:4."""
    file = io.BytesIO()
    Image.fromarray(image.squeeze()).save(file, 'jpeg', quality=quality, subsampling=0)
    return np.asarray(Image.open(file)).reshape(image.shape)


def pictures(channels, height=24, width=29):
    source = data.arrays.embedded('emoji' if channels == 3 else 'mnist')
    return np.asarray(source.arrays['image'])[:6, :height, :width]


def test_the_tables_are_those_of_pillow():
    """Pillow stores the tables that it used in its files, in zigzag order or by rows; compared as sets of
    numbers.
    """
    for quality in (1, 10, 30, 50, 75, 100):
        file = io.BytesIO()
        Image.new('RGB', (8, 8)).save(file, 'jpeg', quality=quality, subsampling=0)
        stored = Image.open(file).quantization
        for number, base in ((0, jpeg.LUMA), (1, jpeg.CHROMA)):
            assert sorted(stored[number]) == sorted(jpeg.table(base, quality).ravel().tolist())


def test_the_transform_is_orthonormal():
    matrix = jpeg.cosines()
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(8), atol=1e-12)
    np.testing.assert_allclose(matrix[0], 8**-0.5)


@pytest.mark.parametrize('channels', [3, 1])
@pytest.mark.parametrize(('quality', 'share'), [(10, 0.02), (30, 0.02), (90, 0.2)])
def test_agreement_with_pillow(channels, quality, share):
    """The mean difference is a small share of what JPEG changes: 0.09 to 0.11 of 255 beside 7 to 12 at 10 and
    30, and 0.48 beside 2.8 at 90 in colour, where the steps are about as small as libjpeg's own roundings.
    """
    images = pictures(channels)
    theirs = np.stack([pillow(image, quality) for image in images]).astype(float)
    x = images.astype(np.float32) / 127.5 - 1
    ours = np.asarray(jax.jit(lambda x: jpeg.compressed(x, quality))(x)) * 127.5 + 127.5
    np.testing.assert_allclose(ours, np.round(ours), atol=1e-3)
    gap = np.abs(ours - theirs)
    assert gap.mean() < share * np.abs(images - theirs).mean()
    assert gap.max() < 20


def test_a_flat_image_stays():
    """Its only coefficient is a multiple of 8 times its value: 16 k fits the table of quality 50."""
    x = jnp.full((1, 8, 8, 1), (128 + 32) / 127.5 - 1)
    np.testing.assert_allclose(jpeg.compressed(x, 50), x, atol=1e-6)


def test_as_a_condition():
    chain = degrade.parse('downsample:2+jpeg:30')
    assert degrade.fields_of(chain, (32, 32, 3))['condition'].shape == (16, 16, 3)
    with pytest.raises(GaxError, match=r"'jpeg:0' must be jpeg:Q, Q a whole number from 1 to 100"):
        degrade.parse('jpeg:0')
    with pytest.raises(GaxError, match='jpeg:30 is for images of 1 or 3 channels, and these have 4'):
        degrade.fields_of(degrade.parse('jpeg:30'), (8, 8, 4))
