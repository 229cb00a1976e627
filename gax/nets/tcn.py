"""Temporal convolutional networks of series, with skip connections.

Wiese et al., "Quant GANs: Deep Generation of Financial Time Series", 2020, section 3: blocks of two causal
convolutions with PReLU. Nothing is padded: a network with the receptive field F turns T steps into T - F + 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import flax.linen as nn
import jax.numpy as jnp

from gax import errors
from gax.core.bounds import Size, Sizes, between
from gax.core.types import Array
from gax.nets.layers import with_heads
from gax.nets.recurrent import OUTPUTS, Output, with_labels

TAKES = ('series',)
Kernel = Annotated[int, between(2)]


def receptive_field(kernel: int, dilations: Sequence[int]) -> int:
    """The steps that one output reads: 1 + 2 (kernel - 1) times the sum of the dilations."""
    return 1 + 2 * (kernel - 1) * sum(dilations)


class CausalConv(nn.Module):
    """A dilated convolution over time without padding: [B, T, C] -> [B, T - (kernel - 1) dilation, features].

    It is a product of the shifted inputs, side by side, with a matrix: XLA's convolution of one dimension is
    slow on CPU.

    Attributes:
      features: The number of output channels.
      kernel: The number of taps.
      dilation: The steps between two taps.
    """

    features: int
    kernel: int
    dilation: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        steps = x.shape[1] - (self.kernel - 1) * self.dilation
        taps = [x[:, i * self.dilation : i * self.dilation + steps] for i in range(self.kernel)]
        return nn.Dense(self.features)(jnp.concatenate(taps, axis=-1))


class Blocks(nn.Module):
    """[B, T, C] -> the sum of the skip connections, [B, T - F + 1, width].

    The first block has kernels of one step, the others `kernel` steps at their dilations.

    Attributes:
      width: The number of channels.
      kernel: The number of taps.
      dilations: The dilation of each further block.
    """

    width: int
    kernel: int
    dilations: Sequence[int]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        field = receptive_field(self.kernel, self.dilations)
        steps = x.shape[1] - field + 1
        if steps < 1:
            raise errors.GaxError(
                f'a network of kind tcn with kernel={self.kernel}, dilations={tuple(self.dilations)} reads '
                f'{field} steps at once, and the series has {x.shape[1]}: raise config.data.length, or '
                f'lower the '
                'dilations'
            )
        skips = []
        for dilation in (0, *self.dilations):
            for _ in range(2):
                kernel = self.kernel if dilation else 1
                x = nn.PReLU()(CausalConv(self.width, kernel, dilation)(x))
            skips.append(nn.Dense(self.width)(x[:, x.shape[1] - steps :]))
        return sum(skips[1:], start=skips[0])


class SeriesGenerator(nn.Module):
    """Noise [B, T + F - 1, Z] -> a series [B, T, C], for any T.

    Attributes:
      shape: (T, C) of the data; T is not read.
      num_classes: The number of classes, if there are labels.
      width: The number of channels.
      kernel: The number of taps.
      dilations: The dilation of each block after the first.
      output: The function of the last layer.
    """

    shape: Sequence[int]
    num_classes: int = 0
    width: Size = 80
    kernel: Kernel = 2
    dilations: Sizes = (1, 2, 4, 8, 16, 32)
    output: Output = 'linear'

    def noise_steps(self, steps: int) -> int:
        """The steps of noise for a series of so many steps."""
        return steps + receptive_field(self.kernel, self.dilations) - 1

    @nn.compact
    def __call__(self, z: Array, *label: Array, train: bool) -> Array:
        x = Blocks(self.width, self.kernel, self.dilations)(with_labels(z, label, self.num_classes))
        return OUTPUTS[self.output](nn.Dense(self.shape[-1])(x))


class SeriesDiscriminator(nn.Module):
    """A series [B, T, C] -> logits [B, T - F + 1], one for each stretch of F steps.

    Attributes:
      num_classes: The number of classes, if there are labels.
      heads: See `layers.with_heads`. Features are the means over time of the skip connections' sum.
      width: The number of channels.
      kernel: The number of taps.
      dilations: The dilation of each block after the first.
    """

    num_classes: int = 0
    heads: Mapping[str, int] | None = None
    width: Size = 80
    kernel: Kernel = 2
    dilations: Sizes = (1, 2, 4, 8, 16, 32)

    @nn.compact
    def __call__(self, x: Array, *label: Array, train: bool) -> Any:
        x = Blocks(self.width, self.kernel, self.dilations)(with_labels(x, label, self.num_classes))
        return with_heads(jnp.mean(x, axis=1), nn.Dense(1)(x)[..., 0], self.heads)
