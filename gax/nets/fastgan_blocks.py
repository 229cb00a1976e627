"""The layers and blocks of FastGAN: gated linear units, skip-layer excitation, learned noise.

Dauphin et al., "Language Modeling with Gated Convolutional Networks", 2017, eq. 1 (GLU); Liu et al., "Towards
Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis" (FastGAN), 2021, section 3.1;
Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks", 2019, section 3.2
(noise).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gax.core.types import Array
from gax.nets.layers import Conv, halved, leaky_relu

POOLED = 4  # the side of what a skip-layer excitation sees
NORMAL = nn.initializers.normal(0.02)


def gated(x: Array) -> Array:
    """GLU: the first half of the channels, times the sigmoid of the second: [..., 2 C] -> [..., C]."""
    values, gates = jnp.split(x, 2, axis=-1)
    return values * nn.sigmoid(gates)


@cache
def windows(size: int, count: int) -> np.ndarray:
    """The matrix [count, size] of adaptive mean pooling along one side.

    Row i is the mean over the places floor(i size / count) to ceil((i + 1) size / count), which overlap where
    `count` does not divide `size`.
    """
    matrix: np.ndarray = np.zeros((count, size), np.float32)
    for i in range(count):
        start, stop = i * size // count, -((-(i + 1) * size) // count)
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix


def pooled(x: Array, side: int = POOLED) -> Array:
    """Adaptive mean pooling: [B, H, W, C] -> [B, side, side, C]. A side may be smaller than `side`."""
    if x.shape[1:3] == (side, side):
        return x
    rows, columns = (jnp.asarray(windows(size, side), x.dtype) for size in x.shape[1:3])
    return jnp.einsum('ih,bhwc,jw->bijc', rows, x, columns)


class SkipExcitation(nn.Module):
    """Scales channels of one feature map by a function of another: [B, h, w, C'] and [B, H, W, C] ->
    [B, H, W, C].

    FastGAN, eq. 1: the scales are sigmoid(1x1(silu(4x4(pooled to 4x4)))), without biases.
    """

    @nn.compact
    def __call__(self, source: Array, x: Array) -> Array:
        shape = (POOLED, POOLED, source.shape[-1], x.shape[-1])
        kernel = self.param('kernel', NORMAL, shape).astype(x.dtype)
        y = nn.silu(jnp.einsum('bhwc,hwcd->bd', pooled(source), kernel))
        y = nn.Dense(x.shape[-1], use_bias=False, kernel_init=NORMAL)(y)
        return x * nn.sigmoid(y)[:, None, None]


class Noise(nn.Module):
    """Adds normal noise, one number for each pixel, times a learned number that begins at 0.

    [B, H, W, C] -> [B, H, W, C]. Random numbers are drawn from the stream 'noise', in training and outside.
    """

    @nn.compact
    def __call__(self, x: Array) -> Array:
        weight = self.param('weight', nn.initializers.zeros, ())
        noise = jax.random.normal(self.make_rng('noise'), (*x.shape[:-1], 1), x.dtype)
        return x + weight.astype(x.dtype) * noise


class NoisyBatchNorm(nn.Module):
    """Batch-norm (momentum 0.9, epsilon 1e-5), after `Noise` if asked.

    Its scales begin at 1. In the authors' code they begin at N(1, 0.02^2).

    Attributes:
      noise: Whether noise is added first.
    """

    noise: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        x = Noise()(x) if self.noise else x
        return nn.BatchNorm(not train, momentum=0.9, epsilon=1e-5)(x)


def channels(width: int, relative: float) -> int:
    """The channels of a layer, at least 1."""
    return max(1, int(width * relative))


class First(nn.Module):
    """latents [B, Z] -> [B, height, width, features]: a transposed convolution of one pixel, batch-norm, GLU.

    The kernel is [height, width, Z, 2 features], so that its largest singular value is that of the
    convolution's matrix, with a column for each channel.
    """

    features: int
    height: int
    width: int

    @nn.compact
    def __call__(self, z: Array, train: bool) -> Array:
        shape = (self.height, self.width, z.shape[-1], 2 * self.features)
        kernel = self.param('kernel', NORMAL, shape).astype(z.dtype)
        return gated(NoisyBatchNorm()(jnp.einsum('bz,hwzc->bhwc', z, kernel), train))


class UpBlock(nn.Module):
    """[B, H, W, C] -> [B, 2 H, 2 W, features], see `Generator`; `thorough`: with noise and a second 3x3."""

    features: int
    thorough: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        x = conv(2 * self.features, 3, resize='up')(x)
        x = gated(NoisyBatchNorm(self.thorough)(x, train))
        if not self.thorough:
            return x
        return gated(NoisyBatchNorm(True)(conv(2 * self.features, 3)(x), train))


class Stem(nn.Module):
    """[B, H, W, C] -> [B, H / 2^times, W / 2^times, features]; batch-norm in all layers but the first.

    A 3x3 convolution where nothing is halved, else `times` of 4x4 with stride 2, of growing width.
    """

    features: int
    times: int

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        if not self.times:
            return leaky_relu(0.2)(conv(self.features, 3)(x))
        for level in range(self.times):
            x = conv(channels(self.features, 0.5 ** (self.times - 1 - level)), 4, stride=2, padding=1)(x)
            x = leaky_relu(0.2)(NoisyBatchNorm()(x, train) if level else x)
        return x


class DownBlock(nn.Module):
    """[B, H, W, C] -> [B, H / 2, W / 2, features]: the mean of two branches.

    One is 4x4 with stride 2 and 3x3, the other a halving and 1x1; batch-norm and leaky ReLU after each.
    """

    features: int

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        act = leaky_relu(0.2)
        y = act(NoisyBatchNorm()(conv(self.features, 4, stride=2, padding=1)(x), train))
        y = act(NoisyBatchNorm()(conv(self.features, 3)(y), train))
        direct = act(NoisyBatchNorm()(conv(self.features, 1)(halved(x)), train))
        return (y + direct) / 2


def conv(features: int, kernel: int, **fields: Any) -> Conv:
    """A convolution without bias, of the initial kernels that the authors meant, N(0, 0.02^2)."""
    return Conv(features, kernel, use_bias=False, kernel_init=NORMAL, **fields)


def shrunk(x: Array, times: int) -> Array:
    """Means over squares of 2^times pixels a side: [B, H, W, C] -> [B, H / 2^times, W / 2^times, C]."""
    for _ in range(times):
        x = halved(x)
    return x


def quarter(x: Array, index: Array) -> Array:
    """One of the four quarters of images: [B, H, W, C] and an int from 0 to 3 -> [B, H / 2, W / 2, C]."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, 2, height // 2, 2, width // 2, channels).transpose(1, 3, 0, 2, 4, 5)
    x = x.reshape(4, batch, height // 2, width // 2, channels)
    return lax.dynamic_index_in_dim(x, index, keepdims=False)
