"""A run that is over: its experiment, with or without its data, and its state as it was saved."""

from __future__ import annotations

from pathlib import Path

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from gax import errors
from gax.core.types import TrainState
from gax.data import identity
from gax.distributed import sharding
from gax.training import experiment
from gax.training.checkpoints import Checkpoints
from gax.training.experiment import Experiment
from gax.training.workdir import read_data


def build(workdir: Path, config: ConfigDict) -> Experiment:
    """The run in `workdir` on one device, without its data: from the spec that lies in the workdir.

    With its data only where a gax wrote the workdir that did not keep the spec.
    """
    data = read_data(workdir)
    source = identity.described(data.spec) if data else None
    return experiment.build(config, sharding.mesh(jax.devices()[:1]), source)  # whatever it was trained on


def with_data(workdir: Path, config: ConfigDict, name: str, mesh: Mesh) -> Experiment:
    """The run in `workdir` with the data that it was trained on. name: where that lies now; '': where the
    config says.

    Raises GaxError, with what differs, where it is not there any more.
    """
    config = config.copy_and_resolve_references()
    with config.unlocked():
        config.data.name = name or config.data.name
    try:
        built = experiment.build(config, mesh)
    except errors.GaxError as error:
        raise errors.GaxError(f'{error} (if the data has moved, --data says where it is)') from error
    known = read_data(workdir)
    if known and (differ := identity.differences(known, identity.of(built.source))):
        raise errors.GaxError(
            f'{workdir} was trained on other data than {config.data.name} is now ({"; ".join(differ)}); --data says where '
            'the training data is'
        )
    return built


def restore(built: Experiment, workdir: Path, which: str = 'newest') -> tuple[TrainState, int]:
    """The run in `workdir` as it stood at a step, and that step. which: 'newest', 'best' or a step."""
    checkpoints = Checkpoints(workdir / 'checkpoints', write=False)
    found = checkpoints.restore(experiment.shapes(built), step_of(checkpoints, which, workdir))
    if found is None:
        raise errors.GaxError(f'{workdir} has no checkpoint yet')
    return jax.device_put(found[1].state), found[0]


def step_of(checkpoints: Checkpoints, which: str, workdir: Path) -> int | None:
    """None for the newest. Raises GaxError for what is no step, and for a best one where none is kept."""
    if which == 'newest' or which.isdecimal():
        return int(which) if which.isdecimal() else None
    if which != 'best':
        raise errors.GaxError(f'--step={which}: give a step, best or newest')
    best = checkpoints.best()
    if best is None:
        raise errors.GaxError(
            f'no best checkpoint is kept in {workdir}: train with --config.eval.every and --config.eval.best=METRIC'
        )
    return best
