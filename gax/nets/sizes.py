"""Images of any size for networks that need multiples: padded before, cropped after."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from gax import errors
from gax.core.types import Array


def refuse_small(x: Array, least: int, field: str) -> None:
    """Refuses images that are smaller than a network's stride.

    Args:
      x: Images [B, H, W, C].
      least: The least side.
      field: The config field that asks for it, for the error.

    Raises:
      GaxError: A side is shorter.
    """
    height, width = x.shape[1:3]
    if min(height, width) < least:
        raise errors.GaxError(
            f'{field} takes images of at least {least}x{least} pixels, and these are {height}x{width} '
            f'(height x width): have it smaller, or larger images (--config.data.image_size={least})'
        )


def padded(x: Array, multiple: int, field: str) -> Array:
    """Images whose sides are multiples, by reflection at the lower and the right edge.

    Args:
      x: Images [B, H, W, C].
      multiple: Both sides become the next multiple of it.
      field: The config field that asks for it, for the error.

    Returns:
      Images [B, H', W', C]; `x` itself where its sides are multiples.

    Raises:
      GaxError: A side is shorter than `multiple`.
    """
    refuse_small(x, multiple, field)
    pads = [(0, 0), *((0, -side % multiple) for side in x.shape[1:3]), (0, 0)]
    return jnp.pad(x, pads, mode='symmetric') if any(high for _, high in pads) else x


def cropped(x: Any, like: Array) -> Any:
    """The upper left part of `x` [B, H', W', ...] that has height and width of `like` [B, H, W, C]."""
    return x[:, : like.shape[1], : like.shape[2]]


def reflected(x: Array, pixels: int) -> Array:
    """Images [B, H, W, C] with a margin on each side that mirrors them; the edge pixel is not repeated."""
    return jnp.pad(x, [(0, 0), (pixels, pixels), (pixels, pixels), (0, 0)], mode='reflect')
