"""Which runs can be trained together in one program, and why the others cannot.

It is decided by trying. Runs that differ in what is no plain number (whole numbers, switches, texts, tuples,
a field that is unset) are other programs. Of the rest the step is traced with tracers for the numbers that
differ: a number that Python has to know raises there, and one whose program makes other arrays or logs other
metrics than the run alone would (a weight of 0 removes a term; a clip_norm of 0 a link of the optimizer's
chain) does not fit.
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
from gax.core import rng
from gax.core import step as steps
from gax.core.types import Array
from gax.data.resident import nbytes
from gax.distributed import sharding
from gax.sweep.vmapped import program
from gax.training import experiment
from gax.training.experiment import Experiment

Outline = tuple[Any, ...]  # what a step computes, as far as its shapes tell
Members = list[int]


class Group(NamedTuple):
    """members: places among the configs that were given. varied: the fields of numbers in which they differ,
    but the seed.

    alone: why they are to be trained one after another; '' where they can be trained together.
    """

    members: Members
    varied: tuple[str, ...] = ()
    alone: str = ''


def groups(given: Sequence[ConfigDict]) -> tuple[list[Group], list[str]]:
    """The configs in groups, each in the order given, and in lines why there is more than one. Compiles
    nothing.

    The configs have been checked. One that its recipe refuses is alone, with what the recipe says.
    """
    flats = [configs.flat(config) for config in given]
    by_fields = {frozenset(flat): config for flat, config in zip(flats, given, strict=True)}
    plain = set().union(*map(numbers, by_fields.values()))
    structures = [
        {p: (type(v) if p in plain and v is not None else v) for p, v in flat.items() if p != 'seed'}
        for flat in flats
    ]
    reasons = [
        f'config.{path} is part of the program: {", ".join(said(v) for v in values)}'
        for path in dict.fromkeys(p for s in structures for p in s)
        if len(values := distinct(s.get(path) for s in structures)) > 1
    ]
    found: list[Group] = []
    for members in split(range(len(given)), lambda i: structures[i]):
        try:
            found += traced([given[i] for i in members], members, reasons)
        except errors.GaxError as error:
            found.append(Group(members, alone=str(error)))
    reasons += [f'one after another: {reason}' for reason in distinct(g.alone for g in found if g.alone)]
    return sorted(found, key=lambda g: g.members), distinct(reasons)


def traced(given: Sequence[ConfigDict], members: Members, reasons: list[str]) -> list[Group]:
    """Groups of configs that differ in plain numbers only; `reasons` grows.

    Raises GaxError where they cannot be at all.
    """
    source = data.load(given[0], resident_up_to=0)
    if why := unfit(given[0], source.spec):
        return [Group(members, alone=why)]
    if len(given) == 1:
        return [Group(members)]
    flats = [configs.flat(config) for config in given]
    values = {p: [flat[p] for flat in flats] for p in numbers(given[0]) if p != 'seed'}
    varied = tuple(p for p, its in values.items() if len({*its}) > 1)

    def apart(key: Callable[[int], Any], reason: str) -> list[Group]:
        reasons.append(reason)
        parts = split(range(len(given)), key)
        return [g for part in parts for g in traced(*parted(given, members, part), reasons)]

    # Only a zero is told from a number that is not known yet (types.not_zero), so one run of each pattern of
    # signs says what the others of the pattern would.
    signs = [tuple(np.sign(values[p][i]) for p in varied) for i in range(len(given))]
    alone = {sign: outline(build(given[signs.index(sign)], source)) for sign in {*signs}}
    if len({*alone.values()}) > 1:
        where = ' or '.join(f'config.{path}' for path in zeros(varied, alone))
        return apart(lambda i: alone[signs[i]], f'where {where} is 0 the program is another')
    built = build(given[0], source)
    wrong = refused(built, varied, alone[signs[0]])
    if wrong:
        paths, why = wrong
        where = ' and '.join(f'config.{path}' for path in paths)
        return apart(
            lambda i: tuple(values[p][i] for p in paths), f'{where} has to be known in advance: {why}'
        )
    return [Group(members, varied)]


def zeros(varied: Sequence[str], alone: Mapping[tuple[float, ...], Outline]) -> list[str]:
    """The fields whose sign alone makes another outline; all whose signs differ, where none does. alone: by
    the signs.
    """
    pairs = [(a, b) for a in alone for b in alone if alone[a] != alone[b]]
    changed = [[i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y] for a, b in pairs]
    return [
        varied[i] for i in sorted({c[0] for c in changed if len(c) == 1} or {i for c in changed for i in c})
    ]


def refused(
    built: Experiment, varied: tuple[str, ...], wanted: Outline
) -> tuple[tuple[str, ...], str] | None:
    """The fields among `varied` that cannot be tracers, and why; None where all can."""

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
    single = {path: said for path in varied if (said := why_not((path,)))}
    return (tuple(single), next(iter(single.values()))) if single else (varied, why)


def unfit(config: ConfigDict, spec: Any) -> str:
    """Why runs of this config are not trained together, whatever they differ in; or ''."""
    if nbytes(spec) > config.data.device_limit_mib * 2**20:
        return f'{config.data.name} is fetched step by step: larger than config.data.device_limit_mib'
    if config.parallel != 'jit':
        return f'config.parallel={config.parallel}: its replicas share one run'
    if start := sections.init_from(config):
        return f'config.init.from={start}: each run is begun by itself'
    return ''


def build(config: ConfigDict, source: data.Source) -> Experiment:
    """An experiment to be traced, of rows that are fetched."""
    game = gans.make(config, source.spec)
    rows = config.batch_size * steps.batches_per_step(game)
    source = experiment.with_frozen(source, game)
    return Experiment(config, source, game, sharding.mesh(jax.devices()[:1]), source.arrays, rows)


def outline(built: Experiment, values: program.Values | None = None) -> Outline:
    """Structure, shapes and types of a run's state and metrics; the moves and lazy terms of its step."""
    rows = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), experiment.row_shapes(built, 1))
    plan: list[Any] = []

    def one(values: program.Values, key_data: Array, arrays: Any, rows: Any) -> Any:
        made = program.with_values(built, values)
        state, phases = steps.init(made.game, key_data), steps.phase_names(made.game)
        plan[:] = [(steps.moves(made.game, p), *steps.lazy_terms(made.game, p).items()) for p in phases]
        active = [steps.Active(None, phase) for phase in phases]
        return state, [experiment.one_step(made, each)(state, arrays, rows) for each in active]

    leaves, tree = jax.tree.flatten(jax.eval_shape(one, values or {}, rng.root(0), built.arrays, rows))
    return (tree, tuple((x.shape, str(x.dtype)) for x in leaves), tuple(plan))


def numbers(config: ConfigDict) -> set[str]:
    """The fields that hold plain numbers, which a program may be given as an array."""
    model = configs.model_of(config)  # which knows the types of fields that are unset
    return {path for path, kind in configs.fields_of(model).items() if kind is float}


def parted(
    given: Sequence[ConfigDict], members: Members, part: Sequence[int]
) -> tuple[list[ConfigDict], Members]:
    return [given[i] for i in part], [members[i] for i in part]


def split(places: Iterable[int], key: Callable[[int], Any]) -> list[Members]:
    """The places by equal keys, in the order of the first of each."""
    found: list[tuple[Any, Members]] = []
    for i in places:
        known = next((members for its, members in found if its == key(i)), None)
        if known is None:
            found.append((key(i), [i]))
        else:
            known.append(i)
    return [members for _, members in found]


def distinct(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def said(value: Any) -> str:
    return 'a number' if isinstance(value, type) else repr(value)
