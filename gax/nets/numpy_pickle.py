"""Reads a pickle of nested dicts of NumPy arrays, without running code from the file.

A pickle may name any Python function and have it called. This reader builds dicts and arrays only, and
refuses every other name. An array is pickled as a call numpy.core.multiarray._reconstruct(ndarray, (0,),
b'b'), whose result has its state set to (version, shape, dtype, whether in Fortran's order, bytes).
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gax import errors

Arrays = dict[str, Any]  # arrays, and dicts of the same kind
DTYPES = ('f2', 'f4', 'f8', 'i4', 'i8', 'u1')


class RefusedError(Exception):
    """The file contains something other than arrays and dicts."""


class Dtype:
    """A dtype as it is pickled: its name, then a state whose second entry is the byte order."""

    def __init__(self, name: Any, *_: Any) -> None:
        if name not in DTYPES:
            raise RefusedError(f'holds values of dtype {name!r}, not numbers; refused')
        self.name, self.order = name, '<'

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]

    @property
    def dtype(self) -> np.dtype:
        """The dtype of NumPy."""
        return np.dtype(('' if self.order == '|' else self.order) + self.name)


class Pending:
    """An array whose state has yet to come."""

    array: np.ndarray | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, data = state
        if not isinstance(dtype, Dtype) or not isinstance(data, bytes):
            raise RefusedError('holds an array of Python objects; refused')
        if math.prod(shape) * dtype.dtype.itemsize != len(data):
            raise ValueError(f'an array of shape {shape} in {len(data)} bytes')
        flat = np.frombuffer(data, dtype.dtype)
        self.array = flat.reshape(shape, order='F' if fortran else 'C').copy()


class Restricted(pickle._Unpickler):
    """An unpickler that builds dicts and arrays, and raises `RefusedError` for any other name.

    It is based on Python's unpickler in Python, see gax/evals/features/torch_file.py.
    """

    def find_class(self, module: str, name: str) -> Any:
        """The replacement of `module.name`."""
        known: Mapping[str, Callable[..., Any]] = {
            'numpy.core.multiarray._reconstruct': lambda *_: Pending(),
            'numpy._core.multiarray._reconstruct': lambda *_: Pending(),
            'numpy.ndarray': Pending,
            'numpy.dtype': Dtype,
        }
        if f'{module}.{name}' not in known:
            raise RefusedError(f'names {module}.{name}, which arrays do not need; refused')
        return known[f'{module}.{name}']


def read(path: Path) -> Arrays:
    """The nested dict of arrays in a pickle.

    Args:
      path: The file.

    Raises:
      GaxError: The file is missing, damaged, or holds something other than arrays in dicts.
    """
    with errors.plain_os_errors(path):
        data = path.read_bytes()
    try:
        return tree(Restricted(io.BytesIO(data)).load())
    except RefusedError as error:
        raise errors.GaxError(f'{path}: {error}') from error
    except Exception as error:  # a pickle that is damaged can raise anything
        why = errors.first_line(error)
        raise errors.GaxError(f'{path}: not a whole pickle of arrays ({why}); copy it again') from error


def tree(value: Any) -> Any:
    """What was read, with the arrays in place of `Pending`; raises RefusedError for other things."""
    if isinstance(value, Pending) and value.array is not None:
        return value.array
    if isinstance(value, dict) and value and all(isinstance(name, str) for name in value):
        return {name: tree(part) for name, part in value.items()}
    raise RefusedError(f'holds a {type(value).__name__}, not arrays in dicts; refused')
