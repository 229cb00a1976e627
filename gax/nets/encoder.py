"""What stands on the trunk of a family: encoders to codes, and discriminators whose features are joined with
a code.

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
    """x [B, ...] -> {name: [B, size]}, a dense layer on the trunk's features for each of `outputs` {name:
    size}.
    """

    trunk: nn.Module
    outputs: Mapping[str, int] = FrozenDict()

    @nn.compact
    def __call__(self, x: Array, train: bool) -> dict[str, Array]:
        features = self.trunk(x, train)
        return {name: nn.Dense(size, name=name)(features) for name, size in self.outputs.items()}


class TrunkDiscriminator(nn.Module):
    """x [B, ...] (and a code [B, Z]) -> logits [B]; with heads (`layers.with_heads`) also features [B, F],
    the trunk's.

    The code is joined to the features; a dense layer a width comes between that and the logit.
    minibatch: see `minibatch.see_batch`; of what the logit is made of, the code among it.
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
    """The section `head` of a player with a TrunkDiscriminator: what it has above the trunk."""
    return ConfigDict(
        {**bounds.defaults(TrunkDiscriminator, ('parent', 'name', 'trunk', 'heads')), **changes}
    )


def noisy(out: Mapping[str, Array], key: jax.Array) -> Array:
    """mean + sigma * eps, eps ~ N(0, I); the mean alone where there is no 'log_variance'. [B, Z].

    Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, section 2.4.
    """
    if 'log_variance' not in out:
        return out['mean']
    eps = jax.random.normal(key, out['mean'].shape, out['mean'].dtype)
    return out['mean'] + jnp.exp(0.5 * out['log_variance']) * eps


def divergence(out: Mapping[str, Array]) -> Array:
    """KL(N(mean, variance) || N(0, I)) in nats, summed over the code: [B].

    Kingma and Welling, 2014, appendix B.
    """
    mean, log_variance = out['mean'], out['log_variance']
    return 0.5 * jnp.sum(jnp.square(mean) + jnp.exp(log_variance) - 1.0 - log_variance, axis=-1)
