"""Pairs and domains of images: which belong together, which way, in which split; and folders that do not
match.
"""

import jax
import numpy as np
import pytest

from gax import data
from gax.config import base, choices
from gax.config.defaults import check
from gax.errors import GaxError
from tests.helpers.imagefiles import noise, save


def load(name, limit=None, **fields):
    config = base('vanilla')
    choices.set_all(config, {'data.name': name, **{f'data.{key}': value for key, value in fields.items()}})
    check(config)
    return data.load(config, limit)


def batch_of(source, rows=(0, 1, 2), key=0):
    rows = np.array(rows, np.int32)
    rows = source.fetch(rows) if source.fetch else rows
    batch = jax.jit(source.read)(source.arrays, rows, jax.random.key(key))
    return {name: np.rint((np.asarray(x) + 1) * 127.5).astype(np.uint8) for name, x in batch.items()}


def pair_folders(root, count=3, split=''):
    for i in range(count):
        save(root / 'A' / split / f'{i}.png', noise(4, 6, seed=i))
        save(root / 'B' / split / f'{i}.png', noise(4, 6, seed=100 + i))
    return f'pairs:{root}'


def of(start, count=3):
    return np.stack([noise(4, 6, seed=start + i) for i in range(count)])


@pytest.mark.parametrize('limit', [None, 0])
def test_folders_of_equal_names(tmp_path, limit):
    name = pair_folders(tmp_path)
    source = load(name, limit)
    assert [*source.spec.fields] == ['image', 'condition']
    batch = batch_of(source)
    np.testing.assert_array_equal(batch['condition'], of(0))
    np.testing.assert_array_equal(batch['image'], of(100))
    turned = batch_of(load(name, limit, direction='ba'))
    np.testing.assert_array_equal(turned['image'], of(0))


def test_images_side_by_side_in_splits(tmp_path):
    for split, start in (('train', 0), ('val', 10)):
        for i in range(3):
            whole = np.concatenate([noise(4, 6, seed=start + i), noise(4, 6, seed=start + 100 + i)], axis=1)
            save(tmp_path / split / f'{i}.png', whole)
    source = load(f'pairs:{tmp_path}')
    assert (source.split, source.splits) == ('train', {'train': 3, 'validation': 3})
    np.testing.assert_array_equal(batch_of(source)['image'], of(100))
    later = batch_of(load(f'pairs:{tmp_path}', split='validation'))
    np.testing.assert_array_equal(later['condition'], of(10))
    with pytest.raises(GaxError, match=r'split=test: .* has its own splits, and they are train, validation'):
        load(f'pairs:{tmp_path}', split='test')


def test_splits_within_the_folders(tmp_path):
    for split in ('train', 'test'):
        name = pair_folders(tmp_path, split=split)
    assert load(name, split='test').splits == {'train': 3, 'test': 3}


def test_without_splits_of_their_own_pairs_are_dealt_out(tmp_path):
    name = pair_folders(tmp_path, count=10)
    assert load(name, split='train').spec.size == 8
    assert load(name).spec.size == 10


def test_flips_and_crops_keep_pairs_aligned(tmp_path):
    for i in range(3):
        for side in 'AB':
            save(tmp_path / side / f'{i}.png', noise(6, 8, seed=i))
    batch = batch_of(load(f'pairs:{tmp_path}', flip=True, random_crop=2), [0, 1, 2] * 8)
    np.testing.assert_array_equal(batch['image'], batch['condition'])
    plain = batch_of(load(f'pairs:{tmp_path}'), [0, 1, 2] * 8)
    assert (plain['image'] != batch['image']).any()


def test_pairs_that_do_not_match(tmp_path):
    name = pair_folders(tmp_path)
    save(tmp_path / 'A' / 'extra.png', noise(4, 6))
    with pytest.raises(GaxError, match=r'1 images have no partner of the same name .*A/extra'):
        load(name)
    save(tmp_path / 'B' / 'extra.png', noise(4, 8))
    (tmp_path / 'A' / '0.png').unlink()
    (tmp_path / 'B' / '0.png').unlink()
    with pytest.raises(GaxError, match=r'extra\.png is 8x4x3 .* and .*1\.png is 6x4x3'):
        load(name)


@pytest.mark.parametrize(
    ('a', 'b', 'says'),
    [
        (noise(4, 6), noise(4, 6, 1), r'has 3 channels and .* has 1: give --config\.data\.channels=3'),
        (noise(4, 6), noise(6, 6), 'is 6x4 pixels and .* is 6x6: the images of a pair must be of one size'),
    ],
)
def test_pairs_that_differ(tmp_path, a, b, says):
    save(tmp_path / 'A' / '0.png', a)
    save(tmp_path / 'B' / '0.png', b)
    with pytest.raises(GaxError, match=says):
        load(f'pairs:{tmp_path}')


def test_no_pairs(tmp_path):
    with pytest.raises(GaxError, match=r'folder of pairs .* does not exist'):
        load(f'pairs:{tmp_path}/none')
    with pytest.raises(
        GaxError, match=r'has no images: pairs:.* takes folders A and B, or images side by side'
    ):
        load(f'pairs:{tmp_path}')
    save(tmp_path / 'odd.png', noise(4, 5))
    with pytest.raises(GaxError, match=r'odd\.png is 5 pixels wide: two images side by side'):
        load(f'pairs:{tmp_path}')
    with pytest.raises(GaxError, match=r"unknown config.data.direction 'bc'"):
        load(f'pairs:{tmp_path}', direction='bc')


def domains(root, **counts):
    for name, count in counts.items():
        for i in range(count):
            save(root / name / f'{i}.png', noise(4, 4, seed=i + 10 * ord(name[-1])))
    return f'domains:{root}'


def test_domains_are_two_sets(tmp_path):
    name = domains(tmp_path, trainA=5, trainB=3, testA=2, testB=2)
    source = load(name)
    assert [*source.spec.fields] == ['a', 'b']
    assert (source.spec.size, source.split) == (5, 'train')
    assert source.splits == {'trainA': 5, 'trainB': 3, 'testA': 2, 'testB': 2}
    assert load(name, split='test').spec.size == 2
    rows = data.order_of(source)(0, 0, 4)
    assert {key: x.shape for key, x in source.read(source.arrays, rows, jax.random.key(0)).items()} == {
        'a': (4, 4, 4, 3),
        'b': (4, 4, 4, 3),
    }
    with pytest.raises(GaxError, match=r'split=validation: .* they are train, test'):
        load(name, split='validation')


def test_domains_that_cannot_be(tmp_path):
    with pytest.raises(GaxError, match='has no folders trainA and trainB'):
        load(f'domains:{tmp_path}')
    name = domains(tmp_path, trainA=1)
    with pytest.raises(GaxError, match='has no folder trainB, beside that of the other domain'):
        load(name)
    (tmp_path / 'trainB').mkdir()
    with pytest.raises(GaxError, match=r'domain folder .*trainB has no images'):
        load(name)
    save(tmp_path / 'trainB' / '0.png', noise(4, 4, 1))
    with pytest.raises(GaxError, match=r'trainA has 3 channels and .*trainB has 1'):
        load(name)
