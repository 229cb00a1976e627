"""The drawings that ship with gax: pairs split by drawing, domains that share nothing but the test's pairs."""

import jax
import numpy as np
import pytest

from gax import data
from gax.config import base, choices
from gax.config.defaults import check
from gax.data import openmoji
from gax.errors import GaxError


def load(name, **fields):
    config = base('vanilla')
    choices.set_all(config, {'data.name': name, **{f'data.{key}': value for key, value in fields.items()}})
    check(config)
    return data.load(config)


def pictures(source, field):
    return {picture.tobytes() for picture in np.asarray(source.arrays[field])}


def test_pairs_go_from_lines_to_colours_or_back():
    source = load('embedded:openmoji')
    assert {name: field.shape for name, field in source.spec.fields.items()} == {
        'image': (32, 32, 3),
        'condition': (32, 32, 1),
    }
    assert (source.spec.size, source.spec.num_classes) == (2044, 0)
    turned = load('embedded:openmoji', direction='ba')
    assert (turned.spec.target, turned.spec.target_shape) == ('image', (32, 32, 1))
    np.testing.assert_array_equal(turned.arrays['image'], source.arrays['condition'])
    # The line drawing as the answer is 19.3 of 255 and 15.65 dB away: the baseline of line to colour.
    color, line = (np.asarray(source.arrays[name], np.float64) for name in ('image', 'condition'))
    assert np.abs(color - line).mean() == pytest.approx(19.3, abs=0.05)
    per_pair = np.square(color - line).mean((1, 2, 3))
    assert (10 * np.log10(255**2 / per_pair)).mean() == pytest.approx(15.65, abs=0.05)


def test_equal_drawings_are_in_one_split():
    parts = {split: load('embedded:openmoji', split=split) for split in ('train', 'validation', 'test')}
    lines = {split: pictures(part, 'condition') for split, part in parts.items()}
    assert sum(part.spec.size for part in parts.values()) == 2044
    assert sum(map(len, lines.values())) == len(set.union(*lines.values())) == 1894
    colours = [pictures(part, 'image') for part in parts.values()]
    assert sum(map(len, colours)) == len(set.union(*colours))
    assert [part.spec.size for part in parts.values()] == [1650, 203, 191]
    assert parts['train'].splits == {split: part.spec.size for split, part in parts.items()}


@pytest.mark.slow
def test_a_pair_is_flipped_and_shifted_together():
    source, plain = load('embedded:openmoji', flip=True, random_crop=3), load('embedded:openmoji')
    rows = np.arange(64, dtype=np.int32)
    batch = jax.jit(source.read)(source.arrays, rows, jax.random.key(0))
    still = plain.read(plain.arrays, rows, jax.random.key(0))
    moved = 0
    for i in rows:
        shifts = [shift_of(*(np.rint((x[name][i] + 1) * 127.5) for x in (batch, still))) for name in still]
        assert shifts[0] & shifts[1], i
        moved += (False, 0, 0) not in shifts[0]
    assert moved > 48  # 1 of 98 places is the original


def shift_of(moved, still):
    """The ways (mirrored, rows, columns) of flipping and shifting `still` that give `moved` in the middle."""
    inner = slice(3, -3)
    return {
        (mirrored, down, right)
        for mirrored in (False, True)
        for down in range(-3, 4)
        for right in range(-3, 4)
        if np.array_equal(
            (moved[:, ::-1] if mirrored else moved)[inner, inner],
            np.roll(still, (down, right), (0, 1))[inner, inner],
        )
    }


def test_the_training_halves_share_nothing_and_the_test_has_true_pairs():
    train, test = load('embedded:noto_openmoji'), load('embedded:noto_openmoji', split='test')
    assert (train.split, test.split) == ('train', 'test')
    assert [np.shape(train.arrays[side]['image']) for side in 'ab'] == [(700, 32, 32, 3)] * 2
    assert test.spec.size == 241
    held = openmoji.stored()
    codes = held['hexcode'][held['noto_row']]
    halves = [set(codes[held['noto_part'] == part]) for part in range(3)]
    assert list(map(len, halves)) == [700, 700, 241]
    assert len(set.union(*halves)) == 1641
    for side in 'ab':
        assert not pictures_of(train, side) & pictures_of(test, side)
    batch = test.read(test.arrays, np.arange(241, dtype=np.int32), jax.random.key(0))
    rows = held['noto_part'] == 2
    for side, whole in (('a', held['noto']), ('b', held['color'][held['noto_row']])):
        np.testing.assert_array_equal(np.rint((np.asarray(batch[side]) + 1) * 127.5), whole[rows])
    with pytest.raises(GaxError, match=r'noto_openmoji has its own splits, and they are train, test'):
        load('embedded:noto_openmoji', split='validation')


def pictures_of(source, side):
    return pictures(source._replace(arrays=source.arrays[side]), 'image')


def test_sizes_and_channels():
    source = load('embedded:openmoji', channels=1, image_size=16)
    assert [field.shape for field in source.spec.fields.values()] == [(16, 16, 1)] * 2
    assert load('embedded:noto_openmoji', image_size=16).spec.fields['b'].shape == (16, 16, 3)
    with pytest.raises(GaxError, match=r"embedded data set 'openmojo'.*openmoji"):
        load('embedded:openmojo')
