"""The other end of ``worker.py``: a process that waits, and a way to see that it really waits."""

from __future__ import annotations

import contextlib
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

WORKER = pathlib.Path(__file__).with_name('worker.py')
ROOT = WORKER.parents[2]
# On a GPU no worker takes all memory for itself.
ENVIRONMENT = {
    'cpu': {'JAX_PLATFORMS': 'cpu', 'CUDA_VISIBLE_DEVICES': ''},
    'gpu': {'JAX_PLATFORMS': 'cuda', 'XLA_PYTHON_CLIENT_PREALLOCATE': 'false'},
}


def busy_seconds() -> float | None:
    """CPU time that all processes of the machine have used so far, where /proc tells it."""
    try:
        times = pathlib.Path('/proc/stat').read_text().split('\n', 1)[0].split()
    except OSError:
        return None
    user, nice, system, _idle, _iowait, irq, softirq = (int(field) for field in times[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf('SC_CLK_TCK')


class WorkerError(Exception):
    """A worker that cannot go on; the message is one line."""


class Worker:
    """One implementation, that builds itself, and once it is warm (`wait`) runs when asked to."""

    def __init__(
        self, name: str, flags: Sequence[str], device: str = 'cpu', python: str = sys.executable
    ) -> None:
        self.name = name
        self.steps = 0  # steps in a window, once calibrated
        self._stderr = tempfile.TemporaryFile(mode='w+')  # noqa: SIM115 - closed by close()
        self._process = subprocess.Popen(
            [python, str(WORKER), *flags, f'--device={device}'],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            cwd=ROOT,
            env={**os.environ, **ENVIRONMENT[device]},
        )
        self.multiple, self.about = 1, {'first_step_seconds': math.nan}

    def wait(self) -> None:
        """Until it is warm.

        Several may be building meanwhile; then their first steps take longer than alone.
        """
        ready = self._read()
        self.multiple = ready['multiple']
        self.about = {key: ready[key] for key in ('first_step_seconds', 'versions')}

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def run(self, steps: int) -> dict[str, Any]:
        """Runs a window of so many steps; returns what the worker measured."""
        return self._ask(f'run {steps}')

    def tell(self) -> dict[str, Any]:
        """Time to the first step, versions, peak memory, and what is known of a step's work; after the last
        window.
        """
        memory = self._ask('memory')  # before `work` compiles another program
        return {**self.about, **memory, **self._ask('work')}

    def calibrate(self, window_seconds: float) -> None:
        """Sets ``steps`` to what fills a window."""
        probe = self.run(self.multiple)
        while probe['seconds'] < min(0.5, window_seconds / 4):
            probe = self.run(4 * probe['steps'])
        wanted = window_seconds * probe['steps'] / probe['seconds']
        self.steps = max(1, round(wanted / self.multiple)) * self.multiple

    def cpu_seconds(self) -> float | None:
        """CPU time that the process has used so far, where /proc tells it."""
        try:
            stat = pathlib.Path(f'/proc/{self._process.pid}/stat').read_text()
        except OSError:
            return None
        fields = stat.rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def close(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _ask(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # then the reason comes as the answer
            self._process.stdin.write(command + '\n')
            self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(f'{self.name}: the process ended: {self._last_words()}')
        answer: dict[str, Any] = json.loads(line)
        if 'error' in answer:
            raise WorkerError(f'{self.name}: {answer["error"]}')
        return answer

    def _last_words(self) -> str:
        self._process.wait()
        self._stderr.seek(0)
        lines = self._stderr.read().strip().splitlines()
        return lines[-1] if lines else f'exit status {self._process.returncode}'
