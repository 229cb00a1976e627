"""Reads the tensors of a `torch.save` file without PyTorch, and without running code from the file.

A pickle may name any Python function and have it called. This reader builds ordered dicts and tensors from
the file's storages only, and refuses every other name. It reads both formats: the zip archive of PyTorch 1.6
and later, and the older stream of pickles (of published weights from 2018 to 2020).

The formats: torch/serialization.py, `_save` and `_legacy_save`. In both a tensor is pickled as a call
`torch._utils._rebuild_tensor_v2(storage, offset, size, stride, ...)`, counted in elements, and its storage as
a persistent id ('storage', torch.FloatStorage, key, location, elements[, view]).
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gax import errors

MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the stream format
PROTOCOL = 1001  # the second
STORAGES = {
    'DoubleStorage': '<f8',
    'FloatStorage': '<f4',
    'HalfStorage': '<f2',
    'LongStorage': '<i8',
    'IntStorage': '<i4',
    'ShortStorage': '<i2',
    'CharStorage': 'i1',
    'ByteStorage': 'u1',
    'BoolStorage': '?',
}


class Storage(NamedTuple):
    """`length` numbers in the file, by their key."""

    key: str
    dtype: str
    length: int


class Tensor(NamedTuple):
    """A view of a storage; offset and strides in elements."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class RefusedError(Exception):
    """The file contains something that a state dict does not need."""


def read(path: Path, data: bytes) -> dict[str, np.ndarray]:
    """The named tensors of a state dict.

    Args:
      path: The file's path, for messages.
      data: Its bytes.

    Returns:
      Arrays in their stored dtypes.

    Raises:
      GaxError: The file is in neither format, is damaged, or holds something else.
    """
    try:
        state_dict, storages = _read_zip(data) if data[:4] == b'PK\3\4' else _read_stream(data)
        return {name: _array(tensor, storages) for name, tensor in _named(state_dict).items()}
    except RefusedError as error:
        raise errors.GaxError(f'{path}: {error}') from error
    except Exception as error:  # a pickle that is damaged can raise anything
        why = errors.first_line(error)
        raise errors.GaxError(f'{path}: not a whole file of torch.save ({why}); copy it again') from error


def _read_zip(data: bytes) -> tuple[Any, dict[str, bytes]]:
    """The pickled object, and the bytes of the storages by key. The archive's folder may have any name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        if any(name.endswith('/constants.pkl') for name in names):
            raise RefusedError(
                'a TorchScript program, not a state dict; save its state_dict() with torch.save'
            )
        pickled = next((name for name in names if name.endswith('/data.pkl')), '')
        if not pickled:
            raise RefusedError('a zip archive, but not one of torch.save')
        root = pickled.removesuffix('data.pkl')
        if f'{root}byteorder' in names and archive.read(f'{root}byteorder') != b'little':
            raise RefusedError('written on a big-endian machine')
        state_dict = Restricted(io.BytesIO(archive.read(pickled))).load()
        keys = [name for name in names if name.startswith(f'{root}data/')]
        if any(archive.getinfo(key).compress_type != zipfile.ZIP_STORED for key in keys):
            raise RefusedError('has compressed storages, which torch.save does not write')
        return state_dict, {key.removeprefix(f'{root}data/'): archive.read(key) for key in keys}


def _read_stream(data: bytes) -> tuple[Any, dict[str, bytes]]:
    """The same of the older format: five pickles, then each storage as an int64 count and its numbers."""
    file = io.BytesIO(data)
    if Restricted(file).load() != MAGIC or Restricted(file).load() != PROTOCOL:
        raise ValueError('no magic number')
    if not Restricted(file).load()['little_endian']:
        raise RefusedError('written on a big-endian machine')
    unpickler = Restricted(file)
    state_dict, storages = unpickler.load(), {}
    for key in Restricted(file).load():
        storage = unpickler.storages[key]
        count, size = file.read(8), storage.length * np.dtype(storage.dtype).itemsize
        storages[key] = file.read(size)
        if count != storage.length.to_bytes(8, 'little') or len(storages[key]) != size:
            raise ValueError(f'storage {key} is not the {storage.length} numbers that it should be')
    return state_dict, storages


class Restricted(pickle._Unpickler):
    """An unpickler that builds ordered dicts and `Tensor`s, and raises `RefusedError` for any other name.

    It is based on Python's unpickler in Python: the one in C allocates memory for any memo index up to 2^32
    that a damaged file may contain.
    """

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding='utf-8')
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        """The replacement of `module.name`: a storage type, or one of three functions."""
        if module == 'torch' and name in STORAGES:
            return STORAGES[name]
        known: Mapping[str, Callable[..., Any]] = {
            'collections.OrderedDict': OrderedDict,
            'torch._utils._rebuild_tensor_v2': lambda storage, offset, size, stride, *_: Tensor(
                storage, offset, size, stride
            ),
            'torch._utils._rebuild_parameter': lambda tensor, *_: tensor,
        }
        if f'{module}.{name}' not in known:
            raise RefusedError(f'names {module}.{name}, which a state dict does not need; refused')
        return known[f'{module}.{name}']

    def persistent_load(self, pid: Any) -> Storage:
        """The storage of a persistent id."""
        kind, dtype, key, _, length, *context = pid
        if kind != 'storage' or dtype not in STORAGES.values() or any(v is not None for v in context):
            raise RefusedError(f'holds a {kind} that is no plain storage of numbers; refused')
        self.storages[key] = Storage(key, dtype, length)
        return self.storages[key]


def _named(state_dict: Any) -> dict[str, Tensor]:
    """Checks that the object is a state dict; raises RefusedError."""
    if not isinstance(state_dict, dict) or not state_dict:
        raise RefusedError(f'holds a {type(state_dict).__name__}, not a state dict of named tensors')
    for name, value in state_dict.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            what = type(value).__name__
            raise RefusedError(f'holds a {what} at {name!r}, not a tensor; save the state_dict() alone')
    return state_dict


def _array(tensor: Tensor, storages: Mapping[str, bytes]) -> np.ndarray:
    """The tensor's numbers, copied. Raises ValueError if the storage does not contain all of them."""
    storage, offset, size, stride = tensor
    flat = np.frombuffer(storages[storage.key], storage.dtype)
    if len(size) != len(stride) or min((offset, *size, *stride)) < 0:
        raise ValueError(f'a tensor of size {size}, stride {stride}')
    count = int(np.prod(size, dtype=object))
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if count and max(last, count - 1) >= len(flat):
        raise ValueError(f'a tensor of size {size} reaches beyond its {len(flat)} numbers')
    strides = [s * flat.itemsize for s in stride]
    return np.lib.stride_tricks.as_strided(flat[offset:], size, strides).copy()
