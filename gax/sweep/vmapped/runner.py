"""Whole training runs of a group, each in a workdir of its own, all in one program: as train.py trains one.

What a run leaves is what it would leave alone, but for rounding, which grows with the steps; any single one
goes on by train.py. A run that is over before the others (not finite, stopped early, a full disk) is closed,
and its place in the program is carried on, unread.
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
from gax.core import optimizers, rng, sample
from gax.core.types import PyTree
from gax.data import identity
from gax.distributed import sharding
from gax.sweep.vmapped import program
from gax.sweep.vmapped.grouping import Group
from gax.training import experiment, loop, start_report
from gax.training import train as training
from gax.training.experiment import Carry, Experiment
from gax.training.model_selection import Selection
from gax.training.pace import Pace
from gax.training.progress import Clock, Progress
from gax.training.run_recorder import Record
from gax.training.signals import Stop
from gax.viz import images

log = logging.getLogger('gax')


class Ending(NamedTuple):
    """kind: 'done', 'stopped' (saved, by a signal), 'failed' (with the reason that the run alone would have
    given).
    """

    kind: str
    reason: str = ''


Tell = Callable[[Path, Ending], None]


class Member(NamedTuple):
    """A run of the group. closing: what closes its workdir."""

    record: Record
    closing: ExitStack


def train(group: Group, given: Mapping[Path, ConfigDict], tell: Tell) -> str:
    """Trains the runs of a group, workdir -> config; returns the name of the signal that ended it before, or
    ''.

    tell: told how each has ended, as soon as that is known. Runs whose workdirs stand at different steps are
        trained one
    lot after the other: those furthest behind first. Raises GaxError for what is wrong with all of them.
    """
    with ExitStack() as closing:
        stop = closing.enter_context(Stop('nothing is lost; the same command begins again'))
        members = opened(given, tell, closing)
        built = experiment.build(next(iter(given.values())), sharding.mesh(jax.devices()[:1]))
        for start in sorted({m.record.start for m in members}):
            if not stop.name:
                lot = [m for m in members if m.record.start == start]
                runs = program.gather(built, [m.record.config for m in lot], group.varied)
                with plain_memory_errors(len(lot)):
                    Together(runs, lot, tell).train(stop)
        return stop.name


def opened(given: Mapping[Path, ConfigDict], tell: Tell, closing: ExitStack) -> list[Member]:
    """The runs that are to be trained, their workdirs open; the others have been told of."""
    built = experiment.build(next(iter(given.values())), sharding.mesh(jax.devices()[:1]))
    shapes, like = experiment.shapes(built), dict[str, Selection]()
    data = identity.of(built.source)
    found: list[Member] = []
    for workdir, config in given.items():
        own = closing.enter_context(ExitStack())
        try:
            configs.check(config)
            judged = selected(built, config, workdir, like) if config.eval.every else None
            record = Record(config, workdir, shapes, judged, own, data)
        except errors.GaxError as error:
            tell(workdir, Ending('failed', str(error)))
            continue
        if record.start < config.steps and not record.over:
            found.append(Member(record, own))
            continue
        own.close()
        training.train(config, workdir)  # which has nothing left to do but to draw what is not there
        tell(workdir, Ending('done'))
    return found


def selected(built: Experiment, config: ConfigDict, workdir: Path, like: dict[str, Selection]) -> Selection:
    """What evaluates a run.

    Those whose generators are the same program share one: `like` has them by that program.
    """
    own = built._replace(config=config, game=gans.make(config, built.source.spec))
    state, root = experiment.shapes(own).state, rng.root(0)
    phase, given = sample.last_phase(own.game), experiment.conditions(own, 2)
    made = jax.make_jaxpr(lambda state: experiment.fixed_fakes(own, root, state, 2, given, phase))(state)
    found = Selection(own, workdir, like.get(str(made)))
    like.setdefault(str(made), found)
    return found


@contextmanager
def plain_memory_errors(runs: int) -> Iterator[None]:
    """Turns an accelerator's memory that is too small for so many runs into one clear GaxError."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if not errors.NO_MEMORY.search(str(error)):
            raise
        raise errors.GaxError(
            f'the memory of the device is too small for {runs} runs at once: try --group={max(1, runs // 2)}'
        ) from error


