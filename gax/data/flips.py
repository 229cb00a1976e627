"""Flips and crops, drawn anew each time an example is read; one draw for all its images and videos."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from gax.core import rng
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Key
from gax.data.source import Source

PICTURES = ('image', 'video')  # kinds that end in the axes height, width, channels


def sides(spec: Spec) -> set[tuple[int, int]]:
    """The (height, width) pairs of the fields that are images or videos."""
    shapes = [spec.fields[name].shape for name in spec.of_kind(*PICTURES)]
    return {(shape[-3], shape[-2]) for shape in shapes}


def flipped(source: Source) -> Source:
    """`source`, with each example mirrored left to right with probability 1/2 each time it is read.

    All images and videos of an example are mirrored together, so that pairs stay aligned. Other fields and
    the label stay as they are.
    """
    names = source.spec.of_kind(*PICTURES)

    def read(arrays: Any, rows: Any, key: Key) -> Batch:
        batch = source.read(arrays, rows, key)
        count = batch[names[0]].shape[0]
        mirrored = jax.random.bernoulli(rng.stream(key, 'flip'), shape=(count, 1, 1, 1))
        changed = {
            name: jnp.where(
                over(mirrored[:, 0, 0, 0], batch[name], 0), batch[name][..., ::-1, :], batch[name]
            )
            for name in names
        }
        return {**batch, **changed}

    return source._replace(read=read)


def cropped(source: Source, pixels: int) -> Source:
    """`source`, with each example shifted by up to `pixels` pixels each way, each time it is read.

    The result is a crop of the original size, at a random place, from the image padded by reflection by
    `pixels` pixels; the edge pixels are not repeated. All images and videos of an example, which are of one
    size, are shifted together.
    """
    names = source.spec.of_kind(*PICTURES)

    def places(key: Key, count: int, length: int) -> Array:
        """The indices of the source pixels along a side, int32 [count, length]."""
        shift = jax.random.randint(key, (count, 1), -pixels, pixels + 1)
        return length - 1 - jnp.abs(length - 1 - jnp.abs(jnp.arange(length)[None] + shift))

    def read(arrays: Any, rows: Any, key: Key) -> Batch:
        batch = source.read(arrays, rows, key)
        count, (height, width) = batch[names[0]].shape[0], batch[names[0]].shape[-3:-1]
        rows_from = places(rng.stream(key, 'crop_rows'), count, height)
        columns_from = places(rng.stream(key, 'crop_columns'), count, width)
        changed = {}
        for name in names:
            x, last = batch[name], batch[name].ndim
            x = jnp.take_along_axis(x, over(rows_from, x, last - 3), axis=last - 3)
            changed[name] = jnp.take_along_axis(x, over(columns_from, x, last - 2), axis=last - 2)
        return {**batch, **changed}

    return source._replace(read=read)


def over(values: Array, x: Array, axis: int) -> Array:
    """[B] or [B, n] with axes of length 1 inserted, to broadcast with `x` [B, ...]; n is at `axis`."""
    shape = [1] * x.ndim
    shape[0] = values.shape[0]
    if values.ndim == 2:
        shape[axis] = values.shape[1]
    return values.reshape(shape)
