"""A worker that trains runs of a grid together in one process where possible, and the others one by one."""

from __future__ import annotations

import contextlib
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from gax import errors
from gax.sweep import plan as plans
from gax.sweep import space
from gax.sweep.plan import Plan
from gax.sweep.store import LostError, Store, key
from gax.sweep.subprocess_run import Child, Ending
from gax.sweep.vmapped import grouping
from gax.sweep.worker import ATTEMPTS, LOOK, Worker
from gax.training.signals import Stop
from gax.training.workdir import write_json

log = logging.getLogger('gax')


class Groups(NamedTuple):
    """Which runs of a grid can be trained together.

    Attributes:
      of: A run, by store.key, -> the number of its group; without runs that are trained alone.
      summary: Lines for the log: how many runs are trained together, and why not all.
    """

    of: Mapping[str, int]
    summary: list[str]


def groups(plan: Plan) -> Groups:
    """Groups the runs of a grid.

    Raises:
      GaxError: The plan is a search.
    """
    if plan.search:
        raise errors.GaxError(
            '--vectorize trains the runs of a grid together; --search proposes a setting when it has seen '
            'how others did: leave out one of the two'
        )
    runs = plan.trials()
    configs = [plans.changed(plan.base, {**setting, 'seed': seed}) for setting, (seed,) in runs]
    grouped, reasons = grouping.groups(configs)
    several = [g.members for g in grouped if len(g.members) > 1 and not g.alone]
    of = {key(*runs[i]): number for number, members in enumerate(several) for i in members}
    sizes = Counter(map(len, several))
    parts = [f'{times} x {size} together' for size, times in sorted(sizes.items(), reverse=True)]
    parts += [f'{len(runs) - len(of)} one by one'] * (len(of) < len(runs))
    return Groups(of, [f'{len(runs)} runs: {", ".join(parts)}', *reasons])


class GroupWorker(Worker):
    """A worker that trains groups of runs together.

    Attributes:
      groups: Which runs can be trained together.
      many: The arguments of the interpreter that train the runs of a file with the base config.
      largest: The largest number of runs that are trained together.
    """

    def __init__(
        self,
        plan: Plan,
        store: Store,
        command: Sequence[str],
        stop: Stop,
        groups: Groups,
        many: Sequence[str],
        largest: int,
    ) -> None:
        super().__init__(plan, store, command, stop)
        self.groups, self.many, self.largest = groups, list(many), largest

    def attempt(self, trial: Any) -> None:
        """Trains the trial, together with waiting trials of its group."""
        group = self.groups.of.get(key(trial.user_attrs['setting'], trial.user_attrs['seeds']))
        fits = lambda setting, seeds: self.groups.of.get(key(setting, seeds)) == group  # noqa: E731
        mates: list[Any] = []
        try:
            if group is not None:
                mates = self.store.database.patiently(partial(self.store.take_more, fits, self.largest - 1))
            if mates:
                self.together([trial, *mates])
        except LostError:
            log.warning('a trial of this group went to another worker: this one was silent for too long')
            self.put_back([trial, *mates])
        except BaseException:
            self.put_back([trial, *mates])
            raise
        if not mates:
            super().attempt(trial)

    def put_back(self, trials: Sequence[Any]) -> None:
        """Queues the trials again that this worker still has and that have not been reported."""
        for trial in trials:
            with contextlib.suppress(errors.GaxError), self.store.database.plain_errors():
                self.store.put_back(trial)

    def together(self, trials: Sequence[Any]) -> None:
        """Trains the runs of the trials to their ends from wherever they are, and reports each."""
        left = {self.folder(trial): trial for trial in trials}
        place = self.store.workdir / 'groups' / f'{trials[0].number:05d}'
        self.say(f'{self.tally.begins(len(left))}, together: {place / "run.log"}')
        for attempt in range(1, ATTEMPTS + 1):
            if not all(self.wait_until_free(list(left.values()), folder) for folder in left):
                return self.put_back(list(left.values()))
            child = self.start_many(place, left)
            ending = self.watch(list(left.values()), child, next(iter(left)))
            self.tell_ended(left, ended(place))
            if not left:
                return None
            if ending.kind == 'stopped':
                self.pause(LOOK)
            if ending.kind in ('stopped', 'crashed') and self.stop.name:
                return self.put_back(list(left.values()))
            if ending.kind == 'failed':  # the cause concerns all of them
                raise errors.GaxError(ending.reason)
            log.warning('%s: %s (attempt %d of %d)', place.name, ending.reason, attempt, ATTEMPTS)
        return self.tell_ended(left, dict.fromkeys(left, ending))

    def folder(self, trial: Any) -> Path:
        """The folder of a trial's run."""
        setting, (seed,) = trial.user_attrs['setting'], trial.user_attrs['seeds']
        return self.runs / space.folder(setting, seed)

    def start_many(self, place: Path, left: Mapping[Path, Any]) -> Child:
        """Starts the process, whose output goes to `place`; each run's log refers to it."""
        listed = []
        with errors.plain_os_errors(place):
            place.mkdir(parents=True, exist_ok=True)
            (place / 'endings.jsonl').unlink(missing_ok=True)
            for folder, trial in left.items():
                setting, (seed,) = trial.user_attrs['setting'], trial.user_attrs['seeds']
                listed.append({'workdir': str(folder), 'setting': {**setting, 'seed': seed}})
                folder.mkdir(parents=True, exist_ok=True)
                with open(folder / 'run.log', 'a', encoding='utf-8', errors='backslashreplace') as file:
                    file.write(f'trained with {len(left) - 1} others: {place / "run.log"}\n')
            write_json(place / 'runs.json', listed)
        return Child([*self.many, f'--runs={place / "runs.json"}'], place)

    def tell_ended(self, left: dict[Path, Any], endings: Mapping[Path, Ending]) -> None:
        """Reports the runs that have ended for good and removes them from `left`."""
        for folder, trial in list(left.items()):
            if folder in endings and endings[folder].kind != 'stopped':
                outcome = self.outcome(folder, endings[folder])
                name = f'run {trial.user_attrs["seeds"][0]}'
                self.store.database.patiently(partial(trial.set_user_attr, name, outcome))
                self.tell(trial, [outcome])
                del left[folder]


def ended(place: Path) -> dict[Path, Ending]:
    """Workdir -> how its run has ended, for runs that have: see gax/sweep/vmapped/run_list.py."""
    path = place / 'endings.jsonl'
    rows = (
        [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines()] if path.exists() else []
    )
    return {Path(row['workdir']): Ending(row['kind'], row['reason']) for row in rows}
