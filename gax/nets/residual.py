"""What the residual networks of SNGAN, SAGAN, BigGAN and BigGAN-deep share: blocks, and both ends.

Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018, appendix B, table 4; Miyato
and Koyama, "cGANs with Projection Discriminator", 2018; Zhang et al., "Self-Attention Generative Adversarial
Networks", 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gax.core.types import Array
from gax.nets.attention import SelfAttention, after_blocks
from gax.nets.layers import Conv, Embed, Initializer, doubled, halved, halved_shape, with_heads
from gax.nets.minibatch import see_batch

# As in the authors' code: Glorot's bound, times sqrt(2) where a ReLU follows or precedes.
AFTER_RELU = nn.initializers.variance_scaling(2.0, 'fan_avg', 'uniform')
PLAIN = nn.initializers.glorot_uniform()


def first_features(z: Array, shape: Sequence[int], widths: Sequence[int], init: Initializer) -> Array:
    """The features of a generator before its blocks, by a dense layer. Call it within a compact module.

    Args:
      z: Latents [B, Z].
      shape: The shape of the images, (H, W, C).
      widths: The channels at each size, of which each further one has twice the sides.
      init: The initializer of the kernel.

    Returns:
      [B, H / 2^n, W / 2^n, widths[0]], n = len(widths) - 1.

    Raises:
      GaxError: The sides cannot be halved so often.
    """
    height, width = halved_shape(shape, len(widths) - 1)
    x = nn.Dense(height * width * widths[0], kernel_init=init)(z)
    return x.reshape(-1, height, width, widths[0])


class UpBlock(nn.Module):
    """BN, ReLU, doubling, conv, BN, ReLU, conv: [B, H, W, C] -> [B, 2 H, 2 W, features].

    The shortcut's 1x1 convolution comes before its doubling, which is the same at a quarter of the work.

    Attributes:
      features: The number of output channels.
      norm: () -> a module that normalises: (x, *condition, train=...) -> an array of the shape of x.
      kernel_init: The initializer of the 3x3 convolutions.
      shortcut_init: That of the shortcut's.
    """

    features: int
    norm: Callable[[], nn.Module]
    kernel_init: Initializer = AFTER_RELU
    shortcut_init: Initializer = PLAIN

    @nn.compact
    def __call__(self, x: Array, *condition: Array, train: bool) -> Array:
        shortcut = doubled(Conv(self.features, 1, kernel_init=self.shortcut_init, name='shortcut')(x))
        for resize in ('up', ''):
            x = self.norm()(x, *condition, train=train)
            x = Conv(self.features, 3, kernel_init=self.kernel_init, resize=resize)(nn.relu(x))
        return x + shortcut


class DownBlock(nn.Module):
    """ReLU, conv, ReLU, conv and, where `down`, a halving: [B, H, W, C] -> [B, H / 2, W / 2, features].

    The shortcut has a 1x1 convolution where the block halves or widens. It comes after the shortcut's
    halving, which is the same at a quarter of the work.

    Attributes:
      features: The number of output channels.
      down: Whether the block halves the image.
      first: Whether the block's inputs are pixels; it then begins without the ReLU.
      kernel_init: The initializer of the 3x3 convolutions.
      shortcut_init: That of the shortcut's.
    """

    features: int
    down: bool
    first: bool = False
    kernel_init: Initializer = AFTER_RELU
    shortcut_init: Initializer = PLAIN

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shortcut = halved(x) if self.down else x
        if self.down or x.shape[-1] != self.features:
            shortcut = Conv(self.features, 1, kernel_init=self.shortcut_init, name='shortcut')(shortcut)
        x = Conv(self.features, 3, kernel_init=self.kernel_init)(x if self.first else nn.relu(x))
        last = Conv(self.features, 3, kernel_init=self.kernel_init, resize='down' if self.down else '')
        return last(nn.relu(x)) + shortcut


def down_blocks(
    x: Array, widths: Sequence[int], downs: int, attention: Sequence[int], init: Initializer
) -> Array:
    """A `DownBlock` for each width, and self-attention. Call it within a compact module.

    Args:
      x: Images [B, H, W, C].
      widths: The channels of each block.
      downs: The number of halvings.
      attention: The blocks after which self-attention comes, counted from 1.
      init: The initializer of all kernels.

    Returns:
      Feature maps [B, H / 2^downs, W / 2^downs, widths[-1]].

    Raises:
      GaxError: The sides cannot be halved so often, or there is no such block.
    """
    halved_shape(x.shape[1:], downs, 'd.net.downs')
    after_blocks(attention, len(widths), 'd.net.attention')
    for number, features in enumerate(widths, start=1):
        x = DownBlock(features, number <= downs, number == 1, init, init)(x)
        if number in attention:
            x = SelfAttention(init)(x)
    return x


def projected(
    x: Array,
    minibatch: str,
    num_classes: int,
    heads: Mapping[str, int] | None,
    init: Initializer,
    *label: Array,
) -> Any:
    """Logits of feature maps, by their sums over pixels. Call it within a compact module.

    Args:
      x: Feature maps [B, H, W, C].
      minibatch: See `minibatch.see_batch`.
      num_classes: The number of classes; 0 for no labels.
      heads: See `layers.with_heads`.
      init: The initializer of the dense layer and of the embedding.
      *label: The labels int [B], where there are classes.

    Returns:
      As `layers.with_heads`.
    """
    x = jnp.sum(nn.relu(x), axis=(1, 2))
    logits = nn.Dense(1, kernel_init=init)(see_batch(minibatch, x))[:, 0]
    if num_classes:
        logits = logits + jnp.sum(Embed(num_classes, x.shape[-1], init)(*label) * x, axis=-1)
    return with_heads(x, logits, heads)
