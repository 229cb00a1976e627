"""Weights & Biases: a run is shown there with the rows, pictures and config that TensorBoard gets.

config.log.wandb=PROJECT (or ENTITY/PROJECT) turns it on; it takes the extra `wandb`. The environment variables of
wandb hold as usual: with WANDB_MODE=offline its files stay in WORKDIR/wandb, and `wandb sync` uploads them later.

Whatever goes wrong there is warned of, and training goes on: without a network, or without a key, the run is kept
offline. A run that is continued keeps its identity (WORKDIR/wandb.json). wandb writes in a process of its own,
some seconds later: what that has not written when both are killed is missing there, and is in metrics.jsonl.
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
    """Raises GaxError where a run is to be shown there and wandb is not installed."""
    spec = find_spec('wandb') if project else None
    if project and (spec is None or spec.origin is None):  # a folder `wandb`, as it leaves, has no origin
        raise errors.GaxError(f"config.log.wandb={project} needs wandb: pip install 'gax[wandb]'")


class WandbWriter:
    """A run of a project. The step is a field of each row, and the axis of its curves.

    So rows may come in any order, each is sent at once, and those that come again after a crash are equal.
    """

    def __init__(self, folder: Path, project: str) -> None:
        """folder: the workdir. project: 'PROJECT' or 'ENTITY/PROJECT'."""
        self._run: Any = started(folder, project, run_id(folder))
        if self._run is not None:
            self._do(lambda run: (run.define_metric('step'), run.define_metric('*', step_metric='step')))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers of a step, by name."""
        self._do(lambda run: run.log({'step': step, **values}))

    def image(self, step: int, name: str, picture: Image.Image) -> None:
        """A picture of a step."""

        def send(run: Any) -> None:
            import wandb

            run.log({'step': step, name: wandb.Image(picture)})

        self._do(send)

    def config(self, fields: Mapping[str, Any], metrics: Iterable[str]) -> None:
        """The config, by which runs are compared. metrics: not needed here."""
        self._do(lambda run: run.config.update(dict(fields), allow_val_change=True))

    def close(self) -> None:
        """Ends the run there: as failed, where an error ends it here."""
        self._do(lambda run: run.finish(exit_code=int(sys.exc_info()[0] is not None)))
        self._run = None

    def _do(self, act: Callable[[Any], object]) -> None:
        """No error of wandb ends a training: it is warned of once, and no more is sent."""
        if self._run is None:
            return
        try:
            act(self._run)
        except Exception as error:
            log.warning('wandb gets no more of this run: %s', errors.first_line(error))
            self._run = None


def run_id(folder: Path) -> str:
    """The identity of the run of a workdir, the same whenever it goes on."""
    file = folder / FILE
    try:
        return str(json.loads(file.read_text(encoding='utf-8'))['id'])
    except (OSError, ValueError, KeyError, TypeError):  # a new one, or a damaged file
        name = secrets.token_hex(4)
        paths.write_text(file, json.dumps({'id': name}) + '\n')
        return name


def started(folder: Path, project: str, name: str) -> Any:
    """The run of wandb; offline where it cannot be reached; None where not even that can be."""
    import wandb

    try:
        run = begin(folder, project, name)
    except Exception as error:
        log.warning('wandb cannot be reached, and the run is kept offline: %s', errors.first_line(error))
        try:
            wandb.teardown()  # or its process still holds the run
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
    """wandb.init; a run of a sweep is in the group WANDB_RUN_GROUP. Raises what it raises."""
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
            reinit='create_new',  # runs that are trained together are several in one process
            init_timeout=SECONDS,
            login_timeout=SECONDS,
            finish_timeout=SECONDS,
            finish_timeout_raises=False,
        ),
    )
