"""Parts of transformers on images: patches, positions, attention, gated feed-forward layers.

Tokens are float [B, T, C], rows of patches one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gax import errors
from gax.core.types import Array

PERIOD = 10_000.0  # the longest wavelength of positions, over 2 pi


def grid(shape: Sequence[int], patch: int) -> tuple[int, int]:
    """The rows and columns of patches of an image (H, W, ...).

    Raises:
      GaxError: `patch` does not divide the sides.
    """
    height, width = shape[:2]
    if height % patch or width % patch:
        raise errors.GaxError(
            f'patches of {patch}x{patch} do not tile {height}x{width} images: '
            'have net.patch or data.image_size such that they do'
        )
    return height // patch, width // patch


def patches(x: Array, patch: int) -> Array:
    """Images [B, H, W, C] -> tokens [B, H W / patch^2, patch^2 C]."""
    rows, columns = grid(x.shape[1:], patch)
    x = x.reshape(-1, rows, patch, columns, patch, x.shape[-1]).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(x.shape[0], rows * columns, -1)


def image_of(tokens: Array, shape: Sequence[int], patch: int) -> Array:
    """The inverse of `patches`: tokens -> images [B, *shape]."""
    rows, columns = grid(shape, patch)
    x = tokens.reshape(-1, rows, columns, patch, patch, shape[-1]).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(-1, *shape)


@cache
def positions(rows: int, columns: int, channels: int) -> np.ndarray:
    """Fixed positions float32 [rows columns, channels]: the first half of the channels is of the column.

    Each half is sin and cos of place / 10000^(i / n), i from 0 to n - 1, n = channels / 4. Vaswani et al.,
    "Attention Is All You Need", 2017, section 3.5, in two dimensions as of He et al., "Masked Autoencoders
    Are Scalable Vision Learners", 2022.
    """
    rates = PERIOD ** (-np.arange(channels // 4) / (channels / 4))
    row, column = (place.reshape(-1, 1) * rates for place in np.indices((rows, columns)))
    parts = [wave(angles) for angles in (column, row) for wave in (np.sin, np.cos)]
    return np.concatenate(parts, axis=1).astype(np.float32)


@cache
def angles(rows: int, columns: int, size: int) -> np.ndarray:
    """The angles of `rotary`, float32 [rows columns, size / 2]: size / 4 of the row, then of the column."""
    rates = PERIOD ** (-np.arange(size // 4) / (size / 4))
    row, column = (place.reshape(-1, 1) * rates for place in np.indices((rows, columns)))
    return np.concatenate([row, column], axis=1).astype(np.float32)


def rotary(x: Array, rows: int, columns: int) -> Array:
    """Turns pairs of neighbouring channels by angles in proportion to a token's row or column.

    The inner product of two turned vectors depends on the difference of their places only. Su et al.,
    "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021, eq. 34; in two dimensions half of
    the pairs are turned by the row, half by the column. Tokens in front of the grid's are left as they are.

    Args:
      x: Float [B, T, heads, size], T >= rows columns, size a multiple of 4.
      rows, columns: The grid, of which the last tokens are.

    Returns:
      The shape of x.
    """
    first = x.shape[1] - rows * columns
    turns = np.pad(angles(rows, columns, x.shape[-1]), ((first, 0), (0, 0)))[None, :, None]
    cos, sin = (jnp.asarray(wave(turns), x.dtype) for wave in (np.cos, np.sin))
    even, odd = x[..., ::2], x[..., 1::2]
    return jnp.stack([even * cos - odd * sin, odd * cos + even * sin], axis=-1).reshape(x.shape)


def glorot(gain: float = 1.0) -> nn.initializers.Initializer:
    """Glorot's uniform rule times `gain` (Glorot and Bengio, 2010)."""
    return nn.initializers.variance_scaling(gain**2, 'fan_avg', 'uniform')


class Attention(nn.Module):
    """Softmax attention among tokens [B, T, C] -> [B, T, C], with biases.

    Queries and keys are divided by their root mean square over a head's channels, times learned scales
    (Henry et al., "Query-Key Normalization for Transformers", 2020), and turned (`rotary`).

    Attributes:
      heads: Their number, which divides C into multiples of 4.
      rows, columns: The grid, of which the last tokens are.

    Raises:
      GaxError: `heads` does not divide C so.
    """

    heads: int
    rows: int
    columns: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        if x.shape[-1] % (4 * self.heads):
            raise errors.GaxError(
                f'{self.heads} heads do not divide {x.shape[-1]} channels into multiples of 4: '
                'have net.attention_heads or net.width such that they do'
            )
        parts = nn.Dense(3 * x.shape[-1], kernel_init=glorot())(x)
        query, key, value = (
            part.reshape(*x.shape[:2], self.heads, -1) for part in jnp.split(parts, 3, axis=-1)
        )
        query, key = (
            rotary(nn.RMSNorm(epsilon=1e-6, name=name)(part), self.rows, self.columns)
            for name, part in (('query', query), ('key', key))
        )
        mixed = jax.nn.dot_product_attention(query, key, value)
        return nn.Dense(x.shape[-1], kernel_init=glorot())(mixed.reshape(x.shape))


class SwiGLU(nn.Module):
    """[..., C] -> [..., C]: a dense layer of silu(a) * b, where a and b are dense layers of x.

    Shazeer, "GLU Variants Improve Transformer", 2020, eq. 6, here with biases.

    Attributes:
      ratio: The channels of a plain feed-forward layer over C. a and b have two thirds of those, rounded
        down, so that the parameters are as many.
    """

    ratio: int = 4

    @nn.compact
    def __call__(self, x: Array) -> Array:
        hidden = 2 * self.ratio * x.shape[-1] // 3
        values, gates = jnp.split(nn.Dense(2 * hidden, kernel_init=glorot())(x), 2, axis=-1)
        return nn.Dense(x.shape[-1], kernel_init=glorot())(nn.silu(values) * gates)


class SlowDense(nn.Module):
    """A dense layer whose parameters are stored divided by `multiplier`, so that Adam moves it more slowly.

    The equalised learning rate of Karras et al., "Progressive Growing of GANs", 2018, section 4.1, with
    Glorot's rule for the scale of the layer.

    Attributes:
      features: The number of outputs.
      multiplier: The learning rate relative to a plain layer's.
    """

    features: int
    multiplier: float = 0.01

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (x.shape[-1], self.features)
        kernel = self.param('kernel', glorot(1 / self.multiplier), shape).astype(x.dtype)
        bias = self.param('bias', nn.initializers.zeros, shape[1:]).astype(x.dtype)
        return (x @ kernel + bias[None]) * self.multiplier
