"""A run in a process of its own: what it says goes to run.log in its folder, how it ended comes back as one
line.

In a process of its own a run cannot take the sweep with it, gives all its memory back (an accelerator's too),
and is stopped and resumed as if somebody had typed the command.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gax import errors
from gax.sweep import launch

LOG = 'run.log'
SAYS = 'gax: error: '


class Ending(NamedTuple):
    """kind: 'done', 'stopped' (saved, by a signal it was sent), 'failed' (it said why), 'crashed'. reason:
    one line.
    """

    kind: str
    reason: str = ''


class Child:
    """The process of one run. Signals of the terminal do not reach it: the worker passes them on, once."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        """command: what follows the interpreter. Raises GaxError where the folder cannot be written."""
        with errors.plain_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self.log = folder / LOG
            before = self.log.stat().st_size if self.log.exists() else 0
            with open(self.log, 'ab') as file:
                self._begins = before
                started = [sys.executable, launch.__file__, str(os.getpid()), sys.executable, *command]
                quiet = {'stdin': subprocess.DEVNULL, 'stdout': file, 'stderr': file}
                self._process = subprocess.Popen(started, start_new_session=True, **quiet)  # type: ignore[call-overload]

    def ended(self) -> Ending | None:
        """How it ended, or None while it runs."""
        status = self._process.poll()
        if status is None:
            return None
        if status == 0:
            return Ending('done')
        if status in (128 + signal.SIGTERM, 128 + signal.SIGINT, -signal.SIGTERM):
            return Ending('stopped', 'stopped by a signal')
        said = self.last_error()
        if status == 2 and said:
            return Ending('failed', said)
        how = f'killed by {signal.Signals(-status).name}' if status < 0 else f'exit status {status}'
        return Ending('crashed', f'{how}: {self.last_line()}' if self.last_line() else how)

    def stop(self) -> None:
        """Asks it to save and leave."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """Whether it ended within so many seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
            return True
        return False

    def lines(self) -> list[str]:
        """What it has said since it was started, by lines."""
        with open(self.log, 'rb') as file:
            file.seek(self._begins)
            text = file.read().decode(errors='replace')
        return [line.strip() for line in text.replace('\r', '\n').splitlines() if line.strip()]

    def last_error(self) -> str:
        said = [line for line in self.lines() if line.startswith(SAYS)]
        return said[-1].removeprefix(SAYS) if said else ''

    def last_line(self) -> str:
        return (self.lines() or [''])[-1][:200]


def is_in_use(folder: Path) -> bool:
    """Whether a process trains in this folder: one that a killed worker left, and that is saving."""
    try:
        with open(folder / '.lock', encoding='utf-8') as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no such file, or no locks
        return False
    return False


def saved_step(folder: Path) -> int:
    """The step of its newest checkpoint; 0 where there is none."""
    found = (folder / 'checkpoints').glob('*')
    return max((int(path.name) for path in found if path.name.isdigit()), default=0)
