"""Deep convolutional networks without residuals, as in the TensorFlow tutorial, and class-conditional.

Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks", 2016.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gax import errors
from gax.core.bounds import Fraction, Size, Sizes
from gax.core.types import Array
from gax.nets.layers import (
    Activation,
    ConditionalBatchNorm,
    Conv,
    Dropout,
    Embed,
    Slope,
    activation,
    batch_norm,
    leaky_relu,
    with_heads,
)
from gax.nets.minibatch import Minibatch, see_batch

TAKES = ('image',)


class Generator(nn.Module):
    """latents [B, Z] (and labels int [B]) -> images [B, H, W, C] in [-1, 1].

    A dense layer makes widths[0] channels at H / prod(strides). Then comes one transposed convolution for
    each stride, to widths[1], ..., C, with batch-norm and leaky ReLU between. Layers before a batch-norm have
    no biases. Labels are embedded, and the embedding multiplies the latents. (Concatenating the two instead
    let the first batch-norm scale the latents away: after 700 steps on digits the images of a class differed
    by a standard deviation of 0.02 per pixel, here by 0.28.)

    Attributes:
      shape: (H, W, C).
      widths: The channels before each transposed convolution.
      strides: The stride of each transposed convolution.
      kernel: The side of the kernels.
      slope: The slope of the leaky ReLU.
      num_classes: The number of classes; 0 for no labels.
      momentum: That of the running averages of batch-norm.
      class_norm: Whether the batch-norms have a scale and an offset for each label. The latents are then not
        multiplied.
    """

    shape: Sequence[int]
    widths: Sizes = (256, 128, 64)
    strides: Sizes = (1, 2, 2)
    kernel: Size = 5
    slope: float = 0.3
    num_classes: int = 0
    momentum: Fraction = 0.99
    class_norm: bool = False

    @nn.compact
    def __call__(self, z: Array, *label: Array, train: bool) -> Array:
        height, width, channels = base_shape(self.shape, self.strides, self.widths)
        if self.class_norm and not self.num_classes:
            raise errors.GaxError(
                'config.g.net.class_norm is for labels, and this game gives its networks none'
            )

        def normed(x: Array) -> Array:
            if self.class_norm:
                norm = ConditionalBatchNorm(self.num_classes, self.momentum, epsilon=1e-3)
                return leaky_relu(self.slope)(norm(x, *label, train=train))
            return leaky_relu(self.slope)(batch_norm(train, self.momentum)(x))

        if self.num_classes and not self.class_norm:
            z = z * Embed(self.num_classes, z.shape[-1])(*label)
        x = nn.Dense(height * width * channels, use_bias=False, kernel_init=nn.initializers.glorot_uniform())(
            z
        )
        # One mean and variance for each unit here, as in the tutorial, because the reshape comes after. Below
        # there is one for each channel.
        x = normed(x).reshape(-1, height, width, channels)
        for features, stride in zip(self.widths[1:], self.strides[:-1], strict=True):
            x = normed(Conv(features, self.kernel, stride, use_bias=False, transpose=True)(x))
        return jnp.tanh(
            Conv(self.shape[-1], self.kernel, self.strides[-1], use_bias=False, transpose=True)(x)
        )


class Discriminator(nn.Module):
    """images [B, H, W, C] (and labels int [B]) -> logits [B].

    With classes, the inner product of the features and the label's embedding is added to the logit (Miyato
    and Koyama, "cGANs with Projection Discriminator", 2018, eq. 3).

    Attributes:
      widths: The channels of the convolutions, each of stride 2.
      kernel: The side of the kernels.
      slope: The slope of the leaky ReLU.
      dropout: The dropout rate after each convolution.
      minibatch: See `minibatch.see_batch`; only the logits read its layer, the heads do not.
      num_classes: The number of classes; 0 for no labels.
      heads: See `layers.with_heads`.
    """

    widths: Sizes = (64, 128)
    kernel: Size = 5
    slope: float = 0.3
    dropout: Fraction = 0.3
    minibatch: Minibatch = ''
    num_classes: int = 0
    heads: Mapping[str, int] | None = None

    @nn.compact
    def __call__(self, x: Array, *label: Array, train: bool) -> Any:
        for width in self.widths:
            x = leaky_relu(self.slope)(Conv(width, self.kernel, stride=2)(x))
            x = Dropout(self.dropout)(x, train)
        compared, x = see_batch(self.minibatch, x), x.reshape(x.shape[0], -1)
        logits = nn.Dense(1, kernel_init=nn.initializers.glorot_uniform())(compared)[:, 0]
        if self.num_classes:
            embedded = Embed(self.num_classes, x.shape[-1], nn.initializers.normal(x.shape[-1] ** -0.5))(
                *label
            )
            logits = logits + jnp.sum(embedded * x, axis=-1)
        return with_heads(x, logits, self.heads)


class Trunk(nn.Module):
    """images [B, H, W, C] -> features [B, F], for the modules of encoder.py.

    Each width is a convolution of stride 2, the activation and dropout. No normalisation, so that examples do
    not depend on one another.

    Attributes:
      widths: The channels of the convolutions.
      kernel: The side of the kernels.
      activation: The activation.
      slope: The slope of 'leaky_relu'.
      dropout: The dropout rate.
    """

    widths: Sizes = (32, 64)
    kernel: Size = 4
    activation: Activation = 'leaky_relu'
    slope: Slope = 0.2
    dropout: Fraction = 0.0

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        for width in self.widths:
            x = activation(self.activation, self.slope)(Conv(width, self.kernel, stride=2)(x))
            x = Dropout(self.dropout)(x, train)
        return x.reshape(x.shape[0], -1)


def base_shape(shape: Sequence[int], strides: Sequence[int], widths: Sequence[int]) -> tuple[int, int, int]:
    """Height, width and channels of the generator's first layer.

    Args:
      shape: (H, W, C) of the images.
      strides: The stride of each transposed convolution.
      widths: The channels before each.

    Returns:
      (height, width, channels).

    Raises:
      GaxError: The image does not have such a shape, or there are not as many strides as widths.
    """
    if len(strides) != len(widths):
        raise errors.GaxError(
            f'g.net.strides {tuple(strides)} and g.net.widths {tuple(widths)} must be of one length'
        )
    factor = prod(strides)
    height, width, _ = shape
    if height % factor or width % factor:
        raise errors.GaxError(
            f'dcgan cannot make {height}x{width} images: both sides must be multiples of {factor} '
            '(the product of g.net.strides); '
            f'set data.image_size to such a size, e.g. {max(1, height // factor) * factor}'
        )
    return height // factor, width // factor, widths[0]
