"""A trained run: its experiment, with or without its data, and its saved state."""

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
    """The experiment of the run in `workdir`, on one device, without its data.

    The description of the data comes from the workdir. If an early version of gax wrote none, the data is
    loaded.
    """
    data = read_data(workdir)
    source = identity.described(data.spec) if data else None
    return experiment.build(config, sharding.mesh(jax.devices()[:1]), source)  # whatever it was trained on


def with_data(workdir: Path, config: ConfigDict, name: str, mesh: Mesh) -> Experiment:
    """The experiment of the run in `workdir` with its training data.

    Args:
      workdir: The folder of the run.
      config: Its config.
      name: Where the data is now, as config.data.name; '' for the config's own value.
      mesh: The devices.

    Raises:
      GaxError: The data is not there, or is not what the run was trained on; the message says what differs.
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
            f'{workdir} was trained on other data than {config.data.name} is now ({"; ".join(differ)}); '
            '--data says where the training data is'
        )
    return built


def restore(built: Experiment, workdir: Path, which: str = 'newest') -> tuple[TrainState, int]:
    """The state of the run in `workdir` at a step, and that step.

    Args:
      built: The experiment of the run.
      workdir: Its folder.
      which: 'newest', 'best' or a step.

    Raises:
      GaxError: There is no such checkpoint.
    """
    checkpoints = Checkpoints(workdir / 'checkpoints', write=False)
    restored = checkpoints.restore(experiment.shapes(built), step_of(checkpoints, which, workdir))
    if restored is None:
        raise errors.GaxError(f'{workdir} has no checkpoint yet')
    return jax.device_put(restored[1].state), restored[0]


def step_of(checkpoints: Checkpoints, which: str, workdir: Path) -> int | None:
    """The step that `which` stands for; None for the newest.

    Raises:
      GaxError: `which` is no step, or no best checkpoint is marked.
    """
    if which == 'newest' or which.isdecimal():
        return int(which) if which.isdecimal() else None
    if which != 'best':
        raise errors.GaxError(f'--step={which}: give a step, best or newest')
    best = checkpoints.best()
    if best is None:
        raise errors.GaxError(
            f'no best checkpoint is kept in {workdir}: train with --config.eval.every and '
            '--config.eval.best=METRIC'
        )
    return best
