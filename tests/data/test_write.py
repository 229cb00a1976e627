"""Images at hand, written for others and read back."""

from __future__ import annotations

import numpy as np
import pytest
from ml_collections import ConfigDict

from gax import data, errors
from gax.config import defaults
from gax.core.spec import Field
from gax.data import tfds, write
from gax.viz import png_folder


def read(name):
    return data.load(ConfigDict({'data': {**defaults.data_section(), 'name': name}}))


def pixels_by_class(source):
    """class name -> its images, as a sorted list of bytes: the order of files and rows is not that of the
    source.
    """
    images, labels = source.arrays['image'], source.arrays['label']
    return {
        source.spec.classes[label]: sorted(image.tobytes() for image in images[labels == label])
        for label in np.unique(labels)
    }


@pytest.fixture(scope='module')
def few(tmp_path_factory):
    """An .npz of 3 gray images of 5x7 pixels in two classes."""
    path = tmp_path_factory.mktemp('few') / 'few.npz'
    x = np.random.default_rng(0).integers(0, 256, (3, 5, 7), dtype=np.uint8)
    np.savez(path, x=x, y=np.array([1, 0, 1], np.uint8))
    return path


def test_a_folder_holds_the_same_images(tmp_path):
    said = write.folder('embedded:emoji', tmp_path / 'png')
    assert f'folder:{tmp_path / "png"}' in said
    assert pixels_by_class(read(f'folder:{tmp_path / "png"}')) == pixels_by_class(read('embedded:emoji'))


def test_a_prepared_set_holds_the_same_images(few, tmp_path):
    pytest.importorskip('tensorflow_datasets')
    said = write.tfds_set(f'npz:{few}', tmp_path)
    place = tmp_path / 'few' / '1.0.0'
    assert f'tfds:{place}' in said
    back, source = read(f'tfds:{place}'), read(f'npz:{few}')
    assert back.spec[1:] == source.spec[1:] == ({'image': Field((5, 7, 1))}, 2, 3, ())
    rows = [
        list(zip(s.arrays['label'].tolist(), map(bytes, s.arrays['image']), strict=True))
        for s in (back, source)
    ]
    assert sorted(rows[0]) == sorted(rows[1])


def npz(path, value, count=4, names=()):
    path.parent.mkdir(exist_ok=True)
    x = np.full((count, 8, 8, 3), value, np.uint8)
    np.savez(path, x=x, y=np.arange(count) % 2, **({'classes': np.array(names)} if names else {}))
    return f'npz:{path}'


def test_a_set_that_is_there_is_known_by_its_content(tmp_path):
    """Two files of one name: the second is not taken for the first. The same again is."""
    pytest.importorskip('tensorflow_datasets')
    one, other = npz(tmp_path / 'a' / 'set.npz', 0), npz(tmp_path / 'b' / 'set.npz', 200)
    said = write.tfds_set(one, tmp_path / 'root')
    assert write.tfds_set(one, tmp_path / 'root') == said
    with pytest.raises(
        errors.GaxError, match=rf'root/set/1.0.0 is there already, made of {one}, .* is not what {other}'
    ):
        write.tfds_set(other, tmp_path / 'root')
    npz(tmp_path / 'a' / 'set.npz', 0, names=['x', 'y'])  # the source has changed, if only by its names
    with pytest.raises(errors.GaxError, match=f'is not what {one} holds now'):
        write.tfds_set(one, tmp_path / 'root')
    assert set(read(f'tfds:{tmp_path}/root/set/1.0.0').arrays['image'].flat) == {0}


def test_a_folder_that_tfds_cannot_name_is_refused(tmp_path):
    with pytest.raises(errors.GaxError, match='in folders whose names are UTF-8'):
        tfds.where(str(tmp_path / '\udce9'))


def test_a_set_of_others_is_not_taken_for_it(tmp_path):
    pytest.importorskip('tensorflow_datasets')
    (tmp_path / 'set' / '1.0.0').mkdir(parents=True)
    with pytest.raises(errors.GaxError, match='made nobody knows of what'):
        write.tfds_set(npz(tmp_path / 'a' / 'set.npz', 0), tmp_path)


def test_names_of_sets_keep_what_looks_like_an_ending():
    names = ['npz:a/set.npz', 'folder:x/v1.2', 'folder:x/v1.3/', 'folder:..', 'embedded:emoji']
    assert [write.short_name(name) for name in names] == ['set', 'v1_2', 'v1_3', 'images', 'emoji']


@pytest.mark.parametrize(
    'names', [('b', 'a'), ('a\nb', 'a'), (' a', 'a'), ('', 'a'), ('\udce9', 'caf\u00e9')]
)
def test_names_of_classes_come_back(tmp_path, names):
    """Of prepared sets, whose file of names has a line for each; in a folder whose own name has a colon."""
    pytest.importorskip('tensorflow_datasets')
    folder = tmp_path / 'png'
    png_folder.save(np.zeros((2, 8, 8, 3), np.uint8), folder, np.array([0, 1]), names)
    write.tfds_set(f'folder:{folder}', tmp_path / 'a:b')
    spec = read(f'tfds:{tmp_path}/a:b/png/1.0.0').spec
    assert (spec.classes, spec.num_classes, spec.size) == (names, 2, 2)


def test_what_has_no_images_is_refused(tmp_path):
    with pytest.raises(errors.GaxError, match='no images in memory'):
        write.folder('synthetic:ring', tmp_path / 'out')
    np.savez(tmp_path / 'five.npz', x=np.zeros((2, 4, 4, 5), np.uint8))
    with pytest.raises(errors.GaxError, match='5 channels'):
        write.folder(f'npz:{tmp_path / "five.npz"}', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()
