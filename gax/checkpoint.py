"""Checkpoints by Orbax: whole or not there, verified by a digest, damaged ones named and passed over."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gax import errors
from gax.types import PyTree

log = logging.getLogger('gax')


class Checkpoints:
    """The checkpoints of one run. Arrays only; what is saved is a host copy, so the device's may be donated at once."""

    def __init__(self, directory: Path, keep: int = 3) -> None:
        # Imported here: it takes a second, and building or benchmarking a step needs none of it.
        import orbax.checkpoint as ocp

        logging.getLogger('absl').setLevel(logging.ERROR)  # Orbax says a line per thread otherwise
        self._ocp, self._directory = ocp, directory.absolute()
        with plain_os_errors(self._directory):
            self._directory.mkdir(parents=True, exist_ok=True)
            options = ocp.CheckpointManagerOptions(
                max_to_keep=keep, enable_async_checkpointing=False, cleanup_tmp_directories=True
            )
            self._manager = ocp.CheckpointManager(self._directory, options=options)

    def steps(self) -> list[int]:
        """The steps of which there is a complete checkpoint, oldest first."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, tree: PyTree) -> None:
        """Writes `tree` as the checkpoint of `step`; returns when it is on disk. Raises GaxError if it cannot be."""
        host = jax.tree.map(lambda x: np.array(x), jax.device_get(tree))
        if step in self._manager.all_steps():
            return
        args = self._ocp.args.Composite(
            tree=self._ocp.args.StandardSave(host), meta=self._ocp.args.JsonSave({'sha256': digest(host)})
        )
        with plain_os_errors(self._directory):
            self._manager.save(step, args=args, force=True)

    def restore(self, like: PyTree, step: int | None = None) -> tuple[int, PyTree] | None:
        """The newest good checkpoint (or that of `step`) as (step, numpy tree shaped `like`); None if there is none.

        A damaged one is named in the log and moved out of the way, to `damaged/STEP`.
        """
        wanted = self.steps() if step is None else [step]
        if step is not None and step not in self.steps():
            raise errors.GaxError(
                f'no checkpoint of step {step} in {self._directory}; there are {self.steps()}'
            )
        for candidate in reversed(wanted):
            try:
                return candidate, self._read(candidate, like)
            except Exception as error:  # whatever broke the bytes can raise anything from three libraries
                reason = (str(error).strip().splitlines() or [''])[0][:200]
                log.warning('checkpoint %d in %s is damaged (%s)', candidate, self._directory, reason)
                if step is not None:
                    raise errors.GaxError(
                        f'checkpoint {step} in {self._directory} is damaged ({reason})'
                    ) from error
                self._set_aside(candidate)
        return None

    def _read(self, step: int, like: PyTree) -> PyTree:
        shapes = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like)
        args = self._ocp.args.Composite(
            tree=self._ocp.args.StandardRestore(shapes), meta=self._ocp.args.JsonRestore()
        )
        found = self._manager.restore(step, args=args)
        tree = jax.tree.map(lambda x: np.asarray(x), found['tree'])
        if digest(tree) != found['meta']['sha256']:
            raise ValueError('its contents do not match their SHA-256')
        return tree

    def _set_aside(self, step: int) -> None:
        target = self._directory.parent / 'damaged' / str(step)
        target.parent.mkdir(exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        (self._directory / str(step)).rename(target)
        self._manager.reload()

    def close(self) -> None:
        self._manager.close()


def digest(tree: PyTree) -> str:
    """SHA-256 over every leaf's path, dtype, shape and bytes."""
    sha = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = np.ascontiguousarray(leaf)
        sha.update(f'{jax.tree_util.keystr(path)} {array.dtype} {array.shape}'.encode())
        sha.update(array.tobytes())
    return sha.hexdigest()


def find_os_error(error: BaseException | None) -> OSError | None:
    """The operating system's error behind `error`, which a library may have wrapped."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


@contextlib.contextmanager
def plain_os_errors(where: Path) -> Any:
    """Turns a full disk, a read-only one and the like into one clear GaxError."""
    try:
        yield
    except errors.GaxError:
        raise
    except Exception as error:
        cause = find_os_error(error)
        full = (cause is not None and cause.errno in (errno.ENOSPC, errno.EDQUOT)) or 'No space left' in str(
            error
        )
        if full:
            free = shutil.disk_usage(where if where.exists() else where.parent).free
            raise errors.GaxError(
                f'no space left on the disk of {where} ({free / 2**20:.0f} MiB free); earlier checkpoints are intact: '
                'free some space and run the same command again'
            ) from error
        if cause is not None:
            raise errors.GaxError(f'cannot write to {where}: {cause.strerror or cause}') from error
        raise
