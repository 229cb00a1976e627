"""A whole training run in a workdir: resumes, logs, draws, saves, and stops when told to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors, experiment, loop, meter, parallel, pictures, sampling, selection
from gax.experiment import Carry
from gax.progress import Clock, Progress
from gax.record import Record
from gax.signals import Stop
from gax.types import PyTree, TrainState

log = logging.getLogger('gax')


def train(config: ConfigDict, workdir: Path) -> tuple[int, str]:
    """Trains to `config.steps`; returns (steps done, the name of the signal that ended it before, or '').

    Raises GaxError for anything that a user can mend. A config that is refused leaves the workdir as it was.
    """
    with ExitStack() as closing:
        stop = closing.enter_context(Stop('nothing is lost; the same command begins again'))
        run = Run(config, workdir, closing)
        record = run.record
        try:
            done = run.train(stop) if record.start < config.steps and not record.over else record.start
        except errors.GaxError:
            run.progress.close()
            record.draw_curves()
            raise
        if record.over:
            log.info('%s', record.over)
        elif done == record.start:
            log.info('all %d steps are done in %s; --config.steps beyond that goes on', done, workdir)
        run.draw()
    return done, stop.name if done < config.steps else ''


class Run:
    """One process's work on a workdir: the programs, the data, the clock, and the record that it keeps."""

    def __init__(self, config: ConfigDict, workdir: Path, closing: ExitStack) -> None:
        self.config = config
        self.experiment = experiment.build(config)
        self.shapes = experiment.shapes(self.experiment)
        selected = selection.of_run(self.experiment, workdir)
        self.record = Record(config, workdir, self.shapes, selected, closing)
        self.progress = Progress(self.record.start, config.steps)
        closing.callback(self.progress.close)
        self.clock = Clock(self.record.start, config.batch_size, self.progress)
        self.feeder = experiment.feeder(self.experiment)
        closing.callback(self.feeder.close)
        self.num_samples, self.columns = experiment.sample_grid(self.experiment)
        self.sampler = experiment.sampler(self.experiment, self.num_samples)
        self.backdrop = self.behind_points()
        whole = parallel.replicated(self.experiment.mesh)
        self.take = jax.jit(lambda m: (jax.tree.map(jnp.copy, m), meter.empty(m.totals)), out_shardings=whole)

    def train(self, stop: Stop) -> int:
        """Runs the loop from where the workdir stands; returns the steps done."""
        config, start = self.config, self.record.start
        if start:
            stop.hint = f'nothing is lost; the same command goes on from step {start}'
            log.info('going on from step %d in %s', start, self.record.workdir)
        hooks = self.hooks()
        sizes = experiment.call_sizes(self.experiment, hooks)
        count = loop.call_size(start, config.steps, hooks, *sizes)
        ahead = experiment.compile_ahead(self.experiment, self.shapes, start, count)
        restored, self.record.restored = self.record.restored, None
        carry = self.place(restored) if start else experiment.init(self.experiment, self.shapes)
        if start == 0:
            self.on_sample(0, carry)

        def progress(step: int) -> None:
            stop.started()
            self.progress.at(step)

        advance = experiment.advancer(self.experiment, ahead, self.feeder)
        stopped = lambda: bool(stop.name or self.record.over)  # noqa: E731
        per_call, align = sizes
        return loop.run(carry, advance, start, config.steps, hooks, stopped, per_call, progress, align)[1]

    def place(self, tree: PyTree) -> Carry:
        """Copied onto the device by a program: arrays that Orbax or NumPy own could not be donated."""
        whole = parallel.replicated(self.experiment.mesh)
        return jax.jit(lambda t: jax.tree.map(jnp.copy, t), out_shardings=whole)(tree)

    def hooks(self) -> list[loop.Hook]:
        return rhythm(self.config, self.on_log, self.on_sample, self.on_eval, self.on_save)

    def on_log(self, step: int, carry: Carry) -> tuple[Carry, loop.Later]:
        """Takes the meter now, reads and writes it when the next step is on its way."""
        taken, fresh = self.take(carry.meter)
        waited = self.feeder.waited

        def later() -> None:
            host = jax.device_get(taken)
            row, warnings = self.record.log(step, host, self.clock.row(step, waited))
            self.progress.measured(row)
            for warning in warnings:
                self.progress.warn(warning)

        return carry._replace(meter=fresh), later

    def on_sample(self, step: int, carry: Carry) -> tuple[Carry, None]:
        """Draws the fixed latents' fakes, with the averaged parameters."""
        fakes = jax.device_get(self.sampler(carry.state))
        self.record.sample(step, fakes, self.columns, self.backdrop(carry.state))
        return carry, None

    def on_eval(self, step: int, carry: Carry) -> tuple[Carry, None]:
        """Evaluates, and may find that training is over. What it takes is no part of the speed."""
        began = time.perf_counter()
        said = self.record.evaluate(step, carry.state, lambda: jax.device_get(carry))
        self.clock.leave_out(time.perf_counter() - began)
        self.progress.tell(said)
        return carry, None

    def behind_points(self) -> Callable[[TrainState], tuple[PyTree, PyTree]]:
        """state -> what pictures of points are drawn over: reals, the same every time, and D's logits in the plane."""
        shape = self.experiment.source.spec.fields.get('point')
        real: PyTree = experiment.reals(self.experiment, 512) if shape else None
        if shape != (2,):
            return lambda state: (real, None)
        plane = jnp.asarray(pictures.lattice(pictures.window(real['point'])))
        surface = jax.jit(lambda state: sampling.surface(self.experiment.game, state, plane))
        return lambda state: (real, jax.device_get(surface(state)))

    def on_save(self, step: int, carry: Carry) -> tuple[Carry, None]:
        self.record.save(step, jax.device_get(carry))
        return carry, None

    def draw(self) -> None:
        """The pictures that the end of a run leaves: the last grid too, if it is not there."""
        self.progress.close()
        record = self.record
        if record.restored is not None and not record.picture(record.start).exists():
            self.on_sample(record.start, self.place(record.restored))
        record.draw()


Look = Callable[[int, Carry], tuple[Carry, loop.Later | None]]


def rhythm(config: ConfigDict, log: Look, sample: Look, judge: Look, save: Look) -> list[loop.Hook]:
    """When a run is logged, drawn, evaluated and saved: the hooks of its loop, in their order."""
    # Before saving: a run that is killed in between evaluates again.
    judging = [loop.Hook(config.eval.every, judge, barrier=True, at_end=True)] if config.eval.every else []
    return [
        loop.Hook(config.log_every, log),
        loop.Hook(config.sample_every, sample, at_end=True),
        *judging,
        loop.Hook(config.checkpoint.every, save, barrier=True, at_end=True, at_stop=True),
    ]
