"""Compares two settings, given as workdirs, over the seeds that both have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gax import errors
from gax.config import fields
from gax.sweep import objective as objectives
from gax.sweep import stats
from gax.sweep.objective import Measured, Objective
from gax.training.workdir import FREE, PLACE, read_config, read_data


class Side(NamedTuple):
    """The runs of one setting.

    Attributes:
      config: The fields by their paths, without the seed.
      values: Seed -> the objective.
      measured: Workdir -> what it measured.
    """

    config: dict[str, Any]
    values: dict[int, float]
    measured: dict[str, Measured]


def compare(a: Sequence[Path], b: Sequence[Path], metric: str) -> str:
    """The text that gax-compare prints.

    Args:
      a: The workdirs of one setting.
      b: The workdirs of the other.
      metric: The objective, 'METRIC' or 'METRIC:min'.

    Raises:
      GaxError: A folder is no run; the runs of a side differ in more than the seed; the objective is missing
        or was measured by different protocols; or the sides share fewer than two seeds.
    """
    objective = objectives.parse(metric, 'minimize')  # the direction does not matter here
    assert objective is not None
    left, right = side('--a', a, objective), side('--b', b, objective)
    objectives.refuse_other_protocols(objective, left.measured | right.measured)
    comparison = stats.compare(left.values, right.values)
    differ = [f for f in {**left.config, **right.config} if left.config.get(f) != right.config.get(f)]
    lines = [f'{f}: {left.config.get(f)!r} in a, {right.config.get(f)!r} in b' for f in differ]
    only_b, only_a = stats.missing(left.values, right.values)
    lines += [
        f'left out, only in {name}: {stats.seed_list(s)}' for name, s in (('a', only_a), ('b', only_b)) if s
    ]
    lines += [f'{objective}, mean and 95 % confidence interval over {comparison.difference.n} seeds']
    rows = [('a', comparison.a), ('b', comparison.b), ('a - b', comparison.difference)]
    lines += [f'  {name:<6} {i.mean:.5g}  [{i.low:.5g}, {i.high:.5g}]' for name, i in rows]
    lines += [f'paired t test: p = {comparison.p:.3g}; exact sign flips: p = {comparison.p_signs:.3g}']
    return '\n'.join(lines)


def side(flag: str, folders: Sequence[Path], objective: Objective) -> Side:
    """Reads the runs of one setting.

    Raises:
      GaxError: A folder is no run, the runs differ in more than the seed, or the objective is missing.
    """
    if not folders:
        raise errors.GaxError(f'{flag} matches no folder')
    configs: dict[Path, dict[str, Any]] = {}
    values: dict[int, float] = {}
    measured: dict[str, Measured] = {}
    for folder in folders:
        config = fields.flat(read_config(folder / 'config.json'))
        seed = config.pop('seed')
        configs[folder] = {f: v for f, v in config.items() if f == 'steps' or f not in FREE}
        if known := read_data(folder):  # wherever the data is now
            configs[folder] = {f: v for f, v in configs[folder].items() if f not in PLACE}
            configs[folder]['the data'] = f'digest {known.content or known.listing}'
        refuse_others(flag, configs)
        measured[str(folder)] = objectives.measure(folder)
        value = objectives.value(objective, measured[str(folder)])
        if value is None:
            raise errors.GaxError(f'{folder}: {objectives.not_reported(objective, measured[str(folder)])}')
        if seed in values:
            raise errors.GaxError(f'{flag} has two runs of seed {seed}, one of them {folder}')
        values[seed] = value
    return Side(configs[folders[0]], values, measured)


def refuse_others(flag: str, configs: dict[Path, dict[str, Any]]) -> None:
    """Checks that the runs of one side differ in the seed only.

    Raises:
      GaxError: The last run differs from the first; the message names the fields.
    """
    (first, one), (last, other) = next(iter(configs.items())), list(configs.items())[-1]
    differ = [f for f in {**one, **other} if one.get(f) != other.get(f)]
    if differ:
        differences = '; '.join(f'{f}: {one.get(f)!r} and {other.get(f)!r}' for f in differ[:4])
        raise errors.GaxError(
            f'{flag} takes runs alike in all but the seed; {first} and {last} differ ({differences})'
        )
