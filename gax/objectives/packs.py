"""Packs of examples that a discriminator scores as one (PacGAN, CTGAN)."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from gax import errors
from gax.core.types import Array


def pack(x: Array, size: int) -> Array:
    """Packs `size` consecutive examples: [B, ..., C] -> [B / size, ..., size * C].

    Pack i holds examples i size, ..., i size + size - 1, in this order.
    """
    packed = jnp.moveaxis(x.reshape(-1, size, *x.shape[1:]), 1, -2)
    return packed.reshape(-1, *x.shape[1:-1], size * x.shape[-1])


def refuse_uneven(config: Any) -> None:
    """Raises GaxError if `pack` does not divide the batch."""
    batch_size = config.batch_size // config.accumulate
    if config.pack < 1 or batch_size % config.pack:
        raise errors.GaxError(
            f'config.pack={config.pack} must be positive and divide a (micro)batch of {batch_size} rows'
        )
