"""Random images: the values of bytes, classes drawn evenly, new ones for each key, and no memory."""

import jax
import numpy as np
import pytest

from gax import data
from gax.config import base, choices
from gax.errors import GaxError


def load(text):
    config = base('vanilla')
    choices.set(config, 'data.name', f'random:{text}')
    return data.load(config)


def test_images_and_labels():
    source = load('8x6x5/3')
    assert (source.spec.target_shape, source.spec.num_classes, source.spec.size) == ((8, 6, 5), 3, 0)
    assert source.arrays == ()
    read = jax.jit(source.read)
    batches = [read((), np.zeros(64, np.int32), jax.random.key(key)) for key in (0, 1)]
    image = np.asarray(batches[0]['image'])
    assert image.shape == (64, 8, 6, 5)
    np.testing.assert_allclose((image + 1) * 127.5, np.rint((image + 1) * 127.5), atol=1e-4)
    assert image.min() == -1.0
    assert image.max() == 1.0
    assert set(np.unique(batches[0]['label'])) == {0, 1, 2}
    assert batches[0]['label'].dtype == np.int32
    assert (image != np.asarray(batches[1]['image'])).any()
    assert 'label' not in load('8x8x1').read((), np.zeros(2, np.int32), jax.random.key(0))


@pytest.mark.parametrize('text', ['', '8x8', '8x8x0', '8x8x1/0', '8x8x1/', 'x', '8x8x1x1', '-8x8x1'])
def test_what_is_no_shape(text):
    with pytest.raises(GaxError, match=r"'random:.*' must be random:HxWxC or random:HxWxC/CLASSES"):
        load(text)


def test_they_stand_in_for_images_of_the_same_size_only():
    config = base('dcgan')
    choices.set(config, 'data.name', 'random:8x8x3/4')
    config.data.image_size = 8
    assert data.load(config).spec.target_shape == (8, 8, 3)
    config.data.image_size = 16
    with pytest.raises(GaxError, match=r'config\.data\.image_size=16 says how images are read from files'):
        data.load(config)
