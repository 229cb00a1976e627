"""Who does which run: workers at once, dead ones, silent ones, and a search that goes on as if it had not
stopped.

Nothing is trained here; what is taken, lost and told goes through a real database.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gax import errors
from gax.config import choices
from gax.sweep import database, leases, objective, plan, store
from tests.helpers import tiny_sweep, tinyruns

FILE = str(tinyruns.ROOT / 'tests' / 'helpers' / 'tiny_sweep.py')
LOSS = objective.Objective('d/loss', 'last', 'minimize')


def grid(*names: str, seeds: int = 0, **changes: Any) -> plan.Plan:
    config = tiny_sweep.get_config()
    choices.set_all(config, changes)
    return plan.make(config, FILE, names, seeds)


def search(trials: int = 4, sampler: str = 'tpe', pruner: str = 'none') -> plan.Plan:
    return plan.make(
        tiny_sweep.get_config(), FILE, ['r1', 'loss'], 2, LOSS, plan.Search(sampler, trials, pruner)
    )


class Many:
    """Stores of one workdir, all closed at the end."""

    def __init__(self, workdir: Path) -> None:
        self.workdir, self.made = workdir, list[store.Store]()

    def __call__(self, made: plan.Plan, **options: Any) -> store.Store:
        self.made.append(store.Store('', self.workdir, made, **options))
        return self.made[-1]


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Many]:
    many = Many(tmp_path / 'sweep')
    yield many
    for one in many.made:
        one.close()


def test_a_grid_is_queued_once_and_taken_in_order(stores: Many) -> None:
    workers = [stores(grid('lr', seeds=2)) for _ in range(4)]
    for worker in workers:
        worker.fill()
    taken = [worker.take() for worker in workers]
    assert [t.number for t in taken] == [0, 1, 2, 3]
    assert [t.user_attrs['seeds'] for t in taken] == [[0], [1], [0], [1]]
    assert [t.user_attrs['setting'][tiny_sweep.RATES[0]] for t in taken] == [1e-4, 1e-4, 1e-3, 1e-3]
    assert stores(grid('lr', seeds=2)).take() is None
    assert {t.state.name for t in workers[0].trials()} == {'RUNNING'}


def test_more_seeds_add_runs(stores: Many) -> None:
    stores(grid('lr', seeds=1)).fill()
    stores(grid('lr', seeds=3)).fill()
    there = [
        (t.user_attrs['setting'][tiny_sweep.RATES[0]], t.user_attrs['seeds']) for t in stores.made[0].trials()
    ]
    assert sorted(there) == [(rate, [seed]) for rate in (1e-4, 1e-3) for seed in (0, 1, 2)]


def test_each_trial_goes_to_one_of_many_workers_at_once(stores: Many) -> None:
    made = grid('seed', seeds=12)
    workers = [stores(made) for _ in range(4)]
    taken: list[int] = []

    def work(one: store.Store) -> None:
        one.fill()
        while (trial := one.take()) is not None:
            taken.append(trial.number)
            one.tell(trial, 'COMPLETE', 1.0)

    threads = [threading.Thread(target=work, args=(one,)) for one in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(12))


TAKE = """
import sys, time, pathlib
from tests.sweep import test_store as t
one = t.store.Store('', pathlib.Path(sys.argv[1]), t.search())
print(one.take().number, flush=True)
time.sleep(600)
"""


def test_a_killed_workers_trial_is_taken_up_again_with_its_parameters(stores: Many) -> None:
    one = stores(search())
    command = [sys.executable, '-c', TAKE, str(stores.workdir)]
    with subprocess.Popen(command, cwd=tinyruns.ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == '0\n'
        mine = one.take()
        assert mine.number == 1  # the other lives
        other.send_signal(signal.SIGKILL)
        other.wait()
    before = one.trials()[0]
    one.tell(mine, 'COMPLETE', 1.0)
    again = one.take()
    assert again.number == 0
    assert again.params == before.params
    assert again.user_attrs['setting'] == before.user_attrs['setting']
    assert len(one.trials()) == 2


def elsewhere(one: store.Store, trial: Any) -> None:
    """As if a worker of another machine had the trial."""
    trial.set_user_attr('worker', {**one.me, 'host': 'elsewhere', 'lock': '/nowhere'})


@pytest.mark.slow
def test_a_silent_worker_elsewhere_loses_its_trial_after_the_grace(stores: Many) -> None:
    now = [1000.0]
    one = stores(grid('lr', seeds=1), grace=90.0)
    one._watch._clock = lambda: now[0]
    one.fill()
    theirs, mine = one.take(), one.take
    elsewhere(one, theirs)
    own = mine()
    one.tell(own, 'COMPLETE', 1.0)
    for seconds, beat in ((0, 1), (89, 1), (0, 2), (89, 2)):  # it beat in time, once
        now[0] += seconds
        theirs.set_user_attr('beat', beat)
        assert one.take() is None
    now[0] += 2
    assert one.take().number == theirs.number


def test_whoever_was_taken_for_dead_is_told_when_it_comes_back(stores: Many) -> None:
    one, other = stores(grid('lr', seeds=1)), stores(grid('lr', seeds=1))
    one.fill()
    trial = one.take()
    one.beat(trial, 1)
    trial.set_user_attr('worker', other.me)
    with pytest.raises(store.LostError):
        one.beat(trial, 2)
    one.put_back(trial)
    assert one.trials()[0].state.name == 'RUNNING'  # not one's own to put back
    other.tell(trial, 'COMPLETE', 1.0)
    one.tell(trial, 'FAIL')  # too late
    assert one.trials()[0].state.name == 'COMPLETE'


def test_put_back_and_taken_again(stores: Many) -> None:
    one = stores(search())
    trial = one.take()
    trial.report(0.5, 10)
    one.put_back(trial)
    again = one.take()
    assert (again.number, again.params) == (trial.number, trial.params)
    assert one.trials()[0].intermediate_values == {10: 0.5}


def test_what_failed_is_run_again_where_that_is_asked(stores: Many) -> None:
    one = stores(grid('lr', seeds=1))
    one.fill()
    one.tell(one.take(), 'FAIL')
    one.fill()
    assert [t.state.name for t in one.trials()] == ['FAIL', 'WAITING']
    one.fill(again=True)
    assert [(t.number, t.state.name) for t in one.trials()] == [(1, 'WAITING'), (2, 'WAITING')]
    assert one.trials()[1].user_attrs['setting'][tiny_sweep.RATES[0]] == 1e-4


def proposals_of(one: store.Store, trials: int) -> list[Any]:
    settings = []
    for _ in range(trials):
        trial = one.take()
        settings.append(trial.user_attrs['setting'])
        one.tell(trial, 'COMPLETE', trial.params['terms.r1.weight'])
    return settings


@pytest.mark.slow
@pytest.mark.parametrize(
    ('sampler', 'parts_of'), [('tpe', (3, 8, 1)), ('random', (1, 3))]
)  # TPE: after ten trials
def test_a_search_that_stopped_proposes_what_it_would_have(
    tmp_path: Path, sampler: str, parts_of: tuple[int, ...]
) -> None:
    trials = sum(parts_of)
    whole, parts = Many(tmp_path / 'whole'), Many(tmp_path / 'parts')
    one = whole(search(trials, sampler))
    wanted = proposals_of(one, trials)
    assert one.take() is None  # as many as asked for
    assert len({str(s) for s in wanted}) == trials
    assert all(1e-3 <= s['terms.r1.weight'] <= 10.0 for s in wanted)
    assert {s['loss'] for s in wanted} == {'hinge', 'non_saturating'}
    found: list[Any] = []
    for some in parts_of:
        found += proposals_of(parts(search(trials, sampler)), some)
        parts.made[-1].close()
    assert found == wanted
    assert proposals_of(parts(search(trials + 1, sampler)), 1)
    for many in (whole, parts):
        for one in many.made:
            one.close()


def test_a_workdir_of_another_sweep_or_of_a_run_is_refused(stores: Many) -> None:
    stores(grid('lr', seeds=1))
    with pytest.raises(
        errors.GaxError, match=r"holds another sweep \(config.loss: 'non_saturating' there, 'hinge' now\)"
    ):
        stores(grid('lr', seeds=1, loss='hinge'))
    with pytest.raises(errors.GaxError, match=r"holds another sweep \(sweep: \['lr'\] there, \['loss'\] now"):
        stores(grid('loss', seeds=1))
    (stores.workdir / leases.FILE).write_text('{"study": ')
    with pytest.raises(errors.GaxError, match=r'sweep\.json is damaged'):
        stores(grid('lr', seeds=1))
    (stores.workdir / leases.FILE).unlink()
    (stores.workdir / 'config.json').write_text('{}')
    with pytest.raises(errors.GaxError, match='holds a run'):
        stores(grid('lr', seeds=1))


@pytest.mark.parametrize(
    ('url', 'says'),
    [
        ('mysql://me:sesame@127.0.0.1/x', 'must be postgresql://USER@HOST/DATABASE'),
        ('sesame', 'must be postgresql://'),
        ('postgresql://me:sesame@127.0.0.1:1/x', 'cannot be used: .*127.0.0.1'),
        ('postgresql://me:sesame@127.0.0.1:port/x', 'cannot be read'),
        ('postgresql://127.0.0.1/x?password=sesame', 'a password stands before the @'),
    ],
)
def test_a_storage_that_cannot_be_used_is_one_line_without_password(
    tmp_path: Path, url: str, says: str
) -> None:
    with pytest.raises(errors.GaxError, match=says) as found:
        store.Store(url, tmp_path / 'sweep', grid('lr'))
    assert 'sesame' not in str(found.value)
    assert '\n' not in str(found.value)
    assert not (tmp_path / 'sweep').exists()


def test_a_damaged_database_is_one_line(stores: Many) -> None:
    stores.workdir.mkdir()
    (stores.workdir / 'sweep.db').write_bytes(b'no database at all, ' * 100)
    with pytest.raises(errors.GaxError, match=r'sweep\.db cannot be used: file is not a database'):
        stores(grid('lr', seeds=1))


def test_a_database_that_answers_late_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A real lock on the file, given up after a second; and one that is not, for less patience than that."""
    import sqlite3

    monkeypatch.setattr(time, 'sleep', lambda seconds: None)
    there = database.Database('', tmp_path)
    import sqlalchemy

    there.engine = sqlalchemy.create_engine(there.url, connect_args={'timeout': 0})
    holder = sqlite3.connect(tmp_path / 'sweep.db')
    holder.execute('BEGIN EXCLUSIVE')
    tries = []

    def act() -> int:
        tries.append(1)
        if len(tries) == 3:
            holder.rollback()
        with there.engine.begin() as connection:
            connection.execute(sqlalchemy.text('CREATE TABLE t (x int)'))
        return 7

    assert there.patiently(act) == 7
    assert len(tries) == 3
    holder.execute('BEGIN EXCLUSIVE')
    monkeypatch.setattr(database, 'PATIENCE', -1.0)
    with pytest.raises(database.StorageError, match='database is locked'):
        there.patiently(act)
    holder.close()
    there.engine.dispose()


def test_looking_leaves_no_trace(tmp_path: Path) -> None:
    made = grid('lr', seeds=1)
    assert store.peek('', tmp_path / 'sweep', made) == []
    assert list(tmp_path.iterdir()) == []
    one = store.Store('', tmp_path / 'sweep', made)
    one.fill()
    one.take()
    assert [t.state.name for t in store.peek('', tmp_path / 'sweep', made)] == ['RUNNING', 'WAITING']
    one.close()
    assert list((tmp_path / 'sweep' / 'workers').iterdir()) == []
