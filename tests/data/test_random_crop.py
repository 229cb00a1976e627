"""Crops at random: pieces of the reflected image, each as likely, anew for each key, and no part of what is
evaluated.
"""

import jax
import numpy as np
import pytest

from gax import data
from gax.config import base
from gax.config.defaults import check
from gax.errors import GaxError
from tests.helpers import imagefiles

PIXELS, COUNT = 2, 1000


def source(path, **fields):
    config = base('dcgan')
    config.data.name = f'folder:{path}'
    config.data.update(fields)
    check(config)
    return data.load(config)


def read(source, key, rows=None):
    rows = np.zeros(COUNT, np.int32) if rows is None else rows
    return np.asarray(source.read(source.arrays, rows, jax.random.key(key))['image'])


@pytest.fixture
def folder(tmp_path):
    return imagefiles.folder(tmp_path, {'': 3}, 7, 5)


def pieces(image):
    """All images that `image`, not square, may become: NumPy's reflection, and what is cut out of it."""
    padded = np.pad(image, ((PIXELS, PIXELS), (PIXELS, PIXELS), (0, 0)), mode='reflect')
    height, width, _ = image.shape
    side = range(2 * PIXELS + 1)
    return np.stack([padded[top : top + height, left : left + width] for top in side for left in side])


def test_each_piece_of_the_reflected_image_is_as_likely(folder):
    plain, cropped = source(folder), source(folder, random_crop=PIXELS)
    images = read(cropped, 0)
    same = (images[:, None] == pieces(read(plain, 0)[0])).all((2, 3, 4))
    assert same.sum(1).tolist() == [1] * COUNT  # each is one of the 25 pieces
    assert abs(same.sum(0) - COUNT / 25).max() < 4 * (COUNT / 25) ** 0.5
    np.testing.assert_array_equal(images, read(cropped, 0))
    assert not np.array_equal(images, read(cropped, 1))


def test_crops_and_flips_draw_from_streams_of_their_own(folder):
    cropped, both = source(folder, random_crop=PIXELS), source(folder, random_crop=PIXELS, flip=True)
    one, other = read(cropped, 0), read(both, 0)
    mirrored, plain = ((other == image).all((1, 2, 3)) for image in (one[:, :, ::-1], one))
    assert (mirrored | plain).all()
    assert 0.4 < mirrored[mirrored != plain].mean() < 0.6  # two columns of five are an axis of symmetry


def test_0_reads_images_as_they_are(folder):
    rows = np.array([2, 0, 1], np.int32)
    np.testing.assert_array_equal(read(source(folder, random_crop=0), 0, rows), read(source(folder), 1, rows))


@pytest.mark.parametrize('pixels', [5, 6])
def test_the_reflection_is_no_wider_than_the_image(folder, pixels):
    with pytest.raises(GaxError, match=rf'random_crop={pixels} must be below the sides .* which are 7x5'):
        source(folder, random_crop=pixels)
    source(folder, random_crop=4)


def test_points_are_not_cropped():
    config = base('vanilla')
    config.data.name, config.data.random_crop = 'synthetic:ring', 1
    with pytest.raises(GaxError, match=r'config\.data\.random_crop is for images'):
        data.load(config)
    config.data.random_crop = -1
    with pytest.raises(GaxError, match=r'config\.data\.random_crop must be from 0'):
        check(config)
