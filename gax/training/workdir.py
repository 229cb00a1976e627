"""The folder of a run: its config, the identity of its data, its metrics, pictures, and a lock."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ml_collections import ConfigDict
from PIL import Image

from gax import errors, paths
from gax.config import defaults as configs
from gax.data import identity
from gax.data.identity import Identity
from gax.training.tensorboard import Board
from gax.training.wandb_writer import WandbWriter

log = logging.getLogger('gax')

# Fields that may change when a run continues: how long it trains, when it logs, samples, evaluates and saves,
# and how it is computed (to rounding).
FREE = (
    *('about', 'steps', 'log_every', 'log.wandb', 'sample_every', 'checkpoint.every', 'checkpoint.keep'),
    *(f'eval.{name}' for name in configs.eval_section()),
    *('steps_per_call', 'parallel', 'remat', 'data.device_limit_mib', 'data.workers'),
)
# The place of the data may change as well, if its content does not.
PLACE = ('data.name', 'data.dir', 'data.broken')
DATA = 'data.json'


def open_workdir(
    workdir: Path, config: ConfigDict, data: Identity | None = None, accept: bool = False
) -> IO[str]:
    """Creates the folder, locks it for this process, and writes config.json and data.json.

    Args:
      workdir: The folder.
      config: The config of the run.
      data: The identity of the run's data, now.
      accept: Whether data is accepted that differs from what the run began with.

    Returns:
      The lock, which is held while the file is open.

    Raises:
      GaxError: The path is a file, cannot be written, is in use, or holds a run with another config or data.
    """
    refuse_file(workdir)
    with errors.plain_os_errors(workdir):
        (workdir / 'samples').mkdir(parents=True, exist_ok=True)
        lock = open(workdir / '.lock', 'w', encoding='utf-8')  # noqa: SIM115 (the caller closes it)
    try:
        take(lock, workdir)
        path = workdir / 'config.json'
        old = read_data(workdir)
        if path.exists():
            refuse_other_config(path, configs.flat(config), PLACE if old and data else ())
            tell_stretched(read_config(path).steps, config)
        changed = changed_data(workdir, old, data, accept) if old and data else []
        with errors.plain_os_errors(workdir):
            write_json(path, config.to_dict())
            if data:
                write_data(workdir, data, changed)
    except BaseException:
        lock.close()
        raise
    return lock


def tell_stretched(before: int, config: ConfigDict) -> None:
    """Warns of learning rates that change because a run continues with another config.steps."""
    shares = [p for p, v in configs.flat(config).items() if configs.is_length(p) and isinstance(v, float)]
    if shares and before != config.steps:
        log.warning(
            'config.steps was %d and is %d: learning rates that follow it change from here on (%s)',
            *(before, config.steps, ', '.join(f'config.{p}={configs.get(config, p)}' for p in shares)),
        )


def refuse_file(workdir: Path) -> None:
    """Raises GaxError if the path, or a folder above it, is a file."""
    for path in (workdir, *workdir.parents):
        if path.exists() and not path.is_dir():
            raise errors.GaxError(
                f'--workdir {workdir}: {path} is a file; give a folder (it is made if it does not exist)'
            )


def take(lock: IO[str], workdir: Path) -> None:
    """Locks an open file until it is closed.

    Raises:
      GaxError: Another process holds the lock.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise errors.GaxError(f'--workdir {workdir} is in use by another process') from error
    except OSError:  # a file system without locks
        log.warning('%s cannot be locked: see to it that no other process uses it', workdir)


def changed_data(workdir: Path, old: Identity, new: Identity, accept: bool) -> list[str]:
    """What differs between the data now and the data of the run, if that is accepted.

    Raises:
      GaxError: It differs and is not accepted.
    """
    differ = identity.differences(old, new)
    if differ and not accept:
        raise errors.GaxError(
            f'{workdir} was trained on other data than {new.spec.name} is now ({"; ".join(differ)}); give '
            f'it the data of before ({old.spec.name}), choose another folder, or say that it is meant: '
            f'{ACCEPT}'
        )
    if differ:
        log.warning('%s goes on with other data than before: %s', workdir, '; '.join(differ))
    return differ


ACCEPT = '--accept_changes'


def write_data(workdir: Path, data: Identity, changed: Sequence[str]) -> None:
    """Writes data.json. `changed`: accepted differences, which are appended to those accepted before."""
    earlier = _data_json(workdir).get('accepted', []) if (workdir / DATA).exists() else []
    write_json(workdir / DATA, {**identity.to_json(data), 'accepted': [*earlier, *changed]})


