"""A whole training run in a workdir: resumes, logs, draws, saves, and stops when told to."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from gax import errors, experiment, loop, meter, parallel, pictures
from gax import step as steps
from gax.checkpoint import Checkpoints, plain_os_errors
from gax.experiment import Carry, Experiment
from gax.watch import Watch
from gax.workdir import MetricsWriter, open_workdir

log = logging.getLogger('gax')
Finished = tuple[int, str | None]  # steps done; the name of the signal that ended it, if one did


class Run:
    """One process's work on a workdir: the compiled programs, the writers, the clock."""

    def __init__(self, config: ConfigDict, workdir: Path) -> None:
        self.config, self.workdir = config, workdir
        self.experiment: Experiment = experiment.build(config)
        self.lock = open_workdir(workdir, config)
        self.checkpoints = Checkpoints(workdir / 'checkpoints', config.checkpoint.keep)
        self.start, self.carry = self._restore_or_init()
        self.writer = MetricsWriter(workdir, self.start)
        self.watch = Watch()
        self.take = jax.jit(lambda m: (jax.tree.map(jax.numpy.copy, m), meter.empty(m.totals)))
        classes = self.experiment.source.spec.num_classes
        self.columns = classes if 0 < classes <= 16 else 8
        self.num_samples = 2048 if 'point' in self.experiment.source.spec.fields else 8 * self.columns
        self.sampler = experiment.sampler(self.experiment, self.num_samples)
        self.bar = tqdm(
            total=config.steps, initial=self.start, unit='step', dynamic_ncols=True, smoothing=0.1
        )
        self.bar.mininterval = (
            0.2 if self.bar.fp.isatty() else 20.0
        )  # a log file wants fewer lines than a terminal
        self.seconds = self.writer.rows[-1]['seconds'] if self.writer.rows else 0.0
        self.clock = (time.perf_counter(), self.start)

    def _restore_or_init(self) -> tuple[int, Carry]:
        carry = experiment.init(self.experiment)
        found = self.checkpoints.restore(carry)
        if found is None:
            return 0, carry
        step, tree = found
        log.info('going on from checkpoint %d in %s', step, self.workdir)
        # Copied onto the device by a program: arrays that Orbax or NumPy own could not be donated.
        place = jax.jit(
            lambda t: jax.tree.map(jax.numpy.copy, t), out_shardings=parallel.replicated(self.experiment.mesh)
        )
        return step, place(tree)

    def on_log(self, step: int, carry: Carry) -> tuple[Carry, loop.Later]:
        """Takes the meter now, reads and writes it when the next step is on its way."""
        taken, fresh = self.take(carry.meter)

        def later() -> None:
            host = jax.device_get(taken)
            now, (then, before) = time.perf_counter(), self.clock
            self.clock, self.seconds = (now, step), self.seconds + now - then
            row: dict[str, Any] = {'step': step, **meter.means(host)}
            speed = (step - before) / max(now - then, 1e-9)
            row |= {
                'steps_per_sec': speed,
                'images_per_sec': speed * self.config.batch_size,
                'seconds': self.seconds,
            }
            refuse_non_finite(host, self.workdir)
            self.writer.write(row)
            self.bar.set_postfix(
                {k: f'{v:.3g}' for k, v in row.items() if k.endswith('/loss')}, refresh=False
            )
            for warning in self.watch(row):
                log.warning(warning)

        return carry._replace(meter=fresh), later

    def on_sample(self, step: int, carry: Carry) -> tuple[Carry, None]:
        """Draws the fixed latents' fakes, with the averaged parameters."""
        fakes = jax.device_get(self.sampler(carry.state))
        real = None
        if 'point' in fakes:
            rows = jax.numpy.arange(512)
            real = jax.device_get(
                self.experiment.source.read(self.experiment.arrays, rows, jax.random.key(0))
            )
        with plain_os_errors(self.workdir):
            pictures.save(
                pictures.draw(fakes, self.columns, real), self.workdir / 'samples' / f'{step:07d}.png'
            )
        return carry, None

    def on_save(self, step: int, carry: Carry) -> tuple[Carry, None]:
        """Saves what is finite, and only that: the last checkpoint is always one to go on from."""
        refuse_non_finite(jax.device_get(carry.meter), self.workdir)
        host = jax.device_get(carry.state)
        for path, leaf in jax.tree_util.tree_leaves_with_path(host.params):
            if not np.all(np.isfinite(np.asarray(leaf, np.float32))):
                raise non_finite(step, 'parameter ' + jax.tree_util.keystr(path), self.workdir)
        self.checkpoints.save(step, carry)
        return carry, None

    def hooks(self) -> list[loop.Hook]:
        config = self.config
        return [
            loop.Hook(config.log_every, self.on_log),
            loop.Hook(config.sample_every, self.on_sample, at_end=True),
            loop.Hook(config.checkpoint.every, self.on_save, barrier=True, at_end=True),
        ]

    def finish(self) -> None:
        """Curves and the animation, from what is on disk."""
        self.bar.close()
        self.writer.close()
        self.checkpoints.close()
        with plain_os_errors(self.workdir):
            if self.writer.rows:
                pictures.curves(self.writer.rows, self.workdir / 'curves.png')
            frames = sorted((self.workdir / 'samples').glob('*.png'))
            if len(frames) > 1:
                pictures.animation(frames, self.workdir / 'samples.gif')
        self.lock.close()


def train(config: ConfigDict, workdir: Path) -> Finished:
    """Trains to `config.steps`, or until SIGTERM or Ctrl-C. Raises GaxError for anything that a user can mend."""
    run = Run(config, workdir)
    try:
        with caught_signals() as caught:
            if run.start == 0:
                run.on_sample(0, run.carry)
            lazy = bool(steps.lazy_terms(run.experiment.game))
            _, done = loop.run(
                run.carry,
                experiment.advancer(run.experiment),
                run.start,
                config.steps,
                run.hooks(),
                stop=lambda: bool(caught),
                steps_per_call=1 if lazy else config.steps_per_call,
                progress=lambda step: run.bar.update(step - run.bar.n) and None,
            )
    finally:
        run.finish()
    return done, caught[0] if caught else None


def refuse_non_finite(host: meter.Meter, workdir: Path) -> None:
    bad = meter.first_bad(host)
    if bad:
        raise non_finite(*bad, workdir)


def non_finite(step: int, what: str, workdir: Path) -> errors.GaxError:
    return errors.GaxError(
        f'{what} is not finite at step {step}; training stopped, and the last checkpoint in {workdir}/checkpoints is '
        'finite. Try a lower learning rate, or clip gradients (config.d.optimizer.clip_norm=1)'
    )


class caught_signals:  # noqa: N801 (used like a function)
    """A list that SIGTERM and SIGINT put their names in while the block runs; a second one acts as usual."""

    def __enter__(self) -> list[str]:
        self._caught: list[str] = []
        self._old: dict[int, Callable[..., Any] | int | None] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._old[number] = signal.signal(number, self._catch)
        return self._caught

    def _catch(self, number: int, frame: Any) -> None:
        self._caught.append(signal.Signals(number).name)
        signal.signal(number, self._old[number])

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)
