"""The identity of a sweep and of a worker process, and whether that process is alive."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gax import errors

FILE = 'sweep.json'


def study_name(workdir: Path, spec: Mapping[str, Any]) -> str:
    """The study's name, the same for all workers that are started with the same command."""
    name = workdir.name.encode(errors='backslashreplace').decode()  # a database accepts UTF-8 only
    return f'{name}-{hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:8]}'


def refuse_other(workdir: Path, spec: Mapping[str, Any]) -> None:
    """Checks that the workdir is free or holds this sweep.

    Args:
      workdir: The folder.
      spec: What identifies the sweep, values that JSON can hold.

    Raises:
      GaxError: It holds another sweep or a run; the message says what differs.
    """
    path = workdir / FILE
    if workdir.exists() and not workdir.is_dir():
        raise errors.GaxError(
            f'--workdir {workdir} is a file; give a folder (it is made if it does not exist)'
        )
    if (workdir / 'config.json').exists():
        raise errors.GaxError(f'--workdir {workdir} holds a run; give the sweep a folder of its own')
    if not path.exists():
        return
    try:
        old = json.loads(path.read_text(encoding='utf-8'))
        old.pop('study')
    except (ValueError, KeyError, AttributeError) as error:
        raise errors.GaxError(
            f'{path} is damaged ({errors.first_line(error)}); put a good copy there'
        ) from error
    new = json.loads(json.dumps(spec))
    differ = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if differ:
        differences = '; '.join(
            f'{n}: {old.get(n, "absent")!r} there, {new.get(n, "absent")!r} now' for n in differ[:6]
        )
        raise errors.GaxError(
            f'--workdir {workdir} holds another sweep ({differences}); choose another folder'
        )


def boot() -> str:
    """An identifier that changes when the machine restarts; '' if the system has none."""
    path = Path('/proc/sys/kernel/random/boot_id')
    return path.read_text(encoding='utf-8').strip() if path.exists() else ''


def is_free(lock: Path) -> bool:
    """Whether no process holds the lock. False if that is unknown."""
    try:
        with open(lock, 'r+', encoding='utf-8') as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def presence(workdir: Path) -> Iterator[dict[str, str]]:
    """A context in which other workers can see that this process is alive.

    Yields:
      How other workers know it: its host, the host's boot, and a file that it holds locked.
    """
    folder = workdir / 'workers'
    folder.mkdir(exist_ok=True)
    path = folder / f'{uuid.uuid4().hex}.lock'
    with open(path, 'w', encoding='utf-8') as file:
        with contextlib.suppress(
            OSError
        ):  # a file system without locks: only the beat shows that a worker lives
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield {'host': socket.gethostname(), 'boot': boot(), 'lock': str(path)}
        finally:
            path.unlink(missing_ok=True)


class Watch:
    """Finds trials whose workers are dead.

    Args:
      me: This worker, as `presence` yields it.
      grace: Seconds without a beat after which a worker counts as dead.
      clock: Seconds by this machine's clock, as clocks of different machines differ.
    """

    def __init__(
        self, me: Mapping[str, str], grace: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._me, self._grace, self._clock = me, grace, clock
        self._beats: dict[
            int, tuple[Any, float]
        ] = {}  # trial -> (its last beat, when that was first read here)

    def dead(self, number: int, attrs: Mapping[str, Any]) -> bool:
        """Whether the worker of a trial is dead: gone from this machine, or silent for `grace` seconds.

        Args:
          number: The trial's number.
          attrs: The trial's user attributes.
        """
        worker, beat = attrs.get('worker', {}), (attrs.get('worker'), attrs.get('beat'))
        same_machine = all(worker.get(k) == self._me[k] for k in ('host', 'boot'))
        if worker == self._me or (same_machine and is_free(Path(worker['lock']))):
            return True  # a worker that asks has no trial: a broken connection has left this one
        last_beat, since = self._beats.get(number, (None, 0.0))
        if last_beat != beat:
            self._beats[number] = (beat, self._clock())
            return False
        return self._clock() - since > self._grace
