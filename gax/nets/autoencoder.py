"""Discriminators that reconstruct: an example is as real as its code reconstructs it well.

The net returns {'code': [B, K], 'reconstruction': [B, ...], 'error': [B, ...], 'features': the code}. Its
energy is a norm of the error, low for reals. The logits are minus the energy, so that they are high for reals
as those of other discriminators, and penalties, pictures, noise and augmentation work as they do there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

import flax.linen as nn
import jax
import jax.numpy as jnp

from gax.core.bounds import Size, Sizes
from gax.core.forward import Scorer, scorer_of
from gax.core.types import Array, Context
from gax.nets.layers import Activation, Slope, activation

Energy = Callable[[Array], Array]  # error [B, ...] -> [B]


class Autoencoder(nn.Module):
    """Dense layers of `widths` to a linear code, and back through the same widths to a linear output.

    Attributes:
      widths: The hidden layers of the encoder; those of the decoder are in reverse order.
      code: The size of the code, K.
      activation: The activation of the hidden layers.
      slope: The slope of 'leaky_relu'.
    """

    widths: Sizes = (256,)
    code: Size = 64
    activation: Activation = 'relu'
    slope: Slope = 0.2

    @nn.compact
    def __call__(self, x: Array, train: bool) -> dict[str, Array]:
        act, size = activation(self.activation, self.slope), prod(x.shape[1:])
        h = x.reshape(-1, size)
        for width in self.widths:
            h = act(nn.Dense(width)(h))
        code = h = nn.Dense(self.code, name='code')(h)
        for width in reversed(self.widths):
            h = act(nn.Dense(width)(h))
        output = nn.Dense(size, name='out')(h).reshape(x.shape)
        return {'code': code, 'features': code, 'reconstruction': output, 'error': output - x}


def norm(error: Array) -> Array:
    """The Euclidean norm of the error over pixels and channels, sqrt(sum + 1e-12): [B, ...] -> [B]."""
    return jnp.sqrt(jnp.sum(jnp.square(error), axis=tuple(range(1, error.ndim))) + 1e-12)


def mean_absolute(error: Array) -> Array:
    """The mean of |error| over pixels and channels: [B, ...] -> [B]."""
    return jnp.mean(jnp.abs(error), axis=tuple(range(1, error.ndim)))


def scorer(field: str, energy: Energy) -> Scorer:
    """The scorer of net 'd' on batch[field]; its logits are minus the energy.

    Args:
      field: The batch field that is scored.
      energy: The net's error -> energies [B].

    Returns:
      The scorer.
    """
    return scorer_of(field)._replace(logits=lambda out: -energy(out['error']))


def energy_summary(context: Context, out: Mapping[str, Array]) -> dict[str, Array]:
    """Metrics: mean energies, and the accuracy (0 to 1).

    The accuracy is the share of all pairs of a real and a fake in which the real has less energy (the area
    under the ROC curve). An energy has no natural threshold, as 0 is that of a logit.
    """
    real, fake = jax.lax.stop_gradient((-out['real'], -out['fake']))
    below = jnp.mean(real[:, None] < fake[None], dtype=jnp.float32)
    even = jnp.mean(real[:, None] == fake[None], dtype=jnp.float32)
    return {'accuracy': below + 0.5 * even, 'energy_real': jnp.mean(real), 'energy_fake': jnp.mean(fake)}
