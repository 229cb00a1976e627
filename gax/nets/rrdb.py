"""RRDBNet, the generator of ESRGAN: residual-in-residual dense blocks at the size of the small image.

Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", 2018, section 3.1, as in the
authors' code: five convolutions in a dense block, three dense blocks in a residual one, each scaled by 0.2;
nearest-neighbour doublings, each with a convolution. 64 channels, growth 32, 23 blocks and a factor of 4 are
16,697,987 parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import flax.linen as nn
import jax.numpy as jnp

from gax.core.bounds import Count, Size, between
from gax.core.types import Array
from gax.nets.layers import Conv, leaky_relu
from gax.nets.srresnet import he
from gax.nets.upscaling import repeated, stages

TAKES = ('image',)

SLOPE = 0.2


class Upscaler(nn.Module):
    """images [B, h, w, C'] -> images [B, factor h, factor w, C], not bounded. Images of any size.

    Attributes:
      shape: (H, W, C) of the result; H and W are not read.
      factor: The enlargement, a power of 2; 1 restores images of the same size.
      width: The channels.
      growth: The channels that each convolution of a dense block adds.
      blocks: The residual-in-residual blocks.
      residual_scale: What the output of a block is multiplied by before it is added.
    """

    shape: Sequence[int]
    factor: int = 1
    width: Size = 64
    growth: Size = 32
    blocks: Count = 23
    residual_scale: Annotated[float, between(0.0, 1.0)] = 0.2

    @nn.compact
    def __call__(self, image: Array, train: bool) -> Array:
        act = leaky_relu(SLOPE)
        x = first = Conv(self.width, 3, kernel_init=he(0.1))(image)
        x = repeated(lambda: Block(self.growth, self.residual_scale, name='blocks'), self.blocks, x, train)
        x = first + Conv(self.width, 3, kernel_init=he(0.1))(x)
        for _ in stages(self.factor, primes=(2,)):
            x = act(Conv(self.width, 3, kernel_init=he(), resize='up')(x))
        x = act(Conv(self.width, 3, kernel_init=he())(x))
        return Conv(self.shape[-1], 3, kernel_init=he())(x)


class Block(nn.Module):
    """x + scale * d(d(d(x))), three dense blocks, of [B, H, W, C].

    Attributes:
      growth: See `Upscaler`.
      residual_scale: The scale.
    """

    growth: int
    residual_scale: float

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = x
        for _ in range(3):
            y = DenseBlock(self.growth, self.residual_scale)(y)
        return x + self.residual_scale * y


class DenseBlock(nn.Module):
    """x + scale * conv([x, y1, ..., y4]), y_i = act(conv([x, y1, ..., y_(i-1)])), of [B, H, W, C].

    Attributes:
      growth: The channels of each y_i.
      residual_scale: The scale.
    """

    growth: int
    residual_scale: float

    @nn.compact
    def __call__(self, x: Array) -> Array:
        parts = [x]
        for _ in range(4):
            y = Conv(self.growth, 3, kernel_init=he(0.1))(jnp.concatenate(parts, axis=-1))
            parts.append(leaky_relu(SLOPE)(y))
        y = Conv(x.shape[-1], 3, kernel_init=he(0.1))(jnp.concatenate(parts, axis=-1))
        return x + self.residual_scale * y
