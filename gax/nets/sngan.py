"""The residual networks of SNGAN, class-conditional as in "cGANs with Projection Discriminator".

Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018, appendix B, table 4; Miyato
and Koyama, "cGANs with Projection Discriminator", 2018.

Spectral normalisation is not in the discriminator itself (see `spectral_norm.spectral_norm`). PLAYER turns it
on where this family is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gax.core.bounds import Count, Fraction, Sizes
from gax.core.types import Array
from gax.nets.layers import ConditionalBatchNorm, Conv, halved_shape
from gax.nets.minibatch import Minibatch
from gax.nets.residual import PLAIN, DownBlock, UpBlock, first_features, projected

TAKES = ('image',)
# The fields that this family sets in a player's section outside `net`.
PLAYER = {'Discriminator': {'spectral_norm': True}}


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
        x = first_features(z, self.shape, self.widths, PLAIN)
        for features in self.widths[1:]:
            norm = partial(ConditionalBatchNorm, self.num_classes, self.momentum)
            x = UpBlock(features, norm)(x, *label, train=train)
        x = nn.relu(ConditionalBatchNorm(0, self.momentum)(x, train=train))
        return jnp.tanh(Conv(self.shape[-1], 3, kernel_init=PLAIN)(x))


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
        return projected(x, self.minibatch, self.num_classes, self.heads, PLAIN, *label)
