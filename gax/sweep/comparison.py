"""Two settings by their workdirs, compared over the seeds that both have."""

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
    """The runs of one setting. config: its fields by their paths, the seed left out. measured: workdir ->
    what it measured.
    """

    config: dict[str, Any]
    values: dict[int, float]
    measured: dict[str, Measured]


def compare(a: Sequence[Path], b: Sequence[Path], said: str) -> str:
    """What gax-compare prints. said: the objective, 'METRIC' or 'METRIC:min'.

    Raises GaxError where a folder is no run, runs of a side differ in more than the seed, the objective is
    not there or was measured by different protocols, or the sides share fewer than two seeds.
    """
    objective = objectives.parse(said, 'minimize')  # which one is better is for the reader to say
    assert objective is not None
    left, right = side('--a', a, objective), side('--b', b, objective)
    objectives.refuse_other_protocols(objective, left.measured | right.measured)
    found = stats.compare(left.values, right.values)
    differ = [f for f in {**left.config, **right.config} if left.config.get(f) != right.config.get(f)]
    lines = [f'{f}: {left.config.get(f)!r} in a, {right.config.get(f)!r} in b' for f in differ]
    only_b, only_a = stats.missing(left.values, right.values)
    lines += [f'left out, only in {name}: {stats.said(s)}' for name, s in (('a', only_a), ('b', only_b)) if s]
    lines += [f'{objective}, mean and 95 % confidence interval over {found.difference.n} seeds']
    rows = [('a', found.a), ('b', found.b), ('a - b', found.difference)]
    lines += [f'  {name:<6} {i.mean:.5g}  [{i.low:.5g}, {i.high:.5g}]' for name, i in rows]
    lines += [f'paired t test: p = {found.p:.3g}; exact sign flips: p = {found.p_signs:.3g}']
    return '\n'.join(lines)


def side(flag: str, folders: Sequence[Path], objective: Objective) -> Side:
    if not folders:
        raise errors.GaxError(f'{flag} matches no folder')
    configs: dict[Path, dict[str, Any]] = {}
    values: dict[int, float] = {}
    measured: dict[str, Measured] = {}
    for folder in folders:
        config = fields.flat(read_config(folder / 'config.json'))
        seed = config.pop('seed')
        configs[folder] = {f: v for f, v in config.items() if f == 'steps' or f not in FREE}
        if known := read_data(folder):  # wherever it lies
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
    """Raises GaxError unless the runs of one side are alike but for the seed."""
    (first, one), (last, other) = next(iter(configs.items())), list(configs.items())[-1]
    differ = [f for f in {**one, **other} if one.get(f) != other.get(f)]
    if differ:
        told = '; '.join(f'{f}: {one.get(f)!r} and {other.get(f)!r}' for f in differ[:4])
        raise errors.GaxError(
            f'{flag} takes runs alike in all but the seed; {first} and {last} differ ({told})'
        )
