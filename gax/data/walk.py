"""Every file below a folder, through links as well, in an order that is the same everywhere."""

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
    """files. dangling: links that lead to nothing, and what is neither a file nor a folder. folders: where they were asked for."""

    files: list[Path]
    dangling: list[Path]
    folders: list[Path]


def level(folder: Path, circle: frozenset[Identity] | None = None) -> Listed:
    """What lies in `folder` itself, hidden things left out, each kind sorted by the bytes of its names.

    circle: folders that are not to be entered again; by default `folder` and those that it lies in. Raises GaxError where it
    cannot be read.
    """
    circle = around(folder) if circle is None else circle
    return sorted_out(entries(folder, circle))


def below(folder: Path) -> Listed:
    """All files that lie in `folder`, at any depth; no folders."""
    return sorted_out(walk(folder, around(folder)))


def around(folder: Path) -> frozenset[Identity]:
    """The folder and those that it lies in: a link to one of them leads round in a circle."""
    return frozenset(identity(path) for path in (folder, *folder.resolve().parents))


def identity(path: Path) -> Identity:
    stat = path.stat()
    return stat.st_dev, stat.st_ino


def walk(folder: Path, circle: frozenset[Identity]) -> Iterator[tuple[Path, str]]:
    """As `entries`, with what lies in a folder in the folder's place."""
    for path, kind in entries(folder, circle):
        if kind == 'folder':
            yield from walk(path, circle | {identity(path)})
        else:
            yield path, kind


def entries(folder: Path, circle: frozenset[Identity]) -> Iterator[tuple[Path, str]]:
    """(path, 'file', 'folder' or 'dangling') of what is in one folder."""
    try:
        with os.scandir(folder) as scan:
            seen_by_all = [entry for entry in scan if not entry.name.startswith('.')]
    except OSError as error:
        raise errors.GaxError(f'cannot read the folder {folder}: {error.strerror or error}') from error
    for entry in sorted(seen_by_all, key=lambda entry: os.fsencode(entry.name)):
        path, kind = folder / entry.name, kind_of(entry)
        if kind == 'folder' and identity(path) in circle:
            log.warning('%s leads back to a folder that it lies in: it is left out', path)
        else:
            yield path, kind


def kind_of(entry: os.DirEntry[str]) -> str:
    try:
        return 'folder' if entry.is_dir() else 'file' if entry.is_file() else 'dangling'
    except OSError:  # a link to itself, or to where nobody may look
        return 'dangling'


def sorted_out(pairs: Iterable[tuple[Path, str]]) -> Listed:
    kinds: dict[str, list[Path]] = {'file': [], 'dangling': [], 'folder': []}
    for path, kind in pairs:
        kinds[kind].append(path)
    return Listed(kinds['file'], kinds['dangling'], kinds['folder'])
