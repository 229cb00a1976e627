"""Two sets at once: each in its own order, on the device or streamed; and orders that a source brings."""

import pickle

import jax
import numpy as np
import pytest

from gax import data
from gax.config import base, choices
from gax.core.spec import Field, Spec
from gax.data import identity, outside
from gax.data.source import Source, read_resident
from gax.errors import GaxError
from gax.training import experiment, step_trace
from gax.training.feed import feeder, indices


def numbered(count, name):
    """Points that are the numbers of their rows."""
    held = {'point': np.arange(count, dtype=np.float32)[:, None], 'label': np.arange(count, dtype=np.int32)}
    return Source(Spec(name, {'point': Field((1,), 'point')}, count, count), held, read_resident)


def read(source, rows):
    rows = source.fetch(rows) if source.fetch else rows
    return {
        name: np.ravel(x).tolist() for name, x in source.read(source.arrays, rows, jax.random.key(0)).items()
    }


def test_each_set_is_shuffled_by_itself_and_labels_are_dropped():
    source = data.zip(a=numbered(8, 'one'), b=numbered(8, 'two'))
    assert source.spec.name == 'zip:one,two'
    assert source.spec.fields == {name: Field((1,), 'point') for name in 'ab'}
    assert source.spec.num_classes == 0
    batch = read(source, data.order_of(source)(3, 0, 8))
    assert sorted(batch) == ['a', 'b']
    assert sorted(batch['a']) == sorted(batch['b']) == list(range(8))
    assert batch['a'] != batch['b']


def test_the_smaller_set_is_read_more_often_and_the_order_is_a_pure_function():
    source = data.zip(a=numbered(4, 'one'), b=numbered(6, 'two'))
    order = pickle.loads(pickle.dumps(data.order_of(source)))
    assert source.spec.size == 6
    whole = order(0, 0, 12)
    assert [np.bincount(whole[name]).tolist() for name in 'ab'] == [[3] * 4, [2] * 6]
    later = order(0, 5, 7)
    for name in 'ab':
        np.testing.assert_array_equal(later[name], whole[name][5:])


def test_evaluation_reads_row_by_row():
    source = data.zip(a=numbered(2, 'one'), b=numbered(3, 'two'))
    assert read(source, np.arange(3, dtype=np.int32)) == {'a': [0, 1, 0], 'b': [0, 1, 2]}


def config_of(**fields):
    config = base('vanilla')
    config.batch_size = 4
    choices.set_all(config, {f'data.{name}': value for name, value in fields.items()})
    return config


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    for name, count in (('a', 6), ('b', 9)):
        np.savez(tmp_path / f'{name}.npz', x=rng.integers(0, 256, (count, 4, 4, 1), np.uint8))
    return f'zip:npz:{tmp_path}/a.npz,npz:{tmp_path}/b.npz'


def test_by_name_with_splits_and_flips_of_its_own(files):
    source = data.load(config_of(name=files, flip=True))
    assert {name: field.shape for name, field in source.spec.fields.items()} == dict.fromkeys('ab', (4, 4, 1))
    part = data.load(config_of(name=files, split='train'))
    assert part.split == 'train'
    assert part.splits == {
        'a train': 4,
        'a validation': 1,
        'a test': 1,
        'b train': 7,
        'b validation': 1,
        'b test': 1,
    }
    rows = np.zeros(64, np.int32)
    plain, mirrored = data.load(config_of(name=files)), source
    one, other = (s.read(s.arrays, rows, jax.random.key(0)) for s in (plain, mirrored))
    turned = {name: (np.asarray(one[name]) != np.asarray(other[name])).any((1, 2, 3)) for name in 'ab'}
    assert turned['a'].any()
    assert turned['b'].any()
    assert (turned['a'] != turned['b']).any()


