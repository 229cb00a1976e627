"""Generator of table rows. Xu et al., "Modeling Tabular Data using Conditional GAN" (CTGAN), 2019, section
4.4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp

from gax.core.bounds import Fraction, Sizes
from gax.core.types import Array
from gax.nets.layers import batch_norm


class Generator(nn.Module):
    """latents [B, Z] -> [B, *shape], any numbers; images [H, W, C] through tanh, in [-1, 1].

    A hidden layer is dense, then batch-norm, then ReLU, and its input is concatenated to its output: the last
    layer sees the latents and every hidden layer.

    Attributes:
      shape: The shape of an example.
      widths: The hidden layers.
      momentum: That of the running averages of batch-norm.
    """

    shape: Sequence[int]
    widths: Sizes = (256, 256)
    momentum: Fraction = 0.9

    @nn.compact
    def __call__(self, z: Array, train: bool) -> Array:
        x = z
        for width in self.widths:
            hidden = nn.relu(batch_norm(train, self.momentum, epsilon=1e-5)(nn.Dense(width)(x)))
            x = jnp.concatenate([hidden, x], axis=-1)
        x = nn.Dense(math.prod(self.shape))(x).reshape(-1, *self.shape)
        return jnp.tanh(x) if len(self.shape) == 3 else x
