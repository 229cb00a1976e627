"""Tables from .csv files: the kinds of columns, the encoding, and what is refused."""

import numpy as np
import pytest

from gax import data, errors
from gax.config import base, choices
from gax.data import cells, columns, encoded, mixture, splits, table

pandas = pytest.importorskip('pandas')
pytest.importorskip('sklearn')


def write(tmp_path, text, name='t.csv'):
    path = tmp_path / name
    path.write_text(text)
    return path


def load(path, **fields):
    config = base('ctgan')
    values = {'name': f'table:{path}', **fields}
    choices.set_all(config, {f'data.{name}': value for name, value in values.items()})
    return data.load(config)


def encoding_of(source):
    return columns.of_info(source.spec.fields['table'].info)


def people(tmp_path, count=60):
    rng = np.random.default_rng(0)
    lines = ['born,height,children,zip,city,unit,note']
    for i in range(count):
        height = '' if i % 10 == 3 else f'{rng.normal(170, 9):.1f}'
        city = ('Rome', '"Graz, AT"', '')[i % 3]
        children, born = i % 4, f'{1 + i % 28:02}.{1 + i % 12:02}.19{50 + i % 40}'
        lines.append(f'{born},{height},{children},0{100 + i % 5},{city},kg,n{i}')
    return write(tmp_path, '\n'.join(lines) + '\n')


def test_the_kinds_of_columns(tmp_path, caplog):
    caplog.set_level('INFO', 'gax')
    source = load(people(tmp_path), columns='note:drop')
    kinds = {column.name: column.kind for column in encoding_of(source).columns}
    assert kinds == {
        'born': 'date',
        'height': 'continuous',
        'children': 'category',  # four values of 60: codes
        'zip': 'category',  # leading zeros would be lost
        'city': 'category',
        'unit': 'constant',
    }
    assert encoding_of(source).target == 'city'
    assert 'column city: category, 2 values (Graz, AT, Rome), some missing' in caplog.text
    assert 'left out: note' in caplog.text
    wanted = load(people(tmp_path), columns='children:integer, note:drop,zip:continuous', target='city')
    kinds = {column.name: column.kind for column in encoding_of(wanted).columns}
    assert (kinds['children'], kinds['zip']) == ('integer', 'continuous')


def test_a_file_of_yours_comes_back(tmp_path):
    """Names, order, types, rounding and missing values: every cell of every row."""
    path = people(tmp_path)
    source = load(path, columns='note:drop')
    lines = encoded.lines(encoding_of(source), source.arrays['table'])
    original = cells.read(path).drop(columns='note')
    assert lines[0] == list(original.columns)
    assert lines[1:] == original.astype(object).where(original.notna(), '').to_numpy().tolist()
    rows = encoded.decode(encoding_of(source), source.arrays['table'])
    framed = cells.framed(encoding_of(source), rows)
    types = [str(kind).partition('[')[0] for kind in framed.dtypes]
    texts = 'str' if pandas.__version__ >= '3' else 'object'
    assert types == ['datetime64', 'float64', texts, texts, texts, texts]
    assert framed['height'].isna().sum() == 6


def test_the_encoding_is_fitted_to_the_training_split_only(tmp_path):
    x = np.arange(100.0)
    rows = splits.dealt(100)
    x[rows['test']] += 1000
    path = write(tmp_path, 'x,c\n' + ''.join(f'{v:.1f},{"ab"[i % 2]}\n' for i, v in enumerate(x)))
    train, test = load(path, split='train'), load(path, split='test')
    assert encoding_of(train) == encoding_of(test)
    assert encoding_of(train).columns[0].high < 100
    assert (train.spec.size, test.spec.size) == (80, 10)
    assert train.splits == {'train': 80, 'validation': 10, 'test': 10}


def test_modes():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(-5, 0.5, 700), rng.normal(20, 2, 300), np.full(2, 300.0)])
    means, stds, weights = mixture.modes(x)
    nearest = [int(np.argmin(np.abs(np.array(means) - center))) for center in (-5, 20, 300)]
    assert len(set(nearest)) == 3, 'numbers that no mode reaches have their own'
    assert abs(means[nearest[2]] - 300) < 4 * stds[nearest[2]]
    assert len(means) <= mixture.MODES + 1
    assert min(stds) > 0
    assert abs(sum(weights) - 1) < 0.05
    assert mixture.modes(np.full(5, 3.0)) == ((3.0,), (1.0,), (1.0,))


