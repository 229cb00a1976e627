"""Architectures by name: the pair of nets that a recipe plays with, where the recipe itself does not care which.

`config.g.kind` and `config.d.kind` name the family; the other fields of the two sections are read by the families
that have a use for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.data.source import Spec
from gax.forward import Critic, labelled, points, unlabelled, whole
from gax.nets import dcgan, ensemble, mlp, r3gan, sngan
from gax.nets.layers import halved_shape
from gax.nets.lift import lift
from gax.nets.spectral import spectral_norm
from gax.types import Net, not_zero

Shape = Sequence[int]
Heads = Mapping[str, int] | None


def defaults(kind: str = 'mlp') -> ConfigDict:
    """The fields of sections `g` and `d`; `kind` is the family of both. See DEFAULTS."""
    g, d = DEFAULTS[kind]
    return ConfigDict({'g': {'kind': kind, **COMMON_G, **g}, 'd': {'kind': kind, **COMMON_D, **d}})


def pair(
    config: Any,
    spec: Spec,
    num_classes: int = 0,
    heads: Heads = None,
    pack: int = 1,
    latent_dim: int = 0,
) -> tuple[dict[str, Net], Critic]:
    """The nets 'g' and 'd' that config.g and config.d describe, and how 'd' is asked.

    spec.fields has one of 'image' [H, W, C] and 'point' [D]. num_classes: where positive, both nets take labels.
    heads: {name: size} of further outputs of 'd', which then returns {'logits': [B], 'features': [B, F], name:
    [B, size]}; {} for the features alone, as where config.terms.feature_matching is on. pack: examples that one
    logit judges, joined along the channels (the critic does not pack them).
    latent_dim: what 'g' takes, where that is not config.latent_dim.
    """
    ((field, shape),) = spec.fields.items()
    heads = heads_for(config, heads)
    g = generator(config, spec, num_classes, latent_dim)
    d = discriminator(config.d, (*shape[:-1], pack * shape[-1]), num_classes, heads)
    inputs = points if field == 'point' else labelled if num_classes else unlabelled
    return {'g': g, 'd': d}, Critic('d', field, inputs, answer(heads))


def generator(config: Any, spec: Spec, num_classes: int = 0, latent_dim: int = 0) -> Net:
    """The net that config.g describes; the arguments are those of `pair`."""
    (shape,) = spec.fields.values()
    kind = errors.lookup('config.g.kind', config.g.kind, GENERATORS)
    label = [jax.ShapeDtypeStruct((2,), jnp.int32)] * bool(num_classes)
    z = jax.ShapeDtypeStruct((2, latent_dim or config.latent_dim), jnp.float32)
    net = lift(kind(config.g, shape, num_classes), z, *label)
    return spectral_norm(net) if config.g.spectral_norm else net


def discriminator(d: Any, shape: Shape, num_classes: int = 0, heads: Heads = None) -> Net:
    """The net that section `d` of a config describes, for examples of `shape`; num_classes and heads as in `pair`."""
    kind = errors.lookup('config.d.kind', d.kind, DISCRIMINATORS)
    label = [jax.ShapeDtypeStruct((2,), jnp.int32)] * bool(num_classes)

    def one(*shape: int) -> Net:
        module = kind(d, shape, num_classes, None if heads is None else dict(heads))
        return lift(module, jax.ShapeDtypeStruct((2, *shape), jnp.float32), *label)

    return several(d, one, shape, heads)


def several(d: Any, one: Callable[..., Net], shape: Shape, heads: Heads = None) -> Net:
    """What section `d` says of any discriminator `one(*shape)` whose first input has `shape`: d.spectral_norm wraps it.

    With d.members=n, n such nets that judge side by side, with d.scales=n on images halved 0, 1, ... times: logits
    [B, n]. Raises GaxError where these do not go together, or with heads.
    """

    def normed(*shape: int) -> Net:
        return spectral_norm(one(*shape)) if d.spectral_norm else one(*shape)

    return ensemble.several(normed, shape, d.members, d.scales, heads)


def heads_for(config: Any, heads: Heads = None) -> Heads:
    """`heads`, as in `pair`; {} for None where a term of config.terms reads the features."""
    return {} if heads is None and not_zero(config.terms.feature_matching.weight) else heads


def answer(heads: Heads) -> Callable[[Any], jax.Array]:
    """Where the logits are in what a discriminator with these heads returns."""
    return whole if heads is None else logits_of


def logits_of(output: Mapping[str, jax.Array]) -> jax.Array:
    """The logits of a discriminator with heads."""
    return output['logits']


def _mlp_generator(g: Any, shape: Shape, num_classes: int) -> nn.Module:
    _refuse_labels('mlp', num_classes)
    tanh = len(shape) == 3
    normed = (g.batch_norm, g.momentum, tanh, g.batch_norm_first)
    return mlp.Generator(shape, g.widths, g.activation, g.slope, *normed)


def _mlp_discriminator(d: Any, shape: Shape, num_classes: int, heads: Heads) -> nn.Module:
    _refuse_labels('mlp', num_classes)
    return mlp.Discriminator(d.widths, d.activation, d.slope, d.dropout, heads, d.pieces, d.minibatch)


def _dcgan_generator(g: Any, shape: Shape, num_classes: int) -> nn.Module:
    _need_images(g.kind, shape)
    dcgan.base_shape(shape, g.strides, g.widths)
    fields = (g.slope, num_classes, g.momentum, g.class_norm)
    return dcgan.Generator(shape, g.widths, g.strides, g.kernel, *fields)


def _dcgan_discriminator(d: Any, shape: Shape, num_classes: int, heads: Heads) -> nn.Module:
    return dcgan.Discriminator(d.widths, d.kernel, d.slope, d.dropout, num_classes, heads, d.minibatch)


def _sngan_generator(g: Any, shape: Shape, num_classes: int) -> nn.Module:
    _need_images(g.kind, shape)
    halved_shape(shape, len(g.widths) - 1)
    return sngan.Generator(shape, g.widths, num_classes, g.momentum)


def _sngan_discriminator(d: Any, shape: Shape, num_classes: int, heads: Heads) -> nn.Module:
    halved_shape(shape, d.downs, 'd.downs')
    return sngan.Discriminator(d.widths, d.downs, num_classes, heads, d.minibatch)


def _r3gan_generator(g: Any, shape: Shape, num_classes: int) -> nn.Module:
    _need_images(g.kind, shape)
    halved_shape(shape, len(g.widths) - 1)
    return r3gan.Generator(shape, g.widths, g.blocks, g.expansion, g.group_size, num_classes)


def _r3gan_discriminator(d: Any, shape: Shape, num_classes: int, heads: Heads) -> nn.Module:
    halved_shape(shape, len(d.widths) - 1, 'd.widths')
    return r3gan.Discriminator(d.widths, d.blocks, d.expansion, d.group_size, num_classes, heads, d.minibatch)


def _need_images(kind: str, shape: Shape) -> None:
    if len(shape) != 3:
        raise errors.GaxError(f'config.g.kind={kind} makes images, and the data are points: choose mlp')


def _refuse_labels(kind: str, num_classes: int) -> None:
    if num_classes:
        raise errors.GaxError(f'networks of kind {kind!r} take no labels')


GENERATORS: dict[str, Callable[[Any, Shape, int], nn.Module]] = {
    'mlp': _mlp_generator,
    'dcgan': _dcgan_generator,
    'sngan': _sngan_generator,
    'r3gan': _r3gan_generator,
}
DISCRIMINATORS: dict[str, Callable[[Any, Shape, int, Heads], nn.Module]] = {
    'mlp': _mlp_discriminator,
    'dcgan': _dcgan_discriminator,
    'sngan': _sngan_discriminator,
    'r3gan': _r3gan_discriminator,
}
# Of r3gan: blocks a stage, how much wider a block is within, channels of a group there.
RESIDUAL = {'blocks': 2, 'expansion': 2, 'group_size': 16}
COMMON_G: dict[str, Any] = {
    'widths': (128, 256, 512, 1024),
    'activation': 'leaky_relu',
    'slope': 0.01,
    'batch_norm': True,
    'batch_norm_first': False,
    'momentum': 0.8,
    'strides': (1, 2, 2),
    'kernel': 5,
    'class_norm': False,  # dcgan with labels: conditional batch-norm
    **RESIDUAL,
    'spectral_norm': False,
}
COMMON_D: dict[str, Any] = {
    'widths': (1024, 512, 256),
    'activation': 'leaky_relu',
    'slope': 0.01,
    'dropout': 0.3,
    'kernel': 5,
    'pieces': 5,
    'minibatch': '',  # or 'std', 'discrimination'
    **RESIDUAL,
    'downs': 2,  # how often sngan halves its image
    'members': 1,
    'scales': 1,
    'spectral_norm': False,
}
DEFAULTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    'mlp': ({}, {}),
    'dcgan': (
        {'widths': (256, 128, 64), 'slope': 0.3, 'momentum': 0.99},
        {'widths': (64, 128), 'slope': 0.3},
    ),
    'sngan': (
        {'widths': (256, 256, 256, 256), 'momentum': 0.9},
        {'widths': (128, 128, 128, 128), 'spectral_norm': True},
    ),
    'r3gan': ({'widths': (768, 768, 768, 768)}, {'widths': (768, 768, 768, 768)}),
}
