"""The networks that the sections of a config describe; their families are in families.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.core import rng
from gax.core.forward import Scorer, scorer_of, whole
from gax.core.spec import Spec
from gax.core.types import Net, not_zero
from gax.nets import ensemble, families
from gax.nets.families import Shape
from gax.nets.linen import from_linen
from gax.nets.spectral_norm import linear, spectral_norm

Heads = Mapping[str, int] | None


def defaults(kind: str = 'mlp', d: str = '', role: str = 'Generator') -> ConfigDict:
    """The sections `g` and `d` of a generator and a discriminator.

    Args:
      kind: The generator's family.
      d: The discriminator's family; '' for the same.
      role: The class name of the generator's network: 'Generator', or 'Translator' of images.

    Returns:
      The sections.
    """
    sections = [
        {'net': families.section(name, of), **families.PLAYER, **families.player(name, of)}
        for name, of in ((kind, role), (d or kind, 'Discriminator'))
    ]
    return ConfigDict({'g': sections[0], 'd': {'members': 1, 'scales': 1, **sections[1]}})


def lifted(module: nn.Module, *inputs: jax.ShapeDtypeStruct) -> Net:
    """Makes a Net of `module`, and traces its initialisation with inputs of these shapes.

    So errors of the config come before a run begins.
    """
    net = from_linen(module, *inputs)
    jax.eval_shape(lambda: net.init(rng.key(0)))
    return net


def example(*shape: int) -> jax.ShapeDtypeStruct:
    """The shape and dtype of a batch of two examples of this shape, float32."""
    return jax.ShapeDtypeStruct((2, *shape), jnp.float32)


def pair(
    config: Any,
    spec: Spec,
    num_classes: int = 0,
    heads: Heads = None,
    pack: int = 1,
    latent_dim: int = 0,
) -> tuple[dict[str, Net], Scorer]:
    """The nets 'g' and 'd' that config.g and config.d describe, and the scorer of 'd'.

    Args:
      config: The config of the run.
      spec: The data. Its first field is one of 'image' [H, W, C] and 'point' [D].
      num_classes: The number of classes where both nets take labels, else 0.
      heads: {name: size} of further outputs of 'd', which then returns {'logits': [B], 'features': [B, F],
        name: [B, size]}; {} for the features alone, as where config.terms.feature_matching is on; None for
          the
        logits alone.
      pack: The number of examples that one logit scores, concatenated along the channels. The scorer does not
        pack them.
      latent_dim: The size of the latents of 'g'; 0 for config.latent_dim.

    Returns:
      ({'g': net, 'd': net}, scorer).
    """
    field, shape = spec.target, spec.target_shape
    heads = heads_for(config, heads)
    g = generator(config, spec, num_classes, latent_dim)
    d = discriminator(config.d, (*shape[:-1], pack * shape[-1]), num_classes, heads)
    return {'g': g, 'd': d}, scorer_of(field, *['label'] * bool(num_classes))._replace(logits=answer(heads))


def generator(config: Any, spec: Spec, num_classes: int = 0, latent_dim: int = 0) -> Net:
    """The net that config.g describes. The arguments are those of `pair`."""
    shape = spec.target_shape
    module = families.build(config.g.net, 'Generator', shape, num_classes=num_classes)
    net = lifted(module, example(latent_dim or config.latent_dim), *labels(num_classes))
    return normalised(net, config.g)


def styled(config: Any, spec: Spec, num_classes: int = 0, **requested: Any) -> tuple[Net, Net]:
    """The nets of a generator in two parts that config.g describes: its mapping and its synthesis.

    Args:
      config: The config of the run.
      spec: The data.
      num_classes: As in `pair`.
      **requested: Further fields of the generator, as in `families.build`.

    Returns:
      (latents [B, Z] (and labels int [B]) -> ws [B, L, W], ws -> images).

    Raises:
      GaxError: The family's generator has no two parts: no method `parts`.
    """
    module = families.build(
        config.g.net, 'Generator', spec.target_shape, num_classes=num_classes, **requested
    )
    if not hasattr(module, 'parts'):
        able = [name for name, other in families.kinds('Generator').items() if hasattr(other, 'parts')]
        raise errors.GaxError(
            f'{config.gan} needs a generator with a mapping and a synthesis network, and those of kind '
            f'{config.g.net.kind!r} have none: choose {", ".join(able)}'
        )
    inputs = [example(config.latent_dim), *labels(num_classes)]
    mapping = lifted(module.parts()[0], *inputs)
    ws = jax.eval_shape(
        lambda: mapping.apply(*mapping.init(rng.key(0)), *zeros(inputs), train=False, key=None)
    )
    synthesis = lifted(module.parts()[1], ws[0])
    if config.g.spectral_norm:
        return spectral_norm(mapping), spectral_norm(synthesis)
    return mapping, synthesis


def zeros(shapes: Sequence[jax.ShapeDtypeStruct]) -> list[jax.Array]:
    """Arrays of zeros of these shapes and dtypes."""
    return [jnp.zeros(x.shape, x.dtype) for x in shapes]


def translator(g: Any, shape: Shape, source: Shape, role: str = 'Translator', **requested: Any) -> Net:
    """The net that the section `g` of a config describes, where it maps images to images.

    Args:
      g: The section.
      shape: The shape of the result, (H, W, C).
      source: The shape of what is translated.
      role: The class name of its network: 'Translator', or 'Upscaler' of smaller images.
      **requested: Further fields, as in `families.build`.

    Returns:
      The net.
    """
    net = lifted(families.build(g.net, role, shape, **requested), example(*source))
    return normalised(net, g)


def normalised(net: Net, section: Any) -> Net:
    """`net`, with spectral normalisation where the section of its player says so.

    A family may have parameters that are not divided: the function `divided` of its file says which are, as
    the argument `chosen` of `spectral_norm`.

    Args:
      net: The net.
      section: config.g or config.d. Its fields `spectral_norm` and net.kind are read.

    Returns:
      The net.
    """
    if not section.spectral_norm:
        return net
    path = section.net.kind.partition(':')[0]
    module = import_module(path if '.' in path else f'gax.nets.{path}')
    return spectral_norm(net, chosen=getattr(module, 'divided', linear))


def features_of(net: Net, shape: Shape) -> tuple[jax.ShapeDtypeStruct, ...]:
    """The shapes of the features of a translator with outputs='both', for two images of `shape`.

    Args:
      net: The translator.
      shape: The shape of what is translated, (H, W, C).

    Returns:
      The shape [2, H', W', C'] of each layer's.
    """

    def run(image: jax.Array) -> Any:
        return net.apply(*net.init(rng.key(0)), image, train=False, key=rng.key(0))[0][1]

    return jax.eval_shape(run, example(*shape))


def discriminator(d: Any, shape: Shape, num_classes: int = 0, heads: Heads = None) -> Net:
    """The net that the section `d` of a config describes.

    Args:
      d: The section.
      shape: The shape of an example.
      num_classes: As in `pair`.
      heads: As in `pair`.

    Returns:
      The net.
    """

    def single(*shape: int) -> Net:
        fields = {'num_classes': num_classes, 'heads': None if heads is None else dict(heads)}
        return network(d.net, 'Discriminator', shape, **fields)

    return several(d, single, shape, heads)


def network(net: Any, role: str, shape: Shape, **requested: Any) -> Net:
    """The net that the section `net` describes, for data of `shape` and, with num_classes, for labels.

    The arguments are those of `families.build`.
    """
    module = families.build(net, role, shape, **requested)
    return lifted(module, example(*shape), *labels(requested.get('num_classes', 0)))


def labels(num_classes: int) -> list[jax.ShapeDtypeStruct]:
    """The shape and dtype of the labels of two examples, in a list; [] where there are no classes."""
    return [jax.ShapeDtypeStruct((2,), jnp.int32)] * bool(num_classes)


def several(d: Any, one: Callable[..., Net], shape: Shape, heads: Heads = None) -> Net:
    """Combines discriminators as the section `d` says.

    Args:
      d: The section. d.spectral_norm normalises each discriminator. d.members = n combines n of them on the
        same inputs, and d.scales = n combines n of them on images halved 0, 1, ... times; logits are then a
        tuple of n arrays.
      one: (*shape) -> a discriminator whose first input has that shape.
      shape: The shape of the first input.
      heads: As in `pair`.

    Returns:
      The net.

    Raises:
      GaxError: The settings do not go together, or not with named heads.
    """

    def normed(*shape: int) -> Net:
        return normalised(one(*shape), d)

    return ensemble.several(normed, shape, d.members, d.scales, heads)


def heads_for(config: Any, heads: Heads = None) -> Heads:
    """`heads`, as in `pair`; {} in place of None where a term of config.terms reads the features."""
    term = config.terms.get('feature_matching', {'weight': 0.0})
    return {} if heads is None and not_zero(term['weight']) else heads


def answer(heads: Heads) -> Callable[[Any], jax.Array]:
    """The function from the output of a discriminator with these heads to its logits."""
    return whole if heads is None else logits_of


def logits_of(output: Mapping[str, jax.Array]) -> jax.Array:
    """The logits of a discriminator with heads."""
    return output['logits']
