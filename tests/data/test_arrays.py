"""Image sets in memory: what is read from files, and each bad file with its one line."""

import io
import logging
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import data
from gax.config import base, check
from gax.core.spec import Field
from gax.data import arrays as memory
from gax.errors import GaxError

LABELS = np.arange(4)
GRAY = (np.arange(4 * 6 * 5) % 256).astype(np.uint8).reshape(4, 6, 5)


def save(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


def read(source, indices=(0, 1)):
    return source.read(source.arrays, jnp.array(indices), jax.random.key(0))


def test_gray_images_get_a_channel(tmp_path):
    source = memory.npz(save(tmp_path / 'a.npz', x=GRAY))
    assert source.spec.target_shape == (6, 5, 1)
    assert (source.spec.num_classes, source.spec.size) == (0, 4)
    batch = read(source, [3, 1, 3])
    assert list(batch) == ['image']
    assert batch['image'].dtype == jnp.float32
    np.testing.assert_allclose(batch['image'][..., 0], GRAY[[3, 1, 3]] / 127.5 - 1, atol=1e-6)


def test_colour_and_labels(tmp_path):
    x = np.stack([GRAY, GRAY + 1, GRAY + 2], axis=-1)
    source = memory.npz(save(tmp_path / 'a.npz', x=x, y=np.array([0, 6, 2, 1], np.uint8)))
    assert source.spec.target_shape == (6, 5, 3)
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
    assert source.spec[:4] == (f'embedded:{name}', {'image': Field(shape)}, 10, size)
    assert len(source.spec.classes) == (10 if name == 'emoji' else 0)
    image = read(source)['image']
    assert image.shape == (2, *shape)
    assert float(jnp.min(image)) < float(jnp.max(image))
    assert set(np.unique(source.arrays['label'])) == set(labels)


def loaded(path, **fields):
    config = base('dcgan')
    config.data.name = f'npz:{path}'
    config.data.update(fields)
    check(config)
    return data.load(config)


@pytest.mark.parametrize(
    ('layout', 'axes'),
    [('', 'NHWC'), ('NHWC', 'NHWC'), ('NCHW', 'NCHW'), ('HWCN', 'HWCN')],
)
def test_the_layout_that_is_said(tmp_path, layout, axes):
    x = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), np.uint8)
    moved = x.transpose(['NHWC'.index(axis) for axis in axes])
    source = loaded(save(tmp_path / 'a.npz', x=moved), layout=layout)
    np.testing.assert_array_equal(source.arrays['image'], x)


def test_layouts_without_channels_or_images(tmp_path):
    path = save(tmp_path / 'a.npz', x=np.zeros((6, 5, 3), np.uint8))
    shapes = {'HWC': (6, 5, 3), 'NHW': (5, 3, 1), 'HWN': (6, 5, 1), 'CHW': (5, 3, 6)}
    assert {layout: loaded(path, layout=layout).spec.target_shape for layout in shapes} == shapes
    with pytest.raises(GaxError, match='must be of the axes NCHW'):
        loaded(path, layout='NCHW')
    with pytest.raises(GaxError, match=r"unknown config\.data\.layout 'NCWH' \(nearest: 'NCHW'\)"):
        loaded(path, layout='NCWH')


def test_layout_and_range_are_of_files_of_arrays():
    config = base('dcgan')
    config.data.layout = 'NCHW'
    with pytest.raises(GaxError, match=r'unknown field config\.data\.layout'):
        check(config)


@pytest.mark.parametrize(
    ('x', 'span'),
    [
        (GRAY / 119, ''),
        ((GRAY / 59.5 - 1).astype(np.float32), ''),
        (GRAY / 119 * 2 - 1, '-1..1'),
        (GRAY / 119 * 255.0, ''),
        ((GRAY / 119 * 255.0).astype(np.float16), ''),
    ],
)
def test_values_are_told_by_their_range(tmp_path, x, span):
    image = loaded(save(tmp_path / 'a.npz', x=x), range=span).arrays['image']
    assert image.dtype == np.uint8
    np.testing.assert_allclose(image[..., 0], GRAY / 119 * 255.0, atol=0.51)


