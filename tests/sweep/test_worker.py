"""What a worker does with runs that crash, that are stopped from outside, and that are not worth going on
with.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gax.sweep import database, objective, plan, store, table, worker
from gax.training.signals import Stop
from tests.helpers import tiny_sweep, tinyruns
from tests.helpers.cases import with_slow

FILE = str(tinyruns.ROOT / 'tests' / 'helpers' / 'tiny_sweep.py')
LOSS = objective.Objective('d/loss', 'last', 'minimize')
# Runs that are not trainings, as a machine makes them. The one with the rate 1e-4 goes wrong, the other ends
# at once.
BEGIN = """
import os, pathlib, sys, time
flags = dict(a.lstrip('-').split('=', 1) for a in sys.argv[1:])
place = pathlib.Path(flags['workdir'])
times = place / 'times'
times.write_text(times.read_text() + '.' if times.exists() else '.')
if flags['config.g.optimizer.learning_rate'] != '0.0001':
    sys.exit(0)
"""


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(worker, 'LOOK', 0.05)
    made: list[store.Store] = []

    def open_one(
        planned: plan.Plan, code: str = '', grace: float = store.GRACE
    ) -> tuple[store.Store, worker.Worker]:
        made.append(store.Store('', tmp_path / 'sweep', planned, grace))
        made[-1].fill()
        return made[-1], worker.Worker(planned, made[-1], ['-c', BEGIN + code], Stop(''))

    yield open_one
    for one in made:
        one.close()


def grid() -> plan.Plan:
    return plan.make(tiny_sweep.get_config(), FILE, ['lr'], 1)


@pytest.mark.parametrize(
    ('code', 'times', 'state', 'reason'),
    with_slow(
        [
            ('os.kill(os.getpid(), 9)', 3, 'failed', 'killed by SIGKILL'),
            ('1 / 0', 3, 'failed', 'exit status 1: ZeroDivisionError: division by zero'),
            ('print("gax: error: no"); sys.exit(2)', 1, 'failed', 'no'),
            ('if len(times.read_text()) < 2: os.kill(os.getpid(), 9)', 2, 'done', ''),
            ('if len(times.read_text()) < 3: sys.exit(143)', 3, 'done', ''),
        ],
        0,
        2,
        3,
    ),
)
def test_what_crashes_is_resumed_three_times_and_what_says_no_is_not(
    opened: Any, code: str, times: int, state: str, reason: str
) -> None:
    one, work = opened(grid(), code)
    work.work()
    first, second = table.rows(one.trials(), one.workdir)
    assert (first.state, first.error) == (state, reason)
    assert len((one.workdir / first.folder / 'times').read_text()) == times
    assert (second.state, second.error) == ('done', '')  # and the sweep went on


def test_a_trial_that_another_worker_has_is_left_to_it(opened: Any, caplog: Any) -> None:
    """This one was silent for too long; its run is stopped, and what it would have told is not."""
    one, work = opened(grid(), 'time.sleep(600)')
    take = one.take

    def taken_from_it() -> Any:
        trial = take()
        if trial and trial.number == 0:
            trial.set_user_attr('worker', {**one.me, 'host': 'elsewhere', 'lock': '/nowhere'})
        return trial

    one.take = taken_from_it
    work.pause = lambda seconds: setattr(work.stop, 'name', 'SIGTERM')  # nothing else is left to be done
    with caplog.at_level(logging.WARNING, 'gax'):
        work.work()
    assert 'trial 0 went to another worker' in caplog.text
    assert [t.state.name for t in one.trials()] == ['RUNNING', 'COMPLETE']


def test_a_worker_waits_for_a_run_that_is_still_saving(opened: Any) -> None:
    import fcntl
    import threading

    one, work = opened(grid())
    folder = one.workdir / 'runs' / 'learning_rate=0.0001-a59875-seed0'
    folder.mkdir(parents=True)
    with open(folder / '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread = threading.Thread(target=work.work)
        thread.start()
        time.sleep(0.5)
        assert not (folder / 'times').exists()
    thread.join()
    assert (folder / 'times').exists()
    assert [t.state.name for t in one.trials()] == ['COMPLETE', 'COMPLETE']


@pytest.mark.slow
def test_a_database_that_fails_for_good_is_told_and_the_trial_is_not_lost(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locked by another process for longer than we wait; who comes next takes the trial up again."""
    import sqlite3

    one, work = opened(grid())
    monkeypatch.setattr(database, 'PATIENCE', -1.0)
    monkeypatch.setitem(database.SQLITE, 'timeout', 0)
    one.close()
    one, work = opened(grid())
    holder = sqlite3.connect(one.workdir / 'sweep.db', isolation_level=None)
    outcome = work.outcome

    def lock_and_tell(*arguments: Any) -> Any:
        holder.execute('BEGIN EXCLUSIVE')
        return outcome(*arguments)

    work.outcome = lock_and_tell
    with pytest.raises(database.StorageError, match='database is locked'):
        work.work()
    holder.close()
    one.close()
    other, again = opened(grid(), grace=1.0)
    assert [t.state.name for t in other.trials()] == ['RUNNING', 'WAITING']
    monkeypatch.setattr(worker, 'IDLE', 0.2)
    again.work()
    assert [t.state.name for t in other.trials()] == ['COMPLETE', 'COMPLETE']


def report(folder: Path, step: int, loss: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / 'metrics.jsonl', 'a') as file:
        file.write(json.dumps({'step': step, 'd/loss': loss}) + '\n')


@pytest.mark.parametrize(('pruner', 'pruned'), with_slow([('median', True), ('none', False)], 0))
def test_a_run_worse_than_the_median_is_not_worth_it(
    opened: Any, tmp_path: Path, pruner: str, pruned: bool
) -> None:
    """After four that are done, at the same step, past a quarter of the steps; what is not finite is not
    reported.
    """
    planned = plan.make(
        tiny_sweep.get_config(), FILE, ['r1'], 1, LOSS, plan.Search('random', 9, pruner)
    )  # 20 steps
    one, work = opened(planned)
    for loss in (1.0, 2.0, 3.0, 4.0):
        trial = one.take()
        for step in (4, 10):
            trial.report(loss, step)
        one.tell(trial, 'COMPLETE', loss)
    trial = one.take()
    report(tmp_path / 'bad', 4, 9.0)
    assert not work.hopeless(trial, tmp_path / 'bad')  # too early
    report(tmp_path / 'bad', 9, float('nan'))
    assert not work.hopeless(trial, tmp_path / 'bad')
    report(tmp_path / 'bad', 10, 9.0)
    assert work.hopeless(trial, tmp_path / 'bad') == pruned
    assert not work.hopeless(trial, tmp_path / 'bad')  # nothing is new
    one.put_back(trial)
    good = one.take()
    report(tmp_path / 'good', 15, 0.5)
    assert not work.hopeless(good, tmp_path / 'good')
