"""Networks by name. A family is a file of this folder, or a module outside gax.

A section `net` of a config is {'kind': the family, ...: the fields of the family's module for a role}. The
network is that module's class called with the section. So a field that the module does not have cannot be
set, and every field is read. Fields that the data or the recipe determine (GIVEN) are not in the config.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.core import bounds, lookup, rng
from gax.core.forward import Scorer, scorer_of, whole
from gax.core.spec import Spec
from gax.core.types import Net, not_zero
from gax.nets import ensemble
from gax.nets.linen import from_linen
from gax.nets.spectral_norm import linear, spectral_norm

Shape = Sequence[int]
Heads = Mapping[str, int] | None

GIVEN = ('parent', 'name', 'shape', 'factor', 'num_classes', 'heads', 'outputs', 'trunk')
# Fields of a player that concern its network, with their defaults; a family's own PLAYER overrides them.
PLAYER = {'spectral_norm': False}


@cache
def kinds(role: str) -> dict[str, type[nn.Module]]:
    """The families of gax that have a module of this class name, as {family: module}."""
    names = [m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)])]
    modules = {name: import_module(f'gax.nets.{name}') for name in names}
    return {name: getattr(module, role) for name, module in modules.items() if hasattr(module, role)}


def family(kind: str, role: str) -> type[nn.Module]:
    """The Flax module of a family for a role.

    Args:
      kind: A family of gax ('mlp'), or an import path 'package.module' or 'package.module:Class'.
      role: The name of the class: 'Generator', 'Discriminator', 'Trunk', ...

    Returns:
      The class.

    Raises:
      GaxError: There is no such family, or it has no such class.
    """
    thing = lookup.lookup(f'kind of {role.lower()}', kind, kinds(role))
    if not isinstance(thing, type):
        if not hasattr(thing, role):
            raise errors.GaxError(f'{kind} has no class {role}')
        thing = getattr(thing, role)
    return thing


def section(kind: str, role: str) -> ConfigDict:
    """The section `net` of a family: its kind, and its fields with their defaults."""
    return ConfigDict({'kind': kind, **bounds.defaults(family(kind, role), GIVEN)})


def player(kind: str, role: str) -> dict[str, Any]:
    """The fields that a family sets in the player's section outside `net`: the PLAYER of its file."""
    module = sys.modules[family(kind, role).__module__]
    return getattr(module, 'PLAYER', {}).get(role, {})


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
        {'net': section(name, of), **PLAYER, **player(name, of)}
        for name, of in ((kind, role), (d or kind, 'Discriminator'))
    ]
    return ConfigDict({'g': sections[0], 'd': {'members': 1, 'scales': 1, **sections[1]}})


def build(net: Any, role: str, shape: Shape, **requested: Any) -> nn.Module:
    """The module that the section `net` describes.

    Args:
      net: The section.
      role: The name of the class, see `family`.
      shape: The shape of an example.
      **requested: Further fields, which the recipe determines: num_classes, heads, ...

    Returns:
      The module.

    Raises:
      GaxError: The family lacks a requested field, or is not for data of this shape.
    """
    cls = family(net.kind, role)
    names = cls.__dataclass_fields__
    if len(shape) != 3 and 'image' in (takes := takes_of(cls)) and 'point' not in takes:
        for_points = [name for name, other in kinds(role).items() if 'point' in takes_of(other)]
        raise errors.GaxError(
            f'networks of kind {net.kind!r} are for images, and the data are points: '
            f'choose {", ".join(for_points)}'
        )
    for name, value in requested.items():
        if name not in names and value not in (None, 0):
            lacks = {
                'num_classes': 'take no labels',
                'heads': 'give nothing beside their logits',
                'outputs': 'give no features of their encoder',
            }
            raise errors.GaxError(f'networks of kind {net.kind!r} {lacks.get(name, f"have no field {name}")}')
    fields = {name: value for name, value in net.items() if name != 'kind'}
    return cls(**{n: v for n, v in {'shape': shape, **requested}.items() if n in names}, **fields)


def takes_of(cls: type) -> tuple[str, ...]:
    """The kinds of data that a family is for: the TAKES of its file."""
    return getattr(sys.modules[cls.__module__], 'TAKES', ('image', 'point'))


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
    module = build(config.g.net, 'Generator', shape, num_classes=num_classes)
    net = lifted(module, example(latent_dim or config.latent_dim), *labels(num_classes))
    return normalised(net, config.g)


def styled(config: Any, spec: Spec, num_classes: int = 0, **requested: Any) -> tuple[Net, Net]:
    """The nets of a generator in two parts that config.g describes: its mapping and its synthesis.

    Args:
      config: The config of the run.
      spec: The data.
      num_classes: As in `pair`.
      **requested: Further fields of the generator, as in `build`.

    Returns:
      (latents [B, Z] (and labels int [B]) -> ws [B, L, W], ws -> images).

    Raises:
      GaxError: The family's generator has no two parts: no method `parts`.
    """
    module = build(config.g.net, 'Generator', spec.target_shape, num_classes=num_classes, **requested)
    if not hasattr(module, 'parts'):
        able = [name for name, other in kinds('Generator').items() if hasattr(other, 'parts')]
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
      **requested: Further fields, as in `build`.

    Returns:
      The net.
    """
    net = lifted(build(g.net, role, shape, **requested), example(*source))
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

    The arguments are those of `build`.
    """
    module = build(net, role, shape, **requested)
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
