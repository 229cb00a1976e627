"""Which sweep it is, which process, and whether that still lives."""

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
    """One for all workers that are started with the same command, on whatever machine."""
    name = workdir.name.encode(
        errors='backslashreplace'
    ).decode()  # a database takes no bytes that are no UTF-8
    return f'{name}-{hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:8]}'


def refuse_other(workdir: Path, spec: Mapping[str, Any]) -> None:
    """Raises GaxError, naming what differs, where the workdir holds another sweep, or a run."""
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
        said = '; '.join(
            f'{n}: {old.get(n, "absent")!r} there, {new.get(n, "absent")!r} now' for n in differ[:6]
        )
        raise errors.GaxError(f'--workdir {workdir} holds another sweep ({said}); choose another folder')


def boot() -> str:
    """Something that is another one after the machine has been started again; '' where there is no such
    thing.
    """
    path = Path('/proc/sys/kernel/random/boot_id')
    return path.read_text(encoding='utf-8').strip() if path.exists() else ''


def is_free(lock: Path) -> bool:
    """Whether nobody holds the lock any more. False where that cannot be told."""
    try:
        with open(lock, 'r+', encoding='utf-8') as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def presence(workdir: Path) -> Iterator[dict[str, str]]:
    """This process, as other workers know it, while the block runs: its machine, and a file that it holds
    locked.
    """
    folder = workdir / 'workers'
    folder.mkdir(exist_ok=True)
    path = folder / f'{uuid.uuid4().hex}.lock'
    with open(path, 'w', encoding='utf-8') as file:
        with contextlib.suppress(
            OSError
        ):  # a file system without locks: its workers are known by their beat alone
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield {'host': socket.gethostname(), 'boot': boot(), 'lock': str(path)}
        finally:
            path.unlink(missing_ok=True)


class Watch:
    """Tells which trials' workers are dead.

    `clock`: seconds; this machine's own, as those of two machines differ.
    """

    def __init__(
        self, me: Mapping[str, str], grace: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._me, self._grace, self._clock = me, grace, clock
        self._seen: dict[
            int, tuple[Any, float]
        ] = {}  # trial -> (what it last beat, when that was first seen here)

    def dead(self, number: int, attrs: Mapping[str, Any]) -> bool:
        """Whether trial `number` is nobody's: its worker is of this machine and gone, or was silent for too
        long.
        """
        worker, beat = attrs.get('worker', {}), (attrs.get('worker'), attrs.get('beat'))
        same_machine = all(worker.get(k) == self._me[k] for k in ('host', 'boot'))
        if worker == self._me or (same_machine and is_free(Path(worker['lock']))):
            return True  # this one has no trial when it asks: one of its own is what a broken connection left
        seen, since = self._seen.get(number, (None, 0.0))
        if seen != beat:
            self._seen[number] = (beat, self._clock())
            return False
        return self._clock() - since > self._grace
