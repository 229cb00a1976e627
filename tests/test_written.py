"""Images at hand, written for others and read back."""

from __future__ import annotations

import numpy as np
import pytest
from ml_collections import ConfigDict

from gax import config, data, errors, written


def read(name):
    return data.load(ConfigDict({'data': {**config.data_section(), 'name': name}}))


def pixels_by_class(source):
    """class name -> its images, as a sorted list of bytes: the order of files and rows is not that of the source."""
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
    said = written.folder('embedded:emoji', tmp_path / 'png')
    assert f'folder:{tmp_path / "png"}' in said
    assert pixels_by_class(read(f'folder:{tmp_path / "png"}')) == pixels_by_class(read('embedded:emoji'))


def test_a_prepared_set_holds_the_same_images(few, tmp_path):
    pytest.importorskip('tensorflow_datasets')
    said = written.tfds_set(f'npz:{few}', tmp_path)
    place = tmp_path / 'few' / '1.0.0'
    assert f'tfds:{place}' in said
    back, source = read(f'tfds:{place}'), read(f'npz:{few}')
    assert back.spec.fields == source.spec.fields == {'image': (5, 7, 1)}
    rows = [
        list(zip(s.arrays['label'].tolist(), map(bytes, s.arrays['image']), strict=True))
        for s in (back, source)
    ]
    assert sorted(rows[0]) == sorted(rows[1])


def test_what_has_no_images_is_refused(tmp_path):
    with pytest.raises(errors.GaxError, match='no images in memory'):
        written.folder('synthetic:ring', tmp_path / 'out')
    np.savez(tmp_path / 'five.npz', x=np.zeros((2, 4, 4, 5), np.uint8))
    with pytest.raises(errors.GaxError, match='5 channels'):
        written.folder(f'npz:{tmp_path / "five.npz"}', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()
