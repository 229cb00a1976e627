"""Metrics of series, see gax.evals.metrics.post_hoc and .stylized_facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from gax.data import scaling
from gax.evals.metric import LOWER, Metric, Samples
from gax.evals.metrics import post_hoc, stylized_facts


def _scores(
    name: str, score: Callable[..., np.ndarray], real: Samples, fake: Samples, seed: int
) -> Mapping[str, float]:
    """The mean over the judges, and their standard deviation."""
    values = score(real.x, fake.x, seed)
    return {name: float(values.mean()), f'{name}_std': float(values.std())}


def _facts(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    """The facts of the fakes, and the distances of their returns from the reals'.

    Each number is a mean over the columns. The scaling of the data is undone. The values are taken for
    returns.
    """
    scaled = scaling.of_info(fake.info)
    one, other = (scaled.inverse(x) if scaled else np.asarray(x, np.float64) for x in (real.x, fake.x))
    rows = []
    for column in range(one.shape[-1]):
        pair = one[..., column], other[..., column]
        days = [count for count in stylized_facts.DAYS if count <= one.shape[1]]
        apart = {f'emd_{count}': stylized_facts.earth_movers(*pair, count) for count in days}
        rows.append({**stylized_facts.facts(pair[1]), **apart})
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _correlation(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    if real.x.shape[-1] < 2:
        return {}
    return {'correlation': stylized_facts.correlation_gap(real.x, fake.x)}


def _metric(
    measure: Callable[[Samples, Samples, int], Mapping[str, float]], gives: Mapping[str, str], least: int
) -> Metric:
    return Metric(('x',), gives, measure, (least, least), by_features=False, kinds=('series',))


def _judged(name: str, score: Callable[..., Any]) -> Metric:
    return _metric(partial(_scores, name, score), {name: LOWER, f'{name}_std': ''}, 5)


METRICS: dict[str, Metric] = {
    'discriminative': _judged('discriminative', post_hoc.discriminative),
    'discriminative_apart': _judged('discriminative_apart', partial(post_hoc.discriminative, apart=True)),
    'predictive': _judged('predictive', post_hoc.predictive),
    'facts': _metric(
        _facts,
        {
            **dict.fromkeys(('kurtosis', 'acf', 'acf_size', 'leverage'), ''),
            **{f'emd_{days}': LOWER for days in stylized_facts.DAYS},
        },
        2,
    ),
    'correlation': _metric(_correlation, {'correlation': LOWER}, 2),
}
