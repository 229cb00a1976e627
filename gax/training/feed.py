"""Which examples the steps of a run read, and the feed of their rows."""

from __future__ import annotations

from typing import Any

import jax

from gax import data
from gax.data import prefetch
from gax.distributed import sharding as parallel
from gax.training.experiment import Experiment


def indices(experiment: Experiment, step: int, count: int = 1) -> Any:
    """The examples that steps `step` to `step + count - 1` read, a function of the seed alone.

    Args:
      experiment: The experiment.
      step: The first step.
      count: How many steps.

    Returns:
      int32 [count, rows], or a pytree of such arrays.
    """
    rows, order = experiment.rows, data.order_of(experiment.source)
    chosen = order(experiment.config.seed, step * rows, count * rows)
    return jax.tree.map(lambda x: x.reshape(count, rows, *x.shape[1:]), chosen)


def feeder(experiment: Experiment) -> prefetch.Feed:
    """The rows of any steps, which `source.read` makes into batches.

    Rows are the indices of examples if the data is on the devices. Otherwise they are what `source.fetch`
    returns for them, fetched ahead of time by workers; close the feed to end these.

    Args:
      experiment: The experiment.

    Returns:
      (step, count) -> leaves [count, rows, ...].
    """
    source, rows, sharding = experiment.source, experiment.rows, parallel.rows(experiment.mesh, 1)
    if source.fetch is None:
        put = (lambda x: parallel.put(x, sharding)) if parallel.spans(experiment.mesh) else (lambda x: x)
        return prefetch.Feed(lambda step, count: indices(experiment, step, count), put=put)
    pick = prefetch.Pick(experiment.config.seed, rows, data.order_of(source), source.fetch)
    return prefetch.Stream(pick, sharding, experiment.config.data.get('workers', 0))
