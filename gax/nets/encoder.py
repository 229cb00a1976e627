"""Networks around an encoder: data to codes, and discriminators whose features are read or joined with a code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.core import FrozenDict
from ml_collections import ConfigDict

from gax import errors
from gax.nets.layers import Conv, Dropout, activation, with_heads
from gax.nets.lift import lift
from gax.nets.minibatch import see_batch
from gax.types import Array, Net


class Trunk(nn.Module):
    """x [B, ...] -> features [B, F]. kind 'mlp': a dense layer per width; 'dcgan': a convolution of stride 2 per width.

    The activation (of `layers.activation`), then dropout, after each; no normalisation, so that examples stay apart.
    """

    kind: str
    widths: Sequence[int]
    kernel: int = 4
    slope: float = 0.2
    dropout: float = 0.0
    activation: str = 'leaky_relu'

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        layer = errors.lookup('kind', self.kind, KINDS)
        act = activation(self.activation, self.slope)
        if self.kind == 'mlp':
            x = x.reshape(x.shape[0], -1)
        for width in self.widths:
            x = act(layer(width, self.kernel)(x))
            x = Dropout(self.dropout)(x, train)
        return x.reshape(x.shape[0], -1)


KINDS: dict[str, Callable[[int, int], nn.Module]] = {
    'mlp': lambda width, kernel: nn.Dense(width),
    'dcgan': lambda width, kernel: Conv(width, kernel, stride=2),
}


class Encoder(nn.Module):
    """x [B, ...] -> {name: [B, size]}, a dense layer on the trunk's features for each of `outputs` {name: size}."""

    trunk: Trunk
    outputs: Mapping[str, int] = FrozenDict()

    @nn.compact
    def __call__(self, x: Array, train: bool) -> dict[str, Array]:
        features = self.trunk(x, train)
        return {name: nn.Dense(size, name=name)(features) for name, size in self.outputs.items()}


class Discriminator(nn.Module):
    """x [B, ...] (and a code [B, Z]) -> logits [B]; with heads (`layers.with_heads`) also features [B, F], the trunk's.

    The code is joined to the features; a dense layer per width of `joint` comes between that and the logit.
    minibatch: see `minibatch.see_batch`; of what the logit is made of, the code among it.
    """

    trunk: Trunk
    joint: Sequence[int] = ()
    heads: Mapping[str, int] | None = None
    minibatch: str = ''

    @nn.compact
    def __call__(self, x: Array, *code: Array, train: bool) -> Any:
        features = self.trunk(x, train)
        h = jnp.concatenate([features, *code], axis=-1)
        act = activation(self.trunk.activation, self.trunk.slope)
        for width in self.joint:
            h = act(nn.Dense(width)(h))
        return with_heads(features, nn.Dense(1)(see_batch(self.minibatch, h))[:, 0], self.heads)


def defaults(kind: str = 'dcgan') -> ConfigDict:
    """The fields of an encoder's section `e`."""
    return ConfigDict(
        {'kind': kind, 'widths': (32, 64), 'kernel': 4, 'slope': 0.2, 'activation': 'leaky_relu'}
    )


def encoder(config: Any, shape: Sequence[int], outputs: Mapping[str, int]) -> Net:
    """The encoder that section `config` (`defaults`) describes, of data of `shape`."""
    return lift(Encoder(_trunk('config.e.kind', config, shape), dict(outputs)), _example(*shape))


def discriminator(
    config: Any,
    shape: Sequence[int],
    code: int = 0,
    joint: Sequence[int] = (),
    heads: Mapping[str, int] | None = None,
) -> Net:
    """A discriminator of data of `shape`; of pairs of those with codes of size `code`, where that is positive.

    heads: as in `Discriminator`. One network, bare: what else config says of a discriminator does `families.several`.
    """
    inputs = [_example(*shape), _example(code)] if code else [_example(*shape)]
    trunk = _trunk('config.d.kind', config, shape)
    return lift(Discriminator(trunk, joint, heads, config.get('minibatch', '')), *inputs)


def noisy(out: Mapping[str, Array], key: jax.Array) -> Array:
    """mean + sigma * eps, eps ~ N(0, I); the mean alone where there is no 'log_variance'. [B, Z].

    Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, section 2.4.
    """
    if 'log_variance' not in out:
        return out['mean']
    eps = jax.random.normal(key, out['mean'].shape, out['mean'].dtype)
    return out['mean'] + jnp.exp(0.5 * out['log_variance']) * eps


def divergence(out: Mapping[str, Array]) -> Array:
    """KL(N(mean, variance) || N(0, I)) in nats, summed over the code: [B]. Kingma and Welling, 2014, appendix B."""
    mean, log_variance = out['mean'], out['log_variance']
    return 0.5 * jnp.sum(jnp.square(mean) + jnp.exp(log_variance) - 1.0 - log_variance, axis=-1)


def _trunk(name: str, config: Any, shape: Sequence[int]) -> Trunk:
    errors.lookup(name, config.kind, KINDS)
    if config.kind == 'dcgan' and len(shape) != 3:
        raise errors.GaxError(f'{name}=dcgan reads images, and the data are points: choose mlp')
    chosen = config.get('dropout', 0.0), config.get('activation', 'leaky_relu')
    return Trunk(config.kind, config.widths, config.kernel, config.slope, *chosen)


def _example(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((2, *shape), jnp.float32)
