"""The training loop of a process, the same in every process of a run.

Process 0 also logs, samples, evaluates and saves (train.py); the others only compute, and wait meanwhile.
Each of these moments ends with a broadcast of process 0, so that a slow disk or a long evaluation keeps no
process waiting in a collective, and an early end is common to all. Only process 0 reads and writes
checkpoints: the workdir need not be on a disk that the other processes see.
"""

from __future__ import annotations

import itertools
import logging
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from gax import errors
from gax.config import defaults as configs
from gax.config import sections
from gax.core import metrics
from gax.core.types import PyTree
from gax.distributed import multihost, sharding
from gax.distributed.coordination import Alone
from gax.training import experiment, feed, loop, programs
from gax.training.experiment import Carry, Experiment
from gax.training.pace import Pace
from gax.training.signals import Stop

log = logging.getLogger('gax')
Look = Callable[[int, Carry], tuple[Carry, loop.Later | None]]


class Course:
    """The training loop of one process.

    The class for process 0 overrides the `on_...` methods to log, sample, evaluate and save as well.

    Attributes:
      start: The first step.
      over: Why training ended for good before its last step; '' otherwise.
      restored: The carry of a checkpoint on the host, until it is on the devices; None for a new run.
      experiment: The experiment that the config describes.
      shapes: The shapes and dtypes of the carry.
      feeder: The source of batches.
      take: Jitted: metrics -> (a copy of them, empty metrics).
    """

    start, over = 0, ''
    restored: PyTree | None = None

    def __init__(self, config: ConfigDict, team: Alone, closing: ExitStack) -> None:
        self.config, self.team = config, team
        self.experiment = experiment.build(config)
        self.on_built()
        self.shapes = experiment.shapes(self.experiment)
        self.feeder = feed.feeder(self.experiment)
        closing.callback(self.feeder.close)
        whole = sharding.replicated(self.experiment.mesh)
        self.take = jax.jit(
            lambda m: (jax.tree.map(jnp.copy, m), metrics.empty(m.totals)), out_shardings=whole
        )

    def on_built(self) -> None:
        """Called when data and game are built, before the step is traced."""

    def agree(self) -> None:
        """Checks that all processes have the same run; distributes process 0's step and checkpoint.

        Raises:
          GaxError: The processes' configs or data differ.
        """
        if self.team.count == 1:
            return
        mine = fingerprint(self.experiment)
        theirs, self.start, self.over = self.team.word([mine, self.start, self.over])
        refuse_other(mine, theirs, self.team.index)
        self.team.saved = self.start
        if (self.start or sections.init_from(self.config)) and self.goes_on:
            self.restored = multihost.spread(self.restored, self.shapes)

    @property
    def goes_on(self) -> bool:
        """Whether there are steps left to train."""
        return self.start < self.config.steps and not self.over

    def train(self, stop: Stop) -> tuple[int, str]:
        """Runs the loop from `start`.

        Args:
          stop: Receives signals.

        Returns:
          (the number of steps done in all, the name of the signal that ended training early, or '').
        """
        config, start = self.config, self.start
        hooks = self.hooks()
        ahead = programs.compile_ahead(self.experiment, self.shapes, start, config.steps)
        restored, self.restored = self.restored, None
        fresh = restored is None
        carry = experiment.init(self.experiment, self.shapes) if fresh else self.place(restored)
        if start == 0:
            self.together(self.on_sample)(0, carry)
        at, by = start, ''

        def progress(step: int) -> None:
            nonlocal at
            at = step
            stop.started()
            self.on_progress(step)

        def stopped() -> bool:
            nonlocal by
            by = self.team.halts(at, stop.name)
            return bool(by or self.over)

        pace = Pace(programs.longest_call(self.experiment))
        advance = programs.advancer(self.experiment, ahead, self.feeder, pace)
        done = loop.run(carry, advance, start, config.steps, hooks, stopped, self.paced(pace), progress)[1]
        return done, by if done < config.steps else ''

    def paced(self, pace: Pace) -> Callable[[], int]:
        """A function that returns the number of steps of the next call, the same in all processes.

        With several processes it is process 0's choice, which it broadcasts at calls 1, 2, 4, ...
        """
        if self.team.count == 1:
            return lambda: pace.size
        calls, size = itertools.count(1), 1

        def agreed() -> int:
            nonlocal size
            call = next(calls)
            if call & (call - 1) == 0:
                size = self.team.word(pace.size)
            return size

        return agreed

    def place(self, tree: PyTree, mesh: Mesh | None = None) -> Carry:
        """Copies a carry onto the devices of `mesh` (by default the run's), replicated.

        A compiled program makes the copy, as arrays that Orbax or NumPy own could not be donated. All
        processes whose devices are in the mesh must call this.
        """
        whole = sharding.replicated(mesh or self.experiment.mesh)
        return jax.jit(lambda t: jax.tree.map(jnp.copy, t), out_shardings=whole)(tree)

    def hooks(self) -> list[loop.Hook]:
        """The hooks of the loop."""
        looks = (self.together(look) for look in (self.on_sample, self.on_eval, self.on_save))
        return rhythm(self.config, self.on_log, *looks)

    def together(self, look: Look) -> Look:
        """`look`, followed by a broadcast of `over` and of the step of the newest checkpoint."""

        def run(step: int, carry: Carry) -> tuple[Carry, loop.Later | None]:
            carry, later = look(step, carry)
            self.over, self.team.saved = self.team.word([self.over, self.saved()])
            return carry, later

        return run

    def saved(self) -> int:
        """The step of the newest checkpoint."""
        return self.team.saved

    def on_log(self, step: int, carry: Carry) -> tuple[Carry, loop.Later | None]:
        """Called at steps that are logged."""
        return self.measured(step, carry)[0], None

    def measured(self, step: int, carry: Carry) -> tuple[Carry, metrics.Meter]:
        """Reads the metrics of the carry and resets them if `step` is a logging step.

        If training ends between two logging steps the metrics stay: the run that continues writes the
        scheduled row.

        Returns:
          (the carry, a copy of its metrics).
        """
        taken, fresh = self.take(carry.meter)
        return (carry if step % self.config.log_every else carry._replace(meter=fresh)), taken

    def on_sample(self, step: int, carry: Carry) -> tuple[Carry, loop.Later | None]:
        """Called at steps at which samples are drawn."""
        return carry, None

    def on_eval(self, step: int, carry: Carry) -> tuple[Carry, loop.Later | None]:
        """Called at steps at which the run is evaluated."""
        return carry, None

    def on_save(self, step: int, carry: Carry) -> tuple[Carry, loop.Later | None]:
        """Called at steps at which a checkpoint is saved."""
        return carry, None

    def on_progress(self, step: int) -> None:
        """Called after every call of the step."""

    def finish(self, done: int) -> None:
        """Called after the last step."""