@pytest.mark.parametrize('name', ['zip:embedded:emoji', 'zip:', 'zip:embedded:emoji,'])
def test_one_set_is_no_pair(name):
    with pytest.raises(GaxError, match='must name two sources with a comma between'):
        data.load(config_of(name=name))
    with pytest.raises(GaxError, match='zip takes two sources or more'):
        data.zip(a=numbered(2, 'one'))


def fed(source, config, step, count):
    """The batches that training reads."""
    made = experiment.Experiment(
        config, source, None, experiment.parallel.mesh(), step_trace.Arrays(source.arrays, {}), 4
    )
    feed = feeder(made)
    rows = feed(step, count)
    feed.close()
    return [
        jax.jit(source.read)(source.arrays, jax.tree.map(lambda x, i=i: x[i], rows), jax.random.key(0))
        for i in range(count)
    ]


def test_streamed_and_resident_sets_give_the_same_batches(files):
    pytest.importorskip('grain', reason='streams need grain: pip install gax[stream]')
    config = config_of(name=files)
    resident, streamed = data.load(config), data.load(config, resident_up_to=0)
    assert streamed.fetch
    assert not resident.fetch
    for one, other in zip(fed(resident, config, 3, 2), fed(streamed, config, 3, 2), strict=True):
        for name in 'ab':
            np.testing.assert_array_equal(one[name], other[name])
    assert identity.differences(identity.of(resident), identity.of(streamed)) == []
    a, b = files.removeprefix('zip:').split(',')
    other = data.load(config_of(name=f'zip:{b},{a}'))
    assert identity.differences(identity.of(resident), identity.of(other)) != []


def test_a_source_may_draw_poisson_batches():
    """Each row is in a step's batch with probability q, by itself: rows beyond are masked, and never count."""
    size, capacity, q = 50, 12, 0.1

    def order(seed, start, count):
        steps = range(start // capacity, -(-(start + count) // capacity))
        parts = []
        for step in steps:
            drawn = np.flatnonzero(np.random.default_rng([seed, step]).random(size) < q)[:capacity]
            rows = np.concatenate([drawn, np.zeros(capacity - len(drawn), int)]).astype(np.int32)
            parts.append((rows, np.arange(capacity) < len(drawn)))
        rows, real = (np.concatenate(leaves) for leaves in zip(*parts, strict=True))
        inside = slice(start - steps[0] * capacity, start - steps[0] * capacity + count)
        return {'row': rows[inside], 'mask': real[inside].astype(np.float32)}

    def read_masked(arrays, rows, key):
        plain = rows['row'] if isinstance(rows, dict) else rows
        batch = points.read(arrays, plain, key)
        return {'point': batch['point'], 'mask': rows['mask'] if isinstance(rows, dict) else plain * 0.0 + 1}

    points = numbered(size, 'points')
    fields = {'point': Field((1,), 'point'), 'mask': Field((), 'point')}
    source = Source(Spec('poisson', fields, size=size), points.arrays, read_masked, order=order)
    config = config_of()
    made = experiment.Experiment(
        config, source, None, experiment.parallel.mesh(), step_trace.Arrays(source.arrays, {}), capacity
    )
    rows = indices(made, 2, 3)
    assert rows['row'].shape == rows['mask'].shape == (3, capacity)
    assert jax.tree.map(lambda x: x.shape, experiment.row_shapes(made, 3)) == dict.fromkeys(
        rows, (3, capacity)
    )
    counts = indices(made, 0, 400)['mask'].sum(1)
    assert abs(counts.mean() - q * size) < 0.4
    assert counts.std() > 1.5  # a batch of a fixed size would have none
    np.testing.assert_array_equal(rows['row'], indices(made, 0, 5)['row'][2:])
    batch = source.read(source.arrays, jax.tree.map(lambda x: x[0], rows), jax.random.key(0))
    assert sorted(batch) == ['mask', 'point']


def test_the_names_of_kinds_are_those_of_the_sources():
    assert set(outside.KINDS) == {*data.KINDS, 'zip', 'domains'}