class Together:
    """The loop over runs that stand at the same step."""

    def __init__(self, runs: program.Runs, members: Sequence[Member], tell: Tell) -> None:
        self.runs, self.tell, self.built = runs, tell, runs.built
        self.config, self.start = runs.built.config, members[0].record.start
        self.alive = dict(enumerate(members))  # by their places in the program
        self.progress = Progress(self.start, self.config.steps)
        self.clock = Clock(self.start, self.config.batch_size, self.progress)
        num, self.columns = experiment.sample_grid(self.built)
        spec = self.built.source.spec
        self.examples, self.real = experiment.reals(self.built, num), None
        if spec.fields[spec.target].kind in images.BEHIND:
            self.real = experiment.reals(self.built, 512)
        self.sampler, self.surfaces = program.sampler(runs, num), program.surfaces(runs, self.real)
        self.take = program.taker(runs)

    def train(self, stop: Stop) -> None:
        """To the last step, a signal, or until no run is left; tells how each has ended."""
        config, start = self.config, self.start
        hooks = training.rhythm(config, self.on_log, self.on_sample, self.on_eval, self.on_save)
        self.open_logs()
        for member in self.alive.values():
            for line in optimizers.idle(member.record.config):
                self.tell_of(member.record, line, logging.WARNING)
        stop.hint = f'nothing is lost; the same command goes on from step {start}'
        carry = self.begin()
        if start == 0:
            self.on_sample(0, carry)

        def progress(step: int) -> None:
            stop.started()
            self.progress.at(step)

        pace = Pace(experiment.longest_call(self.built))
        advance = program.advancer(self.runs, pace)
        stopped = lambda: bool(stop.name or not self.alive)  # noqa: E731
        done = loop.run(carry, advance, start, config.steps, hooks, stopped, lambda: pace.size, progress)[1]
        self.progress.close()
        for run in list(self.alive):
            self.finish(run, Ending('done' if done >= config.steps else 'stopped'))

    def open_logs(self) -> None:
        """Says what is trained, here and in the log file of each run."""
        spec, params = self.built.source.spec, experiment.shapes(self.built).state.params
        lines = [start_report.device(), start_report.data(spec), start_report.networks(params)]
        lines += [f'training {len(self.alive)} together' + f', from step {self.start} on' * bool(self.start)]
        for line in lines:
            self.progress.tell(line)
        for member in self.alive.values():
            for line in (start_report.versions(), *lines):
                member.record.log_file.note(line)

    def begin(self) -> Carry:
        if not self.start:
            return program.init(self.runs)
        restored = [m.record.restored for m in self.alive.values()]
        for m in self.alive.values():
            m.record.restored = None
        return program.place(self.runs, restored)

    def each(self, do: Callable[[int, Record], None]) -> None:
        """`do` for every run that goes on. One that raises GaxError, as it would have alone, is over."""
        for run, member in list(self.alive.items()):
            try:
                do(run, member.record)
            except errors.GaxError as error:
                self.finish(run, Ending('failed', str(error)))

    def finish(self, run: int, ending: Ending) -> None:
        """Leaves the last pictures of a run, closes its workdir, and tells how it has ended."""
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
        """A line of one run, here and in its log file."""
        self.progress.tell(f'{record.workdir.name}: {message}', level)
        record.log_file.note(message, level)

    def on_log(self, step: int, carry: Carry) -> tuple[Carry, loop.Later]:
        """One line for each run.

        Its speed is that of all of them: so many steps of every run a second. See Course.measured.
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
        fakes, surfaces = jax.device_get((self.sampler(carry.state), self.surfaces(carry.state)))

        def draw(run: int, record: Record) -> None:
            behind = (self.real, None if surfaces is None else pick(surfaces, run))
            if not record.reals.exists():
                record.sample_reals(self.examples, self.columns)
            record.sample(step, pick(fakes, run), self.columns, behind)

        self.each(draw)
        return carry, None

    def on_eval(self, step: int, carry: Carry) -> tuple[Carry, None]:
        """One after another. A run that has stopped early is saved, and over."""
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
        host: Any = jax.device_get(carry)
        self.each(lambda run, record: record.save(step, pick(host, run)))
        return carry, None


def pick(host: PyTree, run: int) -> PyTree:
    """One run's part of a tree on the host."""
    return jax.tree.map(lambda x: x[run], host)
