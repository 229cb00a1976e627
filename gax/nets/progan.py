"""The networks of ProGAN.

Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018, table 2:
level by level two 3x3 convolutions with an equalised learning rate, in G each followed by pixel-wise
normalisation, and a 1x1 to or from colours at every level. Images of any sides that can be halved down to 4
to 7 pixels. Without a stage (see core/growth.py) they are the networks of the last level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gax.core.bounds import Size
from gax.core.types import Array
from gax.nets import blocks, equalized, growing
from gax.nets.equalized import GAIN, SLOPE, Convolve, unit
from gax.nets.layers import leaky_relu, with_heads
from gax.nets.minibatch import MinibatchStd
from gax.nets.ops import conv

TAKES = ('image',)
act = leaky_relu(SLOPE)


class Generator(nn.Module):
    """latents [B, Z] (and labels int [B], and a stage) -> images [B, H, W, C], not bounded.

    Latents are scaled to unit second moment, and labels joined to them as one-hot vectors.

    Attributes:
      shape: (H, W, C).
      channel_base: The channels at a level are this over the side of its images (of the shorter side's
        power of two), at most channel_max. 16384: the paper's.
      channel_max: The most channels.
      num_classes: The number of classes; 0 for no labels.
    """

    shape: Sequence[int]
    channel_base: Size = 16384
    channel_max: Size = 512
    num_classes: int = 0

    @nn.compact
    def __call__(self, z: Array, *inputs: Any, train: bool) -> Array:
        last = growing.levels(self.shape)
        labels, stage = growing.split(inputs, last)
        z = unit(z)
        if self.num_classes:
            z = jnp.concatenate([z, jax.nn.one_hot(labels[0], self.num_classes, dtype=z.dtype)], axis=-1)

        def block(x: Array, level: int) -> Array:
            features = self.channels(level)
            x = layer(x, features, f'conv_{level}_up', blocks.doubled_conv)
            return layer(x, features, f'conv_{level}')

        def layer(x: Array, features: int, name: str, convolve: Convolve = conv.conv) -> Array:
            return unit(act(equalized.Conv(features, 3, GAIN, convolve=convolve, name=name)(x)))

        def to_image(x: Array, level: int) -> Array:
            return equalized.Conv(self.shape[-1], 1, name=f'to_image_{level}')(x)

        x = self.start(z)
        x = layer(x, self.channels(0), 'conv_0')
        return growing.rise(x, stage, last, block, to_image, self.is_initializing())

    def channels(self, level: int) -> int:
        """The channels at a level."""
        return growing.channels_at(level, self.channel_base, self.channel_max)

    def start(self, z: Array) -> Array:
        """The features of level 0 before its 3x3, by a dense layer: [B, Z] -> [B, h, w, C]."""
        height, width = growing.base_of(self.shape)
        features = self.channels(0)
        # The paper's gain, a quarter of that of its other layers.
        dense = equalized.Dense(height * width * features, GAIN / 4, use_bias=False, name='dense')
        x = dense(z).reshape(-1, height, width, features)
        return unit(act(x + equalized.bias_of(self, features, 4).astype(x.dtype)))


class Discriminator(nn.Module):
    """images [B, H, W, C] (and labels int [B], and a stage) -> logits [B].

    The generator's mirror image, without normalisation; the standard deviation within groups of examples is
    appended at level 0. With classes there are as many logits, of which the label's is taken.

    Attributes:
      channel_base: See `Generator`.
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
        critic = Critic(self.channel_base, self.channel_max, self.num_classes, name='critic')
        features, logits = critic(x, *inputs)
        return with_heads(features, logits, self.heads)


class Critic(nn.Module):
    """images [B, H, W, C] (and labels, and a stage) -> (features [B, F], logits [B]).

    Attributes:
      channel_base: See `Generator`.
      channel_max: The most channels.
      num_classes: The number of classes; 0 for no labels.
      down: (images, kernel) -> images of half the size.
    """

    channel_base: int
    channel_max: int
    num_classes: int
    down: Convolve = blocks.halved_conv

    @nn.compact
    def __call__(self, images: Array, *inputs: Any) -> tuple[Array, Array]:
        last = growing.levels(images.shape[1:])
        labels, stage = growing.split(inputs, last)

        def layer(x: Array, features: int, kernel: int, name: str, convolve: Convolve = conv.conv) -> Array:
            return act(equalized.Conv(features, kernel, GAIN, convolve=convolve, name=name)(x))

        def block(x: Array, level: int) -> Array:
            x = layer(x, x.shape[-1], 3, f'conv_{level}')
            return layer(x, self.channels(level - 1), 3, f'conv_{level}_down', self.down)

        def from_image(x: Array, level: int) -> Array:
            return layer(x, self.channels(level), 1, f'from_image_{level}')

        x = growing.fall(images, stage, last, block, from_image, self.is_initializing())
        x = layer(MinibatchStd()(x), self.channels(0), 3, 'conv_0')
        features = act(equalized.Dense(self.channels(-1), GAIN, name='dense')(x.reshape(x.shape[0], -1)))
        logits = equalized.Dense(max(1, self.num_classes), name='logits')(features)
        if self.num_classes:
            logits = logits * jax.nn.one_hot(labels[0], self.num_classes, dtype=logits.dtype)
        return features, jnp.sum(logits, axis=-1)

    def channels(self, level: int) -> int:
        """The channels at a level; level -1 is the dense layer."""
        return growing.channels_at(level, self.channel_base, self.channel_max)
