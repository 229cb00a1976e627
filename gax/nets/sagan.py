"""The networks of SAGAN: SNGAN's residual blocks, with self-attention at one size.

Zhang et al., "Self-Attention Generative Adversarial Networks", 2019. Spectral normalisation of every layer of
G and of D is a wrapper (see `spectral_norm.spectral_norm`), which PLAYER turns on where this family is
chosen; the tables of conditional batch-norms are not divided. Glorot's initialisation. ImageNet at 128x128:
G widths (1024, 1024, 512, 256, 128, 64), D (64, 128, 256, 512, 1024, 1024) with five halvings, attention at
64x64: after G's fourth block, (4,), and D's first, (1,).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gax.core.bounds import AnySizes, Count, Fraction, Sizes
from gax.core.types import Array
from gax.nets.attention import SelfAttention, after_blocks
from gax.nets.layers import ConditionalBatchNorm, Conv
from gax.nets.minibatch import Minibatch
from gax.nets.residual import PLAIN, UpBlock, down_blocks, first_features, projected

TAKES = ('image',)
PLAYER = {'Generator': {'spectral_norm': True}, 'Discriminator': {'spectral_norm': True}}

EPSILON = 1e-5  # of batch-norm


class Generator(nn.Module):
    """latents [B, Z] (and labels int [B]) -> images [B, H, W, C] in [-1, 1].

    A dense layer makes widths[0] channels of H / 2^n, n = len(widths) - 1. A residual block doubles the size
    for each further width. Batch-norm, ReLU, convolution and tanh follow. With classes the batch-norms of
    blocks have a scale and an offset for each class.

    Attributes:
      shape: (H, W, C).
      widths: The channels at each size, the smallest size first.
      attention: The blocks after which self-attention comes, counted from 1.
      momentum: That of the running averages of batch-norm.
      num_classes: The number of classes; 0 for no labels.
    """

    shape: Sequence[int]
    widths: Sizes = (256, 256, 256, 256)
    attention: AnySizes = (2,)
    momentum: Fraction = 0.9
    num_classes: int = 0

    @nn.compact
    def __call__(self, z: Array, *label: Array, train: bool) -> Array:
        attention = after_blocks(self.attention, len(self.widths) - 1, 'g.net.attention')
        x = first_features(z, self.shape, self.widths, PLAIN)
        norm = partial(ConditionalBatchNorm, self.num_classes, self.momentum, EPSILON)
        for number, features in enumerate(self.widths[1:], start=1):
            x = UpBlock(features, norm, PLAIN)(x, *label, train=train)
            if number in attention:
                x = SelfAttention()(x)
        x = nn.relu(ConditionalBatchNorm(0, self.momentum, EPSILON)(x, train=train))
        return jnp.tanh(Conv(self.shape[-1], 3, kernel_init=PLAIN)(x))


class Discriminator(nn.Module):
    """images [B, H, W, C] (and labels int [B]) -> logits [B].

    There is a residual block for each width, of which the first `downs` halve the image. ReLU, the SUM over
    all pixels and a dense layer follow. With classes the inner product of these sums and the label's
    embedding is added to the logit (Miyato and Koyama, "cGANs with Projection Discriminator", 2018, eq. 3).

    Attributes:
      widths: The channels of each block.
      downs: The number of halvings.
      attention: The blocks after which self-attention comes, counted from 1.
      minibatch: See `minibatch.see_batch`, with the sums as features.
      num_classes: The number of classes; 0 for no labels.
      heads: See `layers.with_heads`, with the sums as features.
    """

    widths: Sizes = (128, 128, 128, 128)
    downs: Count = 2
    attention: AnySizes = (1,)
    minibatch: Minibatch = ''
    num_classes: int = 0
    heads: Mapping[str, int] | None = None

    @nn.compact
    def __call__(self, x: Array, *label: Array, train: bool) -> Any:
        x = down_blocks(x, self.widths, self.downs, self.attention, PLAIN)
        return projected(x, self.minibatch, self.num_classes, self.heads, PLAIN, *label)
