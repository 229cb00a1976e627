"""Paths from users, and files that are replaced atomically."""

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

PLAIN = re.compile('[A-Za-z0-9/._=+-]*')  # paths that every library reads alike


def user(text: str | os.PathLike[str]) -> Path:
    """A path that a user wrote in a flag, a config or a variable; `~` and `~NAME` become homes.

    Raises:
      GaxError: The home is unknown (no HOME and no entry for the user, as in containers), or a name is longer
        than the file system allows.
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
    """The folder for what gax can compute again: $XDG_CACHE_HOME/gax or ~/.cache/gax. None if unknown."""
    try:
        return user(os.environ.get('XDG_CACHE_HOME') or '~/.cache') / 'gax'
    except errors.GaxError:
        return None


def temporary_name(token: str = '') -> str:
    """A random name for an unfinished file or folder; with '*' the pattern of all such names."""
    return f'.gax-{token or secrets.token_hex(8)}.tmp'


@contextlib.contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A context that writes a file or a folder atomically.

    Args:
      out: The path. A folder can replace only an empty one.

    Yields:
      A new temporary path in the same folder, with a random name. It is renamed to `out` when the block ends
      without an error, and removed otherwise.
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
    """Writes `text` as UTF-8, atomically, whatever the locale. Names that are not UTF-8 become \\udcXX."""
    with replacing(out) as temporary:
        temporary.write_text(text, encoding='utf-8', errors='backslashreplace')


@contextlib.contextmanager
def plain(folder: Path) -> Iterator[Path]:
    """A context that yields `folder` under a name that every library accepts.

    That is the folder itself, or a temporary link to it. File names are bytes; libraries in C++ read them as
    UTF-8, some as parts of URLs or as patterns. Orbax writes checkpoints that it cannot read under a folder
    with a backslash, brackets, `?` or `%41` in its name.

    Raises:
      GaxError: The link cannot be created.
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
                f'no link to {folder}, whose name not every library takes, can be made in '
                f'{tempfile.gettempdir()}: {error.strerror or error}'
            ) from error
        yield link
