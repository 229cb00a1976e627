"""sweep.py --vectorize: runs of a grid trained together by one process, and what the sweep says of them."""

from __future__ import annotations

import csv
import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from gax import errors
from gax.sweep import objective, plan, store, table
from gax.sweep.vmapped import worker as grouped
from gax.training import train
from gax.training.signals import Stop
from tests.helpers import nearly, tiny_sweep, tinyruns

FILE = str(tinyruns.ROOT / 'tests' / 'helpers' / 'tiny_sweep.py')
CONFIG = '--config=tests/helpers/tiny_sweep.py'
# In place of train_many.py: tells of the runs that it is given as `ending` says, and leaves a mark in each.
BEGIN = """
import json, os, pathlib, sys, time
file = pathlib.Path(sys.argv[1].removeprefix('--runs='))
runs = [pathlib.Path(run['workdir']) for run in json.loads(file.read_text())]
times = [(run / 'times').write_text('.' * (1 + len((run / 'times').read_text() if (run / 'times').exists() else ''))) for run in runs]
def tell(run, kind, reason=''):
    with open(file.with_name('endings.jsonl'), 'a') as out:
        out.write(json.dumps({'workdir': str(run), 'kind': kind, 'reason': reason}) + chr(10))
"""


def grid(*names: str) -> plan.Plan:
    return plan.make(tiny_sweep.get_config(), FILE, [*names, 'seed'], 0)


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    made: list[store.Store] = []

    def open_one(code: str, planned: plan.Plan, largest: int = 64) -> tuple[store.Store, grouped.GroupWorker]:
        made.append(store.Store('', tmp_path / 'sweep', planned))
        made[-1].fill()
        groups, many = grouped.groups(planned), ['-c', BEGIN + code]
        single = ['-c', 'pass']
        return made[-1], grouped.GroupWorker(planned, made[-1], single, Stop(''), groups, many, largest)

    yield open_one
    for one in made:
        one.close()


def times(one: store.Store) -> list[int]:
    """How often each run was given to a process of several."""
    paths = [one.workdir / row.folder / 'times' for row in table.rows(one.trials(), one.workdir)]
    return [len(path.read_text()) if path.exists() else 0 for path in paths]


def states(one: store.Store) -> list[tuple[str, str]]:
    return [(row.state, row.error) for row in table.rows(one.trials(), one.workdir)]


def test_each_trial_is_told_as_its_run_ended(opened: Any) -> None:
    one, work = opened(
        '[tell(r, "failed" if i == 1 else "done", "no" * (i == 1)) for i, r in enumerate(runs)]; sys.exit(1)',
        grid('lr'),
    )
    work.work()
    assert states(one) == [('done', ''), ('failed', 'no'), ('done', ''), ('done', '')]
    assert times(one) == [1, 1, 1, 1]
    listed = json.loads((one.workdir / 'groups' / '00000' / 'runs.json').read_text())
    assert [run['setting']['seed'] for run in listed] == [3, 5, 3, 5]
    assert 'trained with 3 others: ' in (Path(listed[0]['workdir']) / 'run.log').read_text()


def test_no_more_at_once_than_are_asked_for(opened: Any) -> None:
    one, work = opened('[tell(r, "done") for r in runs]', grid('lr'), largest=3)
    work.work()
    assert states(one) == [('done', '')] * 4
    assert times(one) == [1, 1, 1, 0]  # the last was alone, and so an ordinary run


def test_what_crashes_is_resumed_with_those_that_are_left(opened: Any) -> None:
    code = 'tell(runs[0], "done")\nif len(runs) > 1: os.kill(os.getpid(), 9)'
    one, work = opened(code, grid('lr'))
    work.work()
    assert times(one) == [1, 2, 3, 3]
    assert [state for state, _ in states(one)] == ['done', 'done', 'done', 'failed']
    assert states(one)[3][1].startswith('killed by SIGKILL')


def test_what_is_wrong_with_all_ends_the_sweep_and_loses_none(opened: Any) -> None:
    one, work = opened('tell(runs[0], "done"); print("gax: error: too large"); sys.exit(2)', grid('lr'))
    with pytest.raises(errors.GaxError, match=r'^too large$'):
        work.work()
    assert [t.state.name for t in one.trials()] == ['COMPLETE', 'WAITING', 'WAITING', 'WAITING']


def test_a_signal_puts_back_what_has_not_ended(opened: Any) -> None:
    code = 'import signal\nsignal.signal(15, lambda *_: sys.exit(143))\ntell(runs[0], "done"); tell(runs[1], "stopped")\ntime.sleep(60)'
    one, work = opened(code, grid('lr'))
    beat = work.beat

    def stop_when_it_is_told(trials: Any, now: bool = False) -> None:
        beat(trials, now)
        if list(one.workdir.glob('groups/*/endings.jsonl')):
            work.stop.name = 'SIGTERM'

    work.beat = stop_when_it_is_told
    work.work()
    assert [t.state.name for t in one.trials()] == ['COMPLETE', 'WAITING', 'WAITING', 'WAITING']


