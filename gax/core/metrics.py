"""Metrics accumulated on the device between two log lines: sums, counts, and the first non-finite step."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax.core.types import Array, Metrics

NEVER = np.iinfo(np.int32).max


class Meter(NamedTuple):
    """An accumulator of metrics.

    Attributes:
      totals: name -> (sum, count), float32 scalars.
      bad: name -> int32 scalar, the first step whose value was NaN or infinite; `NEVER` if there was none.
    """

    totals: Metrics
    bad: dict[str, Array]


def empty(metrics: Any) -> Meter:
    """An empty meter for metrics of this structure (arrays or shapes)."""
    totals = {name: (jnp.zeros(()), jnp.zeros(())) for name in metrics}
    return Meter(totals, {name: jnp.full((), NEVER, jnp.int32) for name in metrics})


def add(meter: Meter, metrics: Metrics, step: Array) -> Meter:
    """Adds the metrics of one step.

    Args:
      meter: The accumulator.
      metrics: What the step measured. Metrics that it lacks (of a player without an update) stay as they are.
      step: int32 scalar, the number of the step, from 0.

    Returns:
      The new meter.
    """
    totals = meter.totals | {
        name: jax.tree.map(jnp.add, meter.totals[name], pair) for name, pair in metrics.items()
    }
    bad = meter.bad | {
        name: jnp.where(jnp.isfinite(value), meter.bad[name], jnp.minimum(meter.bad[name], step))
        for name, (value, _) in metrics.items()
    }
    return Meter(totals, bad)


def means(meter: Meter) -> dict[str, float]:
    """The means as host floats, name -> sum / count, sorted by name. Names with count 0 are left out."""
    pairs = {name: (float(total), float(count)) for name, (total, count) in sorted(meter.totals.items())}
    return {name: total / count for name, (total, count) in pairs.items() if count}


def measured(meter: Meter) -> bool:
    """Whether any metric has a count above 0. Runs on the host."""
    return any(float(count) > 0 for _, count in meter.totals.values())


def first_bad(meter: Meter) -> tuple[int, str] | None:
    """The first non-finite value, as (step, metric); None if there was none."""
    earliest = min(((int(step), name) for name, step in meter.bad.items()), default=(NEVER, ''))
    return None if earliest[0] == NEVER else earliest
