"""The head of CUT: a small perceptron for each layer whose features are compared.

Park et al., "Contrastive Learning for Unpaired Image-to-Image Translation", 2020, section 3.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from gax.core.types import Array


class PatchHead(nn.Module):
    """Features of patches, a layer each [B, N, C] -> vectors of length 1, [B, N, width] each; 0 stays 0.

    Two dense layers with a ReLU between for each layer.

    Attributes:
      width: The size of the vectors.
    """

    width: int = 256

    @nn.compact
    def __call__(self, *features: Array, train: bool) -> tuple[Array, ...]:
        vectors = [nn.Dense(self.width)(nn.relu(nn.Dense(self.width)(x))) for x in features]
        return tuple(unit(x) for x in vectors)


def unit(x: Array) -> Array:
    """x / sqrt(|x|^2 + 1e-4) along the last axis.

    The summand bounds the gradient where x is near 0, as where all hidden units of a small head are off; with
    1e-12 its norm was in the thousands.
    """
    return x * lax.rsqrt(jnp.sum(jnp.square(x), axis=-1, keepdims=True) + 1e-4)
