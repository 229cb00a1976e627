"""The folder of a run: its config, what its data is, one line of metrics per logging point, pictures, and a
lock.
"""

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

# A run may go on longer, or look, evaluate and save otherwise, and be computed otherwise (to rounding),
# without becoming another run.
FREE = (
    *('about', 'steps', 'log_every', 'log.wandb', 'sample_every', 'checkpoint.every', 'checkpoint.keep'),
    *(f'eval.{name}' for name in configs.eval_section()),
    *('steps_per_call', 'parallel', 'remat', 'data.device_limit_mib', 'data.workers'),
)
# Where the data lies may change as well, if the data does not.
PLACE = ('data.name', 'data.dir', 'data.broken')
DATA = 'data.json'


def open_workdir(
    workdir: Path, config: ConfigDict, data: Identity | None = None, accept: bool = False
) -> IO[str]:
    """Makes the folder, locks it for this process, writes config.json and data.json; returns the lock, held
    while it is open.

    data: of the run, as it is now. accept: also where it is not what the run began with.
    Raises GaxError where the path is a file, cannot be written, is in use, or holds a run of another config
    or of other data.
    """
    refuse_file(workdir)
    with errors.plain_os_errors(workdir):
        (workdir / 'samples').mkdir(parents=True, exist_ok=True)
        lock = open(workdir / '.lock', 'w', encoding='utf-8')  # noqa: SIM115 (closed by the caller, at the end of the run)
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
    """Says which learning rates are other functions of the step now, where a run goes on with another
    config.steps.
    """
    shares = [p for p, v in configs.flat(config).items() if configs.is_length(p) and isinstance(v, float)]
    if shares and before != config.steps:
        log.warning(
            'config.steps was %d and is %d: learning rates that follow it change from here on (%s)',
            *(before, config.steps, ', '.join(f'config.{p}={configs.get(config, p)}' for p in shares)),
        )


def refuse_file(workdir: Path) -> None:
    """Raises GaxError where the path, or a folder above it, is a file."""
    for path in (workdir, *workdir.parents):
        if path.exists() and not path.is_dir():
            raise errors.GaxError(
                f'--workdir {workdir}: {path} is a file; give a folder (it is made if it does not exist)'
            )


def take(lock: IO[str], workdir: Path) -> None:
    """Locks the open file, for as long as it is open. Raises GaxError where another process has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise errors.GaxError(f'--workdir {workdir} is in use by another process') from error
    except OSError:  # a file system that knows no locks
        log.warning('%s cannot be locked: see to it that no other process uses it', workdir)


def changed_data(workdir: Path, old: Identity, new: Identity, accept: bool) -> list[str]:
    """What tells the data now from that of the run, accepted. Raises GaxError, with that, where it is not."""
    differ = identity.differences(old, new)
    if differ and not accept:
        raise errors.GaxError(
            f'{workdir} was trained on other data than {new.spec.name} is now ({"; ".join(differ)}); give it the data of '
            f'before ({old.spec.name}), choose another folder, or say that it is meant: {ACCEPT}'
        )
    if differ:
        log.warning('%s goes on with other data than before: %s', workdir, '; '.join(differ))
    return differ


ACCEPT = '--accept_changes'


def write_data(workdir: Path, data: Identity, changed: Sequence[str]) -> None:
    """data.json. changed: what was accepted to be otherwise; kept in it, with what was accepted before."""
    earlier = _data_json(workdir).get('accepted', []) if (workdir / DATA).exists() else []
    write_json(workdir / DATA, {**identity.to_json(data), 'accepted': [*earlier, *changed]})


def read_data(workdir: Path) -> Identity | None:
    """What the data of a run is, wherever it lies now; None for a run of a gax that did not write it down."""
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
    """Raises GaxError, naming the fields that differ, unless the run at `path` may go on with the config
    `new`.

    also: fields that may differ beside FREE.
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
    """config.json of a workdir, see `completed`."""
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
    """The config of a run, with the defaults of fields that came into gax after it was written: they change
    nothing.

    One that this gax cannot have comes back as it is: whoever builds the run will say why.
    """
    try:
        return configs.restored(content)
    except errors.GaxError:
        return ConfigDict(content)


def write_json(path: Path, content: Any) -> None:
    """Writes beside and renames: the file is old or new, never half."""
    paths.write_text(path, json.dumps(content, indent=2) + '\n')


def read_metrics(workdir: Path) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl; a line that a crash cut short is left out."""
    path = workdir / 'metrics.jsonl'
    rows: list[dict[str, Any]] = []
    for line in path.read_text(encoding='utf-8', errors='replace').splitlines() if path.exists() else ():
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and 'step' in row:
                rows.append(row)
    return rows


class MetricsWriter:
    """Appends rows to metrics.jsonl, to TensorBoard event files and to wandb, after those up to `step`.

    Later rows, which a run that crashed wrote past its last checkpoint, are dropped: they will come again.
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
        """`row` has a 'step'; every other number goes to TensorBoard and wandb too."""
        with errors.plain_os_errors(self._workdir):
            self._file.write(json.dumps(row) + '\n')
            self._file.flush()
        self.rows.append(dict(row))
        self.scalars(row['step'], {name: value for name, value in row.items() if name != 'step'})

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers for TensorBoard and wandb alone."""
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
        for file in (self._file, *self._boards):
            with contextlib.suppress(
                OSError
            ):  # a full disk has been told of already, and refuses the rest again
                file.close()
