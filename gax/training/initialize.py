"""The state before step 0 with networks of another run: its weights and averages, on data and by a config of
one's own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax

from gax import errors, paths
from gax.core import metrics, rng
from gax.core import step as steps
from gax.core.types import Array, Key, PyTree
from gax.distributed import sharding
from gax.training import trained_run
from gax.training.checkpoints import layout, parted
from gax.training.experiment import Carry, Experiment
from gax.training.workdir import read_config

log = logging.getLogger('gax')
NAMED = 4  # arrays that a refusal names


class Weights(NamedTuple):
    """Of each network taken over (by its name) the parameters, the model_state, and the average of both.

    average: {'params': ..., 'model_state': ...}; where the other run has none, what it would begin with.
    """

    params: dict[str, PyTree]
    model_state: dict[str, PyTree]
    average: dict[str, dict[str, PyTree]]


def begin(built: Experiment, like: Carry, say: Callable[[str], None] = log.info) -> Carry:
    """The carry before step 0, on the host, as `config.init` has it: networks of another run, all else as of
    a new one.

    Optimizers, states of terms, meter and random streams are fresh. like: the carry's shapes. say: told what
    is taken over. Raises GaxError, with what is unlike, where the other run is not there, or its networks
    have other shapes.
    """
    weights, whence = taken_over(built, like)
    say(f'begins from {whence}')

    def make(key_data: Array, weights: Weights) -> Carry:
        nets = {
            name: net._replace(init=holding(weights, name)) if name in weights.params else net
            for name, net in built.game.nets.items()
        }
        state = steps.init(built.game._replace(nets=nets), key_data)
        averages = {name: weights.average.get(name, average) for name, average in state.ema.items()}
        return Carry(replace(state, ema=averages), metrics.empty(like.meter.totals))

    whole = sharding.replicated(built.mesh)
    return jax.device_get(jax.jit(make, out_shardings=whole)(rng.root(built.config.seed), weights))


def holding(weights: Weights, name: str) -> Callable[[Key], tuple[PyTree, PyTree]]:
    """The init of a network that begins with these weights, whatever the key."""
    return lambda key: (weights.params[name], weights.model_state[name])


def taken_over(built: Experiment, like: Carry) -> tuple[Weights, str]:
    """The networks that `config.init` names, all that both runs have where it names none; and whence they
    are, in words.
    """
    section = built.config.init
    workdir, which = split(section['from'])
    config = read_config(workdir / 'config.json')
    state, step = trained_run.restore(trained_run.build(workdir, config), workdir, which)
    names = chosen(section, list(state.params), list(like.state.params))
    weights = Weights(
        {name: state.params[name] for name in names},
        {name: state.model_state[name] for name in names},
        {
            name: state.ema.get(name, {'params': state.params[name], 'model_state': state.model_state[name]})
            for name in names
        },
    )
    refuse_unlike(f'config.init.from={section["from"]}', weights, like)
    return weights, f'{workdir} at step {step}: {", ".join(names)}'


def split(text: str) -> tuple[Path, str]:
    """(workdir, 'newest', 'best' or a step) of RUN[:STEP]. A folder's name may have colons."""
    run, colon, which = text.rpartition(':')
    if colon and (which.isdecimal() or which in ('newest', 'best')) and not Path(text).is_dir():
        return paths.user(run), which
    return paths.user(text), 'newest'


def chosen(section: Mapping[str, Any], there: list[str], here: list[str]) -> list[str]:
    """The names of the networks to take over.

    Raises GaxError for one that either run has not got, and for none at all.
    """
    both = [name for name in here if name in there]
    names = [name.strip() for name in section['nets'].split(',')] if section['nets'] else both
    for name in names:
        if name not in both:
            raise errors.GaxError(errors.choices('network of config.init.nets', name, both))
    if not names:
        raise errors.GaxError(
            f'config.init.from={section["from"]}: it has the networks {", ".join(there)}, and this run {", ".join(here)}'
        )
    return names


def refuse_unlike(where: str, weights: Weights, like: Carry) -> None:
    """Raises GaxError, naming the first arrays that differ, unless the networks have the shapes of `like`."""
    differ: list[str] = []
    for name in weights.params:
        there = arrays_of((weights.params[name], weights.model_state[name]))
        here = arrays_of((like.state.params[name], like.state.model_state[name]))
        differ += [
            f'{name}{path} is {there.get(path, "absent")} there, {here.get(path, "absent")} here'
            for path in dict.fromkeys([*there, *here])
            if there.get(path) != here.get(path)
        ]
    if differ:
        more = f', and {len(differ) - NAMED} more' if len(differ) > NAMED else ''
        raise errors.GaxError(
            f'{where}: networks have other shapes than here: {"; ".join(differ[:NAMED])}{more}. Give this run the same '
            'networks, or say which to take: --config.init.nets=NAME,NAME'
        )


def arrays_of(net: tuple[PyTree, PyTree]) -> dict[str, str]:
    """Path -> dtype and shape of the parameters and the model_state of a network."""
    return dict(parted(line) for part in net for line in layout(part))
