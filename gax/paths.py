"""Paths that a user gives, and files that are old or new, never half: one place for what a home and a name
may be."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gax import errors

PLAIN = re.compile('[A-Za-z0-9/._=+-]*')  # paths that mean the same to every library


def user(text: str | os.PathLike[str]) -> Path:
    """The path that a user wrote, in a flag, a config or a variable: `~` and `~NAME` become homes; nothing
    else changes.

    Raises GaxError for a home that nobody knows (no HOME, and no entry for the user, as in containers), and
    for a name that is longer than the file system allows.
    """
    path = Path(text)
    first = path.parts[0] if path.parts else ''
    if first.startswith('~'):
        path = home_of(first, path).joinpath(*path.parts[1:])
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise errors.GaxError(f'{str(path)[:60]}... is no path: {error.strerror}') from error
    return path


def home_of(first: str, path: Path) -> Path:
    """The folder that `~` or `~NAME`, the first part of `path`, stands for."""
    place = os.path.expanduser(first)
    if place == first or (first == '~' and not os.environ.get('HOME', place)):
        why = (
            'HOME is not set, and the user has no entry'
            if first == '~'
            else f'there is no user {first[1:]!r}'
        )
        raise errors.GaxError(
            f'{path}: no home is known for {first} ({why}); write the whole path, or ./{path} for '
            'a folder of that name'
        )
    return Path(place)


def cache() -> Path | None:
    """Where gax keeps what it can make again: $XDG_CACHE_HOME/gax or ~/.cache/gax. None where the home is not
    known."""
    try:
        return user(os.environ.get('XDG_CACHE_HOME') or '~/.cache') / 'gax'
    except errors.GaxError:
        return None


def temporary_name(token: str = '') -> str:
    """Of something on its way in or out: one of chance, which nobody has already; with '*' the pattern of
    them all."""
    return f'.gax-{token or secrets.token_hex(8)}.tmp'


@contextlib.contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A new path beside `out`, for a file or a folder, which takes the place of `out` when the block ends
    without an error.

    Its name is one of chance: nothing of anybody is written over or removed on the way. `out` is old or new,
    never half; a folder takes the place of an empty one alone.
    """
    temporary = out.absolute().with_name(temporary_name())
    try:
        yield temporary
        temporary.replace(out)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_text(out: Path, text: str) -> None:
    """`text` as UTF-8, whatever the locale; bytes of names that are no UTF-8 are written as \\udcXX. See
    `replacing`."""
    with replacing(out) as temporary:
        temporary.write_text(text, encoding='utf-8', errors='backslashreplace')


@contextlib.contextmanager
def plain(folder: Path) -> Iterator[Path]:
    """`folder` under a name that every library takes: itself, or else a link to it, which goes again.

    Names of files are bytes; libraries in C++ take them as UTF-8, some as parts of URLs or as patterns: under
    a folder with a backslash, brackets, `?` or `%41` in its name Orbax writes checkpoints that it cannot
    read. Raises GaxError where no link can be made.
    """
    if PLAIN.fullmatch(str(folder.absolute())):
        yield folder
        return
    with contextlib.ExitStack() as stack:
        try:
            link = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix='gax-'))) / 'link'
            link.symlink_to(folder.absolute(), target_is_directory=True)
        except OSError as error:
            raise errors.GaxError(
                f'no link to {folder}, whose name not every library takes, can be made in {tempfile.gettempdir()}: '
                f'{error.strerror or error}'
            ) from error
        yield link
