"""net.kind='stripes.nets': one dense layer each."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gax.core.bounds import Size
from gax.core.types import Array


class Generator(nn.Module):
    """latents [B, Z] -> images [B, *shape] in [-1, 1]."""

    shape: Sequence[int]
    width: Size = 16

    @nn.compact
    def __call__(self, z: Array, train: bool) -> Array:
        x = nn.relu(nn.Dense(self.width)(z))
        height, wide, channels = self.shape
        return jnp.tanh(nn.Dense(height * wide * channels)(x)).reshape(-1, *self.shape)


class Discriminator(nn.Module):
    """images [B, ...] -> logits [B]."""

    width: Size = 16

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Any:
        x = nn.relu(nn.Dense(self.width)(x.reshape(x.shape[0], -1)))
        return nn.Dense(1)(x)[:, 0]
