"""A whole training run in a workdir: resumes, logs, draws, saves, and stops at a signal."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.config import sections
from gax.core import learning_rates, sample, translation
from gax.core.types import PyTree, TrainState
from gax.data import identity
from gax.distributed import sharding
from gax.distributed.coordination import Alone
from gax.training import (
    experiment,
    fixed_samples,
    initialize,
    loop,
    model_selection,
    real_examples,
    start_report,
    translations,
)
from gax.training.checkpoints import Checkpoints
from gax.training.experiment import Carry
from gax.training.progress import Clock, Progress
from gax.training.run_recorder import Record
from gax.training.runner import Course
from gax.training.runner import rhythm as rhythm  # of runner.py, too
from gax.training.signals import Stop
from gax.viz import scatter

log = logging.getLogger('gax')


def train(
    config: ConfigDict, workdir: Path, team: Alone | None = None, accept: bool = False
) -> tuple[int, str]:
    """Trains to `config.steps`.

    A config that is refused leaves the workdir unchanged.

    Args:
      config: The config.
      workdir: The workdir.
      team: The processes that train this run together. Only the first one reads and writes the workdir.
      accept: Whether other data than that of the run's start is accepted.

    Returns:
      (steps done, the name of the signal that stopped the run, or '').

    Raises:
      GaxError: Anything that a user can correct.
    """
    team = team or Alone()
    with ExitStack() as closing:
        stop = closing.enter_context(Stop('nothing is lost; the same command begins again', team.fail))
        run = Run(config, workdir, team, closing, accept) if team.first else Course(config, team, closing)
        run.agree()
        done, stopped_by = run.train(stop) if run.goes_on else (run.start, '')
        run.finish(done)
    return done, stopped_by


class Run(Course):
    """The process that works on the workdir. Extends `Course` by a clock and the recorder of the run.

    Attributes:
      opening: Lines that were logged before the log file was open.
      local: The experiment on the devices of this process.
      record: The recorder.
      start: The first step.
      restored: What the run resumes from, on the host; None for the initial state.
      over: Why training ended before the last step, see `Record`.
    """

    def __init__(
        self, config: ConfigDict, workdir: Path, team: Alone, closing: ExitStack, accept: bool = False
    ) -> None:
        self.opening: list[str] = []
        self.say(start_report.device())
        for line in config.get('about', '').splitlines():
            self.say(line)
        super().__init__(config, team, closing)
        self.say(start_report.networks(self.shapes.state.params))
        self.local = experiment.local(self.experiment)
        selected = model_selection.of_run(self.local, workdir)
        begun = self.begun(workdir)  # before anything is written: it may raise
        data = identity.of(self.experiment.source)
        self.record = Record(config, workdir, self.shapes, selected, closing, data, accept)
        self.start, self.restored, self.over = self.record.start, self.record.restored, self.record.over
        if not self.start:
            self.restored = begun
        self.record.restored = None  # it would keep a copy of the checkpoint on the host
        self.listen(closing)
        self.progress = Progress(self.start, config.steps, self.record.log_file.note)
        closing.callback(self.progress.close)
        images = bool(self.experiment.source.spec.of_kind('image'))
        self.clock = Clock(self.start, config.batch_size, self.progress, images)
        self.num_samples, self.columns = fixed_samples.sample_grid(self.local)
        self.sampler = fixed_samples.sampler(self.local, self.num_samples)
        self.backdrop = self.behind_points()
        self.ways = translation.directions(self.local.game, self.local.source.spec)
        self.examples: PyTree = real_examples.reals(self.local, self.num_samples) if self.ways else {}

    def say(self, line: str) -> None:
        """Logs a line now. The workdir is not open yet; its log file gets the line later."""
        log.info('%s', line)
        self.opening.append(line)

    def on_built(self) -> None:
        """Logs a description of the data."""
        source = self.experiment.source
        self.say(start_report.data(source.spec, source.split, source.splits))

    def listen(self, closing: ExitStack) -> None:
        """From here on the log file gets every log message."""
        file = self.record.log_file
        for line in (start_report.versions(), *self.opening):
            file.note(line)
        log.addHandler(file)
        closing.callback(log.removeHandler, file)
        log.info('log: %s; metrics.jsonl and samples/ are beside it', self.record.workdir / 'log.txt')

    def begun(self, workdir: Path) -> PyTree | None:
        """The carry before step 0 if the config starts from another run's networks.

        Args:
          workdir: The workdir.

        Returns:
          The carry; None without such a run, or if the workdir has a checkpoint.
        """
        if not sections.init_from(self.config) or Checkpoints(workdir / 'checkpoints', write=False).steps():
            return None
        return initialize.begin(self.local, self.shapes, self.say)

    def train(self, stop: Stop) -> tuple[int, str]:
        """Runs the loop from `start`, see `Course.train`.

        Args:
          stop: Says whether a signal has come.

        Returns:
          (steps done, the name of the signal that stopped the run, or '').

        Raises:
          GaxError: Training cannot go on, e.g. because a metric is not finite. The curves are drawn before.
        """
        if self.start:
            stop.hint = f'nothing is lost; the same command goes on from step {self.start}'
            self.progress.tell(f'going on from step {self.start} in {self.record.workdir}')
        for line in learning_rates.idle(self.config):
            self.progress.warn(line)
        self.progress.tell('compiling')
        try:
            done, stopped_by = super().train(stop)
            self.record.checkpoints.wait()
            self.record.log_file.note(f'{stopped_by or "done"}: saved at step {done}')
            return done, stopped_by
        except errors.GaxError:
            self.progress.close()
            self.record.draw_curves()
            raise

    def on_progress(self, step: int) -> None:
        """Updates the progress bar."""
        self.progress.at(step)

    def saved(self) -> int:
        """The step of the newest checkpoint, or 0."""
        return max(self.record.checkpoints.steps(), default=0)

    def on_log(self, step: int, carry: Carry) -> tuple[Carry, loop.Later]:
        """Takes the metrics now. The loop reads and writes them after it has dispatched the next call."""
        carry, taken = self.measured(step, carry)
        waited = self.feeder.waited

        def later() -> None:
            host = jax.device_get(taken)
            row, warnings = self.record.log(step, host, self.clock.row(step, waited))
            self.progress.measured(row)
            for warning in warnings:
                self.progress.warn(warning)

        return carry, later

    def on_sample(self, step: int, carry: Carry) -> tuple[Carry, None]:
        """Draws fakes of the fixed latents by the averaged generator; the first time also real examples.

        Of a game that makes images from images every example is a row: input, output, target.
        """
        if not self.record.reals.exists():
            self.record.sample_reals(real_examples.reals(self.local, self.num_samples), self.columns)
        state = sharding.view(carry.state, self.local.mesh)
        fakes = jax.device_get(self.sampler(state))
        paired = self.local.source.paired
        cells = translations.cells(self.ways, fakes, self.examples, paired) if self.ways else []
        self.record.sample(step, fakes, self.columns, self.backdrop(state), cells)
        return carry, None

    def on_eval(self, step: int, carry: Carry) -> tuple[Carry, None]:
        """Evaluates, which may end training. The time it takes does not count in the speed."""
        began = time.perf_counter()
        state = sharding.view(carry.state, self.local.mesh)
        line = self.record.evaluate(step, state, lambda: jax.device_get(carry))
        self.over = self.record.over
        self.clock.leave_out(time.perf_counter() - began)
        self.progress.tell(line)
        return carry, None

    def behind_points(self) -> Callable[[TrainState], tuple[PyTree, PyTree]]:
        """What pictures of points and tables are drawn over.

        Returns:
          state -> (real examples, the same every time, or None; D's logits on a grid in the plane, or None).
        """
        spec = self.experiment.source.spec
        target = spec.fields[spec.target]
        real: PyTree = real_examples.behind(self.local)
        if (target.kind, target.shape) != ('point', (2,)):
            return lambda state: (real, None)
        plane = jnp.asarray(scatter.lattice(scatter.window(real[spec.target])))
        surface = jax.jit(lambda state: sample.surface(self.experiment.game, state, plane))
        return lambda state: (real, jax.device_get(surface(state)))

    def on_save(self, step: int, carry: Carry) -> tuple[Carry, None]:
        """Saves a checkpoint, see `Record.save`."""
        self.record.save(step, jax.device_get(carry))
        return carry, None

    def finish(self, done: int) -> None:
        """Logs why there is nothing left to do, if so, and draws the final pictures of the run."""
        self.progress.close()
        if self.over:
            log.info('%s', self.over)
        elif done == self.start:
            log.info(
                'all %d steps are done in %s; --config.steps beyond that goes on', done, self.record.workdir
            )
        if self.restored is not None and not self.record.picture(self.start).exists():
            self.on_sample(self.start, self.place(self.restored, self.local.mesh))  # without other processes
        self.record.draw()
