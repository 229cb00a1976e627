"""SRResNet: residual blocks at the size of the small image, then pixel shuffles.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network", 2017,
section 2.1.1, as BasicSR has it (MSRResNet): no batch-norm, whose statistics make artefacts in images unlike
those of training; ReLU in the blocks, leaky ReLU of slope 0.1 after the shuffles; and the output is added to
the bilinearly enlarged image. 64 channels, 16 blocks and a factor of 4 are 1,517,571 parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

import flax.linen as nn

from gax.core.bounds import Count, Size
from gax.core.types import Array
from gax.nets.layers import Conv, Initializer, batch_norm, leaky_relu
from gax.nets.upscaling import base, pixel_shuffle, repeated, stages

TAKES = ('image',)

SLOPE = 0.1


def he(gain: float = 1.0) -> Initializer:
    """Normal with standard deviation gain sqrt(2 / fan-in).

    He et al., "Delving Deep into Rectifiers", 2015. The layers of residual blocks have a gain of 0.1: Wang et
    al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", 2018, section 3.1.
    """
    return nn.initializers.variance_scaling(2 * gain**2, 'fan_in', 'normal')


class Upscaler(nn.Module):
    """images [B, h, w, C'] -> images [B, factor h, factor w, C], not bounded. Images of any size.

    Attributes:
      shape: (H, W, C) of the result; H and W are not read.
      factor: The enlargement, a product of 2s and 3s; 1 restores images of the same size.
      width: The channels.
      blocks: The residual blocks.
      batch_norm: Whether the convolutions of the blocks have batch-norm, as in the paper.
    """

    shape: Sequence[int]
    factor: int = 1
    width: Size = 64
    blocks: Count = 16
    batch_norm: bool = False

    @nn.compact
    def __call__(self, image: Array, train: bool) -> Array:
        act = leaky_relu(SLOPE)
        x = act(Conv(self.width, 3, kernel_init=he())(image))
        x = repeated(lambda: Block(self.batch_norm, name='blocks'), self.blocks, x, train)
        for factor in stages(self.factor):
            x = act(pixel_shuffle(Conv(self.width * factor**2, 3, kernel_init=he())(x), factor))
        x = act(Conv(self.width, 3, kernel_init=he())(x))
        x = Conv(self.shape[-1], 3, kernel_init=he(0.1))(x)
        return x + base(image, self.factor, self.shape[-1])


class Block(nn.Module):
    """x + conv(relu(conv(x))) of [B, H, W, C], with 3x3 convolutions.

    Attributes:
      batch_norm: Whether both convolutions have batch-norm.
    """

    batch_norm: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = x
        for i in range(2):
            y = Conv(x.shape[-1], 3, kernel_init=he(1.0 if self.batch_norm else 0.1))(y)
            y = batch_norm(train, momentum=0.9, epsilon=1e-5)(y) if self.batch_norm else y
            y = nn.relu(y) if i == 0 else y
        return x + y
