"""Multi-layer perceptrons, for images (flattened) and for points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import flax.linen as nn
import jax.numpy as jnp

from gax.core.bounds import Fraction, Only, Size, Sizes, one_of
from gax.core.types import Array
from gax.nets.layers import ACTIVATIONS, Activation, Dropout, Slope, activation, batch_norm, with_heads
from gax.nets.minibatch import Minibatch, see_batch


class Generator(nn.Module):
    """latents [B, Z] -> [B, *shape]; images [H, W, C] through tanh, in [-1, 1].

    A hidden layer is dense, then batch-norm, then the activation.

    Attributes:
      shape: The shape of an example.
      widths: The hidden layers.
      activation: The activation of the hidden layers.
      slope: The slope of 'leaky_relu'.
      batch_norm: Whether hidden layers have batch-norm.
      batch_norm_first: Whether the first one has it too: the tutorials have none there, PacGAN has.
      momentum: That of the running averages of batch-norm.
    """

    shape: Sequence[int]
    widths: Sizes = (128, 256, 512, 1024)
    activation: Activation = 'leaky_relu'
    slope: Slope = 0.01
    batch_norm: bool = True
    batch_norm_first: Annotated[bool, Only('batch_norm', True)] = False
    momentum: Annotated[Fraction, Only('batch_norm', True)] = 0.8

    @nn.compact
    def __call__(self, z: Array, train: bool) -> Array:
        x = z
        for i, width in enumerate(self.widths):
            x = nn.Dense(width)(x)
            if self.batch_norm and (i > 0 or self.batch_norm_first):
                x = batch_norm(train, self.momentum, epsilon=1e-5)(x)
            x = activation(self.activation, self.slope)(x)
        size = 1
        for n in self.shape:
            size *= n
        x = nn.Dense(size)(x).reshape(-1, *self.shape)
        return jnp.tanh(x) if len(self.shape) == 3 else x


MaxoutToo = Annotated[str, one_of((*ACTIVATIONS, 'maxout'))]


class Discriminator(nn.Module):
    """[B, ...] flattened -> logits [B]; dropout after every hidden activation.

    Attributes:
      widths: The hidden layers.
      activation: An activation of `layers.activation`, or 'maxout': each unit is the largest of `pieces`
        affine maps (Goodfellow et al., "Maxout Networks", 2013, section 2).
      slope: The slope of 'leaky_relu'.
      dropout: The dropout rate.
      pieces: The number of affine maps of a 'maxout' unit.
      minibatch: See `minibatch.see_batch`; only the logits read its layer, the heads do not.
      heads: See `layers.with_heads`.
    """

    widths: Sizes = (1024, 512, 256)
    activation: MaxoutToo = 'leaky_relu'
    slope: Slope = 0.01
    dropout: Fraction = 0.3
    pieces: Annotated[Size, Only('activation', 'maxout')] = 5
    minibatch: Minibatch = ''
    heads: Mapping[str, int] | None = None

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Any:
        x = x.reshape(x.shape[0], -1)
        for width in self.widths:
            if self.activation == 'maxout':
                x = jnp.max(nn.Dense(width * self.pieces)(x).reshape(-1, width, self.pieces), axis=-1)
            else:
                x = activation(self.activation, self.slope)(nn.Dense(width)(x))
            x = Dropout(self.dropout)(x, train)
        return with_heads(x, nn.Dense(1)(see_batch(self.minibatch, x))[:, 0], self.heads)


class Trunk(nn.Module):
    """[B, ...] flattened -> features [B, F], for the modules of encoder.py.

    Each width is a dense layer, the activation and dropout. No normalisation, so that examples do not depend
    on one another.

    Attributes:
      widths: The dense layers.
      activation: The activation.
      slope: The slope of 'leaky_relu'.
      dropout: The dropout rate.
    """

    widths: Sizes = (32, 64)
    activation: Activation = 'leaky_relu'
    slope: Slope = 0.2
    dropout: Fraction = 0.0

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        x = x.reshape(x.shape[0], -1)
        for width in self.widths:
            x = activation(self.activation, self.slope)(nn.Dense(width)(x))
            x = Dropout(self.dropout)(x, train)
        return x
