"""Series from files: windows, splits by time, scaling of the training rows, missing values, bad input."""

import gzip

import jax
import numpy as np
import pytest

from gax import data
from gax.config import base, choices
from gax.config.defaults import check
from gax.core.spec import Field
from gax.data import csv_rows, identity, scaling, series
from gax.errors import GaxError
from gax.sampling import formats


def load(name, **fields):
    config = base('vanilla')
    choices.set_all(config, {'data.name': name, **{f'data.{key}': value for key, value in fields.items()}})
    check(config)
    return data.load(config)


def write(tmp_path, text, name='a.csv'):
    path = tmp_path / name
    path.write_text(text)
    return f'series:{path}'


def table(rows=100, dates=False):
    """Two columns: t and 10 t."""
    days = np.datetime64('2020-01-01') + np.arange(rows)
    lines = [f'{f"{days[t]}," if dates else ""}{t},{10 * t}' for t in range(rows)]
    return '\n'.join([f'{"Date," if dates else ""}a,b', *lines]) + '\n'


def test_windows_of_all_rows(tmp_path):
    source = load(write(tmp_path, table(10)), length=4, stride=3, scaling='none')
    assert source.arrays['series'][:, :, 0].tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    field = source.spec.fields['series']
    assert (field.shape, field.kind, field.info['columns']) == ((4, 2), 'series', ('a', 'b'))
    assert source.spec.size == 3
    backwards = load(f'series:{tmp_path}/a.csv', length=10, scaling='none', backwards=True, columns='b')
    assert backwards.arrays['series'][0, :, 0].tolist() == [90, 80, 70, 60, 50, 40, 30, 20, 10, 0]


def test_splits_are_in_the_order_of_time_and_share_no_row(tmp_path):
    name = write(tmp_path, table(100))
    parts = {
        split: load(name, length=4, split=split, scaling='none') for split in ('train', 'validation', 'test')
    }
    rows = {split: set(part.arrays['series'][:, :, 0].ravel().tolist()) for split, part in parts.items()}
    assert rows == {'train': set(range(80)), 'validation': set(range(80, 90)), 'test': set(range(90, 100))}
    assert parts['test'].splits == {'train': 77, 'validation': 7, 'test': 7}
    assert (parts['test'].split, load(name, length=4).splits) == ('test', {})


def test_the_scaling_is_fitted_on_the_training_rows(tmp_path):
    source = load(write(tmp_path, table(100)), length=2, split='test')
    np.testing.assert_allclose(source.arrays['series'][0, :, 0], np.array([90, 91]) / 79, rtol=1e-6)
    kept = scaling.of_info(source.spec.fields['series'].info)
    np.testing.assert_allclose(kept.inverse(source.arrays['series'])[0, 0], [90, 900], rtol=1e-6)


def test_dates_put_rows_in_order_and_are_described(tmp_path):
    lines = table(20, dates=True).splitlines()
    name = write(tmp_path, '\n'.join([lines[0], *lines[:0:-1]]))  # the newest first
    source = load(name, length=20, scaling='none')
    assert source.arrays['series'][0, :, 0].tolist() == list(range(20))
    assert source.spec.fields['series'].info['dates'] == ('2020-01-01T00:00:00', '2020-01-20T00:00:00')
    kept = identity.from_json(identity.to_json(identity.of(source)))
    assert kept.spec.fields['series'] == source.spec.fields['series']
    german = write(tmp_path, 'Tag,a\n02.01.2020,1\n01.01.2020,0\n', 'b.csv')
    source = load(german, date='Tag', date_format='%d.%m.%Y', length=2, scaling='none')
    assert source.arrays['series'][0, :, 0].tolist() == [0, 1]


def test_log_returns(tmp_path):
    text = 'p\n' + '\n'.join(str(2.0**t) for t in (0, 1, 3, 2)) + '\n'
    source = load(write(tmp_path, text), length=3, transform='log_return', scaling='none')
    np.testing.assert_allclose(source.arrays['series'][0, :, 0] / np.log(2), [1, 2, -1], rtol=1e-6)
    assert source.spec.fields['series'].info['columns'] == ('p_log_return',)


GAPS = 'a,b\n,1\n1,2\nNaN,3\n4,4\n5,?\n'


def test_missing_values_by_each_policy(tmp_path):
    name = write(tmp_path, GAPS)
    wanted = {
        'previous': [[1, 2], [1, 3], [4, 4], [5, 4]],
        'interpolate': [[1, 2], [2.5, 3], [4, 4]],
        'drop': [[1, 2], [4, 4]],
    }
    for policy, rows in wanted.items():
        source = load(name, length=len(rows), missing=policy, scaling='none')
        assert source.arrays['series'].tolist() == [rows], policy


