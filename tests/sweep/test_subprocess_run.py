"""Processes of runs: how they end, what is said of it, and that none outlives its worker.

No GAN is trained here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gax.sweep import subprocess_run
from gax.sweep.subprocess_run import Child, Ending
from tests.helpers import tinyruns

# Saves when it is told to stop, as a run does, unless it has been told twice.
SAVES = """
import pathlib, signal, sys, time
def stop(number, frame):
    signal.signal(number, signal.SIG_DFL)
    time.sleep(0.3)
    pathlib.Path('saved').write_text('yes')
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
pathlib.Path('started').write_text('yes')
time.sleep(600)
"""


def ending(code: str, folder: Path) -> Ending:
    process = Child(['-c', code], folder)
    assert process.wait(60)
    found = process.ended()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ('code', 'wanted'),
    [
        ('', Ending('done')),
        ('import sys; print("gax: error: d/loss is not finite", file=sys.stderr); sys.exit(2)', Ending('failed', 'd/loss is not finite')),
        ('import sys; sys.exit(143)', Ending('stopped', 'stopped by a signal')),
        ('import sys; sys.exit(130)', Ending('stopped', 'stopped by a signal')),
        ('1 / 0', Ending('crashed', 'exit status 1: ZeroDivisionError: division by zero')),
        ('import os; print("oh", flush=True); os.kill(os.getpid(), 9)', Ending('crashed', 'killed by SIGKILL: oh')),
        ('import os; os.kill(os.getpid(), 11)', Ending('crashed', 'killed by SIGSEGV')),
    ],
)  # fmt: skip
def test_how_a_run_ended(tmp_path: Path, code: str, wanted: Ending) -> None:
    assert ending(code, tmp_path / 'run') == wanted


def test_only_what_was_said_this_time_counts(tmp_path: Path) -> None:
    ending('import sys; print("gax: error: old"); sys.exit(2)', tmp_path)
    assert ending('import sys; sys.exit(2)', tmp_path) == Ending('crashed', 'exit status 2')
    assert 'gax: error: old' in (tmp_path / subprocess_run.LOG).read_text()


def wait_for(path: Path) -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_it_is_stopped_once_and_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    process = Child(['-c', SAVES], tmp_path / 'run')
    wait_for(tmp_path / 'started')
    assert process.ended() is None
    assert not process.wait(0.01)
    process.stop()
    assert process.wait(60)
    assert process.ended() == Ending('stopped', 'stopped by a signal')
    assert (tmp_path / 'saved').exists()
    process.stop()  # there is nobody to stop: no mishap


# SIGHUP is heeded even where the tests run under nohup, which every process below inherits.
PARENT = f"""
import pathlib, signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from gax.sweep.subprocess_run import Child
Child(['-c', {SAVES!r}], pathlib.Path('run'))
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != 'linux', reason='only Linux tells a process that its parent has died')
@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGHUP])
def test_a_run_saves_and_leaves_when_its_worker_dies(tmp_path: Path, number: signal.Signals) -> None:
    env = {**os.environ, 'PYTHONPATH': str(tinyruns.ROOT)}
    with subprocess.Popen([sys.executable, '-c', PARENT], cwd=tmp_path, env=env) as worker:
        wait_for(tmp_path / 'started')
        worker.send_signal(number)
        worker.wait()
    wait_for(tmp_path / 'saved')


def test_a_run_in_use_is_seen(tmp_path: Path) -> None:
    import fcntl

    assert not subprocess_run.is_in_use(tmp_path)
    with open(tmp_path / '.lock', 'w') as lock:
        assert not subprocess_run.is_in_use(tmp_path)
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert subprocess_run.is_in_use(tmp_path)
    assert not subprocess_run.is_in_use(tmp_path)


def test_the_step_that_was_saved(tmp_path: Path) -> None:
    assert subprocess_run.saved_step(tmp_path) == 0
    for name in ('5', '40', '60.tmp'):
        (tmp_path / 'checkpoints' / name).mkdir(parents=True)
    assert subprocess_run.saved_step(tmp_path) == 40
