"""Splits: disjoint, whole, the same everywhere, by group where there are groups, and held out only where they
were held out in training.
"""

import json

import jax
import numpy as np
import pytest

from gax import data
from gax.config import base, choices
from gax.config.defaults import check
from gax.data import identity, splits
from gax.errors import GaxError
from gax.training import start_report
from tests.helpers import imagefiles


def load(name, up_to=None, **fields):
    config = base('vanilla')
    choices.set_all(config, {'data.name': name, **{f'data.{key}': value for key, value in fields.items()}})
    check(config)
    return data.load(config, up_to)


def labels(source):
    """Of all examples of a source, in order."""
    rows = np.arange(source.spec.size, dtype=np.int32)
    rows = source.fetch(rows) if source.fetch else rows
    return np.asarray(source.read(source.arrays, rows, jax.random.key(0))['label']).tolist()


def numbered(path, count=40, **arrays):
    """An .npz whose labels are the numbers of its rows."""
    np.savez(path, x=np.zeros((count, 2, 2, 1), np.uint8), y=np.arange(count), **arrays)
    return f'npz:{path}'


def test_parts_are_disjoint_and_whole_and_depend_on_the_size_alone():
    parts = splits.dealt(1000)
    assert {name: len(rows) for name, rows in parts.items()} == {'train': 800, 'validation': 100, 'test': 100}
    assert np.sort(np.concatenate([*parts.values()])).tolist() == list(range(1000))
    assert parts['test'][:3].tolist() == splits.dealt(1000)['test'][:3].tolist()
    assert 0.3 < np.mean(parts['test'] < 500) < 0.7  # from all over the set
    assert {name: len(rows) for name, rows in splits.dealt(3).items()} == dict.fromkeys(splits.SPLITS, 1)


def test_the_permutation_stays_what_it_is():
    """A run of an older gax was trained on these rows."""
    assert splits.dealt(20)['test'].tolist() == FROZEN[0]
    assert splits.dealt(20)['validation'].tolist() == FROZEN[1]


FROZEN = ([6, 18], [11, 13])


@pytest.mark.parametrize('limit', [None, 0])
def test_every_finite_source_has_them_on_the_device_and_streamed(tmp_path, limit):
    name = numbered(tmp_path / 'a.npz')
    assert labels(load(name, limit)) == list(range(40))
    parts = {split: labels(load(name, limit, split=split)) for split in splits.SPLITS}
    assert parts == {split: rows.tolist() for split, rows in splits.dealt(40).items()}


def test_a_folder_is_split_as_well(tmp_path):
    imagefiles.folder(tmp_path / 'f', {'a': 5, 'b': 5})
    sources = [load(f'folder:{tmp_path / "f"}', limit, split='test') for limit in (None, 0)]
    assert [source.spec.size for source in sources] == [1, 1]
    assert sources[0].splits == {'train': 8, 'validation': 1, 'test': 1}
    assert labels(sources[0]) == labels(sources[1])
    said = start_report.data(sources[0].spec, sources[0].split, sources[0].splits)
    assert '1 examples, split test of train 8, validation 1, test 1, image 8x8x3' in said


def test_groups_are_never_divided(tmp_path):
    group = np.arange(40) // 4
    name = numbered(tmp_path / 'a.npz', group=group)
    parts = {split: set(group[labels(load(name, split=split))]) for split in splits.SPLITS}
    assert [len(groups) for groups in parts.values()] == [8, 1, 1]
    assert set.union(*parts.values()) == set(range(10))


def test_a_file_names_its_own(tmp_path):
    own = np.array(['train', 'val', 'train', 'test'] * 10)
    name = numbered(tmp_path / 'a.npz', split=own)
    assert labels(load(name, split='validation')) == list(range(1, 40, 4))
    assert load(name, split='train').splits == {'train': 20, 'validation': 10, 'test': 10}
    assert labels(load(name)) == list(range(40))
    name = numbered(tmp_path / 'b.npz', split=np.array(['train', 'test'] * 20))
    with pytest.raises(GaxError, match=r'split=validation: .* has its own splits, and they are train, test'):
        load(name, split='validation')


@pytest.mark.parametrize(
    ('arrays', 'says'),
    [
        ({'split': np.array(['trian'] * 40)}, r"unknown split in 'split' in .* 'trian' \(nearest: 'train'\)"),
        ({'split': np.arange(40)}, r"'split' in .* must be 40 texts of train, validation, test"),
        ({'group': np.arange(39)}, r"'group' in .* must be 40 values, one per example; its shape is \(39,\)"),
        ({'group': np.zeros(40)}, 'three splits cannot be made of 1 groups of examples'),
    ],
)
def test_what_a_file_says_wrongly(tmp_path, arrays, says):
    with pytest.raises(GaxError, match=says):
        load(numbered(tmp_path / 'a.npz', **arrays), split='test')


def test_what_has_no_end_has_no_splits():
    with pytest.raises(GaxError, match='split=test: synthetic:ring has no end'):
        load('synthetic:ring', split='test')
    with pytest.raises(GaxError, match=r"unknown config.data.split 'tset' \(nearest: 'test'\)"):
        load('embedded:emoji', split='tset')


def test_the_identity_of_data_knows_the_split():
    train, test = (identity.of(load('embedded:emoji', split=split)) for split in ('train', 'test'))
    assert identity.differences(train, test)[:2] == [
        'split: train there, test now',
        'size: 1524 there, 191 now',
    ]
    assert identity.from_json(json.loads(json.dumps(identity.to_json(test)))) == test


def test_held_out_data_is_what_training_left_out():
    section = base('vanilla').data
    assert splits.held_out(section, 'test', 'train', 'run').split == 'test'
    assert 'split' not in splits.held_out(section, '', '', 'run')
    with pytest.raises(
        GaxError, match=r'--split=test: run was trained on all examples .*config\.data\.split=train'
    ):
        splits.held_out(section, 'test', '', 'run')


@pytest.mark.parametrize('resident', [None, 0])
def test_a_limit_takes_examples_of_the_training_set_alone(tmp_path, resident):
    name = numbered(tmp_path / 'a.npz')
    everything = labels(load(name, resident, split='train'))
    few, more = (labels(load(name, resident, split='train', limit=n)) for n in (5, 12))
    assert (len(few), len(more)) == (5, 12)
    assert {*few} < {*more} < {*everything}
    assert few == sorted(few) == labels(load(name, resident, split='train', limit=5))
    with pytest.raises(GaxError, match=r'config\.data\.limit=41: .* has 40 examples here'):
        load(name, resident, limit=41)
    config = base('vanilla')
    choices.set_all(config, {'data.name': name, 'data.split': 'train', 'data.limit': 5})
    held = splits.held_out(config.data, 'test', 'train', 'a run')
    assert (held.split, held.get('limit', 0)) == ('test', 0)
    with pytest.raises(GaxError, match='ring has no examples that could be counted'):
        load('synthetic:ring', limit=3)
