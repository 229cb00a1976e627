"""Derived conditions: what each degradation does to an image, drawn anew for each key, after the flips."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gax import data
from gax.config import base, choices
from gax.config.defaults import check
from gax.data import degrade
from gax.errors import GaxError
from tests.helpers.imagefiles import noise


def load(condition, name='embedded:emoji', **fields):
    config = base('vanilla')
    values = {'name': name, 'condition': condition, **fields}
    choices.set_all(config, {f'data.{key}': value for key, value in values.items()})
    check(config)
    return data.load(config)


def read(source, key=0, count=8):
    batch = jax.jit(source.read)(source.arrays, np.arange(count, dtype=np.int32), jax.random.key(key))
    return jax.tree.map(np.asarray, batch)


def apply(text, x, key=0):
    (one,) = degrade.parse(text).values()
    image, mask = jax.jit(one.apply)(jnp.asarray(x), jax.random.key(key))
    assert image.shape[1:] == one.shape(x.shape[1:])
    return np.asarray(image), None if mask is None else np.asarray(mask)


@pytest.mark.parametrize(
    'text',
    [
        'downsample:4',
        'mask:center',
        'gray+noise:0.2',
        *(pytest.param(text, marks=pytest.mark.slow) for text in ('gray', 'edges', 'noise:0.1')),
    ],
)
def test_the_spec_says_what_the_batch_has(text):
    source = load(text, flip=True)
    batch = read(source)
    assert source.spec.target == 'image'
    assert {n: f.shape for n, f in source.spec.fields.items()} == {
        n: batch[n].shape[1:] for n in source.spec.fields
    }
    assert batch['condition'].dtype == np.float32
    assert -1 <= batch['condition'].min() <= batch['condition'].max() <= 1
    plain = read(load('', flip=True))
    np.testing.assert_array_equal(plain['image'], batch['image'])


def test_downsampling_is_pillows_bicubic():
    x = noise(32, 32)
    small = Image.fromarray(x).resize((8, 8), Image.Resampling.BICUBIC)
    ours, _ = apply('downsample:4', x[None] / 127.5 - 1.0)
    assert np.abs((ours[0] + 1) * 127.5 - np.asarray(small)).max() < 1.5


def test_luminance_is_pillows():
    x = noise(5, 7)
    ours, _ = apply('gray', (x[None] / 127.5 - 1.0).astype(np.float32))
    assert np.abs((ours[0, ..., 0] + 1) * 127.5 - np.asarray(Image.fromarray(x).convert('L'))).max() < 1.01


def test_edges_are_where_black_meets_white():
    x = np.full((1, 6, 6, 1), -1.0, np.float32)
    x[:, :, 3:] = 1.0
    edges, _ = apply('edges', x)
    np.testing.assert_allclose(edges[0, :, :, 0], np.tile([-1, -1, 1, 1, -1, -1], (6, 1)))


def test_noise_has_the_deviation_and_is_drawn_anew():
    x = np.zeros((4, 16, 16, 3), np.float32)
    one, other = (apply('noise:0.1', x, key)[0] for key in (0, 1))
    assert 0.09 < one.std() < 0.11
    assert (one != other).any()


def test_a_hole_in_the_middle():
    image, mask = apply('mask:center', np.ones((2, 32, 32, 3), np.float32))
    assert mask.shape == (2, 32, 32, 1)
    assert mask.sum((1, 2, 3)).tolist() == [256, 256]
    assert mask[0, 8:24, 8:24].all()
    np.testing.assert_array_equal(image, 1 - mask.repeat(3, -1))


@pytest.mark.parametrize('shape', [pytest.param('boxes', marks=pytest.mark.slow), 'strokes'])
def test_holes_are_drawn_for_each_example(shape):
    image, mask = apply(f'mask:{shape}', np.ones((64, 32, 32, 3), np.float32))
    assert set(np.unique(mask)) == {0.0, 1.0}
    share = mask.mean((1, 2, 3))
    assert 0 < share.min() < share.mean() < share.max() < 0.95
    assert 0.05 < share.mean() < 0.5
    assert len({one.tobytes() for one in mask}) == 64
    np.testing.assert_array_equal(image == 0, mask.repeat(3, -1) == 1)
    again = apply(f'mask:{shape}', np.ones((64, 32, 32, 3), np.float32), key=1)[1]
    assert (again != mask).any()


def test_the_condition_is_of_the_flipped_image():
    batch = read(load('gray', flip=True))
    np.testing.assert_allclose(batch['condition'][..., 0], batch['image'] @ degrade.LUMINANCE, atol=1e-6)


@pytest.mark.slow
def test_a_stream_belongs_to_its_name():
    """What is put before it does not change the hole that is drawn."""
    alone, after = read(load('mask:boxes')), read(load('gray+mask:boxes'))
    np.testing.assert_array_equal(alone['mask'], after['mask'])
    assert after['condition'].shape[-1] == 1
    twice = degrade.parse('noise:0.1+noise:0.1')
    assert [*twice] == ['noise', 'noise/1']


@pytest.mark.parametrize(
    ('condition', 'fields', 'says'),
    [
        ('dwonsample:4', {}, r"unknown degradation .* 'dwonsample' \(nearest: 'downsample'\)"),
        ('downsample:x', {}, "'downsample:x' must be downsample:K"),
        ('downsample:1', {}, 'K a whole number from 2'),
        ('downsample:5', {}, 'divides images of 32x32 unevenly: give --config.data.image_size=30'),
        ('noise', {}, "'noise:' must be noise:S, S positive"),
        ('mask:centre', {}, r"unknown mask .* 'centre' \(nearest: 'center'\); valid: boxes, center, strokes"),
        ('gray:3', {}, "'gray:3' must be gray, without a number"),
        ('mask:center+mask:boxes', {}, 'two masks'),
        ('gray', {'name': 'synthetic:ring'}, 'is of images, and synthetic:ring is point data'),
        ('gray', {'name': 'random:4x4x2'}, 'images of 2 channels have no luminance'),
    ],
)
def test_what_cannot_be_is_said(condition, fields, says):
    with pytest.raises(GaxError, match=says) as error:
        load(condition, **fields)
    assert '\n' not in str(error.value)
