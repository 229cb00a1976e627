"""Starts a run with weights and averages of another run, on the data and the config of this run."""

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
from gax.training import manifest, trained_run
from gax.training.experiment import Carry, Experiment
from gax.training.workdir import read_config

log = logging.getLogger('gax')
NAMED = 4  # arrays that an error message names


class Weights(NamedTuple):
    """The networks that are taken over, by name.

    Attributes:
      params: Their parameters.
      model_state: Their model states.
      average: {'params': ..., 'model_state': ...}: their averages over steps. If the other run has no average
        of a network, the initial one.
    """

    params: dict[str, PyTree]
    model_state: dict[str, PyTree]
    average: dict[str, dict[str, PyTree]]


def begin(built: Experiment, like: Carry, say: Callable[[str], None] = log.info) -> Carry:
    """The carry before step 0, on the host, with networks of another run as `config.init` says.

    Optimizers, states of terms, metrics and random streams start as in any new run.

    Args:
      built: The experiment.
      like: The shapes of the carry.
      say: Receives one line that names what is taken over.

    Raises:
      GaxError: There is no such run, or its networks have other shapes; the message names the differences.
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
    """An `init` that returns these weights, whatever the key."""
    return lambda key: (weights.params[name], weights.model_state[name])


def taken_over(built: Experiment, like: Carry) -> tuple[Weights, str]:
    """Reads the networks that `config.init` names, or all that both runs have if it names none.

    Returns:
      The weights, and their source in words.
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
    """Splits RUN[:STEP] into (workdir, 'newest', 'best' or a step). A folder's name may contain colons."""
    run, colon, which = text.rpartition(':')
    if colon and (which.isdecimal() or which in ('newest', 'best')) and not Path(text).is_dir():
        return paths.user(run), which
    return paths.user(text), 'newest'


def chosen(section: Mapping[str, Any], there: list[str], here: list[str]) -> list[str]:
    """The names of the networks to take over.

    Raises:
      GaxError: Either run lacks a network that is named, or the runs share none.
    """
    both = [name for name in here if name in there]
    names = [name.strip() for name in section['nets'].split(',')] if section['nets'] else both
    for name in names:
        if name not in both:
            raise errors.GaxError(errors.choices('network of config.init.nets', name, both))
    if not names:
        raise errors.GaxError(
            f'config.init.from={section["from"]}: it has the networks {", ".join(there)}, and this run '
            f'{", ".join(here)}'
        )
    return names


def refuse_unlike(where: str, weights: Weights, like: Carry) -> None:
    """Checks that the networks have the shapes of this run.

    Raises:
      GaxError: They differ; the message names the first arrays that do.
    """
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
            f'{where}: networks have other shapes than here: {"; ".join(differ[:NAMED])}{more}. Give this '
            'run the same networks, or say which to take: --config.init.nets=NAME,NAME'
        )


def arrays_of(net: tuple[PyTree, PyTree]) -> dict[str, str]:
    """Path -> dtype and shape of the parameters and the model_state of a network."""
    return dict(manifest.split_line(line) for part in net for line in manifest.layout(part))
