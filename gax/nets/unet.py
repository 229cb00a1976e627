"""U-Nets: a translator of images, and a discriminator with a logit for every pixel.

Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015; as a translator
Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017, section 6.1.1; as a
discriminator Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data",
2021, section 3.2.

Images of any size from 2^n pixels a side, n the number of halvings: their sides are padded to multiples of
2^n by reflection, and the result is cropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gax.core.bounds import Count, Fraction, Sizes
from gax.core.types import Array
from gax.nets.fir import smooth_doubled
from gax.nets.layers import Conv, dropout, leaky_relu, with_heads
from gax.nets.norms import Norm, normalised
from gax.nets.sizes import cropped, padded

TAKES = ('image',)
# The fields that this family sets in a player's section outside `net`.
PLAYER = {'Discriminator': {'spectral_norm': True}}

INIT = nn.initializers.normal(0.02)  # of both papers' convolutions, the translator's
SLOPE = 0.2  # of the leaky ReLUs on the way down


class Translator(nn.Module):
    """images [B, H, W, C'] -> images [B, H, W, C] in [-1, 1].

    On the way down each width is a 4x4 convolution of stride 2, with a normalisation but for the first and
    the last one. On the way up each is a transposed one, whose result is joined with the features of its size
    from the way down. Convolutions that are normalised have no biases.

    pix2pix uses batch-norm with the statistics of the batch at test time too, and batches of one. Instance
    norm, the default here, is that for a batch of one and does not depend on the batch. With norm='batch',
    running averages are used outside of training.

    The paper's widths for 256 pixels: (64, 128, 256, 512, 512, 512, 512, 512).

    Attributes:
      shape: (H, W, C) of the result; H and W are not read.
      widths: The channels after each halving.
      norm: The normalisation, see `normalised`.
      dropout: The dropout rate in the first `dropped` layers on the way up.
      dropped: The number of layers with dropout.
      dropout_always: Whether there is dropout outside of training too, as in the paper, where it is the only
        noise. It is then drawn from the stream 'noise'.
    """

    shape: Sequence[int]
    widths: Sizes = (32, 64, 128, 256, 256)
    norm: Norm = 'instance'
    dropout: Fraction = 0.5
    dropped: Count = 3
    dropout_always: bool = False

    @nn.compact
    def __call__(self, image: Array, train: bool) -> Array:
        x, skips = padded(image, 2 ** len(self.widths), 'g.net.widths'), []
        last = len(self.widths) - 1
        for i, width in enumerate(self.widths):
            normed = self.norm if 0 < i < last else 'none'
            x = Conv(width, 4, 2, use_bias=normed == 'none', kernel_init=INIT)(
                leaky_relu(SLOPE)(x) if i else x
            )
            x = normalised(normed, x, train)
            skips.append(x)
        for i, (skip, width) in enumerate(zip(skips[-2::-1], self.widths[-2::-1], strict=True)):
            x = Conv(width, 4, 2, use_bias=self.norm == 'none', kernel_init=INIT, transpose=True)(nn.relu(x))
            x = self.dropped_out(normalised(self.norm, x, train), train, i)
            x = jnp.concatenate([x, skip], axis=-1)
        x = Conv(self.shape[-1], 4, 2, kernel_init=INIT, transpose=True)(nn.relu(x))
        return jnp.tanh(cropped(x, image))

    def dropped_out(self, x: Array, train: bool, layer: int) -> Array:
        """`x` after the dropout of this layer of the way up, if it has one."""
        on = layer < self.dropped and self.dropout and (train or self.dropout_always)
        if not on:
            return x
        return dropout(self.make_rng('noise' if self.dropout_always else 'dropout'), x, self.dropout)


class Discriminator(nn.Module):
    """images [B, H, W, C] -> logits [B, H, W].

    A 3x3 convolution, then a 4x4 one of stride 2 for each further width; on the way up bilinear doublings,
    each with a 3x3 convolution and the sum with the features of its size; three more convolutions. As in
    Real-ESRGAN, except that spectral normalisation is of every layer (there not of the first and the last).

    Attributes:
      widths: The channels at each size, the image's first.
      slope: The slope of the leaky ReLU.
      heads: See `layers.with_heads`; the features are means over pixels.
    """

    widths: Sizes = (64, 128, 256, 512)
    slope: Fraction = 0.2
    heads: Mapping[str, int] | None = None

    @nn.compact
    def __call__(self, image: Array, train: bool) -> Any:
        act = leaky_relu(self.slope)
        x = act(Conv(self.widths[0], 3)(padded(image, 2 ** (len(self.widths) - 1), 'd.net.widths')))
        skips = []
        for width in self.widths[1:]:
            skips.append(x)
            x = act(Conv(width, 4, 2, use_bias=False)(x))
        for skip in skips[::-1]:
            x = act(Conv(skip.shape[-1], 3, use_bias=False)(smooth_doubled(x))) + skip
        for _ in range(2):
            x = act(Conv(self.widths[0], 3, use_bias=False)(x))
        logits = cropped(Conv(1, 3)(x)[..., 0], image)
        return with_heads(jnp.mean(x, axis=(1, 2)), logits, self.heads)
