"""Checkpoints: arrays written by Orbax into a folder that appears complete or not at all, with digests.

checkpoints/STEP/tree/           what Orbax wrote (readable by Orbax alone)
checkpoints/STEP/manifest.json   every array's path, dtype and shape; every file's SHA-256
checkpoints/best.json            the step of the checkpoint that is the best by a metric; it is always kept
damaged/STEP                     a checkpoint that a resuming run found damaged
"""

from __future__ import annotations

import functools
import json
import logging
import secrets
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gax import errors, paths
from gax.core.types import PyTree
from gax.training import manifest

log = logging.getLogger('gax')


class OtherArrays(errors.GaxError):
    """A complete checkpoint of other arrays than this run has. It is not damaged."""


class Checkpoints:
    """The newest `keep` checkpoints of a run, and its best, in `directory`.

    They hold arrays only. Damaged ones are moved to the folder `damaged` next to `directory`.

    Attributes:
      damaged: That folder.
    """

    def __init__(self, directory: Path, keep: int = 3, write: bool = True) -> None:
        """Opens the folder; removes what an interrupted save left in it.

        Args:
          directory: The folder. It is created if it does not exist.
          keep: How many of the newest checkpoints are kept.
          write: With False, nothing is created, removed or moved.
        """
        # Imported here: building or benchmarking a step needs none of it.
        import orbax.checkpoint as ocp

        logging.getLogger('absl').setLevel(logging.CRITICAL)  # Orbax also logs, at length, what it raises
        self._ocp, self._directory = ocp, directory.absolute()
        self._keep, self._writes = keep, write
        self._saving: tuple[int, Future[None]] | None = None  # the step that is being written, and the future
        alone = of_one_process(ocp)
        handler = ocp.StandardCheckpointHandler(multiprocessing_options=alone)
        self._orbax = ocp.Checkpointer(handler, multiprocessing_options=alone)
        self.damaged = self._directory.parent / 'damaged'
        if write:
            with errors.plain_os_errors(self._directory):
                self._directory.mkdir(parents=True, exist_ok=True)
                self._sweep()

    def steps(self) -> list[int]:
        """The steps of all checkpoints, oldest first."""
        entries = self._directory.iterdir() if self._directory.is_dir() else ()
        return sorted(int(path.name) for path in entries if path.name.isdigit())

    def save(self, step: int, tree: PyTree) -> None:
        """Writes `tree` as the checkpoint of `step`; returns when it is on disk.

        Raises:
          GaxError: It cannot be written.
        """
        self.save_async(step, tree)
        self.wait()

    def save_async(self, step: int, tree: PyTree, then: Callable[[], None] = lambda: None) -> None:
        """Copies `tree` to the host and returns; a thread writes the copy as the checkpoint of `step`.

        The device's arrays may be donated immediately afterwards. One save runs at a time: this one waits for
        the previous one.

        Args:
          step: The training step of `tree`. If it has a checkpoint already, nothing is written.
          tree: Arrays, on the devices or on the host.
          then: Called by the thread when the checkpoint is on disk.

        Raises:
          GaxError: The previous save failed. If this one fails, the next call of `save_async`, `check` or
            `wait` raises.
        """
        if self._saving and self._saving[0] == step:
            return
        self.wait()
        if (self._directory / str(step)).exists():
            return
        host = jax.tree.map(lambda x: np.array(x), jax.device_get(tree))
        self._saving = step, writer().submit(self._write, step, host, then)

    def check(self) -> None:
        """Raises GaxError if a finished save has failed. Does not wait for a running one."""
        if self._saving and self._saving[1].done():
            self.wait()

    def wait(self) -> None:
        """Returns when the running save is on disk.

        Raises:
          GaxError: It failed.
        """
        saving, self._saving = self._saving, None
        if saving:
            saving[1].result()

    def _write(self, step: int, host: PyTree, then: Callable[[], None]) -> None:
        """A checkpoint appears, and an old one disappears, by the renaming of a folder.

        A process that is killed in here leaves complete checkpoints, and temporary folders that the next
        start removes.
        """
        target = self._directory / str(step)
        with errors.plain_os_errors(self._directory):
            try:
                with paths.replacing(target) as temporary:
                    temporary.mkdir()
                    errors.reserve(temporary / 'space', sum(x.nbytes for x in jax.tree.leaves(host)))
                    with paths.plain(temporary) as folder:
                        self._orbax.save(folder / 'tree', args=self._ocp.args.StandardSave(host))
                    manifest.write(temporary, manifest.layout(host))
                best = self.best()
                for old in self.steps()[: -self._keep]:
                    if old != best:
                        (self._directory / str(old)).rename(self._directory / paths.temporary_name())
            finally:
                self._sweep()  # frees space if a save failed on a full disk
        then()

    def best(self) -> int | None:
        """The step of the last `mark_best`, or None if there is none or its checkpoint is missing."""
        path = self._directory / 'best.json'
        try:
            step = json.loads(path.read_text(encoding='utf-8'))['step']
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning(
                '%s is damaged (%s): no checkpoint is known as the best', path, errors.first_line(error)
            )
            return None
        return step if step in self.steps() else None

    def mark_best(self, step: int, metric: str, value: float) -> None:
        """Keeps the checkpoint of `step` whatever is saved later, instead of the one marked before.

        The mark is replaced atomically. A process that is killed before leaves the old mark and its
        checkpoint.

        Args:
          step: The step of an existing checkpoint.
          metric: The name of the metric by which it is the best.
          value: The metric's value.
        """
        content = {'step': step, 'metric': metric, 'value': value}
        with errors.plain_os_errors(self._directory):
            paths.write_text(self._directory / 'best.json', json.dumps(content) + '\n')

    def _sweep(self) -> None:
        """Removes temporary folders of saves and removals."""
        for pattern in (paths.temporary_name('*'), '[0-9]*.tmp'):  # the second of earlier versions
            for rubbish in self._directory.glob(pattern):
                shutil.rmtree(rubbish, ignore_errors=True)

    def restore(self, like: PyTree, step: int | None = None) -> tuple[int, PyTree] | None:
        """Reads the newest good checkpoint, or that of `step`.

        A damaged one is logged, and moved to `damaged/STEP`.

        Args:
          like: A tree of the arrays' shapes and dtypes.
          step: The step, or None for the newest.

        Returns:
          (step, a tree of NumPy arrays), or None if there is no checkpoint.

        Raises:
          GaxError: There is no checkpoint of `step`; the checkpoint has other arrays; or only damaged ones
            are left, where a start at step 0 would silently lose the run.
        """
        if step is not None:
            return step, self._restore_one(step, like)
        for candidate in reversed(self.steps()):
            try:
                return candidate, self._read(candidate, like)
            except errors.GaxError:
                raise
            except Exception as error:  # damaged bytes can raise anything from three libraries
                moved = f'; moved to {self.damaged}' if self._writes else ''
                log.warning(
                    'checkpoint %d in %s is damaged (%s)%s',
                    candidate,
                    self._directory,
                    errors.first_line(error),
                    moved,
                )
                if self._writes:
                    self._set_aside(candidate)
        self._refuse_to_begin_again()
        return None

    def _restore_one(self, step: int, like: PyTree) -> PyTree:
        if step not in self.steps():
            raise errors.GaxError(
                f'no checkpoint of step {step} in {self._directory}; there are those of '
                f'{step_list(self.steps())}'
            )
        try:
            return self._read(step, like)
        except errors.GaxError:
            raise
        except Exception as error:
            raise errors.GaxError(
                f'checkpoint {step} in {self._directory} is damaged ({errors.first_line(error)})'
            ) from error

    def _read(self, step: int, like: PyTree) -> PyTree:
        """Checks every file before Orbax reads it, as Orbax handles damaged files badly."""
        folder = self._directory / str(step)
        shapes = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like)
        saved, wanted = manifest.read_checked(folder)['arrays'], manifest.layout(shapes)
        if saved != wanted:
            raise OtherArrays(f'checkpoint {step} in {self._directory} {manifest.why_other(saved, wanted)}')
        with paths.plain(folder) as place:
            tree = self._orbax.restore(place / 'tree', args=self._ocp.args.StandardRestore(shapes))
        return jax.tree.map(lambda x: np.asarray(x), tree)

    def _set_aside(self, step: int) -> None:
        with errors.plain_os_errors(self.damaged):
            self.damaged.mkdir(exist_ok=True)
            target = self.damaged / str(step)
            if target.exists():  # an earlier one, which somebody may be repairing
                target = self.damaged / f'{step}.{secrets.token_hex(4)}'
            (self._directory / str(step)).rename(target)

    def _refuse_to_begin_again(self) -> None:
        lost = sorted(p.name for p in self.damaged.glob('*')) if self.damaged.is_dir() else self.steps()
        if lost:
            raise errors.GaxError(
                f'no good checkpoint is left in {self._directory}: damaged are those of {step_list(lost)}, '
                f'kept in {self.damaged}. Put a good copy into {self._directory}, or remove {self.damaged} to '
                'begin again at step 0'
            )

    def close(self) -> None:
        """Waits for the running save and logs its failure. Call `wait` before to get an exception."""
        try:
            self.wait()
        except errors.GaxError as error:
            log.warning('%s', error)
        self._orbax.close()


@functools.cache
def writer() -> ThreadPoolExecutor:
    """The one thread of the process that writes all checkpoints, one after the other."""
    return ThreadPoolExecutor(1, 'gax-checkpoint')


def of_one_process(ocp: Any) -> Any:
    """Orbax options for a process that reads and writes alone, also in a run of several (see runner.py).

    Orbax would otherwise wait for the other processes.
    """
    mine = jax.process_index()
    return ocp.options.MultiprocessingOptions(
        primary_host=mine, active_processes={mine}, barrier_sync_key_prefix=f'gax{mine}'
    )


def step_list(steps: list[Any]) -> str:
    """'step 100, step 200'."""
    return ', '.join(f'step {step}' for step in steps) or 'no step at all'
