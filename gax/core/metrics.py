"""Metrics gathered on the device between two log lines: sums, counts, and the first step that was not
finite.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax.core.types import Array, Metrics

NEVER = np.iinfo(np.int32).max


class Meter(NamedTuple):
    """totals: name -> (sum, count), float32. bad: name -> int32, the first step whose value was NaN or
    infinite.
    """

    totals: Metrics
    bad: dict[str, Array]


def empty(metrics: Any) -> Meter:
    """A meter for metrics of this structure (arrays or shapes)."""
    totals = {name: (jnp.zeros(()), jnp.zeros(())) for name in metrics}
    return Meter(totals, {name: jnp.full((), NEVER, jnp.int32) for name in metrics})


def add(meter: Meter, metrics: Metrics, step: Array) -> Meter:
    """Adds what one step measured; metrics that it lacks (of a player who rests) stay as they are.

    `step` is that step's number, from 0.
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
    """Host floats, name -> sum / count, sorted by name; names that nothing was counted for are left out."""
    pairs = {name: (float(total), float(count)) for name, (total, count) in sorted(meter.totals.items())}
    return {name: total / count for name, (total, count) in pairs.items() if count}


def measured(meter: Meter) -> bool:
    """Whether anything has been counted. On the host."""
    return any(float(count) > 0 for _, count in meter.totals.values())


def first_bad(meter: Meter) -> tuple[int, str] | None:
    """(step, metric) of the first value that was not finite, or None."""
    found = min(((int(step), name) for name, step in meter.bad.items()), default=(NEVER, ''))
    return None if found[0] == NEVER else found
