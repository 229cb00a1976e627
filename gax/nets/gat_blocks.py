"""The blocks of GAT: the mapping to w, and transformer blocks with and without scales by w.

Hyun et al., "Scalable GANs with Transformers", 2026 (arXiv 2509.24935).
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from gax.core.types import Array
from gax.nets.equalized import unit
from gax.nets.fastgan_blocks import NORMAL
from gax.nets.layers import Embed
from gax.nets.transformer import Attention, SlowDense, SwiGLU, glorot

GAIN = 0.1  # of the initial modulations


class Mapping(nn.Module):
    """latents [B, Z] (and labels int [B]) -> w for each block of a synthesis network, [B, count, width].

    Each block has the same w: two slow dense layers of the latents and the label's embedding [Z], each over
    its root mean square. The running mean of w, one for each class, is `w_average` [classes, width] in the
    collection `statistics`; it moves in training, for the classes in the batch. [1, width] without labels.

    Attributes:
      count: How many blocks read w.
      width: The size of w.
      decay: The share of the old mean.
      num_classes: The number of classes; 0 for no labels.
    """

    count: int
    width: int
    decay: float
    num_classes: int

    @nn.compact
    def __call__(self, z: Array, *label: Array, train: bool) -> Array:
        x = unit(z)
        if self.num_classes:
            row = Embed(self.num_classes, z.shape[-1], NORMAL)(*label)
            x = jnp.concatenate([unit(row), x], axis=-1)
        w = SlowDense(self.width)(nn.silu(SlowDense(self.width)(x)))
        classes = max(1, self.num_classes)
        mean = self.variable('statistics', 'w_average', jnp.zeros, (classes, self.width), jnp.float32)
        if train:
            chosen = jax.nn.one_hot(label[0] if label else jnp.zeros(len(z), int), classes)
            present = jnp.sum(chosen, axis=0)[:, None]
            values = jax.lax.stop_gradient(w).astype(jnp.float32)
            batch = chosen.T @ values / jnp.maximum(present, 1.0)
            moved = mean.value + (1 - self.decay) * (batch - mean.value)
            mean.value = jnp.where(present > 0, moved, mean.value)
        return jnp.broadcast_to(w[:, None], (len(w), self.count, self.width))


class StyledBlock(nn.Module):
    """x + g_a attention(s_a norm(x)), then x + g_m swiglu(s_m norm(x)), of tokens [B, T, C] and w [B, W].

    s = 1 + a dense layer of silu(w), and so is g without the 1. norm is the root mean square over channels,
    without parameters. Peebles and Xie, "Scalable Diffusion Models with Transformers", 2023, section 3.2,
    without shifts, and the gates do not begin at 0.
    """

    heads: int
    rows: int
    columns: int

    @nn.compact
    def __call__(self, x: Array, w: Array) -> Array:
        numbers = nn.Dense(4 * x.shape[-1], kernel_init=glorot(GAIN))(nn.silu(w))[:, None]
        scales = jnp.split(numbers, 4, axis=-1)
        attention = Attention(self.heads, self.rows, self.columns)
        x = x + scales[1] * attention(norm(x) * (1 + scales[0]))
        return x + scales[3] * SwiGLU()(norm(x) * (1 + scales[2]))


def norm(x: Array) -> Array:
    """x over its root mean square, float [..., C]. Call it within a compact module."""
    return nn.RMSNorm(epsilon=1e-6, use_scale=False)(x)


class Block(nn.Module):
    """x + l attention(norm(x)), then x + l swiglu(norm(x)), of tokens [B, T, C].

    norm has learned scales. l, a vector over channels, begins at 0.1 (Touvron et al., "Going deeper with
    Image Transformers", 2021, eq. 4).
    """

    heads: int
    rows: int
    columns: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for name, layer in (
            ('attention', Attention(self.heads, self.rows, self.columns)),
            ('feed_forward', SwiGLU()),
        ):
            scale = self.param(f'{name}_scale', nn.initializers.constant(0.1), x.shape[-1:])
            x = x + layer(nn.RMSNorm(epsilon=1e-6)(x)) * scale.astype(x.dtype)[None, None]
        return x
