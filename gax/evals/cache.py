"""A cache of statistics of real data between evaluations: one .npz a key, in a folder."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gax import errors, paths

log = logging.getLogger('gax')
Arrays = dict[str, np.ndarray]


def default() -> Path | None:
    """The cache folder of the user, in the same place as the compiled programs; None if it is unknown."""
    folder = paths.cache()
    return folder / 'statistics' if folder else None


def path_of(folder: Path, key: Mapping[str, Any]) -> Path:
    """DATA-FEATURES-DIGEST.npz. The digest is of the whole key."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    words = [re.sub(r'[^\w.]+', '_', str(key.get(name, '')))[-40:] for name in ('data', 'features')]
    return folder / ('-'.join([*filter(None, words), digest]) + '.npz')


def digest(arrays: Arrays) -> str:
    """The SHA-256 of names, dtypes, shapes and values, hex."""
    sha = hashlib.sha256()
    for name in sorted(arrays):
        sha.update(f'{name} {arrays[name].dtype} {arrays[name].shape} '.encode())
        sha.update(np.ascontiguousarray(arrays[name]))
    return sha.hexdigest()


def load(folder: Path | None, key: Mapping[str, Any]) -> Arrays | None:
    """Reads what `save` stored under the key.

    Key and SHA-256 of the arrays are stored in the file, and checked.

    Args:
      folder: The cache, or None for no cache.
      key: Values that JSON can hold.

    Returns:
      The arrays; None if there are none, or the file is damaged, which is logged.
    """
    if folder is None:
        return None
    path = path_of(folder, key)
    try:
        with open(path, 'rb') as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if str(arrays.pop('key')) != json.dumps(key, sort_keys=True):
            raise ValueError('it was made for something else')
        if str(arrays.pop('sha256')) != digest(arrays):
            raise ValueError('its arrays do not match their SHA-256')
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, EOFError, KeyError, TypeError, zlib.error, zipfile.BadZipFile) as error:
        log.warning('%s is damaged (%s): computed again', path, errors.first_line(error))
        return None
    return arrays


def save(folder: Path | None, key: Mapping[str, Any], arrays: Arrays) -> None:
    """Stores the arrays under the key, atomically. A failure is logged and otherwise ignored."""
    if folder is None:
        return
    path = path_of(folder, key)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with paths.replacing(path) as temporary, open(temporary, 'wb') as file:
            named: dict[str, Any] = {
                'key': np.array(json.dumps(key, sort_keys=True)),
                'sha256': np.array(digest(arrays)),
                **arrays,
            }
            np.savez(file, **named)
    except OSError as error:
        log.warning('cannot keep the statistics of the data in %s (%s)', folder, errors.first_line(error))
