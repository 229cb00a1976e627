"""The folder of a run: its config, one line of metrics per logging point, pictures, and a lock."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from ml_collections import ConfigDict

from gax import config as configs
from gax import errors
from gax.checkpoint import plain_os_errors

# A run may go on longer, or look and save more often, without becoming another run.
FREE = ('steps', 'sample_every', 'checkpoint.every', 'checkpoint.keep')


def open_workdir(workdir: Path, config: ConfigDict) -> IO[str]:
    """Makes the folder, locks it for this process and writes config.json; returns the lock, held while it is open.

    Raises GaxError where the path is a file, cannot be written, is in use, or holds a run of another config.
    """
    if workdir.exists() and not workdir.is_dir():
        raise errors.GaxError(
            f'--workdir {workdir} is a file; give a folder (it is made if it does not exist)'
        )
    with plain_os_errors(workdir):
        (workdir / 'samples').mkdir(parents=True, exist_ok=True)
        lock = open(workdir / '.lock', 'w')  # noqa: SIM115 (closed by the caller, at the end of the run)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise errors.GaxError(f'--workdir {workdir} is in use by another process') from error
    path = workdir / 'config.json'
    if path.exists():
        refuse_other_config(path, configs.flat(config))
    with plain_os_errors(workdir):
        write_json(path, config.to_dict())
    return lock


def refuse_other_config(path: Path, new: Mapping[str, Any]) -> None:
    """Raises GaxError, naming the fields that differ, unless the run at `path` may go on with the config `new`."""
    old = configs.flat(read_config(path))
    missing = object()
    keys = [k for k in (*old, *(k for k in new if k not in old)) if k not in FREE]
    differ = [k for k in keys if old.get(k, missing) != new.get(k, missing)]
    if differ:
        show = '; '.join(
            f'{k}: {old.get(k, "absent")!r} there, {new.get(k, "absent")!r} now' for k in differ[:8]
        )
        more = f' and {len(differ) - 8} more' if len(differ) > 8 else ''
        raise errors.GaxError(
            f'--workdir {path.parent} holds a run of another config ({show}{more}); choose another folder, '
            'or give the same config to go on with that run'
        )


def read_config(path: Path) -> ConfigDict:
    """config.json of a workdir."""
    try:
        return ConfigDict(json.loads(path.read_text()))
    except FileNotFoundError as error:
        raise errors.GaxError(f'{path.parent} is no workdir of a gax run: it has no config.json') from error
    except ValueError as error:
        raise errors.GaxError(f'{path} is damaged: {error}') from error


def write_json(path: Path, content: Any) -> None:
    """Writes beside and renames: the file is old or new, never half."""
    temporary = path.with_name(path.name + '.tmp')
    temporary.write_text(json.dumps(content, indent=2) + '\n')
    temporary.replace(path)


def read_metrics(workdir: Path) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl; a line that a crash cut short is left out."""
    path = workdir / 'metrics.jsonl'
    rows = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


class MetricsWriter:
    """Appends rows to metrics.jsonl and to TensorBoard event files, from `step` on.

    Rows after `step`, which a run that crashed wrote past its last checkpoint, are dropped: they will come again.
    """

    def __init__(self, workdir: Path, step: int) -> None:
        from tensorboardX import SummaryWriter

        self._workdir = workdir
        self.rows = [row for row in read_metrics(workdir) if row['step'] <= step]
        path = workdir / 'metrics.jsonl'
        with plain_os_errors(workdir):
            temporary = path.with_suffix('.tmp')
            temporary.write_text(''.join(json.dumps(row) + '\n' for row in self.rows))
            temporary.replace(path)
            self._file = open(path, 'a')  # noqa: SIM115 (closed in close)
            self._board = SummaryWriter(str(workdir), purge_step=step + 1 if step else None)

    def write(self, row: Mapping[str, Any]) -> None:
        """`row` has a 'step'; numbers under a name with a slash, and the speeds, go to TensorBoard too."""
        with plain_os_errors(self._workdir):
            self._file.write(json.dumps(row) + '\n')
            self._file.flush()
            for name, value in row.items():
                if name != 'step':
                    self._board.add_scalar(name, value, row['step'])
        self.rows.append(dict(row))

    def close(self) -> None:
        self._file.close()
        self._board.close()
