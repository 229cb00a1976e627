"""Arrays of a file as examples of one kind: what each kind takes, and how it is kept.

Of an .npz `config.data.kind` says what its examples are: image, the usual, is read by gax.data.layouts; the
others here. Numbers of audio, series, table and point are float32 as they stand in the file: nothing is
rescaled. Videos are kept as uint8, as images are, and a batch has them in [-1, 1]. Tokens are int32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from gax import errors
from gax.core.spec import Field
from gax.data import layouts

# Names of an array with examples of a kind, beside the kind's own name; NumPy's own for what has no name.
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
MOST_TOKENS = 2**20  # of a vocabulary that nobody wrote down


class Read(NamedTuple):
    """Examples [N, ...] as they are kept, and the field that describes one."""

    examples: np.ndarray
    field: Field


def numbers(x: np.ndarray, kind: str, what: str, axes: tuple[str, ...]) -> np.ndarray:
    """`x` as float32 [N, *axes]; where only the last axis is lacking, it becomes one of length 1.

    Raises GaxError for another shape, for what is no number, and for numbers that are not finite.
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


def point(x: np.ndarray, what: str, beside: Mapping[str, Any]) -> Read:
    """[N, D], any numbers."""
    x = numbers(x, 'point', what, ('D',))
    return Read(x, Field(x.shape[1:], 'point'))


def audio(x: np.ndarray, what: str, beside: Mapping[str, Any]) -> Read:
    """[N, samples, channels] or [N, samples]: floats in [-1, 1], or int16, which is divided by 32,768."""
    whole = x.dtype == np.int16
    x = numbers(x, 'audio', what, ('samples', 'channels')) / np.float32(32768 if whole else 1)
    if (loudest := float(np.abs(x).max())) > 1:
        raise errors.GaxError(
            f'{what} goes up to {loudest:g}: audio is floats from -1 to 1, or int16; divide it by its largest value'
        )
    rate = int(beside.get('sample_rate', 0))
    return Read(x, Field(x.shape[1:], 'audio', info={'sample_rate': rate} if rate else {}))


def video(x: np.ndarray, what: str, beside: Mapping[str, Any]) -> Read:
    """[N, frames, H, W, C] or [N, frames, H, W]: uint8, or floats of a range that layouts.as_bytes can
    tell.
    """
    x = x[..., None] if x.ndim == 4 else x
    if x.ndim != 5 or 0 in x.shape:
        raise errors.GaxError(
            f'{what} must be [N, frames, H, W] or [N, frames, H, W, C] to be read as video, and not empty; its '
            f'shape is {x.shape}'
        )
    return Read(layouts.as_bytes(x, what, beside.get('range', '')), Field(x.shape[1:], 'video'))


def tokens(x: np.ndarray, what: str, beside: Mapping[str, Any]) -> Read:
    """[N, length], integers from 0 up. An array `vocabulary` of the file names them all, by number."""
    if x.ndim != 2 or 0 in x.shape or x.dtype.kind not in 'iu' or int(x.min()) < 0:
        raise errors.GaxError(
            f'{what} must be integers [N, length] from 0 up to be read as tokens, and not empty; it is {x.dtype} '
            f'of shape {x.shape}'
        )
    texts, count = beside.get('vocabulary', ()), int(x.max()) + 1
    if texts and len(texts) < count:
        raise errors.GaxError(
            f'{what} goes up to {count - 1}, and the array `vocabulary` has {len(texts)} texts: the first '
            'token is 0'
        )
    if not texts and count > MOST_TOKENS:
        raise errors.GaxError(
            f'{what} goes up to {count - 1}, more than {MOST_TOKENS:,} tokens: number them from 0, or name all '
            'of them in an array `vocabulary`'
        )
    info = {'vocabulary': tuple(texts) or tuple(map(str, range(count)))}
    return Read(x.astype(np.int32), Field(x.shape[1:], 'tokens', 'int32', info))


def series(x: np.ndarray, what: str, beside: Mapping[str, Any]) -> Read:
    """[N, length, columns] or [N, length]."""
    x = numbers(x, 'series', what, ('length', 'columns'))
    return Read(x, Field(x.shape[1:], 'series', info=columns_of(x, what, beside)))


def table(x: np.ndarray, what: str, beside: Mapping[str, Any]) -> Read:
    """[N, columns]."""
    x = numbers(x, 'table', what, ('columns',))
    return Read(x, Field(x.shape[1:], 'table', info=columns_of(x, what, beside)))


def columns_of(x: np.ndarray, what: str, beside: Mapping[str, Any]) -> dict[str, Any]:
    """{'columns': names} where the file names them. Raises GaxError where these are not as many."""
    names = beside.get('columns', ())
    if names and len(names) != x.shape[-1]:
        raise errors.GaxError(f'{what} has {x.shape[-1]} columns, and the array `columns` names {len(names)}')
    return {'columns': tuple(names)} if names else {}


# kind -> (array, what messages call it, what else the file says) -> examples and their field
READERS: dict[str, Callable[[np.ndarray, str, Mapping[str, Any]], Read]] = {
    'point': point,
    'audio': audio,
    'video': video,
    'tokens': tokens,
    'series': series,
    'table': table,
}


def written(name: str, kind: str) -> str:
    """What the array of a field is called in a file of samples: 'images' of a field 'image'."""
    return WRITTEN.get(kind, kind) if name == kind else name
