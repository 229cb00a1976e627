"""Recurrent networks of series: layers of GRU or LSTM cells, each a scan over time.

LSTMs are Flax's cell in Flax's loop. The GRU has the equations of Flax's cell, and is checked against it, but
multiplies the inputs of all steps at once, and its three gates by one matrix: Flax's loop takes six small
products a step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gax.core.bounds import Sizes, one_of
from gax.core.types import Array, Key
from gax.nets.layers import with_heads

TAKES = ('series',)
CELLS = ('gru', 'lstm')
OUTPUTS = {'sigmoid': nn.sigmoid, 'tanh': jnp.tanh, 'linear': lambda x: x}
Cell = Annotated[str, one_of(CELLS)]
Output = Annotated[str, one_of(OUTPUTS)]


def layers(x: Array, cell: str, widths: Sequence[int]) -> Array:
    """[B, T, C] -> the states of the last layer, [B, T, widths[-1]]. Call it within a compact module."""
    for width in widths:
        layer: nn.Module = GRU(width) if cell == 'gru' else nn.RNN(nn.OptimizedLSTMCell(width))
        x = layer(x)
    return x


def orthogonal_blocks(key: Key, shape: tuple[int, int], dtype: Any = jnp.float32) -> Array:
    """[H, n H] of n orthogonal matrices side by side."""
    size, count = shape[0], shape[1] // shape[0]
    make = nn.initializers.orthogonal()
    return jnp.concatenate([make(k, (size, size), dtype) for k in jax.random.split(key, count)], axis=1)


class GRU(nn.Module):
    """A layer of gated recurrent units: [B, T, C] -> its states [B, T, features], from a first state of 0.

    r = sigmoid(W_r x + U_r h + b_r), z = sigmoid(W_z x + U_z h + b_z), n = tanh(W_n x + b_n + r (U_n h + c)),
    h <- (1 - z) n + z h, as nn.RNN(nn.GRUCell(features)), which multiplies by r after U_n as cuDNN
    does (Cho et al., 2014, before it).

    Attributes:
      features: The number of units.
    """

    features: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        size = self.features
        inputs = nn.Dense(3 * size)(x)  # of r, z and n
        kernel = self.param('recurrent', orthogonal_blocks, (size, 3 * size)).astype(x.dtype)
        bias = self.param('recurrent_bias', nn.initializers.zeros, (size,)).astype(x.dtype)[None]

        def step(h: Array, here: Array) -> tuple[Array, Array]:
            there = h @ kernel
            gates = nn.sigmoid(here[:, : 2 * size] + there[:, : 2 * size])
            r, z = gates[:, :size], gates[:, size:]
            n = jnp.tanh(here[:, 2 * size :] + r * (there[:, 2 * size :] + bias))
            h = n + z * (h - n)
            return h, h

        first = jnp.zeros((x.shape[0], size), x.dtype)
        return jnp.swapaxes(jax.lax.scan(step, first, jnp.swapaxes(inputs, 0, 1))[1], 0, 1)


def with_labels(x: Array, label: tuple[Array, ...], num_classes: int) -> Array:
    """Adds the class to every step: [B, T, C] -> [B, T, C + num_classes]; `x` itself without classes."""
    if not num_classes:
        return x
    rows = jax.nn.one_hot(label[0], num_classes, dtype=x.dtype)
    return jnp.concatenate([x, jnp.broadcast_to(rows[:, None], (*x.shape[:2], num_classes))], axis=-1)


class SeriesGenerator(nn.Module):
    """Noise [B, T, Z] -> a series [B, T, C] of the same number of steps, which may be any.

    Attributes:
      shape: (T, C) of the data; T is not read.
      num_classes: The number of classes, if there are labels.
      cell: The cell of all layers.
      widths: The numbers of units of the layers.
      output: The function of the last, dense layer: 'sigmoid' for data in [0, 1], 'tanh' in [-1, 1].
    """

    shape: Sequence[int]
    num_classes: int = 0
    cell: Cell = 'gru'
    widths: Sizes = (24, 24, 24)
    output: Output = 'sigmoid'

    def noise_steps(self, steps: int) -> int:
        """The steps of noise for a series of so many steps: as many."""
        return steps

    @nn.compact
    def __call__(self, z: Array, *label: Array, train: bool) -> Array:
        x = layers(with_labels(z, label, self.num_classes), self.cell, self.widths)
        return OUTPUTS[self.output](nn.Dense(self.shape[-1])(x))


class SeriesEncoder(nn.Module):
    """A series [B, T, C] -> another one of the same steps, [B, T, outputs].

    Attributes:
      outputs: The number of columns of the result.
      cell: The cell of all layers.
      widths: The numbers of units of the layers.
      output: The function of the last, dense layer.
    """

    outputs: int
    cell: Cell = 'gru'
    widths: Sizes = (24, 24, 24)
    output: Output = 'sigmoid'

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        x = layers(x, self.cell, self.widths)
        return OUTPUTS[self.output](nn.Dense(self.outputs)(x))


class SeriesDiscriminator(nn.Module):
    """A series [B, T, C] -> a logit for every step, [B, T].

    Attributes:
      num_classes: The number of classes, if there are labels.
      heads: See `layers.with_heads`. Features are the means over time of the last layer's states.
      cell: The cell of all layers.
      widths: The numbers of units of the layers.
    """

    num_classes: int = 0
    heads: Mapping[str, int] | None = None
    cell: Cell = 'gru'
    widths: Sizes = (24, 24, 24)

    @nn.compact
    def __call__(self, x: Array, *label: Array, train: bool) -> Any:
        x = layers(with_labels(x, label, self.num_classes), self.cell, self.widths)
        return with_heads(jnp.mean(x, axis=1), nn.Dense(1)(x)[..., 0], self.heads)