def test_whole_numbers_keep_their_values(tmp_path):
    for kind in (np.int64, np.uint16, np.float32):
        np.testing.assert_array_equal(
            loaded(save(tmp_path / 'a.npz', x=GRAY.astype(kind))).arrays['image'][..., 0], GRAY
        )
    bits = GRAY % 2
    for x, span in ((bits, '0..1'), (bits.astype(bool), '')):
        image = loaded(save(tmp_path / 'a.npz', x=x), range=span).arrays['image']
        np.testing.assert_array_equal(image[..., 0], 255 * bits)
    assert loaded(save(tmp_path / 'a.npz', x=bits), range='0..255').arrays['image'].max() == 1


@pytest.mark.parametrize(('x', 'y'), [('images', 'labels'), ('arr_0', 'arr_1'), ('x', 'labels')])
def test_other_names_are_read_and_told_of(tmp_path, caplog, x, y):
    with caplog.at_level(logging.INFO, 'gax'):
        source = memory.npz(save(tmp_path / 'a.npz', **{x: GRAY, y: LABELS}))
    np.testing.assert_array_equal(source.arrays['image'][..., 0], GRAY)
    np.testing.assert_array_equal(source.arrays['label'], LABELS)
    assert f"{tmp_path}/a.npz: images are '{x}', uint8 [4, 6, 5], labels are '{y}'" in caplog.text


def test_classes_without_an_image_count(tmp_path):
    names = np.array(['a', 'b', 'c', 'd', 'e'])
    spec = memory.npz(save(tmp_path / 'a.npz', x=GRAY, y=LABELS, classes=names)).spec
    assert (spec.num_classes, spec.classes) == (5, tuple(names.tolist()))


def test_image_size_is_that_of_the_batch(tmp_path):
    path = save(tmp_path / 'a.npz', x=GRAY)
    config = base('dcgan')
    config.data.name, config.data.image_size = f'npz:{path}', 8
    source = data.load(config)
    assert source.spec.target_shape == (8, 8, 1)
    assert read(source)['image'].shape == (2, 8, 8, 1)


# --- bad files
# --------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ('arrays', 'message'),
    [
        ({}, "has no array 'x' (found: nothing)"),
        (
            {'pictures': GRAY, 'y': np.zeros(4)},
            "has no array 'x' (found: pictures, y), nor 'images' or 'image' or 'arr_0'",
        ),
        ({'x': GRAY, 'images': GRAY}, "has 'x' and 'images': keep the one that is meant"),
        ({'x': GRAY, 'y': LABELS, 'labels': LABELS}, "has 'y' and 'labels': keep the one that is meant"),
        ({'x': GRAY.astype(str)}, 'must be numbers, such as uint8, 0 to 255, and is <U'),
        ({'x': GRAY.astype(np.float32) - 300}, 'is float32 from -300 to -181, which is no range for certain'),
        ({'x': GRAY / 100}, 'is float64 from 0 to 1.19, which is no range for certain'),
        (
            {'x': GRAY % 2},
            'is uint8 from 0 to 1, which is no range for certain: make it uint8, 0 to 255, or say',
        ),
        ({'x': np.where(GRAY > 3, np.nan, GRAY)}, 'is float64 from nan to nan, which is no range'),
        ({'x': GRAY.astype(np.uint16) * 257}, 'is uint16 from 0 to 30583, which is no range'),
        ({'x': np.zeros((8, 3, 32, 32), np.uint8)}, 'looks like NCHW'),
        (
            {'x': np.zeros((8, 1, 32, 32), np.uint8)},
            'say config.data.layout=NCHW, or NHWC if that is what it is',
        ),
        ({'x': np.zeros((32, 32, 3, 64), np.uint8)}, 'looks like HWCN'),
        ({'x': np.zeros((32, 32, 3), np.uint8)}, 'looks like HWC '),
        ({'x': np.zeros((28, 28, 64), np.uint8)}, 'looks like HWN '),
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
        ({'x': GRAY, 'y': np.zeros((4, 1), int)}, 'it is int64 of shape (4, 1): give [:, 0] of it'),
        (
            {'x': GRAY, 'y': np.eye(4)[[1, 0, 2, 2]]},
            'of shape (4, 4): they are one-hot, give .argmax(axis=1)',
        ),
        (
            {'x': GRAY, 'y': LABELS + 10**9},
            'goes up to 1000000003, of 4 images: these are no class indices but ids',
        ),
        ({'x': GRAY, 'y': LABELS.astype(np.uint64) + 2**63}, 'no class indices but ids'),
        (
            {'x': GRAY, 'y': LABELS + 1, 'classes': np.array(['a', 'b', 'c', 'd'])},
            'goes up to 4, and there are 4 classes: the first of them is 0',
        ),
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