BAD = {
    'missing': (GAPS, {}, r"lacks 3 values, the first in column 'a', row 1: say .*missing=previous"),
    'all missing': ('a,b\n,1\n,2\n', {'missing': 'previous'}, r"column 'a' of .* has no value: leave it out"),
    'policy': (GAPS, {'missing': 'prev'}, r"unknown config\.data\.missing 'prev' \(nearest: 'previous'\)"),
    'column': (table(9), {'columns': 'a,c'}, r"unknown column of .* 'c'"),
    'date column': (table(9), {'date': 'day'}, r"unknown column of .* 'day'"),
    'text': ('a,b\n1,x\n2,3\n', {}, r"column 'b' of .*, line 2: 'x' is no number; name the columns"),
    'date': ('date,a\n2020-01-01,1\nsoon,2\n', {}, r"column 'date' of .*, line 3: 'soon' is no date written"),
    'twice': ('date,a\n2020-01-01,1\n2020-01-01,2\n', {}, r'has 2020-01-01T00:00:00 twice'),
    'ragged': ('a,b\n1,2\n3\n', {}, r'line 3, has 1 values for 2 columns'),
    'names': ('a,a\n1,2\n', {}, r"names the column 'a' twice"),
    'empty': ('a,b\n', {}, r'must have a line of names and lines of values'),
    'short': (table(9), {'length': 10}, r'config\.data\.length=10: all of .* has 9 steps, too few'),
    'stride': (table(9), {'stride': 0}, r'config\.data\.stride must be positive, and is 0'),
    'returns': (table(9), {'transform': 'log_return'}, r"column 'a' of .* has 0 in row 1"),
    'transform': (table(9), {'transform': 'log'}, r"unknown config\.data\.transform 'log'"),
    'split': (table(50), {'split': 'tset'}, r"unknown config\.data\.split 'tset' \(nearest: 'test'\)"),
    'images': (table(50), {'flip': True}, r'config\.data\.flip is for images'),
}


@pytest.mark.parametrize('case', BAD)
def test_bad_input_is_one_line(tmp_path, case):
    text, fields, message = BAD[case]
    with pytest.raises(GaxError, match=message) as info:
        load(write(tmp_path, text), **{'length': 2, **fields})
    assert '\n' not in str(info.value)


def test_what_is_no_csv_file_is_one_line(tmp_path):
    with pytest.raises(GaxError, match=r'data file .*nothing\.csv does not exist'):
        load(f'series:{tmp_path}/nothing.csv')
    (tmp_path / 'a.csv').write_bytes(b'\x1f\x8b\x08\x00')
    with pytest.raises(GaxError, match=r'cannot read .*a\.csv: truncated, or no CSV file in UTF-8'):
        load(f'series:{tmp_path}/a.csv')


def test_a_compressed_file_is_read_as_well(tmp_path):
    (tmp_path / 'a.csv.gz').write_bytes(gzip.compress(table(5).encode()))
    assert csv_rows.read(tmp_path / 'a.csv.gz').values[:, 1].tolist() == [0, 10, 20, 30, 40]


def test_a_file_goes_there_and_back(tmp_path):
    """What sample.py writes of windows is the file's own numbers, under its names."""
    name = write(tmp_path, table(12))
    source = load(name, length=12, scaling='gaussianized')
    formats.save(source.arrays['series'], source.spec.fields['series'], '.csv', tmp_path / 'out.csv')
    rows = csv_rows.read(tmp_path / 'out.csv', ('a', 'b'))
    np.testing.assert_allclose(rows.values, csv_rows.read(tmp_path / 'a.csv').values, atol=2e-5)


def test_the_sp500_has_its_dates_and_prices():
    source = load('embedded:sp500', length=8313, scaling='none')
    info, prices = source.spec.fields['series'].info, source.arrays['series'][0]
    assert (len(info['columns']), info['columns'][0]) == (21, 'SP500')
    assert info['dates'] == ('1990-01-02T00:00:00', '2022-12-28T00:00:00')
    names = [info['columns'].index(name) for name in ('SP500', 'AAPL', 'XOM')]
    np.testing.assert_allclose(prices[0, names], [359.69, 0.264, 4.068], rtol=1e-6)
    returns = load('embedded:sp500', length=127, columns='SP500', transform='log_return', split='train')
    assert returns.spec.size == 8312 - 2 * 831 - 126
    with pytest.raises(GaxError, match=r"unknown column of embedded:sp500 'APPL' \(nearest: 'AAPL'\)"):
        load('embedded:sp500', columns='APPL')


def test_sines_have_the_frequencies_and_phases_of_the_paper():
    """Each column is (sin(f t + p) + 1) / 2: f and p of the first two steps give all others."""
    source = load('synthetic:sines', length=12)
    x = np.asarray(source.read((), np.arange(500), jax.random.key(0))['series'], np.float64)
    assert source.spec.fields['series'] == Field((12, 5), 'series')
    angle = np.arcsin(np.clip(2 * x - 1, -1, 1))
    phase, frequency = angle[:, 0], angle[:, 1] - angle[:, 0]
    again = (np.sin(phase[:, None] + frequency[:, None] * np.arange(12)[None, :, None]) + 1) / 2
    np.testing.assert_allclose(x, again, atol=1e-5)
    for drawn in (phase, frequency):
        assert drawn.min() >= -1e-5
        assert drawn.max() <= 0.1 + 1e-5
        assert drawn.mean() == pytest.approx(0.05, abs=0.002)
    with pytest.raises(GaxError, match=r'config\.data\.features=0: both must be positive'):
        load('synthetic:sines', features=0)


def test_previous_and_interpolate_of_a_column():
    x = np.array([[np.nan], [1.0], [np.nan], [np.nan], [4.0]])
    np.testing.assert_array_equal(series.previous(x)[:, 0], [np.nan, 1, 1, 1, 4])
    np.testing.assert_array_equal(series.interpolate(x)[:, 0], [np.nan, 1, 2, 3, 4])
