"""Encoded rows of a table, and back."""

import numpy as np
import pytest

from gax import errors
from gax.core.layout import Layout
from gax.core.spec import Field, Spec
from gax.data import columns, encoded, identity, synthetic_table, weighted
from gax.data.columns import Column, Encoding
from gax.objectives import rows

AGE = Column('age', 'integer', means=(10.0, 50.0), stds=(1.0, 5.0), weights=(0.5, 0.5), high=90.0, decimals=0)
GAP = AGE._replace(name='gap', missing=True)
SEX = Column('sex', 'category', ('f', 'm'), (3, 1))
LEFT = Column('left', 'category', ('x',), (2, 2), missing=True)
ENCODING = Encoding((AGE, Column('unit', 'constant', ('kg',)), SEX, GAP, LEFT), 'sex')


def cells(age=(10, 12, 50, 70), gap=(np.nan, 10, 50, 50), sex='fffm', left=('x', None, 'x', None)):
    return {
        'age': np.array(age, float),
        'unit': np.full(len(age), 'kg', object),
        'sex': np.array(list(sex), object),
        'gap': np.array(gap, float),
        'left': np.array(left, object),
    }


def test_a_number_is_a_scalar_of_four_standard_deviations_and_a_mode():
    x = encoded.encode(ENCODING, cells())
    assert x.shape == (4, ENCODING.width) == (4, 11)
    np.testing.assert_allclose(x[:, :3], [[0, 1, 0], [0.5, 1, 0], [0, 0, 1], [1, 0, 1]])
    assert x[:, 3:5].tolist() == [[1, 0], [1, 0], [1, 0], [0, 1]]
    # A missing number is the last element of its choice, and its scalar is 0.
    np.testing.assert_allclose(x[:, 5:9], [[0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]])
    assert x[:, 9:].tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]
    assert ENCODING.names[:5] == ('age', 'age mode 0', 'age mode 1', 'sex=f', 'sex=m')
    assert ENCODING.names[-3:] == ('gap missing', 'left=x', 'left missing')


def test_back_again_with_names_order_rounding_range_and_missing_values():
    x = encoded.encode(ENCODING, cells())
    x[1, 0] += 0.01  # 0.04 years: rounded away
    x[3, 0] = 7.0  # beyond 1, as no tanh is: 50 + 20
    x[3, 3:5] = 0.2, 0.3  # the larger one counts
    assert encoded.lines(ENCODING, x) == [
        ['age', 'unit', 'sex', 'gap', 'left'],
        ['10', 'kg', 'f', '', 'x'],
        ['12', 'kg', 'f', '10', ''],
        ['50', 'kg', 'f', '50', 'x'],
        ['70', 'kg', 'm', '50', ''],
    ]
    low = Encoding((AGE._replace(low=11.0),))
    assert encoded.decode(low, np.array([[-1.0, 1, 0]], np.float32))['age'].tolist() == [11.0]


def test_the_mode_is_drawn_by_its_posterior():
    twin = Encoding((AGE._replace(means=(0.0, 0.0), stds=(1.0, 1.0), weights=(0.25, 0.75)),))
    share = encoded.encode(twin, {'age': np.zeros(20_000)})[:, 2].mean()
    assert abs(share - 0.75) < 4 * (0.75 * 0.25 / 20_000) ** 0.5


@pytest.mark.parametrize(
    ('column', 'value', 'text'),
    [
        (AGE._replace(kind='continuous', decimals=2), 3.1, '3.1'),
        (AGE._replace(kind='continuous', decimals=2), 3.0, '3.0'),
        (AGE._replace(kind='continuous', decimals=columns.EXACT), 1 / 3, '0.333333333'),
        (AGE._replace(kind='date', format='%d.%m.%Y'), 19_782.0, '29.02.2024'),
        (AGE._replace(kind='date', format='%Y-%m-%d %H:%M:%S'), -1.0, '1969-12-31 23:59:59'),
    ],
)
def test_texts_of_numbers(column, value, text):
    assert encoded.texts(column, np.array([value, np.nan])) == [text, '']


