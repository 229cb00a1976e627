"""The names of the numbers that metrics give, which depend on the features, and which direction is better.

A Frechet distance is called FID, a kernel distance KID and a score IS only on the Inception of FID with the
published weights. With other features or weights, numbers are called after the features: `frechet_mnist`,
`kernel_mnist`, `score_mnist`, and likewise `precision_mnist`, `frechet_inception` ...
"""

from __future__ import annotations

from collections.abc import Mapping

from gax import errors
from gax.evals.metric import HIGHER, Metric

INCEPTION_NAMES = {
    'frechet': 'fid',
    'kernel': 'kid',
    'kernel_std': 'kid_std',
    'score': 'is',
    'score_std': 'is_std',
}
METRIC_OF = {title: name for name, title in INCEPTION_NAMES.items()}  # the metric that a requested FID is


def reported(name: str, label: str) -> str:
    """The name of the number `name` on features with this label; '' is the label of FID's Inception."""
    if not label:
        return INCEPTION_NAMES.get(name, name)
    base = name.removesuffix('_std')
    return f'{base}_{label}{name.removeprefix(base)}'


def names(metrics: Mapping[str, Metric], label: str) -> dict[str, str]:
    """The name of every number that the metrics give, as reported -> which direction is better."""
    return {
        reported(name, label) if metric.by_features else name: better
        for metric in metrics.values()
        for name, better in metric.gives.items()
    }


def direction(metrics: Mapping[str, Metric], label: str, name: str) -> tuple[str, bool]:
    """(the number `name` as reported, whether higher is better).

    Args:
      metrics: The metrics of an evaluation.
      label: The label of the features.
      name: The number, with or without the name of the features.

    Raises:
      GaxError: The metrics give no such number, or it has no better direction.
    """
    directions = names(metrics, label)
    number = name if name in directions else reported(METRIC_OF.get(name, name), label)
    directed = [one for one, better in directions.items() if better]
    if number not in directed:
        raise errors.GaxError(errors.choices('number to be the best by', name, directed))
    return number, directions[number] == HIGHER
