"""Named tensors in files: .pth of PyTorch (read only, see torch_file.py), .npz, .safetensors (an extra)."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from gax import errors, paths
from gax.evals.features import torch_file

Arrays = dict[str, np.ndarray]
NOTES = '__metadata__'  # an array of text in an .npz; .safetensors have a place of that name


class File(NamedTuple):
    """The content of a file.

    Attributes:
      arrays: By name, in their stored dtypes.
      sha256: Of the file's bytes, hex.
      notes: The texts that `write` stored.
    """

    arrays: Arrays
    sha256: str
    notes: dict[str, str]


def read(path: Path) -> File:
    """Reads the file at `path`.

    Raises:
      GaxError: Its suffix is unknown, it is incomplete, or, as torch.hub checks, its name ends in -XXXXXXXX
        (eight or more hex digits) and its SHA-256 does not begin with them.
    """
    readers = {'.pth': _torch, '.pt': _torch, '.npz': _npz, '.safetensors': _safetensors}
    reader = errors.lookup(f'ending of the tensor file {path}:', path.suffix, readers)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise errors.GaxError(f'cannot read {path}: {error.strerror or error}') from error
    sha256 = hashlib.sha256(data).hexdigest()
    named_digest = re.search(r'-([0-9a-f]{8,})$', path.stem)
    if named_digest and not sha256.startswith(named_digest[1]):
        digest = sha256[: len(named_digest[1])]
        raise errors.GaxError(
            f'{path}: its SHA-256 begins with {digest}, not with {named_digest[1]} as its name says; copy '
            'it again'
        )
    arrays, notes = reader(path, data)
    return File(arrays, sha256, notes)


def write(arrays: Mapping[str, np.ndarray], out: Path, notes: Mapping[str, str] | None = None) -> None:
    """Writes .npz or .safetensors, atomically.

    Args:
      arrays: By name.
      out: The file.
      notes: Texts to store with the arrays.

    Raises:
      GaxError: The suffix is another one, or the file cannot be written.
    """
    texts = dict(notes or {})
    writers = {
        '.npz': lambda arrays: _to_npz({**arrays, **({NOTES: np.array(json.dumps(texts))} if texts else {})}),
        '.safetensors': lambda arrays: _library(out).save(dict(arrays), texts or None),
    }
    writer = errors.lookup(f'ending of the tensor file {out}:', out.suffix, writers)
    data = writer(arrays)
    with errors.plain_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with paths.replacing(out) as temporary:
            temporary.write_bytes(data)


def _torch(path: Path, data: bytes) -> tuple[Arrays, dict[str, str]]:
    return torch_file.read(path, data), {}


def _npz(path: Path, data: bytes) -> tuple[Arrays, dict[str, str]]:
    with _whole(path), np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
        return arrays, dict(json.loads(str(arrays.pop(NOTES, '{}'))))


def _to_npz(arrays: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _safetensors(path: Path, data: bytes) -> tuple[Arrays, dict[str, str]]:
    """The file begins with the length of its header in eight bytes, and the header, JSON."""
    library = _library(path)
    with _whole(path):
        arrays = library.load(data)
        head = json.loads(data[8 : 8 + int.from_bytes(data[:8], 'little')])
        return arrays, dict(head.get(NOTES, {}))


def _library(path: Path) -> ModuleType:
    try:
        from safetensors import numpy as library
    except ImportError as error:
        raise errors.GaxError(f"{path}: .safetensors need pip install 'gax[safetensors]'") from error
    return library


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Turns whatever a library raises on an incomplete file into one line."""
    try:
        yield
    except Exception as error:
        raise errors.GaxError(
            f'{path}: not a whole {path.suffix} file ({errors.first_line(error)})'
        ) from error
