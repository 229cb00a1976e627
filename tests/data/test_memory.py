"""Image sets in memory: what is read from files, and each bad file with its one line."""

import io
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import data
from gax.config import base
from gax.data import memory
from gax.errors import GaxError

GRAY = (np.arange(4 * 6 * 5) % 256).astype(np.uint8).reshape(4, 6, 5)


def save(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


def read(source, indices=(0, 1)):
    return source.read(source.arrays, jnp.array(indices), jax.random.key(0))


def test_gray_images_get_a_channel(tmp_path):
    source = memory.npz(save(tmp_path / 'a.npz', x=GRAY))
    assert source.spec.fields == {'image': (6, 5, 1)}
    assert (source.spec.num_classes, source.spec.size) == (0, 4)
    batch = read(source, [3, 1, 3])
    assert list(batch) == ['image']
    assert batch['image'].dtype == jnp.float32
    np.testing.assert_allclose(batch['image'][..., 0], GRAY[[3, 1, 3]] / 127.5 - 1, atol=1e-6)


def test_colour_and_labels(tmp_path):
    x = np.stack([GRAY, GRAY + 1, GRAY + 2], axis=-1)
    source = memory.npz(save(tmp_path / 'a.npz', x=x, y=np.array([0, 6, 2, 1], np.uint8)))
    assert source.spec.fields == {'image': (6, 5, 3)}
    assert source.spec.num_classes == 7
    batch = read(source, [1, 2])
    assert batch['label'].tolist() == [6, 2]
    assert batch['label'].dtype == jnp.int32
    np.testing.assert_allclose(batch['image'][0, ..., 2], (GRAY[1] + 2) / 127.5 - 1, atol=1e-6)


def test_the_range_is_minus_one_to_one(tmp_path):
    x = np.array([0, 255], np.uint8).reshape(1, 1, 2)
    assert read(memory.npz(save(tmp_path / 'a.npz', x=x)), [0])['image'].ravel().tolist() == [-1.0, 1.0]


@pytest.mark.parametrize(
    ('name', 'shape', 'size', 'labels'),
    [('mnist', (28, 28, 1), 10_000, range(10)), ('emoji', (32, 32, 3), 1906, (*range(8), 9))],
)
def test_embedded(name, shape, size, labels):
    source = memory.embedded(name)
    assert source.spec[:4] == (f'embedded:{name}', {'image': shape}, 10, size)
    assert len(source.spec.classes) == (10 if name == 'emoji' else 0)
    image = read(source)['image']
    assert image.shape == (2, *shape)
    assert float(jnp.min(image)) < float(jnp.max(image))
    assert set(np.unique(source.arrays['label'])) == set(labels)


def test_image_size_is_that_of_the_batch(tmp_path):
    path = save(tmp_path / 'a.npz', x=GRAY)
    config = base('dcgan')
    config.data.name, config.data.image_size = f'npz:{path}', 8
    source = data.load(config)
    assert source.spec.fields == {'image': (8, 8, 1)}
    assert read(source)['image'].shape == (2, 8, 8, 1)


# --- bad files --------------------------------------------------------------------------------------------------


def npy():
    file = io.BytesIO()
    np.save(file, GRAY)
    return file.getvalue()


def npz(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def corrupt(save, at):
    """A member some of whose bytes were overwritten; the directory at the end is whole."""
    content = bytearray(npz(save, x=(np.arange(6400) ** 2 % 251).astype(np.uint8).reshape(100, 8, 8)))
    content[at : at + 30] = b'\xff' * 30
    return bytes(content)


def member(content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('x.npy', content)
    return file.getvalue()


UNREADABLE = {
    'empty': b'',
    'text': b'these are no images',
    'truncated': npz(x=GRAY)[:100],
    'truncated in the directory': npz(x=GRAY)[:-10],
    'corrupt': corrupt(np.savez, 1000),
    'corrupt and compressed': corrupt(np.savez_compressed, 150),
    'npy': npy(),
    'pickled': npz(x=np.array([{}, {}], dtype=object)),
    'truncated member': member(npy()[:-20]),
    'no array': member(b'hello'),
    'nothing inside member': member(b''),
}


@pytest.mark.parametrize('kind', UNREADABLE)
def test_files_that_cannot_be_read(tmp_path, kind):
    path = tmp_path / 'a.npz'
    path.write_bytes(UNREADABLE[kind])
    with pytest.raises(GaxError) as info:
        memory.npz(str(path))
    assert str(info.value).startswith(f'cannot read {path}: ')
    assert '\n' not in str(info.value)


LABELLED = {'x': GRAY}


@pytest.mark.parametrize(
    ('arrays', 'message'),
    [
        ({}, "has no array 'x' (found: nothing)"),
        ({'images': GRAY, 'y': np.zeros(4)}, "has no array 'x' (found: images, y)"),
        ({'x': GRAY.astype(np.float32)}, 'must be uint8, 0 to 255, and is float32'),
        ({'x': GRAY[0]}, 'its shape is (6, 5)'),
        ({'x': GRAY[None, None]}, 'its shape is (1, 1, 4, 6, 5)'),
        ({'x': GRAY[:0]}, 'not empty; its shape is (0, 6, 5)'),
        ({'x': np.uint8(3)}, 'its shape is ()'),
        (
            {'x': GRAY, 'y': np.zeros(3, int)},
            'must be 4 integers from 0 up, one per image; it is int64 of shape (3,)',
        ),
        ({'x': GRAY, 'y': np.zeros(4)}, 'it is float64 of shape (4,)'),
        ({'x': GRAY, 'y': np.array([0, 1, -1, 2])}, 'must be 4 integers from 0 up'),
        ({'x': GRAY, 'y': np.zeros((4, 1), int)}, 'it is int64 of shape (4, 1)'),
    ],
    ids=lambda value: value if isinstance(value, str) else '',
)
def test_arrays_that_are_no_images_or_labels(tmp_path, arrays, message):
    path = save(tmp_path / 'a.npz', **arrays)
    with pytest.raises(GaxError) as info:
        memory.npz(path)
    assert message in str(info.value)
    assert path in str(info.value)
    assert '\n' not in str(info.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(GaxError, match=r'data file .*none\.npz does not exist'):
        memory.npz(str(tmp_path / 'none.npz'))
    with pytest.raises(GaxError, match='is not a file'):
        memory.npz(str(tmp_path))


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('embedded:mnits', "unknown embedded data set 'mnits' (nearest: 'mnist')"),
        ('mnist', "unknown data source 'mnist' (nearest: 'embedded:mnist')"),
        ('embeded:emoji', "unknown data source 'embeded:emoji' (nearest: 'embedded:emoji')"),
        ('synthetic:rings', "unknown synthetic source 'rings' (nearest: 'ring')"),
        ('', "unknown data source ''"),
    ],
)
def test_unknown_sources(name, message):
    config = base('dcgan')
    config.data.name = name
    with pytest.raises(GaxError) as info:
        data.load(config)
    assert message in str(info.value)
