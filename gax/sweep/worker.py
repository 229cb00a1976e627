"""A worker: takes a trial, trains its runs, reports the results, and repeats until no trial is left."""

from __future__ import annotations

import contextlib
import logging
import math
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gax import errors
from gax.data import identity
from gax.sweep import objective as objectives
from gax.sweep import space
from gax.sweep.plan import Plan, flags
from gax.sweep.space import Setting
from gax.sweep.store import BEAT, LostError, Store
from gax.sweep.subprocess_run import Child, Ending, is_in_use, saved_step
from gax.sweep.tally import Tally
from gax.training.signals import Stop
from gax.training.workdir import read_data, read_metrics

log = logging.getLogger('gax')

POLL, LOOK = 0.2, 1.0  # seconds between looks at the process; at its metrics
IDLE = 2.0  # seconds between two looks for work while other workers have all trials that are left
ATTEMPTS = 3  # how often a run is tried that crashes without a message
RELEASE = 300.0  # seconds that a run may take to save and exit after its worker was killed


class Worker:
    """One process's part of a sweep.

    Attributes:
      plan: The plan.
      store: The trials.
      command: The arguments of the interpreter that train the base config.
      stop: Receives signals.
      runs: The folder of all runs.
      bar: The progress bar.
      tally: Counts runs.
    """

    def __init__(self, plan: Plan, store: Store, command: Sequence[str], stop: Stop) -> None:
        self.plan, self.store, self.command, self.stop = plan, store, list(command), stop
        self.runs = store.workdir / 'runs'
        self.bar = tqdm(total=0, unit='run', dynamic_ncols=True, disable=None)
        self.tally = Tally()
        self._beat = (0.0, 0)  # when it was, and its number

    def work(self, after: Callable[[], None] = lambda: None) -> None:
        """Works until no trial is left or a signal comes. `after` is called when a trial has ended."""
        self.stop.started()
        while not self.stop.name:
            trial = self.store.database.patiently(self.store.take)
            left = self.count()
            if trial is not None:
                self.attempt(trial)
                after()
            elif left:
                self.pause(IDLE)
            else:
                break
        self.count()
        self.bar.close()

    def count(self) -> int:
        """Updates the bar; returns the number of trials that wait or run."""
        trials = self.store.database.patiently(self.store.trials)
        over = sum(t.state.is_finished() for t in trials)
        self.tally.look(trials, self.plan.search.trials * len(self.plan.seeds) if self.plan.search else 0)
        self.bar.total = max(len(trials), self.plan.search.trials if self.plan.search else 0)
        self.bar.n = over
        self.bar.refresh()
        return len(trials) - over

    def pause(self, seconds: float) -> None:
        """Waits for `seconds`, or until a signal comes."""
        until = time.monotonic() + seconds
        while not self.stop.name and time.monotonic() < until:
            time.sleep(POLL)

    def attempt(self, trial: Any) -> None:
        """Trains a claimed trial and reports it; queues it again if a signal comes before its end."""
        try:
            self.tell(trial, self.seeds(trial))
        except LostError:
            log.warning(
                'trial %d went to another worker: this one was not heard of for too long', trial.number
            )
        except BaseException:
            with contextlib.suppress(errors.GaxError), self.store.database.plain_errors():
                self.store.put_back(
                    trial
                )  # if the database has failed, other workers will notice the silence
            raise

    def seeds(self, trial: Any) -> list[dict[str, Any]] | None:
        """The outcome of each run of the trial up to the first that is not done; None if a signal came."""
        attrs = trial.user_attrs
        outcomes: list[dict[str, Any]] = []
        for seed in attrs['seeds']:
            outcome = attrs.get(f'run {seed}')  # of a trial that is continued
            if outcome is None:
                outcome = self.run(trial, attrs['setting'], seed, prune=not outcomes)
                if outcome is None:
                    return None
                self.beat([trial], now=True)
                self.store.database.patiently(partial(trial.set_user_attr, f'run {seed}', outcome))
            outcomes.append(outcome)
            if outcome['state'] != 'done':
                break
        return outcomes

    def tell(self, trial: Any, outcomes: list[dict[str, Any]] | None) -> None:
        """Reports a trial to Optuna; queues it again for `outcomes` of None.

        The value is the mean of the objective over the seeds in a search. In a grid, whose objective may
        change later, it is the last step.
        """
        if outcomes is None:
            return self.store.database.patiently(lambda: self.store.put_back(trial))
        last = outcomes[-1]
        state = {'done': 'COMPLETE', 'pruned': 'PRUNED'}.get(last['state'], 'FAIL')
        value = None
        if state == 'COMPLETE':
            value = float(last['step'])
            if self.plan.search and self.plan.objective:
                values = [o['objective'] for o in outcomes]
                value = math.fsum(values) / len(values)
        self.store.database.patiently(lambda: self.store.tell(trial, state, value))
        if last.get('unreported') and self.plan.objective:
            raise errors.GaxError(objectives.not_reported(self.plan.objective, last['metrics']))
        return None

    def run(self, trial: Any, setting: Setting, seed: int, prune: bool) -> dict[str, Any] | None:
        """Trains one run to its end from wherever it is.

        Args:
          trial: Its trial.
          setting: Its setting.
          seed: Its seed.
          prune: Whether it may be pruned.

        Returns:
          Its outcome, or None if a signal came.
        """
        folder = self.runs / space.folder(setting, seed)
        for attempt in range(1, ATTEMPTS + 1):
            if not self.wait_until_free([trial], folder):
                return None
            began = saved_step(folder)
            how = f'from step {began}' if began else 'begins'
            self.say(f'{self.tally.begins()}: {folder.name}: {how}')
            ending = self.watch([trial], self.start(folder, setting, seed), folder, prune)
            if ending.kind == 'stopped':
                self.pause(LOOK)  # what stops all processes of a machine stops this one as well
            if ending.kind in ('stopped', 'crashed') and self.stop.name:
                return None
            if ending.kind not in ('stopped', 'crashed'):
                break
            log.warning('%s: %s (attempt %d of %d)', folder.name, ending.reason, attempt, ATTEMPTS)
        return self.outcome(folder, ending)

    def start(self, folder: Path, setting: Setting, seed: int) -> Child:
        """Starts the process of a run."""
        return Child([*self.command, f'--workdir={folder}', *flags(setting, seed)], folder)

    def wait_until_free(self, trials: Sequence[Any], folder: Path) -> bool:
        """Waits for a process that a dead worker left in the folder, and that is saving.

        Returns:
          False if a signal came meanwhile.
        """
        until = time.monotonic() + RELEASE
        while (
            is_in_use(folder) and time.monotonic() < until
        ):  # after that the run itself reports that the folder is in use
            if self.stop.name:
                return False
            self.beat(trials)
            time.sleep(POLL)
        return True

    def watch(self, trials: Sequence[Any], child: Child, folder: Path, prune: bool = False) -> Ending:
        """Waits for a process to end; stops it on a signal, or if its trial is pruned.

        Args:
          trials: The trials whose runs the process trains.
          child: The process.
          folder: The folder of the run that is shown, and pruned.
          prune: Whether the trial may be pruned.
        """
        pruned = stopping = False
        looked, size = time.monotonic(), 0
        try:
            while (ending := child.ended()) is None:
                if self.stop.name and not stopping:
                    child.stop()
                    stopping = True
                self.beat(trials)
                if time.monotonic() - looked >= LOOK and not stopping and (now := written(folder)) != size:
                    looked, size = time.monotonic(), now
                    if prune and self.hopeless(trials[0], folder):
                        child.stop()
                        pruned = stopping = True
                    self.show(folder)
                child.wait(POLL)
        except BaseException:
            child.stop()
            child.wait(RELEASE)
            raise
        return Ending('pruned') if pruned and ending.kind == 'stopped' else ending

    def beat(self, trials: Sequence[Any], now: bool = False) -> None:
        """Sends a beat for the trials, if the last one was BEAT seconds ago or `now` is true.

        A database that does not answer is tried again at the next beat.

        Raises:
          LostError: Another worker has a trial.
        """
        when, count = self._beat
        if now or time.monotonic() - when >= BEAT:
            self._beat = (time.monotonic(), count + 1)
            try:
                with self.store.database.plain_errors():
                    for trial in trials:
                        self.store.beat(trial, count + 1)
            except errors.GaxError as error:
                log.warning('%s', error)

    def hopeless(self, trial: Any, folder: Path) -> bool:
        """Reports new values of the objective; whether the pruner stops the trial."""
        if not self.plan.search or not self.plan.objective or self.plan.search.pruner == 'none':
            return False
        try:
            with self.store.database.plain_errors():
                known = trial.storage.get_trial(trial._trial_id).intermediate_values
                values = objectives.curve(self.plan.objective, folder)
                fresh = [(step, v) for step, v in values if step not in known and math.isfinite(v)]
                for step, value in fresh:
                    trial.report(value, step)
                return bool(fresh and trial.should_prune())
        except errors.GaxError as error:
            log.warning('%s', error)
            return False

    def outcome(self, folder: Path, ending: Ending) -> dict[str, Any]:
        """The record of a run in the storage, enough for tables on machines that cannot see its folder."""
        kind = ending.kind if ending.kind in ('done', 'pruned') else 'failed'
        rows, measured = read_metrics(folder), objectives.measure(folder)
        record: dict[str, Any] = {'state': kind, 'error': ending.reason, 'metrics': measured}
        record |= {'step': saved_step(folder), 'seconds': rows[-1].get('seconds', 0.0) if rows else 0.0}
        record |= {'folder': str(folder.relative_to(self.store.workdir)), 'host': socket.gethostname()}
        known = read_data(folder)
        record['data'] = identity.to_json(known) if known else {}
        if kind == 'done' and self.plan.search and self.plan.objective:
            value = objectives.value(self.plan.objective, measured)
            if value is None or not math.isfinite(value):
                reason = f'{self.plan.objective} is {"not reported" if value is None else value}'
                record |= {'state': 'failed', 'error': reason, 'unreported': value is None}
            else:
                record['objective'] = value
        self.say(f'{folder.name}: {self.outcome_text(record)} ({self.tally.ends()})')
        return record

    def outcome_text(self, outcome: Mapping[str, Any]) -> str:
        """The outcome in words: 'done, frechet_mnist 12.3, 41 s', or why it failed."""
        if outcome['error']:
            return f'{outcome["state"]}: {outcome["error"]}'
        goal, parts = self.plan.objective, [outcome['state']]
        value = objectives.value(goal, outcome['metrics']) if goal else None
        if value is not None:
            parts.append(f'{goal} {value:.4g}')
        return ', '.join([*parts, f'{outcome["seconds"]:.0f} s'])

    def show(self, folder: Path) -> None:
        """Shows the run and its step next to the bar."""
        if not self.bar.disable:
            rows = read_metrics(folder)
            self.bar.set_postfix_str(f'{folder.name} step {rows[-1]["step"] if rows else 0}', refresh=True)

    def say(self, message: str) -> None:
        """Logs a line above the bar."""
        self.bar.clear()
        log.info(message)
        self.bar.refresh()


def written(folder: Path) -> int:
    """The size of a run's metrics in bytes; it grows when there is something new to read."""
    files = [folder / name for name in ('metrics.jsonl', 'eval.jsonl')]
    return sum(file.stat().st_size for file in files if file.exists())
