"""Runs of train.py in several processes on this machine, each with devices of its own; and signals for
them.
"""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.helpers import tinyruns

Processes = list[subprocess.Popen[str]]


def free_port() -> int:
    with socket.create_server(('127.0.0.1', 0)) as server:
        return int(server.getsockname()[1])


def start(workdir: Path, *arguments: str, num: int = 2, devices: int = 2) -> Processes:
    port = free_port()
    own = [f'--config={tinyruns.CONFIG}', f'--workdir={workdir}', *arguments]
    own += [f'--coordinator=127.0.0.1:{port}', f'--num_processes={num}', '--join_timeout=60']
    return [tinyruns.start('train.py', *own, f'--process_id={i}', devices=devices) for i in range(num)]


def ended(processes: Sequence[subprocess.Popen[str]], seconds: float = 180) -> list[tuple[int, str]]:
    """(status, stderr) of each, once all have ended; none outlives this."""
    limit, found = time.monotonic() + seconds, []
    try:
        for process in processes:
            _, err = process.communicate(timeout=max(0.1, limit - time.monotonic()))
            found.append((process.returncode, err))
    finally:
        for process in processes:
            process.kill()
    return found


def run(workdir: Path, *arguments: str, **options: int) -> None:
    """A run that must go well; only process 0 says anything."""
    (first, said), *others = ended(start(workdir, *arguments, **options))
    assert first == 0, said
    assert [status for status, _ in others] == [0] * len(others), others
    assert not [err for _, err in others if err]


def wait_for(condition: Callable[[], object], processes: Processes, seconds: float = 120.0) -> None:
    """Until something is so, while all processes live."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit or ended(processes, 0)
        assert [p.poll() for p in processes] == [None] * len(processes), ended(processes)
        time.sleep(0.01)


def in_threads(things: Sequence[Any], act: Callable[[Any], Any]) -> list[Any]:
    """What act(thing) gives for each, all at once."""
    found: list[Any] = [None] * len(things)

    def one(index: int, member: Any) -> None:
        found[index] = act(member)

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(things)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return found
