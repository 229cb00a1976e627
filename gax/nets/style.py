"""Layers of generators that are steered by styles: the mapping network, and modulated convolutions.

Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks", 2019 (the mapping),
and "Analyzing and Improving the Image Quality of StyleGAN", 2020 (modulation, section 2.2).
"""

from __future__ import annotations

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from gax import errors
from gax.core.types import Array
from gax.nets.equalized import Convolve, Dense, bias_of, leaky_relu, unit
from gax.nets.ops import conv


def doublings(shape: Sequence[int]) -> int:
    """How often the smallest image is doubled to (H, W, ...): until a side would be below 4, or odd.

    Raises:
      GaxError: The smallest image would still have 16 pixels a side.
    """
    height, width, count = *shape[:2], 0
    while min(height, width) >= 8 and not (height % 2 or width % 2):
        height, width, count = height // 2, width // 2, count + 1
    if min(height, width) >= 16:
        raise errors.GaxError(
            f'images are halved to about 4x4, and {shape[0]}x{shape[1]} can be halved {count} times, to '
            f'{height}x{width}: set data.image_size to a multiple of a larger power of 2'
        )
    return count


def widths(count: int, base: int, most: int) -> list[int]:
    """The channels at 4, 8, ... 4 * 2^count pixels."""
    return [max(1, min(base // (4 * 2**i), most)) for i in range(count + 1)]


def noise_of(module: nn.Module, batch: int, shape: Sequence[int], halvings: int) -> Array:
    """Normal numbers for both layers of a size of a synthesis network, from the stream `noise` of the module.

    Args:
      module: The network.
      batch: The number of examples.
      shape: The shape of the images, (H, W, C).
      halvings: How often the sides are halved.

    Returns:
      float32 [batch, H / 2^halvings, W / 2^halvings, 2].
    """
    return jax.random.normal(module.make_rng('noise'), (batch, *(side >> halvings for side in shape[:2]), 2))


class Mapping(nn.Module):
    """Latents [B, Z], labels int [B], or both -> w [B, features].

    Labels are embedded linearly, latents and embedding are normalised by `equalized.unit` and concatenated,
    and `layers` dense layers with leaky ReLU follow.

    Attributes:
      features: The size of w, and of the embedding.
      layers: The number of dense layers.
      multiplier: Their learning rate relative to other layers', see `equalized.scaled`.
      num_classes: The number of classes; 0 for no labels.
    """

    features: int
    layers: int
    multiplier: float = 0.01
    num_classes: int = 0

    @nn.compact
    def __call__(self, z: Array | None, *label: Array) -> Array:
        parts = [] if z is None else [unit(z)]
        if self.num_classes:
            rows = jax.nn.one_hot(label[0], self.num_classes, dtype=jnp.float32)
            embedded = unit(Dense(self.features, name='embed')(rows))
            parts.append(embedded if z is None else embedded.astype(z.dtype))
        x = jnp.concatenate(parts, axis=-1)
        for i in range(self.layers):
            x = leaky_relu(Dense(self.features, multiplier=self.multiplier, name=f'dense_{i}')(x))
        return x


class AveragedMapping(nn.Module):
    """Latents [B, Z] (and labels int [B]) -> w for each layer of a synthesis network, [B, count, features].

    Each layer has the same w. The moving average of w over the batches of training is kept as `w_average`
    [features] in the collection `statistics`, for truncation.

    Attributes:
      count: How many layers read w.
      features: See `Mapping`.
      layers: See `Mapping`.
      multiplier: See `Mapping`.
      decay: The share of the old average.
      num_classes: The number of classes; 0 for no labels.
    """

    count: int
    features: int
    layers: int
    multiplier: float
    decay: float
    num_classes: int = 0

    @nn.compact
    def __call__(self, z: Array, *label: Array, train: bool) -> Array:
        w = Mapping(self.features, self.layers, self.multiplier, self.num_classes, name='mapping')(z, *label)
        average = self.variable('statistics', 'w_average', jnp.zeros, (self.features,), jnp.float32)
        if train:
            mean = jnp.mean(w.astype(jnp.float32), axis=0)
            average.value = mean + self.decay * (average.value - mean)
        return jnp.broadcast_to(w[:, None], (w.shape[0], self.count, self.features))


def modulated(
    x: Array, kernel: Array, style: Array, demodulate: bool = True, convolve: Convolve = conv.conv
) -> Array:
    """Convolution with a kernel whose input channels are scaled for each example.

    Karras et al., 2020, eq. 1 and 3: kernel' = s kernel, and demodulated kernel' / sqrt(sum kernel'^2 +
    1e-8), the sum over taps and input channels. Images are scaled in place of kernels, before and after one
    convolution for all examples: a kernel for each example would be a grouped convolution, which is slow on
    every platform.

    Args:
      x: Float [B, H, W, C].
      kernel: Float [k, k, C, C'].
      style: s, float [B, C].
      demodulate: Whether outputs are divided by the norm of their kernel'.
      convolve: (images, kernel) -> images.

    Returns:
      [B, H', W', C'] of the dtype of x.
    """
    y = convolve(x * style[:, None, None, :].astype(x.dtype), kernel.astype(x.dtype))
    if not demodulate:
        return y
    squares = jnp.square(style) @ jnp.sum(jnp.square(kernel), axis=(0, 1))
    return y * jax.lax.rsqrt(squares + 1e-8)[:, None, None, :].astype(x.dtype)


class StyledConv(nn.Module):
    """A modulated 3x3 convolution, noise, bias and leaky ReLU: x [B, H, W, C], w [B, W] -> [B, H', W',
    features].

    The style is a linear map of w that begins around 1. `noise` [B, H', W', 1] is multiplied by a learned
    number that begins at 0.

    Attributes:
      features: The number of output channels.
      gain: See `equalized.leaky_relu`.
      convolve: (images, kernel) -> images.
    """

    features: int
    gain: float = 1.0
    convolve: Convolve = conv.conv

    @nn.compact
    def __call__(self, x: Array, w: Array, noise: Array) -> Array:
        style = Dense(x.shape[-1], bias_start=1.0, name='affine')(w)
        kernel = self.param('kernel', nn.initializers.normal(1.0), (3, 3, x.shape[-1], self.features))
        strength = self.param('noise', nn.initializers.zeros, ())
        x = modulated(x, kernel, style, convolve=self.convolve)
        x = x + strength.astype(x.dtype) * noise.astype(x.dtype)
        return leaky_relu(x + bias_of(self, self.features, 4).astype(x.dtype), self.gain)


class StyledColors(nn.Module):
    """A modulated 1x1 convolution without demodulation: x [B, H, W, C], w [B, W] -> [B, H, W, channels].

    Attributes:
      channels: The number of output channels.
    """

    channels: int

    @nn.compact
    def __call__(self, x: Array, w: Array) -> Array:
        style = Dense(x.shape[-1], bias_start=1.0, name='affine')(w) * x.shape[-1] ** -0.5
        kernel = self.param('kernel', nn.initializers.normal(1.0), (1, 1, x.shape[-1], self.channels))
        x = modulated(x, kernel, style, demodulate=False)
        return x + bias_of(self, self.channels, 4).astype(x.dtype)
