"""Weights & Biases gets the metrics, pictures and config of a run that TensorBoard gets.

config.log.wandb=PROJECT (or ENTITY/PROJECT) turns it on; it needs the extra `wandb`. The environment
variables of wandb work as usual: with WANDB_MODE=offline its files stay in WORKDIR/wandb, and `wandb sync`
uploads them later.

An error of wandb becomes a warning, and training goes on. Without a network or a key the run is kept offline.
A run that is resumed keeps its identity (WORKDIR/wandb.json). wandb writes in a separate process, some
seconds later. What it has not written when both processes are killed is missing there, and is in
metrics.jsonl.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from gax import errors, paths

log = logging.getLogger('gax')
FILE = 'wandb.json'
SECONDS = 60  # to wait for the server: at the start of a run, and at its end


def require(project: str) -> None:
    """Checks that wandb is installed if it is needed.

    Args:
      project: The project; '' for none.

    Raises:
      GaxError: It is needed and not installed.
    """
    spec = find_spec('wandb') if project else None
    if project and (
        spec is None or spec.origin is None
    ):  # a folder `wandb`, which wandb creates, has no origin
        raise errors.GaxError(f"config.log.wandb={project} needs wandb: pip install 'gax[wandb]'")


class WandbWriter:
    """A run of a project. The step is a field of each row, and the axis of its curves.

    So rows may come in any order and are sent at once. Rows that are sent again after a crash are equal.
    """

    def __init__(self, folder: Path, project: str) -> None:
        """Starts or resumes the run, see `started`.

        Args:
          folder: The workdir.
          project: 'PROJECT' or 'ENTITY/PROJECT'.
        """
        self._run: Any = started(folder, project, run_id(folder))
        if self._run is not None:
            self._do(lambda run: (run.define_metric('step'), run.define_metric('*', step_metric='step')))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Sends numbers of a step, by name."""
        self._do(lambda run: run.log({'step': step, **values}))

    def image(self, step: int, name: str, picture: Image.Image) -> None:
        """Sends a picture of a step."""

        def send(run: Any) -> None:
            import wandb

            run.log({'step': step, name: wandb.Image(picture)})

        self._do(send)

    def config(self, fields: Mapping[str, Any], metrics: Iterable[str]) -> None:
        """Sends the config, by which runs are compared.

        Args:
          fields: {path: value}.
          metrics: Not used.
        """
        self._do(lambda run: run.config.update(dict(fields), allow_val_change=True))

    def close(self) -> None:
        """Ends the run at wandb, as failed if an error ends it here."""
        self._do(lambda run: run.finish(exit_code=int(sys.exc_info()[0] is not None)))
        self._run = None

    def _do(self, act: Callable[[Any], object]) -> None:
        """Calls `act` with the run. An error becomes one warning, and nothing more is sent."""
        if self._run is None:
            return
        try:
            act(self._run)
        except Exception as error:
            log.warning('wandb gets no more of this run: %s', errors.first_line(error))
            self._run = None


def run_id(folder: Path) -> str:
    """The identity of the run of a workdir, the same each time it is resumed."""
    file = folder / FILE
    try:
        return str(json.loads(file.read_text(encoding='utf-8'))['id'])
    except (OSError, ValueError, KeyError, TypeError):  # a new one, or a damaged file
        name = secrets.token_hex(4)
        paths.write_text(file, json.dumps({'id': name}) + '\n')
        return name


def started(folder: Path, project: str, name: str) -> Any:
    """Starts or resumes the run at wandb.

    Args:
      folder: The workdir.
      project: 'PROJECT' or 'ENTITY/PROJECT'.
      name: The identity of the run.

    Returns:
      The run of wandb, offline if the server cannot be reached; None if that fails, too.
    """
    import wandb

    try:
        run = begin(folder, project, name)
    except Exception as error:
        log.warning('wandb cannot be reached, and the run is kept offline: %s', errors.first_line(error))
        try:
            wandb.teardown()  # its process may still hold the run
            run = begin(folder, project, name, mode='offline')
        except Exception as error:
            log.warning('wandb gets nothing of this run: %s', errors.first_line(error))
            return None
    if run.offline:
        log.info('wandb: offline; `wandb sync %s` uploads it', Path(run.dir).parent)
    elif run.url:
        log.info('wandb: %s', run.url)
    return run


def begin(folder: Path, project: str, name: str, mode: Any = None) -> Any:
    """Calls wandb.init. A run of a sweep is in the group WANDB_RUN_GROUP.

    Args:
      folder: The workdir.
      project: 'PROJECT' or 'ENTITY/PROJECT'.
      name: The identity of the run.
      mode: See wandb.init.

    Returns:
      The run. Any error of wandb is raised.
    """
    import wandb

    entity, _, project = project.rpartition('/')
    return wandb.init(
        project=project,
        entity=entity or None,
        dir=str(folder),
        id=name,
        name=os.environ.get('WANDB_NAME') or folder.absolute().name,
        resume='allow',
        mode=mode,
        settings=wandb.Settings(
            console='off',
            silent=True,
            reinit='create_new',  # runs that are trained together share one process
            init_timeout=SECONDS,
            login_timeout=SECONDS,
            finish_timeout=SECONDS,
            finish_timeout_raises=False,
        ),
    )
