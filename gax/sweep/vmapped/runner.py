"""Whole training runs of a group, each in its workdir, all in one program; train.py trains single runs.

A run leaves what it would leave alone, except for rounding, which grows with the steps; train.py can resume
any single one. A run that ends before the others (not finite, stopped early, a full disk) is closed. The
program still computes it, but its results are not read.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from gax import errors, gans
from gax.config import defaults as configs
from gax.core import learning_rates, rng, sample
from gax.core.types import PyTree
from gax.data import identity
from gax.distributed import sharding
from gax.sweep.vmapped import program
from gax.sweep.vmapped.grouping import Group
from gax.training import experiment, fixed_samples, loop, programs, real_examples, start_report
from gax.training import train as training
from gax.training.experiment import Carry, Experiment
from gax.training.model_selection import Selection
from gax.training.pace import Pace
from gax.training.progress import Clock, Progress
from gax.training.run_recorder import Record
from gax.training.signals import Stop

log = logging.getLogger('gax')


class Ending(NamedTuple):
    """How a run has ended.

    Attributes:
      kind: 'done', 'stopped' (saved, by a signal) or 'failed'.
      reason: Of a failure: the message that the run alone would have given.
    """

    kind: str
    reason: str = ''


Tell = Callable[[Path, Ending], None]


class Member(NamedTuple):
    """A run of the group.

    Attributes:
      record: The recorder of the run.
      closing: Closes its workdir.
    """

    record: Record
    closing: ExitStack


def train(group: Group, run_configs: Mapping[Path, ConfigDict], tell: Tell) -> str:
    """Trains the runs of a group.

    Runs whose workdirs are at different steps are trained in separate lots, those with the fewest steps
    first.

    Args:
      group: The group.
      run_configs: {workdir: config}.
      tell: Called with the ending of each run, as soon as it is known.

    Returns:
      The name of the signal that stopped the group, or ''.

    Raises:
      GaxError: A mistake that concerns all runs.
    """
    with ExitStack() as closing:
        stop = closing.enter_context(Stop('nothing is lost; the same command begins again'))
        members = opened(run_configs, tell, closing)
        built = experiment.build(next(iter(run_configs.values())), sharding.mesh(jax.devices()[:1]))
        for start in sorted({m.record.start for m in members}):
            if not stop.name:
                lot = [m for m in members if m.record.start == start]
                runs = program.gather(built, [m.record.config for m in lot], group.varied)
                with plain_memory_errors(len(lot)):
                    Together(runs, lot, tell).train(stop)
        return stop.name


def opened(run_configs: Mapping[Path, ConfigDict], tell: Tell, closing: ExitStack) -> list[Member]:
    """Opens the workdirs of the runs that are to be trained. Reports the ending of the other runs.

    Args:
      run_configs: {workdir: config}.
      tell: Called with the ending of a run.
      closing: Closes the workdirs.

    Returns:
      The runs that are to be trained.
    """
    built = experiment.build(next(iter(run_configs.values())), sharding.mesh(jax.devices()[:1]))
    shapes, like = experiment.shapes(built), dict[str, Selection]()
    data = identity.of(built.source)
    members: list[Member] = []
    for workdir, config in run_configs.items():
        run_closing = closing.enter_context(ExitStack())
        try:
            configs.check(config)
            selection = selected(built, config, workdir, like) if config.eval.every else None
            record = Record(config, workdir, shapes, selection, run_closing, data)
        except errors.GaxError as error:
            tell(workdir, Ending('failed', str(error)))
            continue
        if record.start < config.steps and not record.over:
            members.append(Member(record, run_closing))
            continue
        run_closing.close()
        training.train(config, workdir)  # all steps are done; this draws pictures that are missing
        tell(workdir, Ending('done'))
    return members


def selected(built: Experiment, config: ConfigDict, workdir: Path, like: dict[str, Selection]) -> Selection:
    """What evaluates a run. Runs whose generators are the same program share one evaluator.

    Args:
      built: The experiment of any run of the group.
      config: The config of the run.
      workdir: Its workdir.
      like: {program of a generator: what evaluates a run with this generator}; gets this one.

    Returns:
      What evaluates the run.
    """
    experiment_of_run = built._replace(config=config, game=gans.make(config, built.source.spec))
    state, root = experiment.shapes(experiment_of_run).state, rng.root(0)
    phase, condition_batch = (
        sample.last_phase(experiment_of_run.game),
        real_examples.conditions(experiment_of_run, 2),
    )
    generator = jax.make_jaxpr(
        lambda state: fixed_samples.fixed_fakes(experiment_of_run, root, state, 2, condition_batch, phase)
    )(state)
    selection = Selection(experiment_of_run, workdir, like.get(str(generator)))
    like.setdefault(str(generator), selection)
    return selection


@contextmanager
def plain_memory_errors(runs: int) -> Iterator[None]:
    """Turns a lack of memory on the accelerator into one clear GaxError.

    Args:
      runs: How many runs are trained at once.

    Raises:
      GaxError: The memory is too small.
    """
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if not errors.NO_MEMORY.search(str(error)):
            raise
        raise errors.GaxError(
            f'the memory of the device is too small for {runs} runs at once: try --group={max(1, runs // 2)}'
        ) from error


class Together:
    """The loop over runs that are at the same step.

    Attributes:
      alive: {place of a run in the program: the run}, of those that go on.
    """

    def __init__(self, runs: program.Runs, members: Sequence[Member], tell: Tell) -> None:
        self.runs, self.tell, self.built = runs, tell, runs.built
        self.config, self.start = runs.built.config, members[0].record.start
        self.alive = dict(enumerate(members))  # by place in the program
        self.progress = Progress(self.start, self.config.steps)
        spec = self.built.source.spec
        self.clock = Clock(self.start, self.config.batch_size, self.progress, bool(spec.of_kind('image')))
        num, self.columns = fixed_samples.sample_grid(self.built)
        self.examples, self.real = real_examples.reals(self.built, num), real_examples.behind(self.built)
        self.sampler, self.surfaces = program.sampler(runs, num), program.surfaces(runs, self.real)
        self.take = program.taker(runs)

    def train(self, stop: Stop) -> None:
        """Trains to the last step, a signal, or until no run is left. Reports the ending of each run.

        Args:
          stop: Says whether a signal has come.
        """
        config, start = self.config, self.start
        hooks = training.rhythm(config, self.on_log, self.on_sample, self.on_eval, self.on_save)
        self.open_logs()
        for member in self.alive.values():
            for line in learning_rates.idle(member.record.config):
                self.tell_of(member.record, line, logging.WARNING)
        stop.hint = f'nothing is lost; the same command goes on from step {start}'
        carry = self.begin()
        if start == 0:
            self.on_sample(0, carry)

        def progress(step: int) -> None:
            stop.started()
            self.progress.at(step)

        pace = Pace(programs.longest_call(self.built))
        advance = program.advancer(self.runs, pace)
        stopped = lambda: bool(stop.name or not self.alive)  # noqa: E731
        done = loop.run(carry, advance, start, config.steps, hooks, stopped, lambda: pace.size, progress)[1]
        self.progress.close()
        for run in list(self.alive):
            self.finish(run, Ending('done' if done >= config.steps else 'stopped'))

    def open_logs(self) -> None:
        """Logs what is trained, here and in the log file of each run."""
        spec, params = self.built.source.spec, experiment.shapes(self.built).state.params
        lines = [start_report.device(), start_report.data(spec), start_report.networks(params)]
        lines += [f'training {len(self.alive)} together' + f', from step {self.start} on' * bool(self.start)]
        for line in lines:
            self.progress.tell(line)
        for member in self.alive.values():
            for line in (start_report.versions(), *lines):
                member.record.log_file.note(line)

    def begin(self) -> Carry:
        """The carry of all runs: the initial one, or the one restored from their checkpoints."""
        if not self.start:
            return program.init(self.runs)
        restored = [m.record.restored for m in self.alive.values()]
        for m in self.alive.values():
            m.record.restored = None
        return program.place(self.runs, restored)

    def each(self, do: Callable[[int, Record], None]) -> None:
        """Calls `do` for every run that goes on. A GaxError ends that run, as it would have alone.

        Args:
          do: (place of the run in the program, its recorder) -> None.
        """
        for run, member in list(self.alive.items()):
            try:
                do(run, member.record)
            except errors.GaxError as error:
                self.finish(run, Ending('failed', str(error)))

    def finish(self, run: int, ending: Ending) -> None:
        """Writes the final pictures of a run, closes its workdir, and reports its ending.

        Args:
          run: The place of the run in the program.
          ending: How it has ended.
        """
        record, closing = self.alive.pop(run)
        try:
            record.checkpoints.wait()
            (record.draw_curves if ending.kind == 'failed' else record.draw)()
        except errors.GaxError as error:
            ending = ending if ending.kind == 'failed' else Ending('failed', str(error))
        if ending.reason or record.over:
            self.tell_of(
                record, ending.reason or record.over, logging.WARNING if ending.reason else logging.INFO
            )
        closing.close()
        self.tell(record.workdir, ending)

    def tell_of(self, record: Record, message: str, level: int = logging.INFO) -> None:
        """Logs a line about one run, here and in its log file."""
        self.progress.tell(f'{record.workdir.name}: {message}', level)
        record.log_file.note(message, level)

    def on_log(self, step: int, carry: Carry) -> tuple[Carry, loop.Later]:
        """Takes the metrics now. The loop writes a line per run after it has dispatched the next call.

        The speed is that of all runs together: steps of every run per second. See `Course.measured`.
        """
        taken, fresh = self.take(carry.meter)

        def later() -> None:
            host, speed = jax.device_get(taken), self.clock.row(step, None)
            rows = []

            def write(run: int, record: Record) -> None:
                row, warnings = record.log(step, pick(host, run), speed)
                rows.append(row)
                for warning in warnings:
                    self.tell_of(record, warning, logging.WARNING)

            self.each(write)
            if rows:
                self.progress.measured(rows[0])

        return (carry if step % self.config.log_every else carry._replace(meter=fresh)), later

    def on_sample(self, step: int, carry: Carry) -> tuple[Carry, None]:
        """Draws fakes of the fixed latents for each run; the first time also real examples."""
        fakes, surfaces = jax.device_get((self.sampler(carry.state), self.surfaces(carry.state)))

        def draw(run: int, record: Record) -> None:
            behind = (self.real, None if surfaces is None else pick(surfaces, run))
            if not record.reals.exists():
                record.sample_reals(self.examples, self.columns)
            record.sample(step, pick(fakes, run), self.columns, behind)

        self.each(draw)
        return carry, None

    def on_eval(self, step: int, carry: Carry) -> tuple[Carry, None]:
        """Evaluates one run after another. A run that stops early is saved and ends."""
        began = time.perf_counter()

        def judge(run: int, record: Record) -> None:
            host = lambda: jax.device_get(program.pick(carry, run))  # noqa: E731
            self.tell_of(record, record.evaluate(step, program.pick(carry.state, run), host))
            if record.over:
                if step % self.config.log_every:
                    record.log(step, host().meter, self.clock.row(step, None))
                record.save(step, host())
                self.finish(run, Ending('done'))

        self.each(judge)
        self.clock.leave_out(time.perf_counter() - began)
        return carry, None

    def on_save(self, step: int, carry: Carry) -> tuple[Carry, None]:
        """Saves a checkpoint of each run."""
        host: Any = jax.device_get(carry)
        self.each(lambda run, record: record.save(step, pick(host, run)))
        return carry, None


def pick(host: PyTree, run: int) -> PyTree:
    """The part of one run of a tree on the host."""
    return jax.tree.map(lambda x: x[run], host)
