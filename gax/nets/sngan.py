"""The residual networks of Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018,
appendix B, table 4; class-conditional as in Miyato and Koyama, "cGANs with Projection Discriminator", 2018.

Spectral normalisation is no part of the discriminator here (see `spectral_norm.spectral_norm`), but comes
with it: see PLAYER.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gax.core.bounds import Count, Fraction, Sizes
from gax.core.types import Array
from gax.nets.layers import ConditionalBatchNorm, Conv, Embed, doubled, halved, halved_shape, with_heads
from gax.nets.minibatch import Minibatch, see_batch

TAKES = ('image',)
PLAYER = {
    'Discriminator': {'spectral_norm': True}
}  # what choosing this family says of the player beside its network

# As in the authors' code: Glorot's bound times sqrt(2) where a ReLU follows or precedes, and plain elsewhere.
AFTER_RELU = nn.initializers.variance_scaling(2.0, 'fan_avg', 'uniform')
PLAIN = nn.initializers.glorot_uniform()


class Generator(nn.Module):
    """latents [B, Z] (and labels int [B]) -> images [B, H, W, C] in [-1, 1].

    Dense to widths[0] channels of H / 2^n, n = len(widths) - 1; a residual block of twice the size to each
    further width; batch-norm, ReLU, convolution, tanh. With classes, batch-norms are conditional. CIFAR-10:
    (256,) * 4.
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
            x = UpBlock(features, self.num_classes, self.momentum)(x, *label, train=train)
        x = nn.relu(ConditionalBatchNorm(0, self.momentum)(x, train=train))
        return jnp.tanh(Conv(self.shape[-1], 3, kernel_init=PLAIN)(x))


class UpBlock(nn.Module):
    """[B, H, W, C] -> [B, 2 H, 2 W, features]: BN, ReLU, nearest neighbours, conv, BN, ReLU, conv; the
    shortcut is 1x1.

    The shortcut's 1x1 convolution comes before its doubling, which is the same at a quarter of the work.
    """

    features: int
    num_classes: int
    momentum: float

    @nn.compact
    def __call__(self, x: Array, *label: Array, train: bool) -> Array:
        shortcut = doubled(Conv(self.features, 1, kernel_init=PLAIN, name='shortcut')(x))
        for resize in ('up', ''):
            x = ConditionalBatchNorm(self.num_classes, self.momentum)(x, *label, train=train)
            x = Conv(self.features, 3, kernel_init=AFTER_RELU, resize=resize)(nn.relu(x))
        return x + shortcut


class Discriminator(nn.Module):
    """images [B, H, W, C] (and labels int [B]) -> logits [B].

    A residual block for each width, of which the first `downs` halve the image; ReLU, the SUM over all
    pixels, dense. With classes the logit gets the inner product of these sums with the label's embedding.
    heads, minibatch: see `layers.with_heads` and `minibatch.see_batch`, with the sums as features. CIFAR-10:
    (128,) * 4, two halvings.
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
    """[B, H, W, C] -> [B, H / 2, W / 2, features] where `down`: ReLU, conv, ReLU, conv, average over 2x2
    pixels.

    The shortcut has a 1x1 convolution where the block halves or widens, after its average, which is the same
    at a quarter of the work. The `first` block, which sees pixels, begins without the ReLU.
    """

    features: int
    down: bool
    first: bool = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shortcut = halved(x) if self.down else x
        if self.down or x.shape[-1] != self.features:
            shortcut = Conv(self.features, 1, kernel_init=PLAIN, name='shortcut')(shortcut)
        x = Conv(self.features, 3, kernel_init=AFTER_RELU)(x if self.first else nn.relu(x))
        last = Conv(self.features, 3, kernel_init=AFTER_RELU, resize='down' if self.down else '')
        return last(nn.relu(x)) + shortcut
