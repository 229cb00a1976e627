"""Runs that are stopped, killed and started again end up where an undisturbed one does, bit for bit."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gax.training import experiment, programs, train
from tests.helpers import tinyruns
from tests.helpers.cases import with_slow

pytestmark = pytest.mark.usefixtures('compiled_once')


def signal_at(monkeypatch: pytest.MonkeyPatch, steps: dict[int, signal.Signals]) -> None:
    """Sends this process a signal while the given steps run, or soon after."""
    make = programs.advancer

    def advancer(*arguments: object) -> Callable[..., object]:
        advance = make(*arguments)  # type: ignore[arg-type]

        calls = iter(range(1000))

        def hit(carry: experiment.Carry, step: int, count: int) -> object:
            due = [at for at in steps if at < step + count]
            if next(calls) and due:  # before its first step is done, a process just leaves
                os.kill(os.getpid(), steps.pop(due[0]))
            return advance(carry, step, count)

        return hit

    monkeypatch.setattr(programs, 'advancer', advancer)


# Rhythms of saving and logging that never meet, and calls of several steps.
@pytest.mark.slow
@pytest.mark.parametrize(
    'changes',
    [
        {'checkpoint.every': 6, 'log_every': 7, 'terms.r1.weight': 0.1, 'terms.r1.every': 4},
        pytest.param({'checkpoint.every': 1000, 'log_every': 9, 'steps_per_call': 2}, marks=pytest.mark.slow),
    ],
    ids=['lazy', 'scan'],
)
def test_stopped_by_signals_and_continued(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    config = tinyruns.config(steps=20, **{'data.name': f'npz:{data}', **changes})
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    assert train.train(config, whole) == (20, '')
    steps = {0: signal.SIGTERM, 8: signal.SIGINT, 13: signal.SIGTERM}
    signal_at(monkeypatch, steps)
    for _ in range(3):
        done, name = train.train(config, parts)
        assert name in ('SIGTERM', 'SIGINT')
        assert done < 20
        assert (parts / 'checkpoints' / str(done)).is_dir()
        assert tinyruns.metrics(parts)[-1]['step'] == done
    assert train.train(config, parts) == (20, '')
    tinyruns.same(whole, parts, 20)


def test_more_steps_go_on_as_if_asked_for_at_once(tmp_path: Path, data: Path) -> None:
    def config(steps: int) -> object:
        return tinyruns.config(steps=steps, **{'data.name': f'npz:{data}', 'log_every': 4, 'sample_every': 4})

    train.train(config(16), tmp_path / 'whole')  # type: ignore[arg-type]
    train.train(config(8), tmp_path / 'parts')  # type: ignore[arg-type]
    train.train(config(16), tmp_path / 'parts')  # type: ignore[arg-type]
    tinyruns.same(tmp_path / 'whole', tmp_path / 'parts', 16)


def arguments(workdir: Path, data: Path, *more: str) -> list[str]:
    return [
        f'--config={tinyruns.CONFIG}',
        f'--workdir={workdir}',
        f'--config.data.name=npz:{data}',
        '--config.steps=200',
        *('--config.log_every=20', '--config.sample_every=50', '--config.checkpoint.every=30', *more),
    ]


def saving(workdir: Path) -> bool:
    return any(workdir.glob('checkpoints/*.tmp'))


def kill_when(process: object, due: Callable[[], bool]) -> bool:
    """Sends SIGKILL as soon as `due`; False where the process ended by itself before."""
    while process.poll() is None:  # type: ignore[attr-defined]
        if due():
            process.kill()  # type: ignore[attr-defined]
            process.communicate()  # type: ignore[attr-defined]
            return True
        time.sleep(0.0005)
    process.communicate()  # type: ignore[attr-defined]
    return False


@pytest.mark.slow
def test_killed_in_the_middle_of_a_save_and_continued(tmp_path: Path, data: Path) -> None:
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    assert tinyruns.run('train.py', *arguments(whole, data)).returncode == 0
    assert kill_when(tinyruns.start('train.py', *arguments(parts, data)), lambda: saving(parts))
    assert kill_when(
        tinyruns.start('train.py', *arguments(parts, data)),
        lambda: (parts / 'checkpoints' / '90').exists() and saving(parts),
    )
    last = tinyruns.run('train.py', *arguments(parts, data))
    assert last.returncode == 0, last.stderr
    assert not saving(parts)
    tinyruns.same(whole, parts, 200)


@pytest.mark.slow
@pytest.mark.parametrize('seed', range(4))
def test_killed_again_and_again(tmp_path: Path, data: Path, seed: int) -> None:
    """At random moments from the start of the process on, every third time in the middle of a save;
    optimised code.
    """
    random.seed(seed)
    more = [
        '--config.checkpoint.every=7' if seed % 2 else '--config.log_every=9',
        '--config.d.net.kind=dcgan',
    ][: 1 + seed // 2]
    more += ['--config.steps_per_call=3'] * (seed == 3)
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    assert tinyruns.run('train.py', *arguments(whole, data, *more), fast=False).returncode == 0
    kills = 0
    for attempt in range(200):
        process = tinyruns.start('train.py', *arguments(parts, data, *more), fast=False)
        limit, known = time.monotonic() + random.uniform(1.0, 6.0), newest(parts)

        def due(mid: bool = attempt % 3 == 0, limit: float = limit, known: int = known) -> bool:
            if mid:
                return saving(parts) and newest(parts) > known and random.random() < 0.3
            return time.monotonic() > limit

        if not kill_when(process, due):
            break
        kills += 1
    assert process.returncode == 0
    assert kills >= 2
    tinyruns.same(whole, parts, 200)


def newest(workdir: Path) -> int:
    return max((int(p.name) for p in workdir.glob('checkpoints/*') if p.name.isdigit()), default=0)


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_saves_at_once_and_says_how_to_go_on(tmp_path: Path, data: Path, number: int) -> None:
    process = tinyruns.start(
        'train.py', *arguments(tmp_path / 'run', data, '--config.steps=1000000', '--config.log_every=5')
    )
    wait_for(lambda: (tmp_path / 'run' / 'metrics.jsonl').exists() and tinyruns.metrics(tmp_path / 'run'))
    begun = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - begun < 20
    assert process.returncode == 128 + number, err
    assert 'the same command goes on from there' in out
    assert 'Traceback' not in err
    assert f'saved at step {newest(tmp_path / "run")} of' in out


@pytest.mark.parametrize('number', with_slow([signal.SIGTERM, signal.SIGINT], 0))
def test_a_signal_while_compiling_leaves_at_once(tmp_path: Path, data: Path, number: int) -> None:
    process = tinyruns.start('train.py', *arguments(tmp_path / 'run', data))
    wait_for(lambda: (tmp_path / 'run' / 'config.json').exists())
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip('the run was over before the signal came')
    assert process.returncode == 128 + number, err
    assert 'the same command' in out + err
    assert 'Traceback' not in err


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)
