"""Checkpoints: arrays written by Orbax into a folder that appears whole or not at all, with a digest of every
file.

checkpoints/STEP/tree/           what Orbax wrote (readable by Orbax alone)
checkpoints/STEP/manifest.json   every array's path, dtype and shape; every file's SHA-256
checkpoints/best.json            which step is the best by a metric: it is kept beside the newest
damaged/STEP                     what a resuming run found damaged
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
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

log = logging.getLogger('gax')


class OtherArrays(errors.GaxError):
    """A whole checkpoint, but of other arrays than this version of gax carries: nothing is wrong with the
    disk.
    """


class Checkpoints:
    """The newest `keep` checkpoints of a run, and its best, in `directory`.

    Arrays only. Damaged ones are moved beside it.
    """

    def __init__(self, directory: Path, keep: int = 3, write: bool = True) -> None:
        """write=False: nothing is made, cleaned up or moved, whatever is found."""
        # Imported here: building or benchmarking a step needs none of it.
        import orbax.checkpoint as ocp

        logging.getLogger('absl').setLevel(logging.CRITICAL)  # Orbax logs what it raises as well, by the page
        self._ocp, self._directory = ocp, directory.absolute()
        self._keep, self._writes = keep, write
        self._saving: tuple[int, Future[None]] | None = None  # the step that is being written, and by what
        alone = of_one_process(ocp)
        handler = ocp.StandardCheckpointHandler(multiprocessing_options=alone)
        self._orbax = ocp.Checkpointer(handler, multiprocessing_options=alone)
        self.damaged = self._directory.parent / 'damaged'
        if write:
            with errors.plain_os_errors(self._directory):
                self._directory.mkdir(parents=True, exist_ok=True)
                self._sweep()

    def steps(self) -> list[int]:
        """The steps of which there is a checkpoint, oldest first."""
        found = self._directory.iterdir() if self._directory.is_dir() else ()
        return sorted(int(path.name) for path in found if path.name.isdigit())

    def save(self, step: int, tree: PyTree) -> None:
        """Writes `tree` as the checkpoint of `step`; returns when it is on disk.

        Raises GaxError if it cannot be.
        """
        self.save_async(step, tree)
        self.wait()

    def save_async(self, step: int, tree: PyTree, then: Callable[[], None] = lambda: None) -> None:
        """Copies `tree` to the host and returns; a thread writes the copy as the checkpoint of `step`.

        The device's arrays may be donated at once. One save is under way at a time: this one waits for the
        one before.

        Args:
            step: the training step that `tree` is of. Where its checkpoint is there already nothing is
                written.
            tree: arrays, on the devices or on the host.
            then: called by the thread when the checkpoint is on disk.

        Raises:
            GaxError: the save before failed. A failure of this one is raised by the next call of
        `save_async`, `check` or `wait`.
        """
        if self._saving and self._saving[0] == step:
            return
        self.wait()
        if (self._directory / str(step)).exists():
            return
        host = jax.tree.map(lambda x: np.array(x), jax.device_get(tree))
        self._saving = step, writer().submit(self._write, step, host, then)

    def check(self) -> None:
        """Raises GaxError where the save under way has failed; waits for nothing."""
        if self._saving and self._saving[1].done():
            self.wait()

    def wait(self) -> None:
        """Returns when the save under way is on disk. Raises GaxError if it cannot be."""
        saving, self._saving = self._saving, None
        if saving:
            saving[1].result()

    def _write(self, step: int, host: PyTree, then: Callable[[], None]) -> None:
        """A checkpoint appears, and an old one goes, by the renaming of a folder: a process killed in here
        leaves whole ones, and rubbish that the next start removes.
        """
        target = self._directory / str(step)
        with errors.plain_os_errors(self._directory):
            try:
                with paths.replacing(target) as temporary:
                    temporary.mkdir()
                    errors.reserve(temporary / 'space', sum(x.nbytes for x in jax.tree.leaves(host)))
                    with paths.plain(temporary) as folder:
                        self._orbax.save(folder / 'tree', args=self._ocp.args.StandardSave(host))
                    write_manifest(temporary, layout(host))
                best = self.best()
                for old in self.steps()[: -self._keep]:
                    if old != best:
                        (self._directory / str(old)).rename(self._directory / paths.temporary_name())
            finally:
                self._sweep()  # where a save failed on a full disk, that makes room
        then()

    def best(self) -> int | None:
        """The step that `mark_best` was last told of, if its checkpoint is there."""
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
        """Keeps the checkpoint of `step`, which is there, whatever is saved later, and the one marked before
        no more.

        The mark is old or new, never half. A process killed before this leaves the old mark, and its
        checkpoint.
        """
        content = {'step': step, 'metric': metric, 'value': value}
        with errors.plain_os_errors(self._directory):
            paths.write_text(self._directory / 'best.json', json.dumps(content) + '\n')

    def _sweep(self) -> None:
        """Removes what is on its way in or out."""
        for pattern in (paths.temporary_name('*'), '[0-9]*.tmp'):  # the second of earlier versions
            for rubbish in self._directory.glob(pattern):
                shutil.rmtree(rubbish, ignore_errors=True)

    def restore(self, like: PyTree, step: int | None = None) -> tuple[int, PyTree] | None:
        """The newest good checkpoint (or that of `step`) as (step, numpy tree shaped `like`); None if there
        is none.

        A damaged one is named in the log and moved out of the way, to `damaged/STEP`. Raises GaxError where
        damaged
        ones are all that is left: to begin again would silently lose a run.
        """
        if step is not None:
            return step, self._restore_one(step, like)
        for candidate in reversed(self.steps()):
            try:
                return candidate, self._read(candidate, like)
            except errors.GaxError:
                raise
            except Exception as error:  # whatever broke the bytes can raise anything from three libraries
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
                f'no checkpoint of step {step} in {self._directory}; there are those of {said(self.steps())}'
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
        """Checks every file before Orbax sees it, which takes damaged ones badly."""
        folder = self._directory / str(step)
        shapes = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like)
        found, wanted = checked_manifest(folder)['arrays'], layout(shapes)
        if found != wanted:
            raise OtherArrays(f'checkpoint {step} in {self._directory} {why_other(found, wanted)}')
        with paths.plain(folder) as place:
            tree = self._orbax.restore(place / 'tree', args=self._ocp.args.StandardRestore(shapes))
        return jax.tree.map(lambda x: np.asarray(x), tree)

    def _set_aside(self, step: int) -> None:
        with errors.plain_os_errors(self.damaged):
            self.damaged.mkdir(exist_ok=True)
            target = self.damaged / str(step)
            if target.exists():  # of an earlier time: it may be the one that somebody mends
                target = self.damaged / f'{step}.{secrets.token_hex(4)}'
            (self._directory / str(step)).rename(target)

    def _refuse_to_begin_again(self) -> None:
        lost = sorted(p.name for p in self.damaged.glob('*')) if self.damaged.is_dir() else self.steps()
        if lost:
            raise errors.GaxError(
                f'no good checkpoint is left in {self._directory}: damaged are those of {said(lost)}, kept in '
                f'{self.damaged}. Put a good copy into {self._directory}, or remove {self.damaged} to begin again at step 0'
            )

    def close(self) -> None:
        """Waits for the save under way. Whoever is to hear of its failure as an error calls `wait` before."""
        try:
            self.wait()
        except errors.GaxError as error:
            log.warning('%s', error)
        self._orbax.close()


@functools.cache
def writer() -> ThreadPoolExecutor:
    """One thread of the process writes all checkpoints, one after the other."""
    return ThreadPoolExecutor(1, 'gax-checkpoint')


def of_one_process(ocp: Any) -> Any:
    """Of several processes this one writes and reads by itself (see runner.py): Orbax is not to wait for the
    others.
    """
    mine = jax.process_index()
    return ocp.options.MultiprocessingOptions(
        primary_host=mine, active_processes={mine}, barrier_sync_key_prefix=f'gax{mine}'
    )


def said(steps: list[Any]) -> str:
    return ', '.join(f'step {step}' for step in steps) or 'no step at all'


def layout(tree: PyTree) -> list[str]:
    """The path, dtype and shape of every leaf, e.g. `.state.params['d']['Dense_0']['bias'] float32 (1,)`."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [f'{jax.tree_util.keystr(path)} {leaf.dtype} {tuple(leaf.shape)}' for path, leaf in leaves]


