"""Layers with an equalised learning rate, as ProGAN and the StyleGANs have them.

Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018, section
4.1: parameters begin as N(0, 1), and a layer divides them by sqrt(fan-in) each time it is used. Adam moves
all parameters at about one speed, so that all layers learn at one speed relative to their scale. ProGAN and
StyleGAN put the gain of the activation, sqrt(2), into the weights (`gain`); StyleGAN2 puts it into the
activation (`leaky_relu`).
"""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from gax.core.types import Array
from gax.nets.ops import conv

SLOPE = 0.2
GAIN = 2**0.5  # of leaky_relu
Convolve = Callable[[Array, Array], Array]  # images [B, H, W, C], kernel [k, k, C, C'] -> [B, H', W', C']


def leaky_relu(x: Array, gain: float = 1.0) -> Array:
    """`gain` sqrt(2) max(x, 0.2 x), any shape; for x ~ N(0, 1) and gain 1 its second moment is 1.04.

    Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020, appendix B, and its code.
    """
    return jnp.maximum(x, SLOPE * x) * (GAIN * gain)


def unit(x: Array) -> Array:
    """x / sqrt(the mean of x^2 over the last axis + 1e-8), any shape.

    Karras et al., 2018, section 4.2, "pixelwise feature vector normalization". For latents: StyleGAN's
    normalisation of z.
    """
    return x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + 1e-8)


def scaled(
    module: nn.Module,
    shape: tuple[int, ...],
    gain: float = 1.0,
    multiplier: float = 1.0,
    name: str = 'kernel',
) -> Array:
    """The weights of a layer: the parameter, times multiplier * gain / sqrt(fan-in).

    Call it within a compact module.

    Args:
      module: The layer.
      shape: [..., inputs, outputs]; the fan-in is the product of all but the last.
      gain: The standard deviation of the weights at the beginning is gain / sqrt(fan-in).
      multiplier: The speed relative to other layers. The parameter begins as N(0, 1 / multiplier^2), so that
        the weights at the beginning do not depend on it.
      name: The name of the parameter.

    Returns:
      float32 of this shape.
    """
    fan_in = 1
    for size in shape[:-1]:
        fan_in *= size
    parameter = module.param(name, nn.initializers.normal(1 / multiplier), shape)
    return parameter * (multiplier * gain / fan_in**0.5)


def bias_of(
    module: nn.Module, features: int, ndim: int, start: float = 0.0, multiplier: float = 1.0
) -> Array:
    """The bias of a layer, [1, ..., 1, features] with `ndim` axes. The parameter begins at `start`."""
    bias = module.param('bias', nn.initializers.constant(start), (features,)) * multiplier
    return bias.reshape(*[1] * (ndim - 1), features)


class Dense(nn.Module):
    """A linear map [..., C] -> [..., features].

    Attributes:
      features: The number of outputs.
      gain: See `scaled`.
      multiplier: See `scaled`; the bias is multiplied by it, too.
      use_bias: Whether a bias is added.
      bias_start: The value at which the bias's parameter begins.
    """

    features: int
    gain: float = 1.0
    multiplier: float = 1.0
    use_bias: bool = True
    bias_start: float = 0.0

    @nn.compact
    def __call__(self, x: Array) -> Array:
        kernel = scaled(self, (x.shape[-1], self.features), self.gain, self.multiplier)
        x = x @ kernel.astype(x.dtype)
        if not self.use_bias:
            return x
        return x + bias_of(self, self.features, x.ndim, self.bias_start, self.multiplier).astype(x.dtype)


class Conv(nn.Module):
    """A convolution [B, H, W, C] -> [B, H', W', features] with a square kernel, zeros outside.

    Attributes:
      features: The number of output channels.
      kernel: The side of the kernel, k.
      gain: See `scaled`; the fan-in is k k C.
      multiplier: See `scaled`.
      use_bias: Whether a bias is added.
      convolve: (images, kernel) -> images: `ops.conv.conv`, or one that resamples as well (see fir.py).
    """

    features: int
    kernel: int
    gain: float = 1.0
    multiplier: float = 1.0
    use_bias: bool = True
    convolve: Convolve = conv.conv

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (self.kernel, self.kernel, x.shape[-1], self.features)
        x = self.convolve(x, scaled(self, shape, self.gain, self.multiplier).astype(x.dtype))
        if not self.use_bias:
            return x
        return x + bias_of(self, self.features, 4, 0.0, self.multiplier).astype(x.dtype)