def test_an_encoding_is_part_of_the_spec_and_of_data_json():
    assert columns.from_text(columns.to_text(ENCODING)) == ENCODING
    field = Field((11,), 'table', info=columns.info_of(ENCODING))
    kept = identity.from_json(identity.to_json(identity.Identity(Spec('t', {'table': field}, size=4))))
    assert columns.of_info(kept.spec.fields['table'].info) == ENCODING
    assert len(identity.field_text('table', field)) < 400, 'an encoding is not told in full'


def test_a_category_of_another_split_only_is_refused():
    for changed, what in (
        ({'sex': 'fffz'}, "column 'sex': the category 'z' is not among the rows"),
        ({'sex': ['f', 'f', 'f', None]}, "column 'sex': a missing value is not among"),
        ({'age': (1, 2, 3, np.nan)}, "column 'age': a missing value is not among"),
    ):
        with pytest.raises(errors.GaxError, match=what):
            encoded.encode(ENCODING, cells(**changed))


def test_pictures_show_one_number_for_each_column():
    field = Field((11,), 'table', info=columns.info_of(ENCODING))
    batch, spec = encoded.pictured(
        {'table': encoded.encode(ENCODING, cells())}, Spec('t', {'table': field}, size=4)
    )
    info = {'columns': ('age', 'sex', 'gap', 'left'), 'categories': ('sex', 'left')}
    assert spec.fields['table'] == Field((4,), 'table', info=info)
    np.testing.assert_array_equal(batch['table'][0], [10, 0, np.nan, 0])
    np.testing.assert_array_equal(batch['table'][3], [70, 1, 50, 1])
    plain = Spec('t', {'table': Field((2,), 'table')})
    assert encoded.pictured(None, plain) == (None, plain)


def test_the_synthetic_table_has_the_distribution_that_it_says():
    source = synthetic_table.synthetic_table()
    drawn = synthetic_table.rows()
    decoded = encoded.decode(
        columns.of_info(source.spec.fields['table'].info), np.asarray(source.arrays['table'])
    )
    reached = synthetic_table.RATE + 4 * synthetic_table.RATE**0.5
    np.testing.assert_array_equal(decoded['count'], np.minimum(drawn['count'], reached))
    assert decoded['group'].tolist() == drawn['group'].tolist()
    in_c = drawn['group'] == 'c'
    assert abs(in_c.mean() - 0.1) < 4 * (0.09 / 2000) ** 0.5
    assert abs(drawn['amount'][in_c].mean() - 3) < 4 * 0.5 / in_c.sum() ** 0.5


def test_weighted_orders():
    order = weighted.weighted(np.array([1.0, 0.0, 3.0]))
    drawn = order(5, 0, 10_000)
    assert drawn.dtype == np.int32
    np.testing.assert_array_equal(order(5, 4000, 500), drawn[4000:4500])
    assert not np.array_equal(order(6, 0, 100), drawn[:100])
    counts = np.bincount(drawn, minlength=3)
    assert counts[1] == 0
    assert abs(counts[0] - 2500) < 4 * (10_000 * 0.1875) ** 0.5


def test_rows_are_drawn_as_if_the_condition_came_first():
    """Training by sampling: a category uniformly, a value by log frequency, a row that has it."""
    layout = Layout(5, (), ((0, 2), (2, 5)), ((0, 2), (2, 5)), ((3, 1), (2, 1, 1)))
    table = np.zeros((4, 5))
    table[[0, 1, 2, 3], [0, 0, 0, 1]] = 1
    table[[0, 1, 2, 3], [2, 2, 3, 4]] = 1
    logs = np.log([4, 2])
    first, second = logs / logs.sum(), np.log([3, 2, 2]) / np.log([3, 2, 2]).sum()
    expected = 0.5 * np.array(
        [
            first[0] / 3 + second[0] / 2,
            first[0] / 3 + second[0] / 2,
            first[0] / 3 + second[1],
            first[1] + second[2],
        ]
    )
    weights = rows.weights(layout, table)
    np.testing.assert_allclose(weights / weights.sum(), expected)
