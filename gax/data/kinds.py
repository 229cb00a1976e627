"""Arrays of a file as examples of one kind: which arrays each kind takes, and how they are stored.

`config.data.kind` is the kind of the examples in an .npz. The default, image, is read by gax.data.layouts;
the others here. Numbers of audio, series, table and point are float32 as stored in the file: nothing is
rescaled. Videos are kept as uint8, as images are, and are in [-1, 1] in a batch. Tokens are int32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from gax import errors
from gax.core.spec import Field
from gax.data import layouts

# The names of an array with examples of a kind, the usual first; NumPy's default name last.
NAMES: dict[str, tuple[str, ...]] = {
    'image': ('x', 'images', 'image', 'arr_0'),
    'point': ('point', 'points', 'x', 'arr_0'),
    'audio': ('audio', 'x', 'arr_0'),
    'video': ('video', 'videos', 'x', 'arr_0'),
    'tokens': ('tokens', 'x', 'arr_0'),
    'series': ('series', 'x', 'arr_0'),
    'table': ('table', 'x', 'arr_0'),
}
# What samples are called in a file that gax writes: the plural where there is one.
WRITTEN = {'image': 'images', 'point': 'points', 'video': 'videos'}
MOST_TOKENS = 2**20  # in a vocabulary that the file does not name


class Read(NamedTuple):
    """Examples, and their field.

    Attributes:
      examples: [N, ...], as they are stored.
      field: The field that describes one example.
    """

    examples: np.ndarray
    field: Field


def numbers(x: np.ndarray, kind: str, what: str, axes: tuple[str, ...]) -> np.ndarray:
    """`x` as float32 [N, *axes]; a missing last axis is added, with length 1.

    Raises:
      GaxError: `x` has another shape, or is not numeric, or not finite.
    """
    x = x[..., None] if x.ndim == len(axes) > 1 else x
    if x.ndim != 1 + len(axes) or 0 in x.shape or x.dtype.kind not in 'buif':
        raise errors.GaxError(
            f'{what} must be numbers [N, {", ".join(axes)}] to be read as {kind}, and not empty; it is '
            f'{x.dtype} of shape {x.shape}'
        )
    x = x.astype(np.float32)
    if not np.isfinite(x).all():
        raise errors.GaxError(
            f'{what} holds {int((~np.isfinite(x)).sum())} values that are not finite: fill them in, or leave '
            'their examples out'
        )
    return x


def point(x: np.ndarray, what: str, descriptions: Mapping[str, Any]) -> Read:
    """[N, D], any numbers."""
    x = numbers(x, 'point', what, ('D',))
    return Read(x, Field(x.shape[1:], 'point'))


def audio(x: np.ndarray, what: str, descriptions: Mapping[str, Any]) -> Read:
    """[N, samples, channels] or [N, samples]: floats in [-1, 1], or int16, which is divided by 32,768."""
    is_int16 = x.dtype == np.int16
    x = numbers(x, 'audio', what, ('samples', 'channels')) / np.float32(32768 if is_int16 else 1)
    if (loudest := float(np.abs(x).max())) > 1:
        raise errors.GaxError(
            f'{what} goes up to {loudest:g}: audio is floats from -1 to 1, or int16; divide it by its '
            'largest value'
        )
    rate = int(descriptions.get('sample_rate', 0))
    return Read(x, Field(x.shape[1:], 'audio', info={'sample_rate': rate} if rate else {}))


def video(x: np.ndarray, what: str, descriptions: Mapping[str, Any]) -> Read:
    """[N, frames, H, W, C] or [N, frames, H, W]: uint8, or floats of a range that layouts.as_bytes knows."""
    x = x[..., None] if x.ndim == 4 else x
    if x.ndim != 5 or 0 in x.shape:
        raise errors.GaxError(
            f'{what} must be [N, frames, H, W] or [N, frames, H, W, C] to be read as video, and not empty; '
            f'its shape is {x.shape}'
        )
    return Read(layouts.as_bytes(x, what, descriptions.get('range', '')), Field(x.shape[1:], 'video'))


def tokens(x: np.ndarray, what: str, descriptions: Mapping[str, Any]) -> Read:
    """[N, length], integers from 0 up. An array `vocabulary` of the file names all of them, in order."""
    if x.ndim != 2 or 0 in x.shape or x.dtype.kind not in 'iu' or int(x.min()) < 0:
        raise errors.GaxError(
            f'{what} must be integers [N, length] from 0 up to be read as tokens, and not empty; it is '
            f'{x.dtype} of shape {x.shape}'
        )
    texts, count = descriptions.get('vocabulary', ()), int(x.max()) + 1
    if texts and len(texts) < count:
        raise errors.GaxError(
            f'{what} goes up to {count - 1}, and the array `vocabulary` has {len(texts)} texts: the first '
            'token is 0'
        )
    if not texts and count > MOST_TOKENS:
        raise errors.GaxError(
            f'{what} goes up to {count - 1}, more than {MOST_TOKENS:,} tokens: number them from 0, or name '
            'all of them in an array `vocabulary`'
        )
    info = {'vocabulary': tuple(texts) or tuple(map(str, range(count)))}
    return Read(x.astype(np.int32), Field(x.shape[1:], 'tokens', 'int32', info))


def series(x: np.ndarray, what: str, descriptions: Mapping[str, Any]) -> Read:
    """[N, length, columns] or [N, length]."""
    x = numbers(x, 'series', what, ('length', 'columns'))
    return Read(x, Field(x.shape[1:], 'series', info=columns_of(x, what, descriptions)))


def table(x: np.ndarray, what: str, descriptions: Mapping[str, Any]) -> Read:
    """[N, columns]."""
    x = numbers(x, 'table', what, ('columns',))
    return Read(x, Field(x.shape[1:], 'table', info=columns_of(x, what, descriptions)))


def columns_of(x: np.ndarray, what: str, descriptions: Mapping[str, Any]) -> dict[str, Any]:
    """{'columns': names} if the file names the columns, else {}.

    Raises:
      GaxError: The number of names is not the number of columns.
    """
    names = descriptions.get('columns', ())
    if names and len(names) != x.shape[-1]:
        raise errors.GaxError(f'{what} has {x.shape[-1]} columns, and the array `columns` names {len(names)}')
    return {'columns': tuple(names)} if names else {}


# kind -> (array, its name in messages, further descriptions in the file) -> examples and their field
READERS: dict[str, Callable[[np.ndarray, str, Mapping[str, Any]], Read]] = {
    'point': point,
    'audio': audio,
    'video': video,
    'tokens': tokens,
    'series': series,
    'table': table,
}


def written(name: str, kind: str) -> str:
    """The name of a field's array in a file of samples: 'images' for the field 'image'."""
    return WRITTEN.get(kind, kind) if name == kind else name
