"""The residual networks of R3GAN, config E.

Huang et al., "The GAN is dead; long live the GAN! A Modern Baseline GAN", 2024. There is no normalisation:
blocks begin as the identity (their last layer is 0), and the other layers are scaled by the number of blocks,
as in Zhang et al., "Fixup Initialization: Residual Learning Without Normalization", 2019. `widths` begin at
the small end for G, and at the image for D. CIFAR-10 and ImageNet-32: widths (768,) * 4 and (1536,) * 4
(groups of 16 and 32 channels); FFHQ-256: (768, 768, 768, 768, 384, 192, 96) for G, the reverse for D.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gax import errors
from gax.core.bounds import Count, Size, Sizes
from gax.core.types import Array
from gax.nets.fir import smooth_doubled, smooth_halved
from gax.nets.layers import Conv, Embed, Initializer, halved_shape, leaky_relu, with_heads
from gax.nets.minibatch import Minibatch, see_batch

TAKES = ('image',)

SLOPE = 0.2


def he(gain: float = 1.0) -> Initializer:
    """Normal with standard deviation gain / sqrt(fan-in) (He et al., 2015).

    The fan-in of a grouped kernel is that of one group.
    """
    return nn.initializers.variance_scaling(gain**2, 'fan_in', 'normal')


class Generator(nn.Module):
    """latents [B, Z] (and labels int [B]) -> images [B, H, W, C], not bounded.

    It starts from a learned picture for each channel at H / 2^n, n = len(widths) - 1, scaled by a linear map
    of the latents. `blocks` residual blocks follow, and for each further width a smooth doubling and as many
    blocks. Embedded labels are concatenated to the latents.

    Attributes:
      shape: (H, W, C).
      widths: The channels at each size, the smallest size first.
      blocks: The residual blocks at each size.
      expansion: The inner channels of a block over its outer ones.
      group_size: The inner channels in a group of the 3x3 convolution.
      num_classes: The number of classes; 0 for no labels.
    """

    shape: Sequence[int]
    widths: Sizes = (768, 768, 768, 768)
    blocks: Count = 2
    expansion: Size = 2
    group_size: Size = 16
    num_classes: int = 0

    @nn.compact
    def __call__(self, z: Array, *label: Array, train: bool) -> Array:
        height, width = halved_shape(self.shape, len(self.widths) - 1)
        if self.num_classes:
            table = nn.initializers.normal(self.num_classes**-0.5)
            z = jnp.concatenate([z, Embed(self.num_classes, z.shape[-1], table)(*label)], axis=-1)
        basis = self.param('basis', nn.initializers.normal(1.0), (height, width, self.widths[0]))
        x = nn.Dense(self.widths[0], use_bias=False, kernel_init=he())(z)[:, None, None] * basis[None]
        for i, features in enumerate(self.widths):
            if features != x.shape[-1]:
                x = Conv(features, 1, use_bias=False, kernel_init=he())(x)
            x = smooth_doubled(x) if i else x
            for _ in range(self.blocks):
                x = Block(self.expansion, self.group_size, self.blocks * len(self.widths))(x)
        return Conv(self.shape[-1], 1, use_bias=False, kernel_init=he())(x)


class Discriminator(nn.Module):
    """images [B, H, W, C] (and labels int [B]) -> logits [B].

    The generator's mirror image: blocks, then a smooth halving, for each width but the last; blocks; a
    learned weighted sum over the pixels of each channel; a linear map. With classes that map has as many
    outputs as inputs, and the logit is their inner product with the label's embedding.

    Attributes:
      widths: The channels at each size, the largest size first.
      blocks: The residual blocks at each size.
      expansion: The inner channels of a block over its outer ones.
      group_size: The inner channels in a group of the 3x3 convolution.
      minibatch: See `minibatch.see_batch`, with the weighted sums as features.
      num_classes: The number of classes; 0 for no labels.
      heads: See `layers.with_heads`, with the weighted sums as features.
    """

    widths: Sizes = (768, 768, 768, 768)
    blocks: Count = 2
    expansion: Size = 2
    group_size: Size = 16
    minibatch: Minibatch = ''
    num_classes: int = 0
    heads: Mapping[str, int] | None = None

    @nn.compact
    def __call__(self, x: Array, *label: Array, train: bool) -> Any:
        height, width = halved_shape(x.shape[1:], len(self.widths) - 1, 'd.net.widths')
        for i, features in enumerate(self.widths):
            x = smooth_halved(x) if i else x
            if not i or features != x.shape[-1]:
                x = Conv(features, 1, use_bias=False, kernel_init=he())(x)
            for _ in range(self.blocks):
                x = Block(self.expansion, self.group_size, self.blocks * len(self.widths))(x)
        weights = nn.initializers.normal((height * width) ** -0.5)
        basis = self.param('basis', weights, (height, width, x.shape[-1]))
        x = jnp.sum(x * basis[None], axis=(1, 2))
        outputs = x.shape[-1] if self.num_classes else 1
        logits = nn.Dense(outputs, use_bias=False, kernel_init=he())(see_batch(self.minibatch, x))
        if self.num_classes:
            table = nn.initializers.normal((self.num_classes * outputs) ** -0.5)
            logits = logits * Embed(self.num_classes, outputs, table)(*label)
        return with_heads(x, jnp.sum(logits, axis=-1), self.heads)


class Block(nn.Module):
    """A residual block x + 1x1(act(3x3 in groups(act(1x1(x))))) of [B, H, W, C], where act is leaky ReLU.

    With 3 layers in a block, the first two are initialised by He's rule times L^(-1 / (2 * 3 - 2)), the third
    by 0.

    Attributes:
      expansion: The inner channels over the outer ones.
      group_size: The inner channels in a group; all of them where there are fewer.
      total: L, the number of residual blocks of the net.

    Raises:
      GaxError: `group_size` does not divide the inner channels.
    """

    expansion: int
    group_size: int
    total: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        inner = self.expansion * x.shape[-1]
        size = min(inner, self.group_size)
        if inner % size:
            raise errors.GaxError(
                f'r3gan divides {inner} channels (a width times expansion={self.expansion}) '
                f'into groups of {size}: have widths or group_size such that this can be done'
            )
        init = he((2 / (1 + SLOPE**2)) ** 0.5 * self.total**-0.25)
        y = leaky_relu(SLOPE)(Conv(inner, 1, kernel_init=init)(x))
        y = leaky_relu(SLOPE)(Conv(inner, 3, kernel_init=init, groups=inner // size)(y))
        return x + Conv(x.shape[-1], 1, use_bias=False, kernel_init=nn.initializers.zeros)(y)
