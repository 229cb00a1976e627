"""The bottleneck networks of BigGAN-deep.

Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis", 2019, appendix B, tables
7 to 9, figure 16. A block has four convolutions, 1x1, 3x3, 3x3, 1x1, on a quarter of the channels. Shortcuts
have no projection: G's drop the channels that are too many, D's append a 1x1 convolution for those that are
missing. Latents are not cut: they and the label's embedding go to the first layer and to every batch-norm.
Spectral normalisation and initialisation are those of biggan.py.

ImageNet, ch = 128: at 128x128 G ch * (16, 16, 8, 4, 2, 1), D ch * (1, 2, 4, 8, 16, 16), which halves five
times, self-attention at 64x64: after G's fourth width, (4,), and D's first, (1,); at 256x256 G ch * (16, 16,
8, 8, 4, 2, 1), D ch * (1, 2, 4, 8, 8, 16, 16).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gax import errors
from gax.core.bounds import AnySizes, Count, Fraction, Size, Sizes
from gax.core.types import Array
from gax.nets import biggan
from gax.nets.attention import SelfAttention, after_blocks
from gax.nets.biggan import ORTHOGONAL, LinearBatchNorm, embedded, to_image
from gax.nets.layers import Conv, doubled, halved, halved_shape
from gax.nets.minibatch import Minibatch
from gax.nets.residual import first_features, projected

TAKES = ('image',)
PLAYER = biggan.PLAYER
RATIO = 4  # of the channels of a block to those of its bottleneck

divided = biggan.divided


class Generator(nn.Module):
    """latents [B, Z] (and labels int [B]) -> images [B, H, W, C] in [-1, 1].

    A dense layer makes widths[0] channels of H / 2^n, n = len(widths) - 1. For each further width `blocks`
    residual blocks follow, of which the last doubles the size and changes the channels. A plain batch-norm,
    ReLU, convolution and tanh follow.

    Attributes:
      shape: (H, W, C).
      widths: The channels at each size, the smallest size first.
      blocks: The residual blocks for each width after the first.
      attention: The widths after whose blocks self-attention comes, counted from 1 at the second width.
      embedding: The size of the label's embedding, which all batch-norms share.
      momentum: That of the running averages of batch-norm.
      num_classes: The number of classes; 0 for no labels.
    """

    shape: Sequence[int]
    widths: Sizes = (512, 512, 512, 512)
    blocks: Size = 2
    attention: AnySizes = (2,)
    embedding: Size = 128
    momentum: Fraction = 0.9
    num_classes: int = 0

    @nn.compact
    def __call__(self, z: Array, *label: Array, train: bool) -> Array:
        attention = after_blocks(self.attention, len(self.widths) - 1, 'g.net.attention')
        condition = jnp.concatenate([*embedded(self.num_classes, self.embedding, *label), z], axis=-1)
        x = first_features(condition, self.shape, self.widths, ORTHOGONAL)
        for number, features in enumerate(self.widths[1:], start=1):
            for _ in range(self.blocks - 1):
                x = UpBlock(x.shape[-1], False, self.momentum)(x, condition, train=train)
            x = UpBlock(features, True, self.momentum)(x, condition, train=train)
            if number in attention:
                x = SelfAttention(ORTHOGONAL)(x)
        return to_image(x, self.shape[-1], self.momentum, train)


class UpBlock(nn.Module):
    """A bottleneck block of G: [B, H, W, C] -> [B, H, W, features], or of twice the size where `up`.

    Batch-norm and ReLU come before each of the four convolutions. The doubling comes before the first 3x3.
    The shortcut has the first `features` channels of the input, and zeros where it has fewer.

    Attributes:
      features: The number of output channels.
      up: Whether the block doubles the image.
      momentum: That of the running averages of batch-norm.
    """

    features: int
    up: bool
    momentum: float

    @nn.compact
    def __call__(self, x: Array, condition: Array, train: bool) -> Array:
        inner, y = max(1, x.shape[-1] // RATIO), x
        for conv in (
            Conv(inner, 1, kernel_init=ORTHOGONAL),
            Conv(inner, 3, kernel_init=ORTHOGONAL, resize='up' if self.up else ''),
            Conv(inner, 3, kernel_init=ORTHOGONAL),
            Conv(self.features, 1, kernel_init=ORTHOGONAL),
        ):
            y = conv(nn.relu(LinearBatchNorm(self.momentum)(y, condition, train=train)))
        missing = max(0, self.features - x.shape[-1])
        shortcut = jnp.pad(x[..., : self.features], [(0, 0)] * 3 + [(0, missing)])
        return y + (doubled(shortcut) if self.up else shortcut)


class Discriminator(nn.Module):
    """images [B, H, W, C] (and labels int [B]) -> logits [B].

    A 3x3 convolution makes widths[0] channels. For each further width `blocks` residual blocks follow, of
    which the first changes the channels and, for the first `downs` widths, halves the image. ReLU, the SUM
    over all pixels, a dense layer and the label's projection follow, as in `sagan.Discriminator`.

    Attributes:
      widths: The channels of the first convolution, then of each group of blocks.
      blocks: The residual blocks for each width after the first.
      downs: The number of halvings.
      attention: The widths after whose blocks self-attention comes, counted from 1 at the second width.
      minibatch: See `minibatch.see_batch`, with the sums over pixels as features.
      num_classes: The number of classes; 0 for no labels.
      heads: See `layers.with_heads`, with the sums over pixels as features.

    Raises:
      GaxError: There are more halvings than groups of blocks.
    """

    widths: Sizes = (512, 512, 512, 512)
    blocks: Size = 2
    downs: Count = 2
    attention: AnySizes = (1,)
    minibatch: Minibatch = ''
    num_classes: int = 0
    heads: Mapping[str, int] | None = None

    @nn.compact
    def __call__(self, x: Array, *label: Array, train: bool) -> Any:
        if self.downs > len(self.widths) - 1:
            raise errors.GaxError(
                f'config.d.net.downs={self.downs}: {len(self.widths)} widths have {len(self.widths) - 1} '
                'groups of blocks, each of which halves the image at most once'
            )
        halved_shape(x.shape[1:], self.downs, 'd.net.downs')
        attention = after_blocks(self.attention, len(self.widths) - 1, 'd.net.attention')
        x = Conv(self.widths[0], 3, kernel_init=ORTHOGONAL)(x)
        for number, features in enumerate(self.widths[1:], start=1):
            for block in range(self.blocks):
                x = DownBlock(features, down=number <= self.downs and block == 0)(x)
            if number in attention:
                x = SelfAttention(ORTHOGONAL)(x)
        return projected(x, self.minibatch, self.num_classes, self.heads, ORTHOGONAL, *label)


class DownBlock(nn.Module):
    """A bottleneck block of D: [B, H, W, C] -> [B, H, W, features], or of half the size where `down`.

    ReLU comes before each of the four convolutions, the halving before the last. The shortcut is halved; a
    1x1 convolution of it gives the channels that are missing, and those that are too many are dropped.

    Attributes:
      features: The number of output channels.
      down: Whether the block halves the image.
    """

    features: int
    down: bool

    @nn.compact
    def __call__(self, x: Array) -> Array:
        inner, y = max(1, self.features // RATIO), x
        for kernel in (1, 3, 3):
            y = Conv(inner, kernel, kernel_init=ORTHOGONAL)(nn.relu(y))
        y = nn.relu(y)
        y, shortcut = (halved(y), halved(x)) if self.down else (y, x)
        missing = self.features - x.shape[-1]
        if missing > 0:
            more = Conv(missing, 1, kernel_init=ORTHOGONAL, name='shortcut')(shortcut)
            shortcut = jnp.concatenate([shortcut, more], axis=-1)
        y = Conv(self.features, 1, kernel_init=ORTHOGONAL)(y)
        return y + shortcut[..., : self.features]
