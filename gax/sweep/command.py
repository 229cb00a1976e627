"""The command line of a sweep: plan, train or print, and write the results."""

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
    """The flags of gax-sweep.

    Attributes:
      base: The base config.
      file: The config file.
      workdir: The folder of the sweep.
      sweep: The names of the sweeps.
      seeds: The number of seeds; 0 for the default.
      search: The sampler of a search; '' for a grid.
      trials: The number of trials of a search.
      objective: 'METRIC' or 'METRIC:min'; '' for none.
      direction: 'minimize', 'maximize', or '' if the metric determines it.
      pruner: The pruner of a search.
      storage: The URL of the database; '' for SQLite in the workdir.
      retry: Whether failed runs are queued again.
      vectorize: Whether runs are trained together where they can be.
      group: The largest number of runs that are trained together.
    """

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
        """The plan that the flags describe.

        Raises:
          GaxError: The flags cannot be used.
        """
        goal = objectives.parse(self.objective, self.direction)
        search = Search(self.search, self.trials, self.pruner) if self.search else None
        planned = plan.make(self.base, self.file, self.sweep, self.seeds, goal, search)
        if goal and search:
            objectives.require_evaluation(goal, fields.get(self.base, 'eval.every'))
        return planned


def passed_on() -> list[str]:
    """The flags that every run of train.py inherits: the config, its changes, and those of all scripts."""
    return [
        f'--{name}={plan.text(value)}'
        for name, value in arguments.changes(flags.FLAGS).items()
        if name in ('config', 'compilation_cache', 'debug') or name.startswith('config.')
    ]


def dry_run(options: Asked) -> int:
    """Prints the runs and their states; writes nothing. Returns the exit status."""
    sweep_plan = options.plan()
    rows = table.rows(store.peek(options.storage, options.workdir, sweep_plan), options.workdir)
    states = {row.folder: row.state for row in rows}
    planned = [
        (f'runs/{space.folder(s, seed)}', s, seed) for s, seeds in sweep_plan.trials() for seed in seeds
    ]
    if sweep_plan.search:
        for axis in sweep_plan.axes:
            for alternative in axis.alternatives:
                for key, value in alternative.items():
                    print(f'sweep_{axis.name}: {" = ".join(space.fields_of(key))} = {value}')
        print(
            f'{sweep_plan.search.trials} trials, {len(rows)} of their runs begun, '
            f'{len(sweep_plan.seeds)} seeds each'
        )
        planned = [(row.folder, row.setting, row.seed) for row in rows]
    for line in grouped.groups(sweep_plan).summary if options.vectorize else ():
        print(f'gax: {line}')
    for folder, setting, seed in planned:
        print(f'{states.get(folder, "new"):<8} {folder}  {shlex.join(plan.flags(setting, seed))}')
    return 0


def run(options: Asked, train: Sequence[str], many: Sequence[str]) -> int:
    """Works until all runs are done or a signal comes.

    Args:
      options: The flags.
      train: The arguments of the interpreter that train the base config.
      many: The arguments of the interpreter that train several runs of it.

    Returns:
      The exit status.
    """
    sweep_plan = options.plan()
    os.environ.setdefault('WANDB_RUN_GROUP', options.workdir.absolute().name)  # of its runs, in wandb
    together = grouped.groups(sweep_plan) if options.vectorize else None
    for line in together.summary if together else ():
        log.info('%s', line)
    hint = 'nothing is lost; the same command begins again'
    with Stop(hint) as stop:
        place = store.Store(options.storage, options.workdir, sweep_plan)
        try:
            place.database.patiently(lambda: place.fill(options.retry))
            worker = Worker(sweep_plan, place, train, stop)
            if together:
                worker = grouped.GroupWorker(sweep_plan, place, train, stop, together, many, options.group)
            worker.work(now_and_then(lambda: report(sweep_plan, place, final=False)))
            report(sweep_plan, place, final=not stop.name)
            rows = table.rows(place.trials(), place.workdir)
        finally:
            place.close()
    return tell(rows, sweep_plan, options.workdir, stop.name)


def now_and_then(act: Callable[[], None]) -> Callable[[], None]:
    """`act`, but at most once in REPORT_EVERY seconds."""
    last = -REPORT_EVERY

    def maybe() -> None:
        nonlocal last
        if time.monotonic() - last >= REPORT_EVERY:
            last = time.monotonic()
            act()

    return maybe


def report(sweep_plan: Plan, place: store.Store, final: bool) -> None:
    """Writes sweep.csv and sweep.html.

    Args:
      sweep_plan: The plan.
      place: The trials.
      final: Whether later measurements are read again, and an objective that no run reports is an error.
    """
    rows = table.rows(place.database.patiently(place.trials), place.workdir, refresh=final)
    sweep_plan = named(sweep_plan, rows)
    table.write_csv(table.completed(rows, sweep_plan.base), sweep_plan.objective, place.workdir / 'sweep.csv')
    page.write(rows, sweep_plan, place.workdir, place.workdir / 'sweep.html')
    if final:
        table.require_reported(rows, sweep_plan.objective)


def named(sweep_plan: Plan, rows: Sequence[table.Row]) -> Plan:
    """The plan with the full name of its objective."""
    names = {name for row in rows for name in row.metrics}
    return sweep_plan._replace(
        objective=sweep_plan.objective and objectives.resolved(sweep_plan.objective, names)
    )


def tell(rows: Sequence[table.Row], sweep_plan: Plan, workdir: Path, stopped_by: str) -> int:
    """Prints the results; returns the exit status."""
    sweep_plan, counts = named(sweep_plan, rows), table.counts(rows)
    print(f'gax: {len(rows)} runs: {", ".join(f"{n} {state}" for state, n in counts.items()) or "none yet"}')
    for row in rows:
        if row.state == 'failed':
            print(f'  failed: {row.folder}: {row.error}')
    print('\n'.join(table.printed(table.groups(rows, sweep_plan.objective), sweep_plan.objective)))
    best = table.best_run(rows, sweep_plan.objective)
    if best:
        print(
            f'Best run:  {workdir / best.folder}  '
            f'({sweep_plan.objective} {best.value(sweep_plan.objective):.4g})'
        )
    print(f'Summary:   {workdir / "sweep.html"}, {workdir / "sweep.csv"}')
    if stopped_by:
        print(f'gax: {stopped_by}: all is saved; the same command goes on')
        return 128 + signal.Signals[stopped_by].value
    return 1 if counts.get('failed') else 0
