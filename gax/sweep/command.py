"""What the command line of a sweep does: plan, train or print, and write down the results."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from absl import flags
from ml_collections import ConfigDict

from gax.config import arguments, fields
from gax.sweep import objective as objectives
from gax.sweep import page, plan, space, store, table
from gax.sweep.plan import Plan, Search
from gax.sweep.vmapped import worker as grouped
from gax.sweep.worker import Worker
from gax.training.signals import Stop

log = logging.getLogger('gax')

REPORT_EVERY = 30.0  # seconds between two summaries while a sweep goes on


class Asked(NamedTuple):
    """The flags of gax-sweep."""

    base: ConfigDict
    file: str
    workdir: Path
    sweep: Sequence[str]
    seeds: int
    search: str
    trials: int
    objective: str
    direction: str
    pruner: str
    storage: str
    retry: bool
    vectorize: bool = False
    group: int = 64

    def plan(self) -> Plan:
        """Raises GaxError for all that cannot be meant."""
        goal = objectives.parse(self.objective, self.direction)
        search = Search(self.search, self.trials, self.pruner) if self.search else None
        made = plan.make(self.base, self.file, self.sweep, self.seeds, goal, search)
        if goal and search:
            objectives.require_evaluation(goal, fields.get(self.base, 'eval.every'))
        return made


def passed_on() -> list[str]:
    """The flags that every run of train.py gets as they were read: the config, its changes, and what all
    scripts share.
    """
    return [
        f'--{name}={plan.text(value)}'
        for name, value in arguments.changes(flags.FLAGS).items()
        if name in ('config', 'compilation_cache', 'debug') or name.startswith('config.')
    ]


def dry_run(asked: Asked) -> int:
    """Prints the runs and how they stand; writes nothing."""
    made = asked.plan()
    found = table.rows(store.peek(asked.storage, asked.workdir, made), asked.workdir)
    there = {row.folder: row.state for row in found}
    planned = [(f'runs/{space.folder(s, seed)}', s, seed) for s, seeds in made.trials() for seed in seeds]
    if made.search:
        for axis in made.axes:
            for alternative in axis.alternatives:
                for key, value in alternative.items():
                    print(f'sweep_{axis.name}: {" = ".join(space.fields_of(key))} = {value}')
        print(f'{made.search.trials} trials, {len(found)} of their runs begun, {len(made.seeds)} seeds each')
        planned = [(row.folder, row.setting, row.seed) for row in found]
    for line in grouped.groups(made).said if asked.vectorize else ():
        print(f'gax: {line}')
    for folder, setting, seed in planned:
        print(f'{there.get(folder, "new"):<8} {folder}  {shlex.join(plan.flags(setting, seed))}')
    return 0


def run(asked: Asked, train: Sequence[str], many: Sequence[str]) -> int:
    """Works until all is done or a signal comes. train: what follows the interpreter to train the base
    config; many: runs of it.
    """
    made = asked.plan()
    os.environ.setdefault(
        'WANDB_RUN_GROUP', asked.workdir.absolute().name
    )  # where its runs are shown by wandb
    together = grouped.groups(made) if asked.vectorize else None
    for line in together.said if together else ():
        log.info('%s', line)
    hint = 'nothing is lost; the same command begins again'
    with Stop(hint) as stop:
        place = store.Store(asked.storage, asked.workdir, made)
        try:
            place.database.patiently(lambda: place.fill(asked.retry))
            worker = Worker(made, place, train, stop)
            if together:
                worker = grouped.GroupWorker(made, place, train, stop, together, many, asked.group)
            worker.work(now_and_then(lambda: report(made, place, final=False)))
            report(made, place, final=not stop.name)
            found = table.rows(place.trials(), place.workdir)
        finally:
            place.close()
    return tell(found, made, asked.workdir, stop.name)


def now_and_then(act: Callable[[], None]) -> Callable[[], None]:
    """`act`, but not again before REPORT_EVERY seconds have passed."""
    last = -REPORT_EVERY

    def maybe() -> None:
        nonlocal last
        if time.monotonic() - last >= REPORT_EVERY:
            last = time.monotonic()
            act()

    return maybe


def report(made: Plan, place: store.Store, final: bool) -> None:
    """sweep.csv and sweep.html. final: what was measured after training counts too, and errors are told."""
    found = table.rows(place.database.patiently(place.trials), place.workdir, refresh=final)
    made = named(made, found)
    table.write_csv(table.completed(found, made.base), made.objective, place.workdir / 'sweep.csv')
    page.write(found, made, place.workdir, place.workdir / 'sweep.html')
    if final:
        table.require_reported(found, made.objective)


def named(made: Plan, found: Sequence[table.Row]) -> Plan:
    """The plan with the objective under its full name."""
    names = {name for row in found for name in row.metrics}
    return made._replace(objective=made.objective and objectives.resolved(made.objective, names))


def tell(found: Sequence[table.Row], made: Plan, workdir: Path, stopped_by: str) -> int:
    """Says what came out, on stdout; returns the exit status."""
    made, counts = named(made, found), table.counts(found)
    print(f'gax: {len(found)} runs: {", ".join(f"{n} {state}" for state, n in counts.items()) or "none yet"}')
    for row in found:
        if row.state == 'failed':
            print(f'  failed: {row.folder}: {row.error}')
    print('\n'.join(table.printed(table.groups(found, made.objective), made.objective)))
    best = table.best_run(found, made.objective)
    if best:
        print(f'Best run:  {workdir / best.folder}  ({made.objective} {best.value(made.objective):.4g})')
    print(f'Summary:   {workdir / "sweep.html"}, {workdir / "sweep.csv"}')
    if stopped_by:
        print(f'gax: {stopped_by}: all is saved; the same command goes on')
        return 128 + signal.Signals[stopped_by].value
    return 1 if counts.get('failed') else 0