def read_data(workdir: Path) -> Identity | None:
    """The identity of a run's data, wherever the data is now; None if the run did not record it.

    Raises:
      GaxError: data.json is damaged.
    """
    if not (workdir / DATA).exists():
        return None
    try:
        return identity.from_json(_data_json(workdir))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise errors.GaxError(
            f'{workdir / DATA} is damaged ({errors.first_line(error)}); put a good copy there'
        ) from error


def _data_json(workdir: Path) -> Any:
    with errors.plain_os_errors(workdir):
        return json.loads((workdir / DATA).read_text(encoding='utf-8'))


def refuse_other_config(path: Path, new: Mapping[str, Any], also: Sequence[str] = ()) -> None:
    """Checks that the run at `path` may continue with the config `new`.

    Args:
      path: The run's config.json.
      new: The flat config.
      also: Fields that may differ as well as those in FREE.

    Raises:
      GaxError: Other fields differ; the message names them.
    """
    old = configs.flat(read_config(path))
    missing = object()
    keys = [k for k in (*old, *(k for k in new if k not in old)) if k not in (*FREE, *also)]
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
    """The config in config.json of a workdir, see `completed`.

    Raises:
      GaxError: The file is missing, cannot be read or is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        if not isinstance(content, dict):
            raise ValueError('it holds no fields')
    except (FileNotFoundError, NotADirectoryError) as error:
        raise errors.GaxError(f'{path.parent} is no workdir of a gax run: it has no config.json') from error
    except OSError as error:
        raise errors.GaxError(f'cannot read {path}: {error.strerror}') from error
    except ValueError as error:
        raise errors.GaxError(
            f'{path} is damaged ({errors.first_line(error)}); put a good copy there'
        ) from error
    return completed(content)


def completed(content: dict[str, Any]) -> ConfigDict:
    """A config with the defaults of fields that gax has gained since it was written; they change nothing.

    A config that this version of gax refuses is returned as it is; building the run raises then.
    """
    try:
        return configs.restored(content)
    except errors.GaxError:
        return ConfigDict(content)


def write_json(path: Path, content: Any) -> None:
    """Writes JSON atomically: the file is old or new, never half."""
    paths.write_text(path, json.dumps(content, indent=2) + '\n')


def read_metrics(workdir: Path) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl, without a last line that a crash cut short."""
    path = workdir / 'metrics.jsonl'
    rows: list[dict[str, Any]] = []
    for line in path.read_text(encoding='utf-8', errors='replace').splitlines() if path.exists() else ():
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and 'step' in row:
                rows.append(row)
    return rows


class MetricsWriter:
    """Appends rows to metrics.jsonl, to TensorBoard event files and to wandb, after the rows up to `step`.

    A run that crashed may have written rows past its last checkpoint. Those are dropped, as they will come
    again.

    Attributes:
      rows: All rows so far.
    """

    def __init__(self, workdir: Path, step: int, project: str = '') -> None:
        """project: of wandb; '' for none."""
        self._workdir = workdir
        self.rows = [row for row in read_metrics(workdir) if row['step'] <= step]
        path = workdir / 'metrics.jsonl'
        with errors.plain_os_errors(workdir):
            paths.write_text(path, ''.join(json.dumps(row) + '\n' for row in self.rows))
            self._file = open(path, 'a', encoding='utf-8')  # noqa: SIM115 (closed in close)
            self._boards: list[Board | WandbWriter] = [Board(workdir, purge=step + 1 if step > 0 else 0)]
            if project:
                self._boards.append(WandbWriter(workdir, project))

    def write(self, row: Mapping[str, Any]) -> None:
        """Appends a row. It has a 'step'; all other numbers go to TensorBoard and wandb as well."""
        with errors.plain_os_errors(self._workdir):
            self._file.write(json.dumps(row) + '\n')
            self._file.flush()
        self.rows.append(dict(row))
        self.scalars(row['step'], {name: value for name, value in row.items() if name != 'step'})

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes numbers to TensorBoard and wandb only."""
        with errors.plain_os_errors(self._workdir):
            for board in self._boards:
                board.write(step, values)

    def image(self, step: int, name: str, picture: Image.Image) -> None:
        """A picture for TensorBoard and wandb."""
        with errors.plain_os_errors(self._workdir):
            for board in self._boards:
                board.image(step, name, picture)

    def config(self, fields: Mapping[str, Any], metrics: Sequence[str]) -> None:
        """The config for TensorBoard and wandb, which compare runs in `metrics` by it."""
        with errors.plain_os_errors(self._workdir):
            for board in self._boards:
                board.config(fields, metrics)

    def close(self) -> None:
        """Closes the files."""
        for file in (self._file, *self._boards):
            with contextlib.suppress(OSError):  # a full disk has been reported before, and fails again here
                file.close()
