"""The networks of StyleGAN, the first of the name, which grow.

Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks", 2019, figure 1b
and appendix C: a mapping from latents to w, and a synthesis from a constant, whose layers add noise,
normalise each channel of each example, and scale and shift it by a linear map of w. Resampling is followed,
in D preceded, by the filter [1, 2, 1]. The discriminator is ProGAN's with that filter. Without a stage
(core/growth.py) they are the networks of the last level.

The mapping is `style.AveragedMapping`, that of StyleGAN2: its biases are scaled by sqrt(2) with the
activation, and the embedding of labels is normalised by itself and has a bias; the authors' code does
neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gax.core.bounds import Fraction, Size
from gax.core.types import Array
from gax.nets import blocks, fir, growing
from gax.nets.equalized import GAIN, SLOPE, Conv, Convolve, Dense, bias_of
from gax.nets.layers import leaky_relu, with_heads
from gax.nets.norms import InstanceNorm
from gax.nets.ops import conv
from gax.nets.progan import Critic
from gax.nets.style import AveragedMapping, noise_of

TAKES = ('image',)
TAPS = (0.25, 0.5, 0.25)
EPSILON = 1e-8  # of instance normalisation


def smoothed(x: Array) -> Array:
    """The filter [1, 2, 1] / 4 in each direction, with zeros outside: [B, H, W, C] -> the same shape."""
    return fir.filtered(x, TAPS, 1, 1)


def convolved_up(x: Array, kernel: Array) -> Array:
    """Nearest doubling, a 3x3 convolution, and the filter: [B, H, W, C] -> [B, 2 H, 2 W, C']."""
    return smoothed(blocks.doubled_conv(x, kernel))


def convolved_down(x: Array, kernel: Array) -> Array:
    """The filter, a 3x3 convolution, and the mean of 2x2 pixels: [B, H, W, C] -> [B, H / 2, W / 2, C']."""
    return blocks.halved_conv(smoothed(x), kernel)


class Styled(nn.Module):
    """What follows each convolution: noise, bias, leaky ReLU, normalisation, and the style of w.

    x [B, H, W, C], w [B, W], noise [B, H, W, 1] -> [B, H, W, C]. Noise is scaled by a learned vector that
    begins at 0; the style is x (1 + scale) + shift.
    """

    @nn.compact
    def __call__(self, x: Array, w: Array, noise: Array) -> Array:
        features = x.shape[-1]
        strength = self.param('noise', nn.initializers.zeros, (features,)).astype(x.dtype)
        x = x + strength[None, None, None] * noise.astype(x.dtype)
        x = leaky_relu(SLOPE)(x + bias_of(self, features, 4).astype(x.dtype))
        x = InstanceNorm(EPSILON)(x)
        scale, shift = jnp.split(
            Dense(2 * features, name='style')(w)[:, None, None].astype(x.dtype), 2, axis=-1
        )
        return x * (1 + scale) + shift


class Synthesis(nn.Module):
    """w for each layer [B, L, W] (and a stage) -> images [B, H, W, C], not bounded.

    Two layers at each level. The first is the constant; L may be that of the stage.

    Attributes:
      shape: (H, W, C).
      channel_base: See `progan.Generator`.
      channel_max: The most channels.
    """

    shape: Sequence[int]
    channel_base: int
    channel_max: int

    @nn.compact
    def __call__(self, ws: Array, *inputs: Any, train: bool) -> Array:
        last = growing.levels(self.shape)
        stage = growing.split(inputs, last)[1]

        def layer(x: Array, place: int, noise: Array, convolve: Convolve = conv.conv) -> Array:
            """The convolution of a layer, unless it is the first one, and its style."""
            if place:
                features = growing.channels_at(place // 2, self.channel_base, self.channel_max)
                x = Conv(features, 3, GAIN, use_bias=False, convolve=convolve, name=f'conv_{place}')(x)
            return Styled(name=f'styled_{place}')(x, ws[:, place], noise)

        def block(x: Array, level: int) -> Array:
            noise = noise_of(self, len(ws), self.shape, last - level)
            x = layer(x, 2 * level, noise[..., :1], convolved_up)
            return layer(x, 2 * level + 1, noise[..., 1:])

        def to_image(x: Array, level: int) -> Array:
            return Conv(self.shape[-1], 1, name=f'to_image_{level}')(x)

        size = (*growing.base_of(self.shape), growing.channels_at(0, self.channel_base, self.channel_max))
        constant = self.param('constant', nn.initializers.ones, size).astype(ws.dtype)
        x = block(jnp.broadcast_to(constant, (len(ws), *size)), 0)
        return growing.rise(x, stage, last, block, to_image, self.is_initializing())


class Generator(nn.Module):
    """latents [B, Z] (and labels int [B], and a stage) -> images [B, H, W, C]: the mapping, then `Synthesis`.

    Attributes:
      shape: (H, W, C).
      channel_base: See `progan.Generator`.
      channel_max: The most channels.
      w_dim: The size of w.
      mapping_layers: The dense layers of the mapping network.
      mapping_multiplier: Their learning rate relative to the other layers'.
      w_decay: The decay of the average of w.
      num_classes: The number of classes; 0 for no labels.
    """

    shape: Sequence[int]
    channel_base: Size = 16384
    channel_max: Size = 512
    w_dim: Size = 512
    mapping_layers: Size = 8
    mapping_multiplier: float = 0.01
    w_decay: Fraction = 0.995
    num_classes: int = 0

    @nn.compact
    def __call__(self, z: Array, *inputs: Any, train: bool) -> Array:
        labels, stage = growing.split(inputs, growing.levels(self.shape))
        mapping, synthesis = self.parts()
        return synthesis(mapping(z, *labels, train=train), stage, train=train)

    @nn.nowrap
    def parts(self) -> tuple[AveragedMapping, Synthesis]:
        """The two networks, which a recipe may have as nets of their own."""
        mapping = AveragedMapping(
            2 * growing.levels(self.shape) + 2,
            self.w_dim,
            self.mapping_layers,
            self.mapping_multiplier,
            self.w_decay,
            self.num_classes,
        )
        return mapping, Synthesis(self.shape, self.channel_base, self.channel_max)


class Discriminator(nn.Module):
    """images [B, H, W, C] (and labels int [B], and a stage) -> logits [B]: ProGAN's, which halves smoothly.

    Attributes:
      channel_base: See `progan.Generator`.
      channel_max: The most channels.
      num_classes: The number of classes; 0 for no labels.
      heads: See `layers.with_heads`, with the output of the dense layer as features.
    """

    channel_base: Size = 16384
    channel_max: Size = 512
    num_classes: int = 0
    heads: Mapping[str, int] | None = None

    @nn.compact
    def __call__(self, x: Array, *inputs: Any, train: bool) -> Any:
        sizes = self.channel_base, self.channel_max, self.num_classes
        features, logits = Critic(*sizes, convolved_down, name='critic')(x, *inputs)
        return with_heads(features, logits, self.heads)
