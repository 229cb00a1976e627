"""What metrics need of two sets of samples, and their numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from gax import errors
from gax.evals import metric_table, number_names
from gax.evals.metric import Metric, Samples
from gax.evals.metrics import ranking

# For the held examples: fewer than metric_table.SWD if they are large, but at least FEWEST.
BYTES, FEWEST = 2**30, 256


def needs(metrics: Mapping[str, Metric]) -> set[str]:
    """The fields of Samples that the metrics read."""
    return {need for metric in metrics.values() for need in metric.needs}


def most_held(metrics: Mapping[str, Metric], shape: Sequence[int]) -> int:
    """The number of examples of this shape to hold: 0 for all, if a metric counts every one."""
    if 'modes' in metrics:
        return 0
    return int(np.clip(BYTES // math.prod(shape), FEWEST, metric_table.SWD))


def in_order(samples: Samples, salt: int) -> Samples:
    """The same set in the order of `ranking`, whatever order it came in.

    `x` may hold fewer examples than the other fields.
    """
    x = samples.x
    if x is not None:
        x = x[ranking.shuffled(ranking.projections(x), None, salt)]
    rows = {name: getattr(samples, name) for name in ('features', 'probabilities', 'labels')}
    rows = {name: row for name, row in rows.items() if row is not None}
    by = next((row for name, row in rows.items() if name != 'labels'), None)
    if by is None:
        return samples._replace(x=x)
    chosen = ranking.shuffled(ranking.projections(by), samples.labels, salt)
    return samples._replace(x=x, **{name: row[chosen] for name, row in rows.items()})


def measure(
    metrics: Mapping[str, Metric], label: str, real: Samples, fake: Samples, seed: int
) -> dict[str, float]:
    """All numbers by their reported names. They do not depend on the order of either set.

    Raises:
      GaxError: A number is not finite.
    """
    numbers: dict[str, float] = {}
    ordered = in_order(real, ranking.REAL), in_order(fake, ranking.FAKE)
    for metric in metrics.values():
        sets = (real, fake) if metric.paired else ordered
        for name, value in metric.measure(*sets, seed).items():
            numbers[number_names.reported(name, label) if metric.by_features else name] = float(value)
    bad = [name for name, value in numbers.items() if not np.isfinite(value)]
    if bad:
        raise errors.GaxError(f'{bad[0]} is not finite: look at the samples')
    return numbers
