"""Metrics of tables: what they say of equal, of broken and of copied tables."""

import numpy as np
import pytest

from gax.data import synthetic_table
from gax.evals import metric_table, registry
from gax.evals.metrics import tables

pytest.importorskip('sklearn')
pytest.importorskip('pandas')

DRAWN = synthetic_table.rows()
ENCODING = synthetic_table.encoding(DRAWN)
HALVES = [{name: cells[part] for name, cells in DRAWN.items()} for part in (slice(0, 400), slice(400, 800))]


@pytest.fixture(autouse=True)
def _one_thread():
    """Threads of several test processes wait for one another, many times as long as they work."""
    limits = pytest.importorskip('threadpoolctl').threadpool_limits(1)
    yield
    limits.restore_original_limits()


def apart(rows):
    """The columns, each in an order of its own."""
    random = np.random.default_rng(0)
    return {name: random.permutation(cells) for name, cells in rows.items()}


def test_features():
    x = tables.features(ENCODING, HALVES[0], without='flag')
    assert x.shape == (400, 1 + 2 + 3)
    assert abs(x[:, 0].mean()) < 0.2
    assert abs(x[:, 0].std() - 1) < 0.2
    np.testing.assert_array_equal(x[:, 2], np.isnan(HALVES[0]['count']))
    assert (x[x[:, 2] == 1, 1] == 0).all()
    assert tables.features(ENCODING, HALVES[0]).shape[1] == len(tables.scales(ENCODING))


def test_usefulness():
    """Bayes: flag is yes with chance .1, .5, .9 in groups of .6, .3, .1; the AUC of that is 0.814."""
    good = tables.usefulness(ENCODING, HALVES[0], HALVES[1])
    bad = tables.usefulness(ENCODING, apart(HALVES[0]), HALVES[1])
    assert set(good) == {'f1_logistic', 'auc_logistic', 'f1_boosting', 'auc_boosting'}
    assert abs(good['auc_logistic'] - 0.814) < 0.07
    assert bad['auc_logistic'] < good['auc_logistic'] - 0.25
    one = {**HALVES[0], 'flag': np.full(400, 'no', object)}
    assert tables.usefulness(ENCODING, one, HALVES[1])['f1_logistic'] == 0.0


@pytest.mark.slow
def test_detection():
    good, bad = (tables.detection(ENCODING, HALVES[0], other) for other in (HALVES[1], apart(HALVES[1])))
    assert abs(good['detection_logistic'] - 0.5) < 0.06
    assert abs(good['detection_boosting'] - 0.5) < 0.06
    assert bad['detection_boosting'] > 0.75


def test_closest():
    copies = tables.closest(ENCODING, HALVES[0], HALVES[0])
    assert copies['copied'] == 1.0
    assert copies['dcr'] < 1e-3
    other = tables.closest(ENCODING, HALVES[0], HALVES[1])
    assert 0 < other['dcr'] < 0.5
    assert other['copied'] < 0.5
    far = {**HALVES[1], 'amount': HALVES[1]['amount'] + 100.0}
    mean, std = tables.moments(ENCODING.columns[0])
    assert tables.closest(ENCODING, HALVES[0], far)['dcr'] == pytest.approx(
        (100 + np.median(HALVES[1]['amount']) - HALVES[0]['amount'].max()) / std, rel=0.05
    )
    assert mean == pytest.approx(-2 * 0.6 + 3 * 0.1)


def test_the_quality_of_sdmetrics():
    pytest.importorskip('sdmetrics')
    good, bad = (tables.quality(ENCODING, HALVES[0], other) for other in (HALVES[1], apart(HALVES[1])))
    assert good['column_shapes'] == bad['column_shapes'] > 0.93, 'the same columns'
    assert good['quality'] == pytest.approx((good['column_shapes'] + good['pair_trends']) / 2)
    assert bad['pair_trends'] < good['pair_trends'] - 0.1


def test_which_tables_have_them():
    field = synthetic_table.synthetic_table().spec.fields['table']
    assert registry.default('table:x.csv', 'table') == metric_table.OF_ROWS
    for name in ('tstr', 'detection', 'closest'):
        assert registry.why_not(name, 'table:x.csv', field, 100, 100) == ''
        assert 'is of tables that are read by' in registry.why_not(
            name, 'npz:x', field._replace(info={}), 100, 100
        )
