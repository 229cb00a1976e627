"""Real examples of an experiment outside of training: for pictures, conditions and metrics."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gax.core import rng, sample
from gax.core.types import Batch
from gax.training.experiment import Experiment
from gax.viz import drawing


def reals(experiment: Experiment, num: int) -> Any:
    """A random choice of examples that is the same every time, as data may be stored in any order.

    Args:
      experiment: The experiment.
      num: How many.

    Returns:
      A batch on the host.
    """
    size = experiment.source.spec.size or num
    return examples(experiment, np.random.default_rng(0).permutation(size)[np.arange(num) % size])


def behind(experiment: Experiment) -> Any:
    """The reals over which fakes are drawn, so that the axes stay the same, see `drawing.BEHIND`.

    Args:
      experiment: The experiment.

    Returns:
      A batch on the host; None for kinds of data whose pictures have no reals behind.
    """
    spec = experiment.source.spec
    count = drawing.BEHIND.get(spec.fields[spec.target].kind, 0)
    return reals(experiment, count) if count else None


def examples(experiment: Experiment, indices: np.ndarray) -> Any:
    """The examples with these indices.

    Args:
      experiment: The experiment.
      indices: int [num].

    Returns:
      A batch on the host.
    """
    source = experiment.source
    rows: np.ndarray = indices.astype(np.int32)
    fetched = source.fetch(rows) if source.fetch else rows
    return jax.device_get(source.read(experiment.arrays.data, jax.tree.map(jnp.asarray, fetched), rng.key(0)))


def conditions(experiment: Experiment, num: int) -> Batch:
    """Conditions for `num` fakes, the same every time.

    Args:
      experiment: The experiment.
      num: How many.

    Returns:
      {name: [num, ...]}. A game that is conditioned on labels alone gets the classes in turn; other games get
      fields of real examples.
    """
    names = experiment.game.conditions
    if set(names) <= {'label'}:
        label = sample.labels_in_turn(num, experiment.source.spec.num_classes)
        return {'label': label} if names and label is not None else {}
    examples = reals(experiment, num)
    return {name: jnp.asarray(examples[name]) for name in names}
