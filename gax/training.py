"""A whole training run in a workdir: resumes, logs, draws, saves, and stops when told to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gax import errors, experiment, loop, meter, parallel, pictures, sampling, selection
from gax.checkpoint import Checkpoints
from gax.experiment import Carry
from gax.progress import Progress
from gax.signals import Stop
from gax.types import PyTree, TrainState
from gax.watch import Watch
from gax.workdir import MetricsWriter, open_workdir

log = logging.getLogger('gax')


def train(config: ConfigDict, workdir: Path) -> tuple[int, str]:
    """Trains to `config.steps`; returns (steps done, the name of the signal that ended it before, or '').

    Raises GaxError for anything that a user can mend. A config that is refused leaves the workdir as it was.
    """
    with ExitStack() as closing:
        stop = closing.enter_context(Stop('nothing is lost; the same command begins again'))
        run = Run(config, workdir, closing)
        try:
            done = run.train(stop) if run.start < config.steps and not run.over else run.start
        except errors.GaxError:
            run.progress.close()
            run.draw_curves()
            raise
        if run.over:
            log.info('%s', run.over)
        elif done == run.start:
            log.info('all %d steps are done in %s; --config.steps beyond that goes on', done, workdir)
        run.draw()
    return done, stop.name if done < config.steps else ''


class Run:
    """One process's work on a workdir: the state it begins with, the writers, the clock."""

    def __init__(self, config: ConfigDict, workdir: Path, closing: ExitStack) -> None:
        self.config, self.workdir = config, workdir
        self.experiment = experiment.build(config)
        self.shapes = experiment.shapes(self.experiment)
        self.selection = selection.of_run(self.experiment, workdir)
        closing.enter_context(open_workdir(workdir, config))
        self.checkpoints = Checkpoints(workdir / 'checkpoints', config.checkpoint.keep)
        closing.callback(self.checkpoints.close)
        self.start = 0
        self.restored: PyTree | None = None  # what is in the checkpoint, until it is on the device
        if found := self.checkpoints.restore(self.shapes):
            self.start, self.restored = found
        self.over = ''  # why training ended before its last step, for good
        if self.selection and self.start:
            self.selection.mark(self.checkpoints, self.start)
            self.over = self.selection.why_stop(self.start)
        self.writer = MetricsWriter(workdir, self.start)
        closing.callback(self.writer.close)
        self.watch = Watch(self.writer.rows)
        self.progress = Progress(self.start, config.steps)
        closing.callback(self.progress.close)
        self.seconds = self.writer.rows[-1]['seconds'] if self.writer.rows else 0.0
        self.clock, self.waited = (time.perf_counter(), self.start), 0.0
        self.feeder = experiment.feeder(self.experiment)
        closing.callback(self.feeder.close)
        self.num_samples, self.columns = experiment.sample_grid(self.experiment)
        self.sampler = experiment.sampler(self.experiment, self.num_samples)
        self.backdrop = self.behind_points()
        whole = parallel.replicated(self.experiment.mesh)
        self.take = jax.jit(lambda m: (jax.tree.map(jnp.copy, m), meter.empty(m.totals)), out_shardings=whole)

    def train(self, stop: Stop) -> int:
        """Runs the loop from where the workdir stands; returns the steps done."""
        config, start = self.config, self.start
        if start:
            stop.hint = f'nothing is lost; the same command goes on from step {start}'
            log.info('going on from step %d in %s', start, self.workdir)
        hooks = self.hooks()
        sizes = experiment.call_sizes(self.experiment, hooks)
        count = loop.call_size(start, config.steps, hooks, *sizes)
        ahead = experiment.compile_ahead(self.experiment, self.shapes, start, count)
        carry = self.place(self.restored) if start else experiment.init(self.experiment, self.shapes)
        self.restored = None
        if start == 0:
            self.on_sample(0, carry)

        def progress(step: int) -> None:
            stop.started()
            self.progress.at(step)

        advance = experiment.advancer(self.experiment, ahead, self.feeder)
        stopped = lambda: bool(stop.name or self.over)  # noqa: E731
        per_call, align = sizes
        return loop.run(carry, advance, start, config.steps, hooks, stopped, per_call, progress, align)[1]

    def place(self, tree: PyTree) -> Carry:
        """Copied onto the device by a program: arrays that Orbax or NumPy own could not be donated."""
        whole = parallel.replicated(self.experiment.mesh)
        return jax.jit(lambda t: jax.tree.map(jnp.copy, t), out_shardings=whole)(tree)

    def hooks(self) -> list[loop.Hook]:
        config = self.config
        # Before saving: a run that is killed in between evaluates again.
        judging = (
            [loop.Hook(config.eval.every, self.on_eval, barrier=True, at_end=True)] if self.selection else []
        )
        return [
            loop.Hook(config.log_every, self.on_log),
            loop.Hook(config.sample_every, self.on_sample, at_end=True),
            *judging,
            loop.Hook(config.checkpoint.every, self.on_save, barrier=True, at_end=True, at_stop=True),
        ]

    def on_log(self, step: int, carry: Carry) -> tuple[Carry, loop.Later]:
        """Takes the meter now, reads and writes it when the next step is on its way."""
        taken, fresh = self.take(carry.meter)
        waited = self.feeder.waited

        def later() -> None:
            host = jax.device_get(taken)
            self.refuse_non_finite(host)
            row = {'step': step, **meter.means(host), **self.speed(step, waited)}
            self.writer.write(row)
            self.progress.measured(row)
            for warning in self.watch(row):
                self.progress.warn(warning)

        return carry._replace(meter=fresh), later

    def speed(self, step: int, waited: float | None) -> dict[str, float]:
        """Since the row before; what it takes to compile the first step is in `seconds` only.

        waited: seconds that the host has waited for data in all, of which the row has the share, `data_wait`, from 0 to 1.
        (The device has work for some calls more, so that it may be busy while the host waits.)
        """
        now, (then, before) = time.perf_counter(), self.clock
        self.clock, self.seconds = (now, step), self.seconds + now - then
        share = {}
        if waited is not None:
            share, self.waited = (
                {'data_wait': min(1.0, (waited - self.waited) / max(now - then, 1e-9))},
                waited,
            )
        if self.progress.began and self.progress.began[1] < step and before == self.start:
            then, before = self.progress.began
        speed = (step - before) / max(now - then, 1e-9)
        images = speed * self.config.batch_size
        return {'steps_per_sec': speed, 'images_per_sec': images, 'seconds': self.seconds, **share}

    def on_sample(self, step: int, carry: Carry) -> tuple[Carry, None]:
        """Draws the fixed latents' fakes, with the averaged parameters."""
        fakes = jax.device_get(self.sampler(carry.state))
        real, surface = self.backdrop(carry.state)
        picture = pictures.draw(fakes, self.columns, real, surface)
        with errors.plain_os_errors(self.workdir):
            pictures.save(picture, self.workdir / 'samples' / f'{step:07d}.png')
        return carry, None

    def on_eval(self, step: int, carry: Carry) -> tuple[Carry, None]:
        """Evaluates; keeps the best checkpoint; decides whether to go on. What it takes is no part of the speed."""
        assert self.selection is not None
        began = time.perf_counter()
        row = self.selection.evaluate(step, carry.state)
        self.writer.scalars(step, selection.on_board(row))
        if self.selection.is_best(step):
            self.on_save(step, carry)
            self.selection.mark(self.checkpoints, step)
        self.over = self.selection.why_stop(step)
        took = time.perf_counter() - began
        self.clock, self.seconds = (self.clock[0] + took, self.clock[1]), self.seconds + took
        if self.progress.began:
            self.progress.began = (self.progress.began[0] + took, self.progress.began[1])
        self.progress.tell(self.selection.said(row))
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
        """Saves what is finite, and only that: the last checkpoint is always one to go on from."""
        host = jax.device_get(carry)
        self.refuse_non_finite(host.meter)
        held = {
            'parameter': host.state.params,
            'state': host.state.model_state,
            'average': host.state.ema,
        }
        for kind, tree in held.items():
            for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
                if not np.all(np.isfinite(np.asarray(leaf, np.float32))):
                    raise self.non_finite(step, f'{kind} {jax.tree_util.keystr(path)}')
        self.checkpoints.save(step, host)
        return carry, None

    def refuse_non_finite(self, host: meter.Meter) -> None:
        bad = meter.first_bad(host)
        if bad:
            raise self.non_finite(bad[0] + 1, bad[1])

    def non_finite(self, step: int, what: str) -> errors.GaxError:
        saved = self.checkpoints.steps()
        last = f'the last finite checkpoint, of step {saved[-1]}, stays' if saved else 'no checkpoint yet'
        return errors.GaxError(
            f'{what} is not finite at step {step}; training stopped ({last} in {self.workdir}). Try a lower learning '
            'rate or clipped gradients (--config.d.optimizer.clip_norm=1, and of g) in a new --workdir'
        )

    def draw(self) -> None:
        """The pictures that the end of a run leaves: curves, the animation, and the last grid if it is not there."""
        self.progress.close()
        if self.restored is not None and not (self.workdir / 'samples' / f'{self.start:07d}.png').exists():
            self.on_sample(self.start, self.place(self.restored))
        self.draw_curves()
        frames = sorted((self.workdir / 'samples').glob('*.png'))
        if len(frames) > 1:
            with errors.plain_os_errors(self.workdir):
                pictures.animation(frames, self.workdir / 'samples.gif')

    def draw_curves(self) -> None:
        if self.writer.rows:
            judged = self.selection.curves(self.config.steps) if self.selection else []
            with errors.plain_os_errors(self.workdir):
                pictures.curves([*self.writer.rows, *judged], self.workdir / 'curves.png')
