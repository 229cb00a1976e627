"""Arithmetic in float64 where the rest of gax is float32, and features that are fit to be measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors


@contextmanager
def doubles() -> Iterator[None]:
    """In the block, float64 stays float64 on the device: for calls of jitted functions, never within one.

    TPUs have no double precision: there `dtype` is float32, and callers must avoid cancellation.
    """
    with jax.enable_x64(jax.default_backend() != 'tpu'):
        yield


def dtype() -> Any:
    """The widest float of the device: float64, on a TPU float32."""
    return jnp.float32 if jax.default_backend() == 'tpu' else jnp.float64


def features(name: str, x: Any, least: int = 1) -> np.ndarray:
    """`x` as a host array.

    Args:
      name: The name of the set in messages.
      x: Numbers [N, D].
      least: The least N.

    Returns:
      [N, D], float32 or float64.

    Raises:
      GaxError: Another shape, values that are not finite, and N < least.

    >>> features('real', [[1, 2]])
    array([[1., 2.]], dtype=float32)
    """
    x = np.asarray(x)
    x = x if x.dtype in (np.float32, np.float64) else x.astype(np.float32)
    if x.ndim != 2 or not x.shape[1]:
        raise errors.GaxError(f'{name} must have the shape [samples, dimensions], not {list(x.shape)}')
    if len(x) < least:
        raise errors.GaxError(f'{name}: {len(x)} samples, but at least {least} are needed')
    if not np.isfinite(x).all():
        bad = int((~np.isfinite(x)).any(axis=1).sum())
        raise errors.GaxError(f'{name}: {bad} of {len(x)} samples are not finite (NaN or infinity)')
    return x


def pair(
    a: Any, b: Any, least: int = 1, names: tuple[str, str] = ('real', 'fake')
) -> tuple[np.ndarray, np.ndarray]:
    """Both sets as host arrays, see `features`.

    Raises:
      GaxError: As `features`, or the dimensions differ.

    >>> [x.shape for x in pair([[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]])]
    [(1, 2), (2, 2)]
    """
    one, other = features(names[0], a, least), features(names[1], b, least)
    if one.shape[1] != other.shape[1]:
        raise errors.GaxError(
            f'{names[0]} samples have {one.shape[1]} dimensions, {names[1]} samples {other.shape[1]}'
        )
    return one, other