def rhythm(config: ConfigDict, log: Look, sample: Look, judge: Look, save: Look) -> list[loop.Hook]:
    """The hooks that log, sample, evaluate and save, at the intervals of the config, in their order."""
    # Evaluation comes before saving: a run that is killed in between evaluates again.
    judging = [loop.Hook(config.eval.every, judge, barrier=True, at_end=True)] if config.eval.every else []
    return [
        loop.Hook(config.log_every, log, at_end=True, at_stop=True),
        loop.Hook(config.sample_every, sample, at_end=True),
        *judging,
        loop.Hook(config.checkpoint.every, save, barrier=True, at_end=True, at_stop=True),
    ]


def fingerprint(built: Experiment) -> dict[str, Any]:
    """What must be equal in all processes: config, description of the data, checksum of stored arrays."""
    checksum = 0
    for leaf in jax.tree.leaves(built.source.arrays):
        checksum = zlib.crc32(np.ascontiguousarray(leaf).reshape(-1).view(np.uint8), checksum)
    fields = {f'config.{name}': repr(value) for name, value in configs.flat(built.config).items()}
    return {**fields, 'the data': repr(built.source.spec), "the data's checksum": checksum}


def refuse_other(mine: dict[str, Any], theirs: dict[str, Any], index: int) -> None:
    """Checks that this process has the run of process 0.

    Args:
      mine: The fingerprint of this process.
      theirs: The fingerprint of process 0.
      index: The number of this process.

    Raises:
      GaxError: They differ; the message names the first field that does.
    """
    differ = [name for name in {**theirs, **mine} if mine.get(name) != theirs.get(name)]
    if differ:
        name = differ[0]
        more = f' (and {len(differ) - 1} more)' if len(differ) > 1 else ''
        raise errors.GaxError(
            f'process {index} has another run than process 0: {name} is {mine.get(name)} here and '
            f'{theirs.get(name)} there{more}; start all with the same flags, and the same data on every '
            'machine'
        )
