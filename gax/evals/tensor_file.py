"""Named tensors in files: .pth of PyTorch (read only, see torch_file.py), .npz of NumPy, .safetensors (an extra)."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gax import errors
from gax.evals import torch_file

Arrays = dict[str, np.ndarray]


def read(path: Path) -> tuple[Arrays, str]:
    """The tensors at `path` by name, in their own types, and the SHA-256 of the file's bytes, in hex.

    Raises GaxError for an unknown ending, for a file that is not whole, and, as torch.hub does, where the name ends in
    -XXXXXXXX (eight or more hex digits) and the SHA-256 does not begin so.
    """
    readers = {'.pth': torch_file.read, '.pt': torch_file.read, '.npz': _npz, '.safetensors': _safetensors}
    reader = errors.lookup(f'ending of the tensor file {path}:', path.suffix, readers)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise errors.GaxError(f'cannot read {path}: {error.strerror or error}') from error
    sha256 = hashlib.sha256(data).hexdigest()
    told = re.search(r'-([0-9a-f]{8,})$', path.stem)
    if told and not sha256.startswith(told[1]):
        found = sha256[: len(told[1])]
        raise errors.GaxError(
            f'{path}: its SHA-256 begins with {found}, not with {told[1]} as its name says; copy it again'
        )
    return reader(path, data), sha256


def write(arrays: Mapping[str, np.ndarray], out: Path) -> None:
    """Writes .npz or .safetensors, beside and then renamed. GaxError for another ending or a full disk."""
    writers = {'.npz': _to_npz, '.safetensors': lambda arrays: _library(out).save(dict(arrays))}
    writer = errors.lookup(f'ending of the tensor file {out}:', out.suffix, writers)
    part = out.with_name(f'.{out.name}.part')
    data = writer(arrays)
    try:
        with errors.plain_os_errors(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(out)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _npz(path: Path, data: bytes) -> Arrays:
    with _whole(path), np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _to_npz(arrays: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _safetensors(path: Path, data: bytes) -> Arrays:
    library = _library(path)
    with _whole(path):
        return library.load(data)


def _library(path: Path) -> ModuleType:
    try:
        from safetensors import numpy as library
    except ImportError as error:
        raise errors.GaxError(f"{path}: .safetensors need pip install 'gax[safetensors]'") from error
    return library


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Whatever a library raises at a file that is not whole, as one line."""
    try:
        yield
    except Exception as error:
        raise errors.GaxError(
            f'{path}: not a whole {path.suffix} file ({errors.first_line(error)})'
        ) from error
