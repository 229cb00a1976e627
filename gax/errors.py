"""Errors that a user can act on: one clear line with what, where, the valid choices and the nearest match."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

T = TypeVar('T')
NO_MEMORY = re.compile('RESOURCE_EXHAUSTED|OUT_OF_MEMORY|out of memory allocating', re.IGNORECASE)


class GaxError(Exception):
    """A mistake in the input of gax. The command line prints it as one line and exits with status 2."""


def choices(kind: str, name: str, valid: Iterable[str]) -> str:
    """A message for an unknown name: "unknown loss 'hing' (nearest: 'hinge'); valid: hinge, ..."."""
    names = sorted(valid)
    near = nearest(str(name), names)
    hint = f' (nearest: {near!r})' if near else ''
    listed = [text or "''" for text in names]
    return f'unknown {kind} {name!r}{hint}; valid: {", ".join(listed)}'


def nearest(name: str, names: Iterable[str], cutoff: float = 0.4) -> str:
    """The most similar of `names`, or '' if none has a similarity of at least `cutoff`, 0 to 1."""
    return next(iter(get_close_matches(name, list(names), n=1, cutoff=cutoff)), '')


def lookup(kind: str, name: str, table: Mapping[str, T]) -> T:
    """`table[name]`.

    Raises:
      GaxError: The name is unknown; the message lists the names and the nearest one.
    """
    if name not in table:
        raise GaxError(choices(kind, name, table))
    return table[name]


EXPERIMENTS = Path(__file__).parents[1] / 'experiments'  # the same commands, in a clone of the repository


def command(name: str) -> str:
    """How the command `name` is called from here: 'python experiments/train.py' in a clone of the repository.

    'gax-train' where gax is installed without its repository, or where a gax-* command runs.
    """
    script = f'{name.replace("-", "_")}.py'
    if not Path(sys.argv[0]).name.startswith('gax-') and (EXPERIMENTS / script).is_file():
        return f'python experiments/{script}'
    return f'gax-{name}'


def in_range(name: str, value: float, low: float, high: float) -> None:
    """Raises GaxError unless low <= value <= high."""
    if not low <= value <= high:
        raise GaxError(f'{name} must be from {low} to {high}, and is {value}')


SEEDS = 0, 2**32 - 1  # the range of seeds that JAX and NumPy accept


def first_line(error: BaseException) -> str:
    """The message of an exception on one line of at most 200 characters, or its type if it has none."""
    return ' '.join(str(error).split())[:200] or type(error).__name__


def explained(error: BaseException) -> GaxError | None:
    """What a user can do about an error of JAX or Python, if memory or a device is missing.

    Returns:
      An error that says so, or None for other errors.
    """
    if isinstance(error, MemoryError) or NO_MEMORY.search(str(error)):
        where = 'this machine' if isinstance(error, MemoryError) else 'the device'
        return GaxError(
            f'the memory of {where} is too small: lower config.batch_size, compute each batch in '
            'microbatches (--config.accumulate=2 or more), store less for the backward pass '
            f'(--config.remat=g,d), or lower the widths of the networks ({first_line(error)})'
        )
    frames = traceback.extract_tb(error.__traceback__)
    if frames and frames[-1].filename.endswith('xla_bridge.py'):  # where JAX looks for devices
        platforms = os.environ.get('JAX_PLATFORMS', '')
        return GaxError(
            f'JAX finds no device with JAX_PLATFORMS={platforms!r}: unset it, for whatever there is, or set '
            "it to cpu; for accelerators pip install 'gax[cuda]' or 'gax[tpu]' on a machine that has one"
        )
    return None


@contextlib.contextmanager
def plain_os_errors(where: Path) -> Iterator[None]:
    """A context that turns a full disk, a read-only disk and the like into one clear GaxError."""
    try:
        yield
    except GaxError:
        raise
    except Exception as error:
        cause = find_os_error(error)
        if is_full(cause, str(error)):
            raise GaxError(
                f'no space left on the disk of {where} ({free_mib(where):.0f} MiB free); earlier '
                'checkpoints are intact: free some space and run the same command again'
            ) from error
        if cause is not None:
            raise GaxError(f'cannot write to {where}: {cause.strerror or cause}') from error
        raise


def refuse_unwritable(out: Path) -> None:
    """Checks before the work that its result can be written to `out`.

    Raises:
      GaxError: The folder of `out` is not writable.
    """
    folder = out.absolute().parent
    if folder.is_dir() and not os.access(folder, os.W_OK):
        raise GaxError(f'--out {out}: cannot write to the folder {folder}; give another --out')


def find_os_error(error: BaseException | None) -> OSError | None:
    """The operating system's error behind `error`, which a library may have wrapped; or None."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def is_full(cause: OSError | None, text: str) -> bool:
    """Whether an error means a full disk. Libraries in C++ report that in their message only."""
    full = cause is not None and cause.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or any(sign in text for sign in ('No space left', 'ENOSPC', 'Disk quota exceeded'))


def free_mib(where: Path) -> float:
    """Free space in MiB on the disk of `where`, which need not exist yet."""
    there = next((p for p in (where.absolute(), *where.absolute().parents) if p.exists()), Path('/'))
    return shutil.disk_usage(there).free / 2**20


def reserve(path: Path, size: int) -> None:
    """Checks that `size` bytes fit at `path`. Orbax would notice a full disk halfway, in threads.

    Raises:
      OSError: They do not.
    """
    size += size // 20 + 2**18
    if hasattr(os, 'posix_fallocate'):  # sees quotas, too
        with open(path, 'wb') as file:
            os.posix_fallocate(file.fileno(), 0, size)
        path.unlink()
    elif shutil.disk_usage(path.parent).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
