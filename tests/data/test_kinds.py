"""Finite sets of every kind: as a file has them, on the device and streamed alike; and what is no such set."""

import jax
import numpy as np
import pytest

from gax import data
from gax.config import base, choices
from gax.config.defaults import check
from gax.data import identity
from gax.errors import GaxError

RNG = np.random.default_rng(0)
SETS = {
    'series': RNG.normal(size=(12, 5, 2)),
    'table': RNG.normal(100, 20, size=(12, 3)),
    'point': RNG.normal(size=(12, 2)),
    'tokens': RNG.integers(0, 7, (12, 6)),
    'audio': RNG.uniform(-1, 1, (12, 20, 1)).astype(np.float32),
    'video': RNG.integers(0, 256, (12, 3, 4, 6, 3), np.uint8),
}


def load(path, limit=None, **fields):
    config = base('vanilla')
    fields = {'name': f'npz:{path}', **fields}
    choices.set_all(config, {f'data.{name}': value for name, value in fields.items()})
    check(config)
    return data.load(config, limit)


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def batch_of(source, key=0):
    rows = np.array([3, 0, 11], np.int32)
    rows = source.fetch(rows) if source.fetch else rows
    return jax.tree.map(np.asarray, jax.jit(source.read)(source.arrays, rows, jax.random.key(key)))


@pytest.mark.parametrize('kind', SETS)
def test_resident_and_streamed_alike(tmp_path, kind):
    path = save(tmp_path / 'a.npz', **{kind: SETS[kind]}, y=np.arange(12) % 3)
    sources = [load(path, limit, kind=kind) for limit in (None, 0)]
    batches = [batch_of(source) for source in sources]
    assert [bool(source.fetch) for source in sources] == [False, True]
    field = sources[0].spec.fields[kind]
    assert (sources[0].spec.target, field.kind, field.shape) == (kind, kind, SETS[kind].shape[1:])
    for name, values in batches[0].items():
        np.testing.assert_array_equal(values, batches[1][name])
    assert batches[0][kind].dtype == field.dtype == ('int32' if kind == 'tokens' else 'float32')
    assert batches[0]['label'].tolist() == [0, 0, 2]
    wanted = SETS[kind][[3, 0, 11]]
    wanted = wanted / 127.5 - 1 if kind == 'video' else wanted
    np.testing.assert_allclose(batches[0][kind], wanted, rtol=1e-6, atol=1e-6)
    assert identity.of(sources[0]).content == identity.of(sources[1]).content
    described = identity.described(sources[0].spec)
    zeros = described.read((), np.zeros(3, np.int32), jax.random.key(0))
    assert {k: (v.shape, v.dtype) for k, v in zeros.items()} == {
        k: (v.shape, v.dtype) for k, v in batches[0].items()
    }


def test_what_a_kind_needs_stands_in_the_file(tmp_path):
    path = save(tmp_path / 'a.npz', tokens=SETS['tokens'], vocabulary=np.array(list('abcdefg')))
    assert load(path, kind='tokens').spec.fields['tokens'].info == {'vocabulary': tuple('abcdefg')}
    assert (
        len(
            load(save(tmp_path / 'b.npz', x=SETS['tokens']), kind='tokens')
            .spec.fields['tokens']
            .info['vocabulary']
        )
        == 7
    )
    path = save(tmp_path / 'c.npz', table=SETS['table'], columns=np.array(['age', 'height', 'weight']))
    assert load(path, kind='table').spec.fields['table'].info == {'columns': ('age', 'height', 'weight')}
    whole = np.array([[-32768, 16384]], np.int16)
    sound = load(save(tmp_path / 'd.npz', audio=whole, sample_rate=8000), kind='audio')
    assert sound.spec.fields['audio'].info == {'sample_rate': 8000}
    assert sound.arrays['audio'].ravel().tolist() == [-1.0, 0.5]


def test_arrays_by_name(tmp_path):
    path = save(tmp_path / 'a.npz', x=SETS['table'], prices=SETS['series'], which=np.arange(12) % 2)
    source = load(path, kind='series', array='prices', label_array='which')
    assert source.spec.fields['series'].shape == (5, 2)
    assert source.spec.num_classes == 2
    images = save(tmp_path / 'b.npz', a=np.zeros((4, 3, 3, 2), np.uint8), x=np.ones((4, 2, 2, 1), np.uint8))
    assert load(images, array='a').spec.fields['image'].shape == (3, 3, 2)


@pytest.mark.parametrize(
    ('kind', 'arrays', 'says'),
    [
        (
            'series',
            {'x': np.zeros((4, 2, 2, 2))},
            r"'x' in .* must be numbers \[N, length, columns\] .* series",
        ),
        ('series', {'x': np.full((4, 2, 2), np.nan)}, "'x' in .* holds 16 values that are not finite"),
        ('table', {'x': np.array([['a']])}, r'must be numbers \[N, columns\] to be read as table'),
        (
            'table',
            {'x': np.zeros((4, 2)), 'columns': np.array(['a'])},
            '2 columns, and the array `columns` names 1',
        ),
        ('tokens', {'x': np.zeros((4, 2))}, r'must be integers \[N, length\] from 0 up .* it is float64'),
        (
            'tokens',
            {'x': np.full((4, 2), 3), 'vocabulary': np.array(['a'])},
            'goes up to 3, and .* has 1 texts',
        ),
        ('audio', {'x': np.full((4, 9), 2.0)}, 'goes up to 2: audio is floats from -1 to 1'),
        ('video', {'x': np.zeros((4, 9))}, r'must be \[N, frames, H, W\] or \[N, frames, H, W, C\]'),
        ('series', {'z': np.zeros((4, 2))}, r"has no array 'series' \(found: z\), nor 'x' or 'arr_0'"),
        ('serie', {'x': np.zeros((4, 2))}, r"unknown config.data.kind 'serie' \(nearest: 'series'\)"),
    ],
)
def test_what_is_no_such_set_is_said_in_one_line(tmp_path, kind, arrays, says):
    path = save(tmp_path / 'a.npz', **arrays)
    with pytest.raises(GaxError, match=says) as error:
        load(path, kind=kind)
    assert '\n' not in str(error.value)
    with pytest.raises(GaxError, match=r"has no array 'w' \(found: "):
        load(path, kind='series', array='w')


def test_fields_that_nobody_reads_are_refused(tmp_path):
    path = save(tmp_path / 'a.npz', x=SETS['table'])
    for name, value in (('image_size', 8), ('channels', 3), ('layout', 'NHWC')):
        with pytest.raises(GaxError, match=rf'config\.data\.{name}={value} says how images are read'):
            load(path, kind='table', **{name: value})
    config = base('vanilla')
    choices.set_all(config, {'data.name': 'random:8x8x3', 'data.image_size': 16})
    with pytest.raises(GaxError, match='image_size=16 says how images are read'):
        data.load(config)


def test_videos_are_flipped_as_a_whole(tmp_path):
    path = save(tmp_path / 'a.npz', video=SETS['video'])
    plain, flipped = (batch_of(load(path, kind='video', flip=flip))['video'] for flip in (False, True))
    for one, other in zip(plain, flipped, strict=True):
        assert (one == other).all() or (one[..., ::-1, :] == other).all()
    assert (plain != flipped).any()
    with pytest.raises(GaxError, match=r'config\.data\.flip is for images'):
        load(save(tmp_path / 'b.npz', x=SETS['table']), kind='table', flip=True)
