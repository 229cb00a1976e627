"""Networks by name. A family is a file of this folder, or one outside gax; its modules' own fields are the
config.

A section `net` of a config is {'kind': the family, ...: the fields of the module with the class name `role`},
and the network is that class called with the section: what a module does not have cannot be set, and what it
has is read. What the data or the recipe give (GIVEN) is no part of the config.
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
from gax.nets.spectral_norm import spectral_norm

Shape = Sequence[int]
Heads = Mapping[str, int] | None

GIVEN = ('parent', 'name', 'shape', 'num_classes', 'heads', 'outputs', 'trunk')
PLAYER = {
    'spectral_norm': False
}  # what a section says of its network beside `net`, where the family says nothing


@cache
def kinds(role: str) -> dict[str, type[nn.Module]]:
    """{family: its module} of the families of gax that have a module with this class name."""
    names = [m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)])]
    modules = {name: import_module(f'gax.nets.{name}') for name in names}
    return {name: getattr(module, role) for name, module in modules.items() if hasattr(module, role)}


def family(kind: str, role: str) -> type[nn.Module]:
    """The Flax module of a family, 'mlp' or 'package.module', for a role: 'Generator', 'Discriminator',
    'Trunk', ...

    'package.module:Class' is that class. Raises GaxError for an unknown one.
    """
    thing = lookup.lookup(f'kind of {role.lower()}', kind, kinds(role))
    if not isinstance(thing, type):
        if not hasattr(thing, role):
            raise errors.GaxError(f'{kind} has no class {role}')
        thing = getattr(thing, role)
    return thing


def section(kind: str, role: str) -> ConfigDict:
    """The section `net` of a family: its fields with their defaults."""
    return ConfigDict({'kind': kind, **bounds.defaults(family(kind, role), GIVEN)})


def player(kind: str, role: str) -> dict[str, Any]:
    """What a family says of the fields beside `net`: the PLAYER of its file."""
    module = sys.modules[family(kind, role).__module__]
    return getattr(module, 'PLAYER', {}).get(role, {})


def defaults(kind: str = 'mlp') -> ConfigDict:
    """The sections `g` and `d` of a generator and a discriminator of one family."""
    g, d = (
        {'net': section(kind, role), **PLAYER, **player(kind, role)}
        for role in ('Generator', 'Discriminator')
    )
    return ConfigDict({'g': g, 'd': {'members': 1, 'scales': 1, **d}})


def build(net: Any, role: str, shape: Shape, **given: Any) -> nn.Module:
    """The module that the section `net` describes, for data of `shape`.

    given: num_classes, heads, ...: what the recipe asks for. Raises GaxError where the family cannot give it.
    """
    cls = family(net.kind, role)
    names = cls.__dataclass_fields__
    if len(shape) != 3 and 'image' in (takes := takes_of(cls)) and 'point' not in takes:
        able = [name for name, other in kinds(role).items() if 'point' in takes_of(other)]
        raise errors.GaxError(
            f'networks of kind {net.kind!r} are for images, and the data are points: choose {", ".join(able)}'
        )
    for name, value in given.items():
        if name not in names and value not in (None, 0):
            lacks = {'num_classes': 'take no labels', 'heads': 'give nothing beside their logits'}
            raise errors.GaxError(f'networks of kind {net.kind!r} {lacks.get(name, f"have no field {name}")}')
    fields = {name: value for name, value in net.items() if name != 'kind'}
    return cls(**{n: v for n, v in {'shape': shape, **given}.items() if n in names}, **fields)


def takes_of(cls: type) -> tuple[str, ...]:
    """The kinds of data that a family is for: the TAKES of its file."""
    return getattr(sys.modules[cls.__module__], 'TAKES', ('image', 'point'))


def lifted(module: nn.Module, *inputs: jax.ShapeDtypeStruct) -> Net:
    """`module` as a Net, once it is known to go with these inputs: what is wrong is told here, before a run
    is begun.
    """
    net = from_linen(module, *inputs)
    jax.eval_shape(lambda: net.init(rng.key(0)))
    return net


def example(*shape: int) -> jax.ShapeDtypeStruct:
    """Two examples of a shape."""
    return jax.ShapeDtypeStruct((2, *shape), jnp.float32)


def pair(
    config: Any,
    spec: Spec,
    num_classes: int = 0,
    heads: Heads = None,
    pack: int = 1,
    latent_dim: int = 0,
) -> tuple[dict[str, Net], Scorer]:
    """The nets 'g' and 'd' that config.g and config.d describe, and how 'd' is asked.

    spec.fields has one of 'image' [H, W, C] and 'point' [D]. num_classes: where positive, both nets take
    labels.
    heads: {name: size} of further outputs of 'd', which then returns {'logits': [B], 'features': [B, F],
    name: [B, size]}; {} for the features alone, as where config.terms.feature_matching is on. pack: examples
    that one logit judges, joined along the channels (the critic does not pack them).
    latent_dim: what 'g' takes, where that is not config.latent_dim.
    """
    field, shape = spec.target, spec.target_shape
    heads = heads_for(config, heads)
    g = generator(config, spec, num_classes, latent_dim)
    d = discriminator(config.d, (*shape[:-1], pack * shape[-1]), num_classes, heads)
    return {'g': g, 'd': d}, scorer_of(field, *['label'] * bool(num_classes))._replace(logits=answer(heads))


def generator(config: Any, spec: Spec, num_classes: int = 0, latent_dim: int = 0) -> Net:
    """The net that config.g describes; the arguments are those of `pair`."""
    shape = spec.target_shape
    module = build(config.g.net, 'Generator', shape, num_classes=num_classes)
    net = lifted(module, example(latent_dim or config.latent_dim), *labels(num_classes))
    return spectral_norm(net) if config.g.spectral_norm else net


def discriminator(d: Any, shape: Shape, num_classes: int = 0, heads: Heads = None) -> Net:
    """The net that section `d` of a config describes, for examples of `shape`; num_classes and heads as in
    `pair`.
    """

    def one(*shape: int) -> Net:
        given = {'num_classes': num_classes, 'heads': None if heads is None else dict(heads)}
        return network(d.net, 'Discriminator', shape, **given)

    return several(d, one, shape, heads)


def network(net: Any, role: str, shape: Shape, **given: Any) -> Net:
    """The net of data of `shape` (and labels, where num_classes is given) that the section `net` describes,
    see `build`.
    """
    return lifted(build(net, role, shape, **given), example(*shape), *labels(given.get('num_classes', 0)))


def labels(num_classes: int) -> list[jax.ShapeDtypeStruct]:
    """The labels of two examples, where there are classes."""
    return [jax.ShapeDtypeStruct((2,), jnp.int32)] * bool(num_classes)


def several(d: Any, one: Callable[..., Net], shape: Shape, heads: Heads = None) -> Net:
    """What section `d` says of any discriminator `one(*shape)` whose first input has `shape`: d.spectral_norm
    wraps it.

    With d.members=n, n such nets that judge side by side, with d.scales=n on images halved 0, 1, ... times:
    logits are a tuple of n arrays. Raises GaxError where these do not go together, or with named heads.
    """

    def normed(*shape: int) -> Net:
        return spectral_norm(one(*shape)) if d.spectral_norm else one(*shape)

    return ensemble.several(normed, shape, d.members, d.scales, heads)


def heads_for(config: Any, heads: Heads = None) -> Heads:
    """`heads`, as in `pair`; {} for None where a term of config.terms reads the features."""
    term = config.terms.get('feature_matching', {'weight': 0.0})
    return {} if heads is None and not_zero(term['weight']) else heads


def answer(heads: Heads) -> Callable[[Any], jax.Array]:
    """Where the logits are in what a discriminator with these heads returns."""
    return whole if heads is None else logits_of


def logits_of(output: Mapping[str, jax.Array]) -> jax.Array:
    """The logits of a discriminator with heads."""
    return output['logits']
