"""The other end of ``worker.py``: a process that waits, and a way to see that it really waits."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

WORKER = pathlib.Path(__file__).with_name('worker.py')
ROOT = WORKER.parents[2]


class WorkerError(Exception):
    """A worker that cannot go on; the message is one line."""


class Worker:
    """One implementation, built and warm, that runs when asked to."""

    def __init__(self, name: str, flags: Sequence[str]) -> None:
        self.name = name
        self.steps = 0  # steps in a window, once calibrated
        self._stderr = tempfile.TemporaryFile(mode='w+')  # noqa: SIM115 - closed by close()
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER), *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            cwd=ROOT,
            env={**os.environ, 'JAX_PLATFORMS': 'cpu', 'CUDA_VISIBLE_DEVICES': ''},
        )
        try:
            ready = self._read()
        except BaseException:
            self.close()
            raise
        self.multiple: int = ready['multiple']
        self.setup_seconds: float = ready['setup_seconds']

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def run(self, steps: int) -> dict[str, Any]:
        """Runs a window of so many steps; returns what the worker measured."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # then the reason comes as the answer
            self._process.stdin.write(f'run {steps}\n')
            self._process.stdin.flush()
        return self._read()

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
