"""The head of CUT: a small perceptron for each layer whose features are compared.

Park et al., "Contrastive Learning for Unpaired Image-to-Image Translation", 2020, section 3.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from gax.core.types import Array

INIT = nn.initializers.normal(0.02)


class PatchHead(nn.Module):
    """Features of patches, a layer each [B, N, C] -> vectors of length 1, [B, N, width] each.

    Two dense layers with a ReLU between for each layer.

    Attributes:
      width: The size of the vectors.
    """

    width: int = 256

    @nn.compact
    def __call__(self, *features: Array, train: bool) -> tuple[Array, ...]:
        vectors = [
            nn.Dense(self.width, kernel_init=INIT)(nn.relu(nn.Dense(self.width, kernel_init=INIT)(x)))
            for x in features
        ]
        return tuple(x / (jnp.linalg.norm(x, axis=-1, keepdims=True) + 1e-7) for x in vectors)
