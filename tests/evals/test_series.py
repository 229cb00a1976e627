"""Metrics of series in the registry: their numbers, the scaling that is undone, and what takes them."""

import numpy as np
import pytest

from gax.core.spec import Field
from gax.data import scaling
from gax.evals import registry, series
from gax.evals.metric import Samples

RNG = np.random.default_rng(0)


def measured(name, real, fake, info=None):
    pair = Samples(len(real), x=real), Samples(len(fake), x=fake, info=info or {})
    return dict(series.METRICS[name].measure(*pair, 0))


def test_facts_are_of_the_data_as_they_were_before_scaling():
    """The kurtosis of gaussianized returns would be 0 whatever the returns."""
    returns = 0.01 * RNG.laplace(size=(300, 60, 1))
    fitted = scaling.fit('gaussianized', returns.reshape(-1, 1))
    scaled = fitted.apply(returns).astype(np.float32)
    found = measured('facts', scaled, scaled[::-1], fitted._asdict())
    assert found['kurtosis'] == pytest.approx(3, abs=0.4)
    assert measured('facts', scaled, scaled)['kurtosis'] == pytest.approx(0, abs=1e-3)
    assert set(found) == set(series.METRICS['facts'].gives) - {'emd_100'}  # of 60 steps
    assert found['emd_5'] == pytest.approx(0, abs=1e-9)
    shifted = measured('facts', scaled, fitted.apply(returns + 0.002).astype(np.float32), fitted._asdict())
    assert [shifted[f'emd_{days}'] for days in (1, 5)] == pytest.approx([0.002, 0.010], rel=1e-3)


def test_correlation_is_of_several_columns():
    x = RNG.normal(size=(50, 20, 2))
    other = np.stack([x[..., 0], x[..., 0]], -1)
    assert measured('correlation', x, other)['correlation'] == pytest.approx(1, abs=0.1)
    assert measured('correlation', x[..., :1], x[..., :1]) == {}


def test_scores_are_mean_and_spread_over_the_judges(monkeypatch):
    for name in ('discriminative', 'discriminative_apart', 'predictive'):
        metric = series.METRICS[name]
        assert set(metric.gives) == {name, f'{name}_std'}
        assert metric.kinds == ('series',)
        assert (
            registry.why_not(name, 'd', Field((2,), 'point'), 9, 9)
            == f'{name} is of series, and d has points'
        )
        assert registry.why_not(name, 'd', Field((4, 2), 'series'), 9, 9) == ''
    scores = {'s': 0.25, 's_std': 0.05}
    found = series._scores('s', lambda *_: np.array([0.2, 0.3]), Samples(2), Samples(2), 0)
    assert found == pytest.approx(scores)