@pytest.mark.parametrize(
    ('text', 'fields', 'what'),
    [
        ('a,b\n1,\n2,\n', {}, r"column 'b': all 2 values are missing; leave it out, 'b:drop'"),
        (
            'd,c\n2020-01-01,x\n2020-01-02,y\n2020-02-30,x\n',
            {},
            r"column 'd': the date '2020-02-30' cannot be read \(the others are like %Y-%m-%d\)",
        ),
        ('d,c\n3,x\nsoon,y\n', {'columns': 'd:date'}, r"column 'd': the date '3' cannot be read"),
        ('age,c\n1,x\n2,y\n', {'columns': 'agee:integer'}, r"unknown column .* 'agee' \(nearest: 'age'\)"),
        ('age,c\n1,x\n2,y\n', {'columns': 'age:intger'}, r"unknown kind .* \(nearest: 'integer'\)"),
        ('age,c\n1,x\n2,y\n', {'columns': 'age'}, r"'age' must be COLUMN:KIND"),
        ('age,c\n1,x\nold,y\n', {'columns': 'age:integer'}, r"column 'age': 'old' is no finite number"),
        ('age,c\n1,x\n2,y\n', {'columns': 'c:constant'}, r"column 'c' is no constant: it has 2 values"),
        ('a,a\n1,2\n', {}, r"two columns called 'a'"),
        ('a,b\n', {}, r'has no rows'),
        ('a,b\n1,x\n1,x\n', {}, r'no column with more than one value'),
        ('a,b\n1,x\n2,y\n', {'target': 'a'}, r"unknown category in config.data.target 'a'"),
        ('a,b\n1,x,3,4\n1\n2,y,4,5,6\n', {}, r'cannot read .* as a table'),
        (
            'id,b\n' + ''.join(f'u{i},x\n' for i in range(1001)) + 'u1,y\n',
            {},
            r"column 'id': 1,001 different texts, such as 'u0', are too many for a category",
        ),
    ],
)
def test_what_is_refused(tmp_path, text, fields, what):
    with pytest.raises(errors.GaxError, match=what) as caught:
        load(write(tmp_path, text), **fields)
    assert '\n' not in str(caught.value)


def test_a_category_in_the_test_split_only(tmp_path):
    names = np.full(30, 'a', object)
    names[::2] = 'b'
    names[splits.dealt(30)['test'][0]] = 'rare'
    path = write(tmp_path, 'x,c\n' + ''.join(f'{i}.5,{name}\n' for i, name in enumerate(names)))
    assert load(path, split='train').spec.size == 24
    with pytest.raises(errors.GaxError, match="column 'c': the category 'rare' is not among the rows"):
        load(path, split='test')


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(errors.GaxError, match=r'table .*none\.csv does not exist'):
        load(tmp_path / 'none.csv')


def test_without_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(cells, 'find_spec', lambda name: None)
    with pytest.raises(errors.GaxError, match=r"tables need pandas: pip install 'gax\[tables\]'"):
        table.opened(write(tmp_path, 'a\n1\n'))


def test_rows_of_another_tool_are_encoded_as_the_table_is(tmp_path):
    """The file itself, with its columns in another order, numbers written otherwise and one column more."""
    source = load(people(tmp_path), columns='note:drop')
    frame = pandas.read_csv(tmp_path / 't.csv', dtype=str).iloc[:, ::-1]
    frame['height'] = [text if text != text else f'{float(text):.3e}' for text in frame['height']]
    frame.drop(columns='unit').to_csv(tmp_path / 'other.csv', index=False)
    other = table.from_file(tmp_path / 'other.csv', encoding_of(source))
    np.testing.assert_array_equal(other.arrays['table'], source.arrays['table'])
    assert other.spec.fields == source.spec.fields


@pytest.mark.parametrize(
    ('column', 'cell', 'message'),
    [
        ('city', 'Roma', r"unknown value of the column 'city' of .*o\.csv: 'Roma' \(nearest: 'Rome'\)"),
        ('height', 'tall', "o.csv, column 'height': 'tall' is no finite number"),
        ('height', 'inf', "o.csv, column 'height': 'inf' is no finite number"),
        ('born', '1950-02-03', r"o.csv, column 'born': '1950-02-03' is no date like %d\.%m\.%Y"),
        ('zip', None, "o.csv, column 'zip': 1 values are missing, and in the table none is"),
    ],
)
def test_cells_of_another_tool_that_are_none_of_the_table(tmp_path, column, cell, message):
    encoding = encoding_of(load(people(tmp_path), columns='note:drop'))
    frame = pandas.read_csv(tmp_path / 't.csv', dtype=str)
    frame.loc[0, column] = cell
    frame.to_csv(tmp_path / 'o.csv', index=False)
    with pytest.raises(errors.GaxError, match=message) as info:
        table.from_file(tmp_path / 'o.csv', encoding)
    assert '\n' not in str(info.value)
    frame.drop(columns=column).to_csv(tmp_path / 'o.csv', index=False)
    with pytest.raises(errors.GaxError, match=rf"unknown column of .*o\.csv: '{column}'"):
        table.from_file(tmp_path / 'o.csv', encoding)
