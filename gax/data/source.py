"""What a data source is: arrays that live on the device, and a pure function that reads a batch from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp

from gax.types import Array, Batch, Key


class Spec(NamedTuple):
    """What a recipe needs to know of the data.

    fields: float fields of a batch and their shapes, without the batch axis: {'image': (H, W, C)}, {'point': (2,)}.
    num_classes: 0 where there are no labels. size: examples; 0 for a source without end.
    """

    name: str
    fields: Mapping[str, tuple[int, ...]]
    num_classes: int = 0
    size: int = 0


class Source(NamedTuple):
    """arrays: a pytree, on the device for the whole run. read: (arrays, indices int32 [n], key) -> batch of n rows.

    `read` is pure and runs inside the compiled step. Sources without end ignore the indices and draw from the key.
    """

    spec: Spec
    arrays: Any
    read: Callable[[Any, Array, Key], Batch]


def to_unit(image: Array) -> Array:
    """uint8 [0, 255] -> float32 [-1, 1]."""
    return image.astype(jnp.float32) / 127.5 - 1.0
