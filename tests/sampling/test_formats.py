"""Samples of every kind in files: what is written is read again as it was."""

import csv

import numpy as np
import pytest
from scipy.io import wavfile

from gax.core.spec import Field, Spec
from gax.data import kinds
from gax.errors import GaxError
from gax.sampling import formats

RNG = np.random.default_rng(0)


def spec_of(field, name='x'):
    return Spec('set', {name: field})


def test_audio_is_sixteen_bits_one_after_another(tmp_path):
    x = RNG.uniform(-1, 1, (3, 40, 1)).astype(np.float32)
    x[0, 0] = 5.0
    formats.save(x, Field((40, 1), 'audio', info={'sample_rate': 100}), '.wav', tmp_path / 'a.wav')
    rate, y = wavfile.read(tmp_path / 'a.wav')
    assert (rate, y.dtype, len(y)) == (100, np.int16, 3 * 40 + 2 * 25)
    assert not y[40:65].any()
    np.testing.assert_allclose(y[65:105] / 32767, x[1, :, 0], atol=1e-4)
    assert y[0] == 32767


def test_a_table_has_its_columns(tmp_path):
    x = RNG.normal(size=(4, 2)).astype(np.float32)
    formats.save(x, Field((2,), 'table', info={'columns': ('age', 'a,b')}), '.csv', tmp_path / 'a.csv')
    head, *rows = csv.reader((tmp_path / 'a.csv').read_text().splitlines())
    assert head == ['age', 'a,b']
    np.testing.assert_array_equal(np.array(rows, np.float32), x)


def test_series_have_the_example_and_the_time(tmp_path):
    x = RNG.normal(size=(2, 3, 2)).astype(np.float32)
    formats.save(x, Field((3, 2), 'series'), '.csv', tmp_path / 'a.csv')
    head, *rows = csv.reader((tmp_path / 'a.csv').read_text().splitlines())
    assert head == ['example', 'time', '0', '1']
    assert [row[:2] for row in rows] == [[str(i), str(t)] for i in range(2) for t in range(3)]
    np.testing.assert_array_equal(np.array(rows, np.float32)[:, 2:].reshape(x.shape), x)


def test_tokens_are_lines(tmp_path):
    field = Field((3,), 'tokens', 'int32', {'vocabulary': ('a', 'b')})
    formats.save(np.array([[0, 1, 0], [1, 1, 1]]), field, '.txt', tmp_path / 'a.txt')
    assert (tmp_path / 'a.txt').read_text() == 'aba\nbbb\n'


def test_arrays_of_all_fields(tmp_path):
    spec = Spec('set', {'series': Field((2, 1), 'series'), 'beside': Field((1, 1, 1))})
    made = {'series': RNG.normal(size=(3, 2, 1)), 'beside': np.ones((3, 1, 1, 1)), 'label': np.arange(3)}
    formats.save_npz(made, spec, tmp_path / 'a.npz')
    stored = dict(np.load(tmp_path / 'a.npz'))
    assert sorted(stored) == ['beside', 'labels', 'series']
    assert stored['beside'].ravel().tolist() == [255] * 3
    np.testing.assert_array_equal(stored['series'], made['series'])
    assert [kinds.written(kind, kind) for kind in ('image', 'point', 'series')] == [
        'images',
        'points',
        'series',
    ]


@pytest.mark.parametrize(
    ('kind', 'suffix', 'says'),
    [
        ('point', '/', '--out a: points are no images; write .npz'),
        ('image', '.wav', '--out a: images are not written as .wav; write .png or .npz or /'),
        ('series', '.txt', '--out a: series are not written as .txt; write .png or .npz or .csv'),
    ],
)
def test_another_ending_is_refused(kind, suffix, says):
    with pytest.raises(GaxError, match=f'^{says}$'):
        formats.check(spec_of(Field((2, 2, 1), kind)), suffix, '/', 'a')
    formats.check(spec_of(Field((2, 2, 1), 'image')), '/', '/', 'a')
