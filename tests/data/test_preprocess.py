"""Size and channels that a config asks for: against Pillow on whole images, and against closed forms."""

import numpy as np
import pytest
from PIL import Image

from gax import data
from gax.config import base
from gax.data import preprocess
from gax.data.preprocess import Fit
from gax.errors import GaxError
from tests.helpers import imagefiles


@pytest.mark.parametrize('filter', preprocess.FILTERS)
@pytest.mark.parametrize(('size', 'new'), [(37, 16), (16, 40)])
def test_sizes_are_pillows(filter, size, new):
    """Channel by channel gives what Pillow makes of the whole image."""
    image = imagefiles.noise(size, size)
    whole = Image.fromarray(image).resize((new, new), preprocess.FILTERS[filter])
    np.testing.assert_allclose(Fit(new, filter=filter)(image), np.asarray(whole), atol=1)


@pytest.mark.parametrize('filter', preprocess.FILTERS)
def test_shrinking_is_antialiased(filter):
    """A checkerboard of single pixels becomes gray; without antialiasing it would stay black and white."""
    board = (255 * (np.indices((64, 64)).sum(0) % 2)).astype(np.uint8)[..., None]
    np.testing.assert_allclose(Fit(16, filter=filter)(board)[2:-2, 2:-2], 127.5, atol=1.5)


def test_a_box_averages():
    image = imagefiles.noise(8, 8, 5)
    means = image.reshape(4, 2, 4, 2, 5).mean((1, 3))
    np.testing.assert_allclose(Fit(4, filter='box')(image), means, atol=1)  # rounded after each axis


@pytest.mark.parametrize(
    ('shape', 'inside'), [((9, 4), np.s_[2:6]), ((4, 9), np.s_[:, 2:6]), ((5, 5), np.s_[:])]
)
def test_the_square_in_the_middle(shape, inside):
    image = imagefiles.noise(*shape)
    np.testing.assert_array_equal(preprocess.centre(image), image[inside])
    np.testing.assert_array_equal(Fit(3)(image), preprocess.resize(image[inside], 3))
    np.testing.assert_array_equal(Fit(3, crop='none')(image), preprocess.resize(image, 3))


@pytest.mark.parametrize(
    ('shape', 'inside'), [((9, 4), np.s_[2:7]), ((4, 12), np.s_[:, 4:7]), ((8, 6), np.s_[:])]
)
def test_the_piece_of_the_shape_asked_for_in_the_middle(shape, inside):
    """4 high, 3 wide: of 9x4 it is 5x4 (5.33), of 4x12 4x3, of 8x6 the whole."""
    image = imagefiles.noise(*shape)
    fitted = Fit(4, image_width=3)(image)
    assert fitted.shape == (4, 3, 3)
    np.testing.assert_array_equal(fitted, preprocess.resize(image[inside], (4, 3)))
    whole = Image.fromarray(image).resize((3, 4), preprocess.FILTERS['lanczos'])
    np.testing.assert_allclose(Fit(4, crop='none', image_width=3)(image), np.asarray(whole), atol=1)


def test_a_width_needs_a_height():
    config = base('dcgan')
    config.data.update({'name': 'embedded:emoji', 'image_width': 24})
    with pytest.raises(
        GaxError, match=r'config\.data\.image_width=24 needs config\.data\.image_size, the height'
    ):
        data.load(config)
    config.data.image_size = 16
    assert data.load(config, resident_up_to=0).spec.target_shape == (16, 24, 3)


def test_nothing_asked_for_changes_nothing():
    image = imagefiles.noise(4, 9, 2)
    assert Fit()(image) is image
    assert Fit(0, 2)(image) is image
    square = imagefiles.noise(6, 6)
    assert Fit(6, 3)(square) is square


def test_channels():
    gray, colour = imagefiles.noise(3, 4, 1), imagefiles.noise(3, 4, 3)
    np.testing.assert_array_equal(Fit(channels=3)(gray), np.concatenate([gray] * 3, axis=-1))
    light = colour @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(Fit(channels=1)(colour)[..., 0], light, atol=1)
    with pytest.raises(GaxError, match='no 1 channels can be made of 2'):
        Fit(channels=1)(colour[..., :2])
