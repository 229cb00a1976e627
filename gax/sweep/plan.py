"""From a config file and the names of its sweeps to runs, each checked before the first one starts."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from gax import errors
from gax.config import choices, config_file, fields
from gax.config import defaults as configs
from gax.sweep import space
from gax.sweep.objective import Objective
from gax.sweep.space import Axis, Range, Setting

DEFAULT_SEEDS = 5
SEARCHES = ('tpe', 'random')


class Search(NamedTuple):
    """How settings are proposed.

    Attributes:
      sampler: 'tpe' or 'random'.
      trials: The number of trials.
      pruner: 'median', 'hyperband' or 'none'.
      seed: The seed of the sampler.
    """

    sampler: str
    trials: int
    pruner: str
    seed: int = 0


class Plan(NamedTuple):
    """A sweep. In a grid each trial is one run; in a search it is one setting, run with every seed.

    Attributes:
      base: The base config.
      axes: What is varied, without the seed.
      seeds: The seeds.
      objective: What runs are compared by, or None.
      search: How settings are proposed; None for a grid.
    """

    base: ConfigDict
    axes: tuple[Axis, ...]
    seeds: tuple[int, ...]
    objective: Objective | None = None
    search: Search | None = None

    def trials(self) -> list[tuple[Setting, tuple[int, ...]]]:
        """(setting, seeds) of every trial of a grid; empty for a search, which proposes settings later."""
        if self.search:
            return []
        return [(setting, (seed,)) for setting in space.product(self.axes) for seed in self.seeds]

    def spec(self) -> dict[str, Any]:
        """What identifies the sweep. A grid may get more values later, and a search more trials."""
        spec: dict[str, Any] = {'kind': self.search.sampler if self.search else 'grid'}
        spec['sweep'] = sorted(a.name for a in self.axes)
        if self.search and self.objective:
            spec |= {'objective': str(self.objective), 'seeds': list(self.seeds)}
            spec |= {
                f'sweep_{a.name}': [json_values(alternative) for alternative in a.alternatives]
                for a in self.axes
            }
        return spec | {f'config.{path}': value for path, value in fields.flat(self.base).items()}


def json_values(alternative: Mapping[Any, Any]) -> dict[str, Any]:
    """An alternative as JSON values."""
    return {
        ' '.join(space.fields_of(key)): list(value) if isinstance(value, (Range, tuple)) else value
        for key, value in alternative.items()
    }


def make(
    base: ConfigDict,
    file: str,
    names: Sequence[str],
    seeds: int,
    objective: Objective | None = None,
    search: Search | None = None,
) -> Plan:
    """The plan of `--sweep=NAMES --seeds=N`.

    The seeds are config.seed, config.seed + 1, ..., or those of the config's `sweep_seed()`, if it has one
    and 'seed' is among the names.

    Args:
      base: The base config.
      file: The config file that offers the sweeps.
      names: The names of the sweeps.
      seeds: The number of seeds. 0 stands for one, or DEFAULT_SEEDS if 'seed' is among the names.
      objective: What runs are compared by.
      search: How settings are proposed.

    Raises:
      GaxError: A name is unknown, or the config of some run is invalid.
    """
    module = config_file.load(file)
    chosen, offers = axes(module, file, [name for name in names if name != 'seed']), offered(module)
    if 'seed' in names and 'seed' in offers and not seeds:
        chosen_seeds = seeds_of(module)
    else:
        chosen_seeds = tuple(
            range(base.seed, base.seed + (seeds or (DEFAULT_SEEDS if 'seed' in names else 1)))
        )
    if not names and not seeds:
        raise errors.GaxError(
            f'nothing is swept: give --sweep=NAME or --seeds=N; {file} has {listed(offers)}'
        )
    plan = Plan(base, chosen, chosen_seeds, objective, search)
    if search:
        check_search(plan)
    for where, setting in to_check(plan):
        check(base, {**setting}, where)
    return plan


def offered(module: ModuleType) -> list[str]:
    """The names of the sweeps that a config file offers."""
    return sorted(name.removeprefix('sweep_') for name in vars(module) if name.startswith('sweep_'))


def listed(names: Sequence[str]) -> str:
    """The offered sweeps in words."""
    return f'sweeps {", ".join(names)}' if names else 'no sweep_NAME()'


def axes(module: ModuleType, file: str, names: Sequence[str]) -> tuple[Axis, ...]:
    """The axes with these names, in their order.

    Raises:
      GaxError: A name is unknown or repeated, or a sweep fails.
    """
    offers = offered(module)
    for name in names:
        if name not in offers:
            known = sorted({*offers, 'seed'})
            raise errors.GaxError(
                f'{errors.choices("sweep", name, known)} (sweep_NAME() of {file}; seed always)'
            )
        if names.count(name) > 1:
            raise errors.GaxError(f'--sweep names {name} twice')
    return tuple(space.axis(name, called(module, name)) for name in names)


def called(module: ModuleType, name: str) -> Any:
    """All that `sweep_NAME()` yields.

    Raises:
      GaxError: It raises an exception.
    """
    try:
        yielded = getattr(module, f'sweep_{name}')()
        return list(yielded) if isinstance(yielded, Iterator) else yielded
    except Exception as error:
        reason = f'{type(error).__name__}: {errors.first_line(error)}'
        raise errors.GaxError(f'sweep_{name}() of {module.__file__} cannot be used: {reason}') from error


def seeds_of(module: ModuleType) -> tuple[int, ...]:
    """The seeds of `sweep_seed()`, which yields {'seed': N}, all different.

    Raises:
      GaxError: It yields something else.
    """
    alternatives = called(module, 'seed')
    rows = list(alternatives) if isinstance(alternatives, (list, tuple)) else [None]
    seeds = tuple(row['seed'] if isinstance(row, Mapping) and list(row) == ['seed'] else None for row in rows)
    if not seeds or not all(isinstance(s, int) for s in seeds) or len({*seeds}) < len(seeds):
        raise errors.GaxError(
            f'sweep_seed() must yield {{"seed": N}}, whole numbers, none twice; yields {alternatives!r}'
        )
    return seeds  # type: ignore[return-value]


def check_search(plan: Plan) -> None:
    """Raises GaxError if a search lacks an objective, axes or trials."""
    if plan.objective is None:
        raise errors.GaxError('--search needs --objective=METRIC, what is to be made small or large')
    if not plan.axes:
        raise errors.GaxError('--search needs --sweep=NAME, what is to be chosen')
    space.check_apart(plan.axes)
    if plan.search and plan.search.trials < 1:
        raise errors.GaxError(f'--trials must be positive, and is {plan.search.trials}')


def to_check(plan: Plan) -> Iterator[tuple[str, Setting]]:
    """Settings to be checked, with their origin.

    All runs of a grid; for a search every alternative, and both ends of every range.
    """
    if not plan.search:
        for setting, seeds in plan.trials():
            yield space.label(setting), {**setting, 'seed': seeds[0]}
    for axis in plan.axes if plan.search else ():
        for end in ('low', 'high'):
            ends = {f: getattr(r, end) for key, r in axis.ranges().items() for f in key}
            for setting in axis.settings():
                yield f'sweep_{axis.name}()', {**setting, **ends}


def check(base: ConfigDict, setting: Setting, where: str) -> None:
    """Checks the config of a setting.

    Args:
      base: The base config.
      setting: The fields that differ.
      where: The origin of the setting, for the message.

    Raises:
      GaxError: The config is invalid.
    """
    try:
        configs.check(changed(base, setting))
    except errors.GaxError as error:
        raise errors.GaxError(f'{where}: {error}') from error


def changed(base: ConfigDict, setting: Setting) -> ConfigDict:
    """The base config with the fields of a setting, set as flags set them.

    Raises:
      GaxError: A field or its value is invalid.
    """
    config = copy.deepcopy(
        base
    )  # keeps the types of fields that hold None, or whole numbers as well as shares
    choices.set_all(config, setting)
    return config


def text(value: Any) -> str:
    """A value as a flag has it: `--config.FIELD=TEXT` reads it back exactly."""
    if isinstance(value, list):
        value = tuple(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def flags(setting: Setting, seed: int) -> list[str]:
    """The flags that turn the base config into this run's."""
    return [f'--config.{field}={text(value)}' for field, value in {**setting, 'seed': seed}.items()]
