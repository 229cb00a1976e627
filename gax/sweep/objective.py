"""The objective of a sweep: a metric of eval.jsonl (`frechet_mnist`) or metrics.jsonl (`d/diversity`)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from gax import errors
from gax.evals import metric_table, number_names, protocol, results
from gax.evals.metric import HIGHER, LOWER
from gax.training.workdir import read_metrics

HOW = ('last', 'min', 'max', 'mean')
DIRECTIONS = ('minimize', 'maximize')
TIMING = ('steps_per_sec', 'images_per_sec', 'sec_per_kimg', 'seconds')
Measured = dict[str, dict[str, Any]]  # name -> {'last', 'min', 'max', 'mean', 'step', 'protocol'}


class Objective(NamedTuple):
    """A metric to compare runs by.

    Attributes:
      metric: Its name.
      how: Which of a run's values counts: 'last', 'min', 'max' or 'mean'.
      direction: 'minimize' or 'maximize'; '' if unknown.
    """

    metric: str
    how: str = 'last'
    direction: str = ''

    def __str__(self) -> str:
        return self.metric if self.how == 'last' else f'{self.metric}:{self.how}'

    def better(self, a: float, b: float) -> bool:
        """Whether the value `a` is better than `b`."""
        return a < b if self.direction == 'minimize' else a > b


def parse(text: str, direction: str = '') -> Objective | None:
    """Parses 'METRIC' or 'METRIC:min'.

    Args:
      text: What to parse; '' for no objective.
      direction: 'minimize' or 'maximize'; '' if the metric determines it.

    Returns:
      The objective, or None for ''.

    Raises:
      GaxError: The better direction is unknown, or the suffix is.
    """
    if not text:
        return None
    metric, _, how = text.partition(':')
    errors.lookup('value of --objective', how or 'last', {name: name for name in HOW})
    known = direction or known_direction(metric)
    if not known:
        raise errors.GaxError(
            f'it is not known whether {metric} should be small or large: add --direction=minimize or maximize'
        )
    return Objective(metric, how or 'last', known)


def known_direction(metric: str) -> str:
    """The better direction of a metric of evaluation, 'minimize' or 'maximize', or '' if it has none.

    No metric that training logs has a better direction in every game: neither a loss, nor diversity, which
    may exceed the data's.
    """
    better_of = {name: better for m in metric_table.METRICS.values() for name, better in m.gives.items()}
    better_of |= {
        special: better_of[name]
        for name, special in number_names.INCEPTION_NAMES.items()
        if name in better_of
    }
    for name in sorted(better_of, key=len, reverse=True):
        if metric == name or metric.startswith(f'{name}_'):
            return {LOWER: 'minimize', HIGHER: 'maximize'}.get(better_of[name], '')
    return ''


def series(run: Path) -> dict[str, list[tuple[int, float, Any]]]:
    """Everything that a run has measured: name -> [(step, value, protocol or None), ...], by step."""
    by_name: dict[str, list[tuple[int, float, Any]]] = {}
    for row in read_metrics(run):
        for name, value in row.items():
            if isinstance(value, (int, float)) and name != 'step':
                by_name.setdefault(name, []).append((row['step'], float(value), None))
    for row in results.read_results(run):
        for name, value in row['metrics'].items():
            by_name.setdefault(name, []).append((row['step'], float(value), row['protocol']))
    return by_name


def measure(run: Path) -> Measured:
    """The last, smallest, largest and mean value of every metric of a run.

    Values by another protocol than the last one are left out.
    """
    measured: Measured = {}
    for name, rows in series(run).items():
        by = rows[-1][2]
        values = [value for _, value, used in rows if used == by]
        measured[name] = {how: reduce(values, how) for how in HOW} | {'step': rows[-1][0]}
        if by is not None:
            measured[name]['protocol'] = by
    return measured


def reduce(values: Sequence[float], how: str) -> float:
    """One number of the values of a run, in order; nan if any value is, which makes the run a failed one."""
    if any(math.isnan(value) for value in values):
        return math.nan
    if how == 'mean':
        return math.fsum(values) / len(values)
    return {'last': lambda: values[-1], 'min': lambda: min(values), 'max': lambda: max(values)}[how]()


def name_in(metric: str, names: Iterable[str]) -> str:
    """The name that `metric` stands for among `names`.

    It is the name itself, or the only one that continues it (`frechet` -> 'frechet_mnist'), or ''.
    """
    there = list(names)
    longer = [name for name in there if name.startswith(f'{metric}_') and not name.endswith('_std')]
    return metric if metric in there else longer[0] if len(longer) == 1 else ''


def resolved(objective: Objective, names: Iterable[str]) -> Objective:
    """The objective with its full name, if that is known: 'frechet' -> 'frechet_mnist'."""
    return objective._replace(metric=name_in(objective.metric, names) or objective.metric)


def value(objective: Objective, measured: Measured) -> float | None:
    """The objective of a run, or None if the run has not measured it."""
    name = name_in(objective.metric, measured)
    return float(measured[name][objective.how]) if name else None


def curve(objective: Objective, run: Path) -> list[tuple[int, float]]:
    """(step, the objective at that step), for pruning."""
    rows = series(run)
    values = [(step, number) for step, number, _ in rows.get(name_in(objective.metric, rows), ())]
    so_far = {
        'last': lambda: (v for _, v in values),
        'min': lambda: accumulate((v for _, v in values), min),
        'max': lambda: accumulate((v for _, v in values), max),
        'mean': lambda: (s / i for i, s in enumerate(accumulate(v for _, v in values), 1)),
    }[objective.how]()
    return [(step, v) for (step, _), v in zip(values, so_far, strict=True)]


def not_reported(objective: Objective, measured: Iterable[str]) -> str:
    """The message that no run has measured the objective."""
    names = sorted(measured)
    near = errors.nearest(objective.metric, names)
    hint = f' (nearest: {near})' if near else ''
    evaluated = (
        '' if '/' in objective.metric else '; --config.eval.every=N has runs evaluated while they train'
    )
    return f'no run reports {objective.metric!r}{hint}; reported: {", ".join(names) or "nothing"}{evaluated}'


def refuse_other_protocols(objective: Objective, runs: Mapping[str, Measured]) -> None:
    """Checks that all runs measured the objective by one protocol.

    Args:
      objective: The objective.
      runs: Run -> what it measured.

    Raises:
      GaxError: Protocols differ; the message names the fields.
    """
    used = {
        run: measured[name].get('protocol') or {}
        for run, measured in runs.items()
        if (name := name_in(objective.metric, measured))
    }
    first = next(iter(used), '')
    for run in used:
        protocol.refuse_other(used[first], used[run], first, run)


def require_evaluation(objective: Objective, every: int | None) -> None:
    """Checks that training reports the objective of a search.

    Args:
      objective: The objective.
      every: eval.every of the config; None if it has no such field.

    Raises:
      GaxError: The objective is a metric of evaluation, and training does not evaluate.
    """
    if '/' not in objective.metric and objective.metric not in TIMING and not every:
        raise errors.GaxError(
            f'{objective.metric} is measured by evaluation: add --config.eval.every=N'
            if every is not None
            else f'training reports no {objective.metric!r}; it logs PLAYER/NAME, such as d/diversity'
        )
