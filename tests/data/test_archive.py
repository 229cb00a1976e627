"""Zip files of PNGs with a dataset.json, as StyleGAN's tools read and write them."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from gax import data, errors
from gax.data import archive, identity, write
from gax.data.defaults import data_offers, data_section

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3)).astype(np.uint8)
LABELS = [2, 0, 1, 0, 2]


def section(path, **fields):
    return ConfigDict({'data': {**data_section(), 'name': f'zip:{path}', **fields}})


def written(path, labels, images=PIXELS):
    """A file as dataset_tool.py writes it; its order is not that of the names."""
    with zipfile.ZipFile(path, 'w') as file:
        for i in (3, 0, 4, 1, 2):
            png = io.BytesIO()
            Image.fromarray(images[i]).save(png, 'png')
            file.writestr(f'00000/img{i:08}.png', png.getvalue())
        if labels is not None:
            file.writestr('dataset.json', json.dumps(labels))
    return path


def pairs(labels=LABELS):
    return {'labels': [[f'00000/img{i:08}.png', label] for i, label in enumerate(labels)]}


def test_images_and_labels_in_the_order_of_names(tmp_path):
    path = written(tmp_path / 'set.zip', pairs())
    source = data.load(section(path))
    assert (source.spec.size, source.spec.num_classes) == (5, 3)
    np.testing.assert_array_equal(source.arrays['image'], PIXELS)
    assert source.arrays['label'].tolist() == LABELS
    streamed = data.load(section(path), resident_up_to=0)
    rows = pickle.loads(pickle.dumps(streamed.fetch))(np.array([4, 1]))  # as worker processes get it
    np.testing.assert_array_equal(rows['image'], PIXELS[[4, 1]])
    assert rows['label'].tolist() == [2, 0]


@pytest.mark.parametrize('labels', [None, {'labels': None}])
def test_without_classes(tmp_path, labels):
    source = data.load(section(written(tmp_path / 'set.zip', labels)))
    assert (source.spec.num_classes, set(source.arrays)) == (0, {'image'})


def test_what_gax_writes_is_what_it_reads(tmp_path):
    path = tmp_path / 'a' / 'emoji.zip'
    assert f'1906 PNGs of embedded:emoji are in {path}' in write.zip_file('embedded:emoji', path)
    there, here = data.load(section(path)), data.load(section('', name='embedded:emoji'))
    np.testing.assert_array_equal(there.arrays['image'], here.arrays['image'])
    np.testing.assert_array_equal(there.arrays['label'], here.arrays['label'])
    assert there.spec.classes == here.spec.classes
    with zipfile.ZipFile(path) as file:
        first = json.loads(file.read('dataset.json'))['labels'][0]
        assert first == ['00000/img00000000.png', int(here.arrays['label'][0])]
        assert file.getinfo(first[0]).compress_type == zipfile.ZIP_STORED
    with pytest.raises(errors.GaxError, match=r'^--zip=.* is there already'):
        write.zip_file('embedded:emoji', path)


def test_other_images_have_another_identity(tmp_path):
    one, two = (
        identity.of(data.load(section(written(tmp_path / f'{i}.zip', pairs(), images))))
        for i, images in enumerate((PIXELS, 255 - PIXELS))
    )
    assert one.listing != two.listing


def test_two_sets_are_no_file():
    assert archive.is_archive('a/set.zip')
    assert not archive.is_archive('embedded:emoji,folder:a.zip')
    assert 'direction' in data_offers('zip:embedded:emoji,folder:a')
    assert 'direction' not in data_offers('zip:a.zip')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'no zip', 'cannot be read as a zip file'),
        ({}, r'dataset\.json of .* is not \{"labels"'),
        (pairs(LABELS[:4]), r'has no label of 00000/img00000004\.png'),
        (pairs([0, 1, 2, 3, -1]), 'a class is a whole number from 0, and one is -1'),
        (pairs([0, 1, 2, 3, 0.5]), 'a class is a whole number from 0, and one is 0.5'),
    ],
)
def test_refused(tmp_path, content, message):
    path = tmp_path / 'set.zip'
    path.write_bytes(content) if isinstance(content, bytes) else written(path, content)
    with pytest.raises(errors.GaxError, match=message) as info:
        data.load(section(path))
    assert '\n' not in str(info.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(errors.GaxError, match=r'^there is no file'):
        data.load(section(tmp_path / 'set.zip'))
