"""Normalisation of feature maps by name, for networks that map images to images."""

from __future__ import annotations

from typing import Annotated

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from gax.core.bounds import one_of
from gax.core.types import Array
from gax.nets.layers import batch_norm

NORMS = ('instance', 'batch', 'none')
Norm = Annotated[str, one_of(NORMS)]


class InstanceNorm(nn.Module):
    """(x - mean) / sqrt(variance + epsilon) over the pixels of each example and channel. No parameters.

    Ulyanov et al., "Instance Normalization: The Missing Ingredient for Fast Stylization", 2016, eq. 2. It
    does the same in training and outside of it, and an example does not depend on the others of its batch.
    A map of a single pixel becomes 0, so no network here has it at one.

    Attributes:
      epsilon: Added to the variance.
    """

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: Array) -> Array:
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        centred = wide - jnp.mean(wide, axis=(1, 2), keepdims=True)
        variance = jnp.mean(jnp.square(centred), axis=(1, 2), keepdims=True)
        return (centred * lax.rsqrt(variance + self.epsilon)).astype(x.dtype)


def normalised(name: str, x: Array, train: bool) -> Array:
    """Feature maps, normalised. Call it within a compact module: 'batch' is a layer of that module.

    Args:
      name: 'instance' (`InstanceNorm`); 'batch', batch-norm with scale and offset, momentum 0.9 and epsilon
        1e-5, whose running averages are used outside of training; 'none'.
      x: Float [B, H, W, C].
      train: Whether the network is in training mode.

    Returns:
      Float [B, H, W, C].
    """
    if name == 'batch':
        return batch_norm(train, momentum=0.9, epsilon=1e-5)(x)
    return InstanceNorm()(x) if name == 'instance' else x
