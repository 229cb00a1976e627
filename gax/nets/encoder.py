"""Modules on the trunk of a family: encoders, and discriminators of an example together with a code.

A trunk is a module x [B, ...] -> features [B, F] with an activation: the `Trunk` of a file of this folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.core import FrozenDict
from ml_collections import ConfigDict

from gax.core import bounds
from gax.core.bounds import AnySizes
from gax.core.types import Array
from gax.nets.layers import activation, with_heads
from gax.nets.minibatch import Minibatch, see_batch


class Encoder(nn.Module):
    """x [B, ...] -> {name: [B, size]}: a dense layer on the trunk's features for each output.

    Attributes:
      trunk: The trunk.
      outputs: {name: size}.
    """

    trunk: nn.Module
    outputs: Mapping[str, int] = FrozenDict()

    @nn.compact
    def __call__(self, x: Array, train: bool) -> dict[str, Array]:
        features = self.trunk(x, train)
        return {name: nn.Dense(size, name=name)(features) for name, size in self.outputs.items()}


class TrunkDiscriminator(nn.Module):
    """x [B, ...] (and a code [B, Z]) -> logits [B].

    The code is concatenated to the trunk's features, and dense layers follow.

    Attributes:
      trunk: The trunk.
      widths: The dense layers before the logit.
      minibatch: See `minibatch.see_batch`; its layer reads the input of the last layer, which depends on the
        code.
      heads: See `layers.with_heads`; the features are the trunk's, [B, F].
    """

    trunk: nn.Module
    widths: AnySizes = ()
    minibatch: Minibatch = ''
    heads: Mapping[str, int] | None = None

    @nn.compact
    def __call__(self, x: Array, *code: Array, train: bool) -> Any:
        features = self.trunk(x, train)
        h = jnp.concatenate([features, *code], axis=-1)
        act = activation(self.trunk.activation, self.trunk.slope)
        for width in self.widths:
            h = act(nn.Dense(width)(h))
        return with_heads(features, nn.Dense(1)(see_batch(self.minibatch, h))[:, 0], self.heads)


def head(**changes: Any) -> ConfigDict:
    """The section `head` of a player with a TrunkDiscriminator: the fields of its layers above the trunk.

    Args:
      **changes: Other defaults.

    Returns:
      The section.
    """
    return ConfigDict(
        {**bounds.defaults(TrunkDiscriminator, ('parent', 'name', 'trunk', 'heads')), **changes}
    )


def noisy(out: Mapping[str, Array], key: jax.Array) -> Array:
    """A code drawn from N(mean, variance): mean + sigma * eps, eps ~ N(0, I).

    Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, section 2.4.

    Args:
      out: 'mean' [B, Z] and 'log_variance' [B, Z] of an encoder. Without the latter the code is the mean.
      key: A PRNG key.

    Returns:
      Float [B, Z].
    """
    if 'log_variance' not in out:
        return out['mean']
    eps = jax.random.normal(key, out['mean'].shape, out['mean'].dtype)
    return out['mean'] + jnp.exp(0.5 * out['log_variance']) * eps


def divergence(out: Mapping[str, Array]) -> Array:
    """KL(N(mean, variance) || N(0, I)) in nats, summed over the code.

    Kingma and Welling, 2014, appendix B.

    Args:
      out: 'mean' [B, Z] and 'log_variance' [B, Z] of an encoder.

    Returns:
      Float [B].
    """
    mean, log_variance = out['mean'], out['log_variance']
    return 0.5 * jnp.sum(jnp.square(mean) + jnp.exp(log_variance) - 1.0 - log_variance, axis=-1)
