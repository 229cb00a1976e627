"""A run in a separate process: its output goes to run.log in its folder, its end is one line.

A separate process cannot crash the sweep, frees all its memory (an accelerator's as well), and is stopped and
resumed like a command that somebody typed.
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
    """How a run has ended.

    Attributes:
      kind: 'done', 'stopped' (saved, by a signal), 'failed' (with a message), 'crashed', or 'pruned' by the
        worker.
      reason: One line.
    """

    kind: str
    reason: str = ''


class Child:
    """The process of one run. It receives no signals of the terminal: the worker forwards them, once.

    Attributes:
      log: The file of its output.
    """

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        """Starts the process.

        Args:
          command: The arguments of the interpreter.
          folder: The folder for the log.

        Raises:
          GaxError: The folder cannot be written.
        """
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
        message = self.last_error()
        if status == 2 and message:
            return Ending('failed', message)
        how = f'killed by {signal.Signals(-status).name}' if status < 0 else f'exit status {status}'
        return Ending('crashed', f'{how}: {self.last_line()}' if self.last_line() else how)

    def stop(self) -> None:
        """Asks it to save and exit."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kills it and waits."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """Whether it ends within `seconds`."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
            return True
        return False

    def lines(self) -> list[str]:
        """The lines of its output."""
        with open(self.log, 'rb') as file:
            file.seek(self._begins)
            text = file.read().decode(errors='replace')
        return [line.strip() for line in text.replace('\r', '\n').splitlines() if line.strip()]

    def last_error(self) -> str:
        """Its last error message, or ''."""
        messages = [line for line in self.lines() if line.startswith(SAYS)]
        return messages[-1].removeprefix(SAYS) if messages else ''

    def last_line(self) -> str:
        """The last line of its output, at most 200 characters."""
        return (self.lines() or [''])[-1][:200]


def is_in_use(folder: Path) -> bool:
    """Whether a process trains in this folder: one whose worker was killed may still be saving."""
    try:
        with open(folder / '.lock', encoding='utf-8') as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no such file, or no locks
        return False
    return False


def saved_step(folder: Path) -> int:
    """The step of its newest checkpoint, or 0."""
    entries = (folder / 'checkpoints').glob('*')
    return max((int(path.name) for path in entries if path.name.isdigit()), default=0)
