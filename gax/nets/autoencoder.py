"""Discriminators that reconstruct: an example is as real as it can be coded and decoded without error.

The net returns {'code': [B, K], 'reconstruction': [B, ...], 'error': [B, ...], 'features': the code}. Its
energy is a size of the error, low for reals; the critic's logits are the energy with a minus sign, so that
they are high for reals as they are everywhere else (penalties, pictures, and the noise and augmentation of
inputs need not know).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

import flax.linen as nn
import jax
import jax.numpy as jnp

from gax.core.bounds import Size, Sizes
from gax.core.forward import Scorer, points, unlabelled
from gax.core.types import Array, Context
from gax.nets.layers import Activation, Slope, activation

Energy = Callable[[Array], Array]  # error [B, ...] -> [B]


class Autoencoder(nn.Module):
    """[B, ...] flattened, through dense layers of `widths` to a linear code, and back by the same widths;
    linear out.
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
        made = nn.Dense(size, name='out')(h).reshape(x.shape)
        return {'code': code, 'features': code, 'reconstruction': made, 'error': made - x}


def norm(error: Array) -> Array:
    """|error| per example [B], the Euclidean norm over pixels and channels, as sqrt(sum + 1e-12)."""
    return jnp.sqrt(jnp.sum(jnp.square(error), axis=tuple(range(1, error.ndim))) + 1e-12)


def mean_absolute(error: Array) -> Array:
    """The mean of |error| over pixels and channels, per example [B]."""
    return jnp.mean(jnp.abs(error), axis=tuple(range(1, error.ndim)))


def scorer(field: str, energy: Energy) -> Scorer:
    """How net 'd' is asked about batch[field]; its logits are minus the energy."""
    return Scorer('d', field, points if field == 'point' else unlabelled, lambda out: -energy(out['error']))


def energy_summary(context: Context, out: Mapping[str, Array]) -> dict[str, Array]:
    """Mean energies, and the accuracy (0 to 1): how often a real of the batch has less energy than a fake,
    over all pairs (the area under the ROC curve). An energy has no threshold of its own, as a logit has 0."""
    real, fake = jax.lax.stop_gradient((-out['real'], -out['fake']))
    below = jnp.mean(real[:, None] < fake[None], dtype=jnp.float32)
    even = jnp.mean(real[:, None] == fake[None], dtype=jnp.float32)
    return {'accuracy': below + 0.5 * even, 'energy_real': jnp.mean(real), 'energy_fake': jnp.mean(fake)}