def test_a_trial_that_another_worker_has_takes_none_with_it(opened: Any, caplog: Any) -> None:
    one, work = opened('time.sleep(600)', grid('lr'))
    take = one.take_more

    def taken_from_it(*arguments: Any) -> Any:
        found = take(*arguments)
        found[0].set_user_attr('worker', {**one.me, 'host': 'elsewhere', 'lock': '/nowhere'})
        work.stop.name = 'SIGTERM'  # nothing more
        return found

    one.take_more = taken_from_it
    work.wait_until_free = lambda trials, folder: True
    work.work()
    assert 'went to another worker' in caplog.text
    assert [t.state.name for t in one.trials()] == ['WAITING', 'RUNNING', 'WAITING', 'WAITING']


def test_it_is_said_which_go_together_and_a_search_is_refused() -> None:
    found = grouped.groups(grid('loss', 'lr'))
    assert found.summary == [
        '8 runs: 2 x 4 together',
        "config.loss is part of the program: 'hinge', 'non_saturating'",
    ]
    assert sorted(found.of.values()) == [0] * 4 + [1] * 4
    assert (
        grouped.groups(plan.make(tiny_sweep.get_config(), FILE, ['loss'], 1)).summary[0]
        == '2 runs: 2 one by one'
    )
    goal = objective.Objective('d/loss', 'last', 'minimize')
    search = plan.make(tiny_sweep.get_config(), FILE, ['r1'], 1, goal, plan.Search('random', 9, 'none'))
    with pytest.raises(
        errors.GaxError, match='--vectorize trains the runs of a grid together; --search proposes'
    ):
        grouped.groups(search)


def rows(sweep: Path) -> list[dict[str, str]]:
    with open(sweep / 'sweep.csv') as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_whole_sweep_by_the_script(tmp_path: Path) -> None:
    """Two rates, one of which is not finite soon, by two seeds: one group; the others leave what they would
    have alone.
    """
    sweep = tmp_path / 'sweep'
    goal = ('--objective=d/loss', '--direction=minimize')
    done = tinyruns.run(
        'sweep.py', CONFIG, f'--workdir={sweep}', '--sweep=diverges,seed', '--vectorize', *goal
    )
    assert done.returncode == 1, done.stderr
    assert '4 runs: 1 x 4 together' in done.stderr
    assert 'gax: 4 runs: 2 done, 2 failed' in done.stdout
    found = rows(sweep)
    assert [row['state'] for row in found] == ['done', 'done', 'failed', 'failed']
    assert all('is not finite at step' in row['error'] for row in found[2:])
    for row in found[:2]:
        assert row['steps'] == '20'
        assert float(row['objective d/loss']) == tinyruns.metrics(sweep / row['folder'])[-1]['d/loss']
        assert sorted(tinyruns.pictures(sweep / row['folder'])) == ['0000000.png', '0000020.png', 'reals.png']
    alone, last = tmp_path / 'alone', found[1]
    config = plan.changed(tiny_sweep.get_config(), {'seed': 5, **dict.fromkeys(tiny_sweep.RATES, 1e-3)})
    train.train(config, alone)
    (sweep / last['folder'] / 'run.log').rename(tmp_path / 'run.log')
    nearly.near(sweep / last['folder'], alone, 20)


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_ended_and_taken_up_again(tmp_path: Path, number: signal.Signals) -> None:
    """The group goes on from its last checkpoint, and its runs end as those of a sweep that nobody
    disturbed.
    """
    changes = ('--config.steps=400', '--config.checkpoint.every=20', '--vectorize', '--sweep=lr,seed')
    one, whole = tmp_path / 'one' / 'sweep', tmp_path / 'whole' / 'sweep'
    worker = tinyruns.start('sweep.py', CONFIG, f'--workdir={one}', *changes)
    last = time.monotonic() + 200
    while len(list(one.glob('runs/*/checkpoints/20'))) < 4 and time.monotonic() < last:
        assert worker.poll() is None
        time.sleep(0.02)
    worker.send_signal(number)
    worker.communicate(timeout=200)
    assert worker.returncode == (128 + number if number == signal.SIGTERM else -number)
    for sweep in (one, whole):
        done = tinyruns.run('sweep.py', CONFIG, f'--workdir={sweep}', *changes)
        assert done.returncode == 0, done.stderr
    found = rows(one)
    assert [(row['state'], row['steps']) for row in found] == [('done', '400')] * 4
    assert ', from step' in ''.join(path.read_text() for path in one.glob('groups/*/run.log'))
    for row in found:
        tinyruns.same(one / row['folder'], whole / row['folder'], 400)
