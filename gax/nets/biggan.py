"""The residual networks of BigGAN.

Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis", 2019, appendix B, table 4
to 6, figure 15. Latents are cut into a chunk for the first layer and one for each block ("skip-z"). The
conditional batch-norms of a block are scaled and moved by linear maps of its chunk and of an embedding of the
label that all of them share. Spectral normalisation of G and D is a wrapper, which PLAYER turns on where this
family is chosen; G's shared embedding is not divided (`divided`). Orthogonal initialisation (Saxe et al.,
"Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2014).

With ch = 96: ImageNet at 128x128: G ch * (16, 16, 8, 4, 2, 1), D ch * (1, 2, 4, 8, 16, 16), which halves five
times, self-attention at 64x64: after G's fourth block and D's first; at 256x256 G ch * (16, 16, 8, 8, 4, 2,
1), D ch * (1, 2, 4, 8, 8, 16, 16). CIFAR-10: G ch * (4, 4, 4, 4), D with two halvings and half of these
widths (compare_gan, StudioGAN), or as many and self-attention after each block, (1, 2, 3, 4) (BigGAN-PyTorch,
whose table of D says 16 pixels for all four).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gax import errors
from gax.core.bounds import AnySizes, Count, Fraction, Size, Sizes
from gax.core.types import Array
from gax.nets.attention import SelfAttention, after_blocks
from gax.nets.layers import Conv, Embed
from gax.nets.minibatch import Minibatch
from gax.nets.residual import UpBlock, down_blocks, first_features, projected
from gax.nets.spectral_norm import linear

TAKES = ('image',)
PLAYER = {'Generator': {'spectral_norm': True}, 'Discriminator': {'spectral_norm': True}}

EPSILON = 1e-5  # of batch-norm
ORTHOGONAL = nn.initializers.orthogonal()
SHARED = 'shared_embedding'


def divided(path: str, leaf: Array) -> bool:
    """Whether spectral normalisation divides a parameter: as `spectral_norm.linear`, but not G's embedding.

    Args:
      path: The path of the parameter, 'Conv_0/kernel'.
      leaf: The parameter.
    """
    return linear(path, leaf) and SHARED not in path.split('/')


class Generator(nn.Module):
    """latents [B, Z] (and labels int [B]) -> images [B, H, W, C] in [-1, 1].

    A dense layer of the first chunk makes widths[0] channels of H / 2^n, n = len(widths) - 1. A residual
    block doubles the size for each further width; its batch-norms see the label's embedding and the next
    chunk. A plain batch-norm, ReLU, convolution and tanh follow. Without classes they see the chunk alone.

    Attributes:
      shape: (H, W, C).
      widths: The channels at each size, the smallest size first.
      attention: The blocks after which self-attention comes, counted from 1.
      embedding: The size of the label's embedding, which all batch-norms share.
      momentum: That of the running averages of batch-norm.
      num_classes: The number of classes; 0 for no labels.
    """

    shape: Sequence[int]
    widths: Sizes = (384, 384, 384, 384)
    attention: AnySizes = (2,)
    embedding: Size = 128
    momentum: Fraction = 0.9
    num_classes: int = 0

    @nn.compact
    def __call__(self, z: Array, *label: Array, train: bool) -> Array:
        attention = after_blocks(self.attention, len(self.widths) - 1, 'g.net.attention')
        first, *chunks = chunked(z, len(self.widths))
        known = embedded(self.num_classes, self.embedding, *label)
        x = first_features(first, self.shape, self.widths, ORTHOGONAL)
        norm = partial(LinearBatchNorm, self.momentum)
        blocks = enumerate(zip(self.widths[1:], chunks, strict=True), start=1)
        for number, (features, chunk) in blocks:
            condition = jnp.concatenate([*known, chunk], axis=-1)
            x = UpBlock(features, norm, ORTHOGONAL, ORTHOGONAL)(x, condition, train=train)
            if number in attention:
                x = SelfAttention(ORTHOGONAL)(x)
        return to_image(x, self.shape[-1], self.momentum, train)


class Discriminator(nn.Module):
    """images [B, H, W, C] (and labels int [B]) -> logits [B].

    As `sagan.Discriminator`, with orthogonal initialisation. The last block keeps its identity shortcut, as
    in the first author's BigGAN-PyTorch; compare_gan has none there.

    Attributes:
      widths: The channels of each block.
      downs: The number of halvings.
      attention: The blocks after which self-attention comes, counted from 1.
      minibatch: See `minibatch.see_batch`, with the sums over pixels as features.
      num_classes: The number of classes; 0 for no labels.
      heads: See `layers.with_heads`, with the sums over pixels as features.
    """

    widths: Sizes = (192, 192, 192, 192)
    downs: Count = 2
    attention: AnySizes = (1,)
    minibatch: Minibatch = ''
    num_classes: int = 0
    heads: Mapping[str, int] | None = None

    @nn.compact
    def __call__(self, x: Array, *label: Array, train: bool) -> Any:
        x = down_blocks(x, self.widths, self.downs, self.attention, ORTHOGONAL)
        return projected(x, self.minibatch, self.num_classes, self.heads, ORTHOGONAL, *label)


class LinearBatchNorm(nn.Module):
    """Batch-norm of x [B, ..., C], then x * (1 + y L) + y M for a condition y [B, Y].

    L and M are linear maps without bias, [Y, C], named `scale` and `offset`.

    Attributes:
      momentum: The share of the old running averages.
      epsilon: Added to the variance.
    """

    momentum: float = 0.9
    epsilon: float = EPSILON

    @nn.compact
    def __call__(self, x: Array, y: Array, train: bool) -> Array:
        norm = nn.BatchNorm(
            not train, momentum=self.momentum, epsilon=self.epsilon, use_scale=False, use_bias=False
        )
        scale, offset = (
            nn.Dense(x.shape[-1], use_bias=False, kernel_init=ORTHOGONAL, name=name)(y).reshape(
                -1, *[1] * (x.ndim - 2), x.shape[-1]
            )
            for name in ('scale', 'offset')
        )
        return norm(x) * (1.0 + scale) + offset


def chunked(z: Array, count: int) -> list[Array]:
    """Latents [B, Z] in `count` chunks of Z // count; the first one has what is left over as well.

    Raises:
      GaxError: There are fewer latents than chunks.
    """
    size = z.shape[-1] // count
    if not size:
        raise errors.GaxError(
            f'config.latent_dim={z.shape[-1]}: this generator cuts its latents into {count} chunks, one for '
            f'its first layer and one for each block; have at least {count}'
        )
    first = z.shape[-1] - size * (count - 1)
    starts = [0, *(first + size * i for i in range(count))]
    return [z[:, a:b] for a, b in itertools.pairwise(starts)]


def embedded(num_classes: int, features: int, *label: Array) -> list[Array]:
    """[the labels' embedding, float [B, features]]; [] without classes. Call it within a compact module."""
    return [Embed(num_classes, features, ORTHOGONAL, name=SHARED)(*label)] if num_classes else []


def to_image(x: Array, channels: int, momentum: float, train: bool) -> Array:
    """Batch-norm with scale and offset, ReLU, 3x3 convolution, tanh. Call it within a compact module.

    Args:
      x: Feature maps [B, H, W, C'].
      channels: The channels of the image.
      momentum: That of the running averages of batch-norm.
      train: Whether the network is in training mode.

    Returns:
      Images [B, H, W, channels] in [-1, 1].
    """
    x = nn.BatchNorm(not train, momentum=momentum, epsilon=EPSILON)(x)
    return jnp.tanh(Conv(channels, 3, kernel_init=ORTHOGONAL)(nn.relu(x)))