def why_other(there: list[str], here: list[str]) -> str:
    """What to say of a checkpoint whose arrays are `there`, where those of `here` are wanted, both as
    `layout` has them.
    """
    before, after = (dict(map(parted, lines)) for lines in (there, here))
    if [narrow(line) for line in there] == [narrow(line) for line in here]:
        wide = any('64 ' in kind for kind in before.values())
        return (
            f'was written {"with" if wide else "without"} JAX_ENABLE_X64=1, and now it is {"not " if wide else ""}set; '
            f'give JAX_ENABLE_X64={int(wide)}'
        )
    differ = [path for path in dict.fromkeys([*before, *after]) if before.get(path) != after.get(path)]
    if not differ:
        return 'is of another version of gax: its arrays are in another order; go on with the version that wrote it'
    first = differ[0]
    return (
        f'is of other networks or data, or of another version of gax: {len(differ)} arrays differ, such as {first}, '
        f'{before.get(first, "absent")} there and {after.get(first, "absent")} here; go on with what wrote it'
    )


def parted(line: str) -> tuple[str, str]:
    """(path, dtype and shape) of a line of `layout`."""
    head, _, shape = line.rpartition(' (')
    path, _, dtype = head.rpartition(' ')
    return path, f'{dtype} ({shape}'


def narrow(line: str) -> str:
    """A line of `layout` as it would be without 64 bits."""
    path, kind = parted(line)
    return f'{path} {kind.replace("64 (", "32 (")}'


def write_manifest(folder: Path, arrays: list[str]) -> None:
    """Flushes every file of `folder` to the disk and writes down its digest."""
    written = sorted(path for path in folder.rglob('*') if path.is_file())
    files = {str(path.relative_to(folder)): digest(path, flush=True) for path in written}
    content = {'arrays': arrays, 'files': files}
    sha256 = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    text = json.dumps({**content, 'sha256': sha256}, indent=1)
    (folder / 'manifest.json').write_text(text, encoding='utf-8')
    digest(folder / 'manifest.json', flush=True)


def checked_manifest(folder: Path) -> dict[str, Any]:
    """manifest.json of a checkpoint.

    Raises ValueError or OSError unless everything in the folder is as it was written.
    """
    content = json.loads((folder / 'manifest.json').read_text(encoding='utf-8'))
    sha256 = content.pop('sha256')
    if hashlib.sha256(json.dumps(content).encode()).hexdigest() != sha256:
        raise ValueError('manifest.json does not match its SHA-256')
    for name, wanted in content['files'].items():
        if not (folder / name).is_file() or digest(folder / name) != wanted:
            raise ValueError(f'{name} is missing, or does not match its SHA-256')
    return content


def digest(path: Path, flush: bool = False) -> str:
    """SHA-256 of a file. flush: once it is on the disk for good."""
    with open(path, 'rb') as file:
        if flush:
            os.fsync(file.fileno())
        return hashlib.file_digest(file, 'sha256').hexdigest()
