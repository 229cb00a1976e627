"""Samplers, pruners and distributions of Optuna for a search."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from gax.sweep import space
from gax.sweep.plan import Plan, Search
from gax.sweep.space import Axis, Setting


def sampler(search: Search, number: int) -> Any:
    """The sampler of a trial, seeded by the trial's number."""
    import optuna

    seed = int(hashlib.sha256(f'{search.seed} {number}'.encode()).hexdigest()[:8], 16)
    make = {'tpe': optuna.samplers.TPESampler, 'random': optuna.samplers.RandomSampler}[search.sampler]
    return make(seed=seed)


def pruner(search: Search, steps: int) -> Any:
    """The pruner of a search.

    'median' prunes after a quarter of the steps, below the median of at least four finished trials.
    """
    import optuna

    return {
        'none': lambda: optuna.pruners.NopPruner(),
        'median': lambda: optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=steps // 4),
        'hyperband': lambda: optuna.pruners.HyperbandPruner(max(1, steps // 27), steps, 3),
    }[search.pruner]()


def distributions(plan: Plan) -> dict[str, Any]:
    """The parameters that Optuna chooses.

    They are each range, named by its first field, and each axis with several alternatives, named by the axis.
    """
    import optuna

    by_name: dict[str, Any] = {}
    for axis in plan.axes:
        for names, r in axis.ranges().items():
            if isinstance(r.low, int) and isinstance(r.high, int):
                by_name[names[0]] = optuna.distributions.IntDistribution(r.low, r.high, log=r.log)
            else:
                by_name[names[0]] = optuna.distributions.FloatDistribution(r.low, r.high, log=r.log)
        if len(axis.alternatives) > 1:
            by_name[axis.name] = optuna.distributions.CategoricalDistribution(list(labelled(axis)))
    return by_name


def chosen(plan: Plan, params: Mapping[str, Any]) -> Setting:
    """The fields that Optuna's parameters stand for."""
    setting: Setting = {}
    for axis in plan.axes:
        alternatives = labelled(axis)
        setting |= alternatives[params[axis.name]] if axis.name in params else axis.settings()[0]
        setting |= {field: params[names[0]] for names in axis.ranges() for field in names}
    return setting


def labelled(axis: Axis) -> dict[str, Setting]:
    """Label -> alternative.

    A label that is taken already (of floats that differ after four digits) gets a number.
    """
    alternatives: dict[str, Setting] = {}
    for i, setting in enumerate(axis.settings()):
        name = space.label(setting)
        alternatives[f'{name} ({i})' if name in alternatives else name] = setting
    return alternatives
