"""The trials of a sweep: an Optuna study in SQLite or PostgreSQL, shared by any number of workers.

Optuna's heartbeat works with `Study.optimize` only, never finds a trial whose worker died before the first
beat, and retries by two transactions between which a trial can be lost. So gax has a heartbeat. A worker
claims a trial before the trial is running, and increments a number in it. Another worker puts the trial back
into the queue when that number has not changed for GRACE seconds (by its local clock, as clocks of machines
differ), or when the lock of a worker on the same machine is free. The trial keeps its number, its parameters
and its folder, and resumes from its checkpoint.

All decisions about who runs what are made in one critical section: a lock on a file next to SQLite, which has
no row locks, and an advisory lock of PostgreSQL, which is released when a worker is killed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gax import errors
from gax.sweep import leases, samplers
from gax.sweep.database import Database
from gax.sweep.plan import Plan
from gax.sweep.space import Setting
from gax.training.workdir import write_json

# Seconds between beats; seconds without one after which a worker of another machine counts as dead.
BEAT, GRACE = 10.0, 90.0


class LostError(Exception):
    """Another worker has this trial: this one was silent for too long."""


class Store:
    """The trials of one sweep, for one worker.

    Attributes:
      workdir: The folder of the sweep.
      plan: The plan.
      name: The name of the study.
      database: The database.
      me: This worker, as `leases.presence` yields it.
      storage: Optuna's storage.
      study: Optuna's study.
    """

    def __init__(self, url: str, workdir: Path, plan: Plan, grace: float = GRACE) -> None:
        """Joins the sweep, or creates it.

        Args:
          url: The URL of the database; '' for SQLite in the workdir.
          workdir: The folder of the sweep.
          plan: The plan.
          grace: Seconds without a beat after which a worker counts as dead.

        Raises:
          GaxError: The database or the workdir cannot be used.
        """
        self.workdir, self.plan = workdir.absolute(), plan
        self._closing = contextlib.ExitStack()
        spec = plan.spec()
        leases.refuse_other(self.workdir, spec)
        self.name = leases.study_name(self.workdir, spec)
        self.database = Database(url, self.workdir)
        self._closing.callback(self.database.engine.dispose)
        try:
            self.database.reach()
            with errors.plain_os_errors(self.workdir):
                self.workdir.mkdir(parents=True, exist_ok=True)
                self.me = self._closing.enter_context(leases.presence(self.workdir))
            self._watch = leases.Watch(self.me, grace)
            with self.database.plain_errors():
                self._open(spec)
        except BaseException:
            self.close()
            raise

    def _open(self, spec: Mapping[str, Any]) -> None:
        import optuna

        goal: Any = self.plan.objective.direction if self.plan.search and self.plan.objective else 'maximize'
        with self.database.mutex():
            self.storage = optuna.storages.RDBStorage(self.database.url, self.database.options)
            self._closing.callback(self.storage.engine.dispose)
            self._closing.callback(self.storage.remove_session)
            self.study = optuna.create_study(
                storage=self.storage, study_name=self.name, direction=goal, load_if_exists=True
            )
            self.study.set_user_attr('sweep', dict(spec))
            write_json(self.workdir / leases.FILE, {'study': self.name, **spec})
        if self.plan.search:
            self.study.pruner = samplers.pruner(self.plan.search, self.plan.base.steps)

    def close(self) -> None:
        """Closes the connections and releases this worker's lock."""
        self._closing.close()

    def trials(self) -> list[Any]:
        """Every trial that counts, by number."""
        return counted(self.study.get_trials(deepcopy=False))

    def fill(self, again: bool = False) -> None:
        """Queues the trials of a grid that the study lacks. `again`: failed ones as well, once more."""
        with self.database.mutex():
            trials = self.trials()
            for t in trials if again else ():
                if t.state.name == 'FAIL':
                    attrs = {key: t.user_attrs[key] for key in ('setting', 'seeds') if key in t.user_attrs}
                    self.study.enqueue_trial(t.params, {**attrs, 'again_for': t.number})
            known = {
                key(t.user_attrs['setting'], t.user_attrs['seeds']) for t in trials if 'seeds' in t.user_attrs
            }
            for setting, seeds in self.plan.trials():
                if key(setting, seeds) not in known:
                    self.study.enqueue_trial({}, {'setting': setting, 'seeds': list(seeds)})

    def take(self) -> Any:
        """Claims the next trial; None if none is left, or other workers have all that are left."""
        with self.database.mutex():
            self._put_back_dead()
            trials = self.trials()
            waiting = [t for t in trials if t.state.name == 'WAITING']
            if not waiting and self.plan.search and len(trials) < self.plan.search.trials:
                self.study.enqueue_trial({}, {'seeds': list(self.plan.seeds)})
                waiting = [t for t in self.trials() if t.state.name == 'WAITING']
            if not waiting:
                return None
            number = waiting[0].number
            self._claim(number)
            if (
                self.plan.search
            ):  # seeded by the trial's number: a search that is resumed proposes the same settings
                self.study.sampler = samplers.sampler(self.plan.search, number)
            trial = self.study.ask(samplers.distributions(self.plan) if self.plan.search else None)
            assert trial.number == number
            if self.plan.search:
                trial.set_user_attr('setting', samplers.chosen(self.plan, trial.params))
            return trial

    def take_more(self, fits: Callable[[Setting, Sequence[int]], bool], most: int) -> list[Any]:
        """Claims further waiting trials of a grid.

        Args:
          fits: (setting, seeds) -> whether to claim the trial.
          most: How many at most.
        """
        import optuna

        with self.database.mutex():
            waiting = [t for t in self.trials() if t.state.name == 'WAITING']
            chosen = [t for t in waiting if fits(t.user_attrs['setting'], t.user_attrs['seeds'])][:most]
            claimed = []
            for number in (t.number for t in chosen):
                self._claim(number)
                self.storage.set_trial_state_values(self._id(number), optuna.trial.TrialState.RUNNING)
                claimed.append(optuna.trial.Trial(self.study, self._id(number)))
            return claimed

    def _claim(self, number: int) -> None:
        """Marks a trial before it is running, so that no running trial is unclaimed."""
        for name, value in (('beat', 0), ('worker', self.me)):
            self.storage.set_trial_user_attr(self._id(number), name, value)

    def _put_back_dead(self) -> None:
        """Queues every running trial whose worker is dead."""
        from optuna.trial import TrialState

        for t in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if self._watch.dead(t.number, t.user_attrs):
                self.storage.set_trial_state_values(self._id(t.number), TrialState.WAITING)

    def _id(self, number: int) -> int:
        study = self.storage.get_study_id_from_name(self.name)
        return self.storage.get_trial_id_from_study_id_trial_number(study, number)

    def beat(self, trial: Any, count: int) -> None:
        """Shows that this worker lives.

        Raises:
          LostError: Another worker has the trial.
        """
        now = self.storage.get_trial(self._id(trial.number))
        if now.state.name != 'RUNNING' or now.user_attrs.get('worker') != self.me:
            raise LostError
        trial.set_user_attr('beat', count)

    def put_back(self, trial: Any) -> None:
        """Queues the trial again, if this worker still has it."""
        from optuna.trial import TrialState

        with self.database.mutex():
            now = self.storage.get_trial(self._id(trial.number))
            if now.state.name == 'RUNNING' and now.user_attrs.get('worker') == self.me:
                self.storage.set_trial_state_values(self._id(trial.number), TrialState.WAITING)

    def tell(self, trial: Any, state: str, value: float | None = None) -> None:
        """Reports the end of a trial, unless another worker has done so.

        Args:
          trial: The trial.
          state: 'COMPLETE' with a value, 'PRUNED' or 'FAIL'.
          value: The objective of a search, or the last step in a grid.
        """
        from optuna.trial import TrialState

        self.study.tell(trial.number, value, TrialState[state], skip_if_finished=True)


def peek(url: str, workdir: Path, plan: Plan) -> list[Any]:
    """The trials by number, without creating or changing anything; none if there is no such sweep yet."""
    import optuna

    workdir = workdir.absolute()
    spec = plan.spec()
    leases.refuse_other(workdir, spec)
    database = Database(url, workdir)
    if database.sqlite and not Path(database.engine.url.database or '').exists():
        return []
    try:
        database.reach()
        storage = optuna.storages.RDBStorage(database.url, database.options, skip_table_creation=True)
        study = optuna.load_study(storage=storage, study_name=leases.study_name(workdir, spec))
        trials = counted(study.get_trials())
        storage.remove_session()
        storage.engine.dispose()
        return trials
    except errors.GaxError:
        raise
    except Exception:  # no tables yet, or no such study
        return []
    finally:
        database.engine.dispose()


def counted(trials: Sequence[Any]) -> list[Any]:
    """The trials that count: one that repeats a failed trial replaces it."""
    again = {t.user_attrs.get('again_for') for t in trials}
    return [t for t in trials if t.number not in again]


def key(setting: Setting, seeds: Sequence[int]) -> str:
    """A trial's setting and seeds as a text that identifies them."""
    return json.dumps([setting, list(seeds)], sort_keys=True)
