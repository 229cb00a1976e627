"""The residual networks of SNGAN, class-conditional as in "cGANs with Projection Discriminator".

Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018, appendix B, table 4; Miyato
and Koyama, "cGANs with Projection Discriminator", 2018.

Spectral normalisation is not in the discriminator itself (see `spectral_norm.spectral_norm`). PLAYER turns it
on where this family is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gax.core.bounds import Count, Fraction, Sizes
from gax.core.types import Array
from gax.nets.layers import (
    ConditionalBatchNorm,
    Conv,
    Embed,
    Initializer,
    doubled,
    halved,
    halved_shape,
    with_heads,
)
from gax.nets.minibatch import Minibatch, see_batch

TAKES = ('image',)
# The fields that this family sets in a player's section outside `net`.
PLAYER = {'Discriminator': {'spectral_norm': True}}

# As in the authors' code: Glorot's bound, times sqrt(2) where a ReLU follows or precedes.
AFTER_RELU = nn.initializers.variance_scaling(2.0, 'fan_avg', 'uniform')
PLAIN = nn.initializers.glorot_uniform()


class Generator(nn.Module):
    """latents [B, Z] (and labels int [B]) -> images [B, H, W, C] in [-1, 1].

    A dense layer makes widths[0] channels of H / 2^n, n = len(widths) - 1. A residual block doubles the size
    for each further width. Batch-norm, ReLU, convolution and tanh follow. CIFAR-10: (256,) * 4.

    Attributes:
      shape: (H, W, C).
      widths: The channels at each size, the smallest size first.
      momentum: That of the running averages of batch-norm.
      num_classes: The number of classes, for conditional batch-norms; 0 for no labels.
    """

    shape: Sequence[int]
    widths: Sizes = (256, 256, 256, 256)
    momentum: Fraction = 0.9
    num_classes: int = 0

    @nn.compact
    def __call__(self, z: Array, *label: Array, train: bool) -> Array:
        height, width = halved_shape(self.shape, len(self.widths) - 1)
        x = nn.Dense(height * width * self.widths[0], kernel_init=PLAIN)(z)
        x = x.reshape(-1, height, width, self.widths[0])
        for features in self.widths[1:]:
            norm = partial(ConditionalBatchNorm, self.num_classes, self.momentum)
            x = UpBlock(features, norm)(x, *label, train=train)
        x = nn.relu(ConditionalBatchNorm(0, self.momentum)(x, train=train))
        return jnp.tanh(Conv(self.shape[-1], 3, kernel_init=PLAIN)(x))


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


class Discriminator(nn.Module):
    """images [B, H, W, C] (and labels int [B]) -> logits [B].

    There is a residual block for each width, of which the first `downs` halve the image. ReLU, the SUM over
    all pixels and a dense layer follow. With classes the inner product of these sums and the label's
    embedding is added to the logit. CIFAR-10: (128,) * 4, two halvings.

    Attributes:
      widths: The channels of each block.
      downs: The number of halvings.
      minibatch: See `minibatch.see_batch`, with the sums as features.
      num_classes: The number of classes; 0 for no labels.
      heads: See `layers.with_heads`, with the sums as features.
    """

    widths: Sizes = (128, 128, 128, 128)
    downs: Count = 2
    minibatch: Minibatch = ''
    num_classes: int = 0
    heads: Mapping[str, int] | None = None

    @nn.compact
    def __call__(self, x: Array, *label: Array, train: bool) -> Any:
        halved_shape(x.shape[1:], self.downs, 'd.net.downs')
        for i, features in enumerate(self.widths):
            x = DownBlock(features, down=i < self.downs, first=i == 0)(x)
        x = jnp.sum(nn.relu(x), axis=(1, 2))
        logits = nn.Dense(1, kernel_init=PLAIN)(see_batch(self.minibatch, x))[:, 0]
        if self.num_classes:
            logits = logits + jnp.sum(Embed(self.num_classes, x.shape[-1], PLAIN)(*label) * x, axis=-1)
        return with_heads(x, logits, self.heads)


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
