"""Every file below a folder, following links, in an order that is the same on every machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from gax import errors

log = logging.getLogger('gax')
Identity = tuple[int, int]  # of a folder, by whichever path: device and inode


class Listed(NamedTuple):
    """The entries of a folder.

    Attributes:
      files: The files.
      dangling: Dangling links, and entries that are neither a file nor a folder.
      folders: The folders; empty after a recursive listing.
    """

    files: list[Path]
    dangling: list[Path]
    folders: list[Path]


def level(folder: Path, circle: frozenset[Identity] | None = None) -> Listed:
    """The entries directly in `folder`, without hidden ones, each kind sorted by the bytes of its names.

    Args:
      folder: The folder.
      circle: The folders not to enter again; by default `folder` and its parents.

    Raises:
      GaxError: The folder cannot be read.
    """
    circle = around(folder) if circle is None else circle
    return sorted_out(entries(folder, circle))


def below(folder: Path) -> Listed:
    """All files in `folder`, at any depth; no folders."""
    return sorted_out(walk(folder, around(folder)))


def around(folder: Path) -> frozenset[Identity]:
    """The folder and its parents. A link to one of them would lead into a cycle."""
    return frozenset(identity(path) for path in (folder, *folder.resolve().parents))


def identity(path: Path) -> Identity:
    """(device, inode) of a folder."""
    stat = path.stat()
    return stat.st_dev, stat.st_ino


def walk(folder: Path, circle: frozenset[Identity]) -> Iterator[tuple[Path, str]]:
    """As `entries`, with the contents of a folder in the folder's place."""
    for path, kind in entries(folder, circle):
        if kind == 'folder':
            yield from walk(path, circle | {identity(path)})
        else:
            yield path, kind


def entries(folder: Path, circle: frozenset[Identity]) -> Iterator[tuple[Path, str]]:
    """(path, 'file', 'folder' or 'dangling') of the entries of one folder.

    Raises:
      GaxError: The folder cannot be read.
    """
    try:
        with os.scandir(folder) as scan:
            visible = [entry for entry in scan if not entry.name.startswith('.')]
    except OSError as error:
        raise errors.GaxError(f'cannot read the folder {folder}: {error.strerror or error}') from error
    for entry in sorted(visible, key=lambda entry: os.fsencode(entry.name)):
        path, kind = folder / entry.name, kind_of(entry)
        if kind == 'folder' and identity(path) in circle:
            log.warning('%s leads back to a folder that it lies in: it is left out', path)
        else:
            yield path, kind


def kind_of(entry: os.DirEntry[str]) -> str:
    """'file', 'folder' or 'dangling'."""
    try:
        return 'folder' if entry.is_dir() else 'file' if entry.is_file() else 'dangling'
    except OSError:  # a link to itself, or to a place without permission
        return 'dangling'


def sorted_out(pairs: Iterable[tuple[Path, str]]) -> Listed:
    """Groups (path, kind) pairs by kind."""
    kinds: dict[str, list[Path]] = {'file': [], 'dangling': [], 'folder': []}
    for path, kind in pairs:
        kinds[kind].append(path)
    return Listed(kinds['file'], kinds['dangling'], kinds['folder'])
