"""What runs are judged by: a number of eval.jsonl (`frechet_mnist`) or of metrics.jsonl (`d/diversity`), and
its direction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from gax import errors
from gax.evals import protocol, registry, results
from gax.training.workdir import read_metrics

HOW = ('last', 'min', 'max', 'mean')
DIRECTIONS = ('minimize', 'maximize')
TIMING = ('steps_per_sec', 'images_per_sec', 'seconds')
Measured = dict[str, dict[str, Any]]  # name -> {'last', 'min', 'max', 'mean', 'step', 'protocol'}


class Objective(NamedTuple):
    """A metric, which of its values in a run counts, and whether it is to be small or large ('' where
    unknown).
    """

    metric: str
    how: str = 'last'
    direction: str = ''

    def __str__(self) -> str:
        return self.metric if self.how == 'last' else f'{self.metric}:{self.how}'

    def better(self, a: float, b: float) -> bool:
        return a < b if self.direction == 'minimize' else a > b


def parse(said: str, direction: str = '') -> Objective | None:
    """'METRIC' or 'METRIC:min' as an objective; None for ''.

    Raises GaxError where it cannot be known what is better.
    """
    if not said:
        return None
    metric, _, how = said.partition(':')
    errors.lookup('value of --objective', how or 'last', {name: name for name in HOW})
    found = direction or known_direction(metric)
    if not found:
        raise errors.GaxError(
            f'it is not known whether {metric} should be small or large: add --direction=minimize or maximize'
        )
    return Objective(metric, how or 'last', found)


def known_direction(metric: str) -> str:
    """'minimize' or 'maximize' for metrics of evaluation of which that is known, '' for others.

    Nothing that training logs has a side that is better in any game: not a loss, nor a diversity, which may
    exceed the data's.
    """
    gives = {name: better for m in registry.METRICS.values() for name, better in m.gives.items()}
    gives |= {own: gives[name] for name, own in registry.OWN.items() if name in gives}
    for name in sorted(gives, key=len, reverse=True):
        if metric == name or metric.startswith(f'{name}_'):
            return {registry.LOWER: 'minimize', registry.HIGHER: 'maximize'}.get(gives[name], '')
    return ''


def series(run: Path) -> dict[str, list[tuple[int, float, Any]]]:
    """Everything that a run has measured: name -> [(step, value, protocol or None), ...], by step."""
    found: dict[str, list[tuple[int, float, Any]]] = {}
    for row in read_metrics(run):
        for name, value in row.items():
            if isinstance(value, (int, float)) and name != 'step':
                found.setdefault(name, []).append((row['step'], float(value), None))
    for row in results.read_results(run):
        for name, value in row['metrics'].items():
            found.setdefault(name, []).append((row['step'], float(value), row['protocol']))
    return found


def measure(run: Path) -> Measured:
    """The last, smallest, largest and mean value of all that a run has measured, in its last protocol where
    it has one.
    """
    found: Measured = {}
    for name, rows in series(run).items():
        by = rows[-1][2]
        values = [value for _, value, used in rows if used == by]
        found[name] = {how: reduce(values, how) for how in HOW} | {'step': rows[-1][0]}
        if by is not None:
            found[name]['protocol'] = by
    return found


def reduce(values: Sequence[float], how: str) -> float:
    """One number of the values of a run, in order. nan if any is, which makes the run a failed one."""
    if any(math.isnan(value) for value in values):
        return math.nan
    if how == 'mean':
        return math.fsum(values) / len(values)
    return {'last': lambda: values[-1], 'min': lambda: min(values), 'max': lambda: max(values)}[how]()


def name_in(metric: str, names: Iterable[str]) -> str:
    """The name among `names` that is meant by `metric`: itself, or the only one that continues it
    ('frechet_mnist'); or ''.
    """
    there = list(names)
    longer = [name for name in there if name.startswith(f'{metric}_') and not name.endswith('_std')]
    return metric if metric in there else longer[0] if len(longer) == 1 else ''


def resolved(objective: Objective, names: Iterable[str]) -> Objective:
    """The objective under the name by which it is reported, where that is known: 'frechet' as
    'frechet_mnist'.
    """
    return objective._replace(metric=name_in(objective.metric, names) or objective.metric)


def value(objective: Objective, measured: Measured) -> float | None:
    """The objective of a run that has measured this; None where it has not measured that."""
    name = name_in(objective.metric, measured)
    return float(measured[name][objective.how]) if name else None


def curve(objective: Objective, run: Path) -> list[tuple[int, float]]:
    """(step, objective as it stood then), for pruning."""
    rows = series(run)
    values = [(step, number) for step, number, _ in rows.get(name_in(objective.metric, rows), ())]
    stood = {
        'last': lambda: (v for _, v in values),
        'min': lambda: accumulate((v for _, v in values), min),
        'max': lambda: accumulate((v for _, v in values), max),
        'mean': lambda: (s / i for i, s in enumerate(accumulate(v for _, v in values), 1)),
    }[objective.how]()
    return [(step, v) for (step, _), v in zip(values, stood, strict=True)]


def not_reported(objective: Objective, measured: Iterable[str]) -> str:
    """What to say where runs did not measure the objective."""
    names = sorted(measured)
    near = errors.nearest(objective.metric, names)
    hint = f' (nearest: {near})' if near else ''
    evaluated = (
        '' if '/' in objective.metric else '; --config.eval.every=N has runs evaluated while they train'
    )
    return f'no run reports {objective.metric!r}{hint}; reported: {", ".join(names) or "nothing"}{evaluated}'


def refuse_other_protocols(objective: Objective, runs: Mapping[str, Measured]) -> None:
    """Raises GaxError, naming the fields that differ, unless all runs measured the objective by one
    protocol.
    """
    used = {
        run: found[name].get('protocol') or {}
        for run, found in runs.items()
        if (name := name_in(objective.metric, found))
    }
    first = next(iter(used), '')
    for run in used:
        protocol.refuse_other(used[first], used[run], first, run)


def require_evaluation(objective: Objective, every: int | None) -> None:
    """Raises GaxError where a search is for a number that only evaluation gives, and training does none.
    every: eval.every.
    """
    if '/' not in objective.metric and objective.metric not in TIMING and not every:
        raise errors.GaxError(
            f'{objective.metric} is measured by evaluation: add --config.eval.every=N'
            if every is not None
            else f'training reports no {objective.metric!r}; it logs PLAYER/NAME, such as d/diversity'
        )
