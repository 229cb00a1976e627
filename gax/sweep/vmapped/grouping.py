"""Decides which runs can be trained together in one program, and says why others cannot.

The decision is made by trying. Runs that differ in something other than plain numbers (whole numbers,
switches, texts, tuples, a field that is unset) have different programs. For the other runs the step is traced
with tracers for the numbers that differ. A number that Python has to know raises an error there. A number
does not fit, either, if its program has other arrays or logs other metrics than the run alone would: a weight
of 0 removes a term; a clip_norm of 0 removes a link of the optimizer's chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gax import data, errors, gans
from gax.config import defaults as configs
from gax.config import sections
from gax.core import rng, updates
from gax.core import step as steps
from gax.core.types import Array
from gax.data.resident import nbytes
from gax.distributed import sharding
from gax.sweep.vmapped import program
from gax.training import experiment, step_trace
from gax.training.experiment import Experiment

Outline = tuple[Any, ...]  # what a step computes, as far as its shapes tell
Members = list[int]


class Group(NamedTuple):
    """Runs that are trained together, or one after another.

    Attributes:
      members: The places of the runs among the configs.
      varied: The fields of numbers in which they differ, without the seed.
      alone: Why they are to be trained one after another; '' if they can be trained together.
    """

    members: Members
    varied: tuple[str, ...] = ()
    alone: str = ''


def groups(run_configs: Sequence[ConfigDict]) -> tuple[list[Group], list[str]]:
    """Groups configs. Compiles nothing.

    Args:
      run_configs: The configs, which have been checked. One that its recipe refuses is alone, with the
        message of the recipe.

    Returns:
      (the groups, each in the order of the configs; lines that say why there is more than one).
    """
    flats = [configs.flat(config) for config in run_configs]
    by_fields = {frozenset(flat): config for flat, config in zip(flats, run_configs, strict=True)}
    plain = set().union(*map(numbers, by_fields.values()))
    structures = [
        {
            path: (type(value) if path in plain and isinstance(value, (int, float)) else value)
            for path, value in flat.items()
            if path != 'seed'
        }
        for flat in flats
    ]
    reasons = [
        f'config.{path} is part of the program: {", ".join(value_text(value) for value in values)}'
        for path in dict.fromkeys(path for structure in structures for path in structure)
        if len(values := distinct(structure.get(path) for structure in structures)) > 1
    ]
    result: list[Group] = []
    for members in split(range(len(run_configs)), lambda i: structures[i]):
        try:
            result += traced([run_configs[i] for i in members], members, reasons)
        except errors.GaxError as error:
            result.append(Group(members, alone=str(error)))
    reasons += [
        f'one after another: {reason}' for reason in distinct(group.alone for group in result if group.alone)
    ]
    return sorted(result, key=lambda group: group.members), distinct(reasons)


def traced(run_configs: Sequence[ConfigDict], members: Members, reasons: list[str]) -> list[Group]:
    """Groups configs that differ in plain numbers only.

    Args:
      run_configs: The configs.
      members: Their places among all configs.
      reasons: Gets a line per reason to split them.

    Returns:
      The groups.

    Raises:
      GaxError: The configs cannot be trained at all.
    """
    source = data.load(run_configs[0], resident_up_to=0)
    if why := unfit(run_configs[0], source.spec):
        return [Group(members, alone=why)]
    if len(run_configs) == 1:
        return [Group(members)]
    flats = [configs.flat(config) for config in run_configs]
    values = {path: [flat[path] for flat in flats] for path in numbers(run_configs[0]) if path != 'seed'}
    varied = tuple(path for path, numbers_of_runs in values.items() if len({*numbers_of_runs}) > 1)

    def apart(key: Callable[[int], Any], reason: str) -> list[Group]:
        reasons.append(reason)
        parts = split(range(len(run_configs)), key)
        return [group for part in parts for group in traced(*parted(run_configs, members, part), reasons)]

    # Only zero is distinguished from a number that is not known yet (types.not_zero), so one run of each
    # pattern of signs stands for all runs of that pattern.
    signs = [tuple(np.sign(values[path][i]) for path in varied) for i in range(len(run_configs))]
    alone = {sign: outline(build(run_configs[signs.index(sign)], source)) for sign in {*signs}}
    if len({*alone.values()}) > 1:
        where = ' or '.join(f'config.{path}' for path in zeros(varied, alone))
        return apart(lambda i: alone[signs[i]], f'where {where} is 0 the program is another')
    built = build(run_configs[0], source)
    wrong = refused(built, varied, alone[signs[0]])
    if wrong:
        paths, why = wrong
        where = ' and '.join(f'config.{path}' for path in paths)
        return apart(
            lambda i: tuple(values[path][i] for path in paths), f'{where} has to be known in advance: {why}'
        )
    return [Group(members, varied)]


def zeros(varied: Sequence[str], alone: Mapping[tuple[float, ...], Outline]) -> list[str]:
    """The fields whose sign changes what a step computes.

    Args:
      varied: The paths of the fields.
      alone: {signs of the fields: outline of the step}.

    Returns:
      The fields whose sign alone changes the outline; if there are none, all whose signs differ between
      different outlines.
    """
    pairs = [(one, other) for one in alone for other in alone if alone[one] != alone[other]]
    changed = [
        [i for i, (of_one, of_other) in enumerate(zip(one, other, strict=True)) if of_one != of_other]
        for one, other in pairs
    ]
    return [
        varied[i]
        for i in sorted(
            {places[0] for places in changed if len(places) == 1} or {i for places in changed for i in places}
        )
    ]


def refused(
    built: Experiment, varied: tuple[str, ...], wanted: Outline
) -> tuple[tuple[str, ...], str] | None:
    """Tries which numbers can be tracers.

    Args:
      built: The experiment.
      varied: The paths of the numbers.
      wanted: The outline of the step without tracers.

    Returns:
      (the fields that cannot be tracers, why); None if all can.
    """

    def why_not(paths: tuple[str, ...]) -> str:
        number = jax.ShapeDtypeStruct((), jnp.result_type(float))
        try:
            same = outline(built, dict.fromkeys(paths, number)) == wanted
        except Exception as error:  # a recipe may do anything with a number
            return f'{type(error).__name__}: {errors.first_line(error)}'.partition(' The ')[0]
        return '' if same else 'its program has other arrays or metrics'

    why = why_not(varied)
    if not why:
        return None
    single = {path: reason for path in varied if (reason := why_not((path,)))}
    return (tuple(single), next(iter(single.values()))) if single else (varied, why)


def unfit(config: ConfigDict, spec: Any) -> str:
    """Why runs of this config are never trained together, whatever they differ in; or ''."""
    if nbytes(spec) > config.data.device_limit_mib * 2**20:
        return f'{config.data.name} is fetched step by step: larger than config.data.device_limit_mib'
    if config.parallel != 'jit':
        return f'config.parallel={config.parallel}: its replicas share one run'
    if start := sections.init_from(config):
        return f'config.init.from={start}: each run is begun by itself'
    return ''


def build(config: ConfigDict, source: data.Source) -> Experiment:
    """An experiment that is only traced, with rows that are fetched."""
    game = gans.make(config, source.spec)
    rows = config.batch_size * updates.batches_per_step(game)
    arrays = step_trace.Arrays(source.arrays, game.frozen)
    return Experiment(config, source, game, sharding.mesh(jax.devices()[:1]), arrays, rows)


def outline(built: Experiment, values: program.Values | None = None) -> Outline:
    """What the step of a run computes, as far as shapes show it.

    Args:
      built: The experiment.
      values: {path: the shape of a tracer}.

    Returns:
      Structure, shapes and dtypes of the state and the metrics, and the moves and lazy terms of each phase.
    """
    rows = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), experiment.row_shapes(built, 1))
    plan: list[Any] = []

    def one(values: program.Values, key_data: Array, arrays: Any, rows: Any) -> Any:
        with_tracers = program.with_values(built, values)
        state, phases = steps.init(with_tracers.game, key_data), updates.phase_names(with_tracers.game)
        plan[:] = [
            (*updates.moves(with_tracers.game, phase), *updates.lazy_terms(with_tracers.game, phase).items())
            for phase in phases
        ]
        active = [updates.Active(None, phase) for phase in phases]
        return state, [experiment.one_step(with_tracers, each)(state, arrays, rows) for each in active]

    leaves, tree = jax.tree.flatten(jax.eval_shape(one, values or {}, rng.root(0), built.arrays, rows))
    return (tree, tuple((x.shape, str(x.dtype)) for x in leaves), tuple(plan))


def numbers(config: ConfigDict) -> set[str]:
    """The paths of the fields that hold plain numbers, which a program can take as arrays.

    A number that has a schedule is none.
    """
    model = configs.model_of(config)  # it has the types of fields that are unset
    held = configs.flat(config)
    kinds = configs.fields_of(model).items()
    return {path for path, kind in kinds if kind is float and not isinstance(held.get(path), str)}


def parted(
    run_configs: Sequence[ConfigDict], members: Members, part: Sequence[int]
) -> tuple[list[ConfigDict], Members]:
    """Those configs, and their places among all configs, that are in `part`."""
    return [run_configs[i] for i in part], [members[i] for i in part]


def split(places: Iterable[int], key: Callable[[int], Any]) -> list[Members]:
    """Groups places by equal keys. The groups are in the order of their first places."""
    parts: list[tuple[Any, Members]] = []
    for i in places:
        known = next((members for part_key, members in parts if part_key == key(i)), None)
        if known is None:
            parts.append((key(i), [i]))
        else:
            known.append(i)
    return [members for _, members in parts]


def distinct(values: Iterable[Any]) -> list[Any]:
    """The values without repetitions, in order. They need not be hashable."""
    result: list[Any] = []
    for value in values:
        if value not in result:
            result.append(value)
    return result


def value_text(value: Any) -> str:
    """A value in a message."""
    return 'a number' if isinstance(value, type) else repr(value)
