"""Families of networks by name. A family is a file of this folder, or a module outside gax.

A section `net` of a config is {'kind': the family, ...: the fields of the family's module for a role}. The
network is that module's class called with the section. So a field that the module does not have cannot be
set, and every field is read. Fields that the data or the recipe determine (GIVEN) are not in the config.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import flax.linen as nn
from ml_collections import ConfigDict

from gax import errors
from gax.core import bounds, lookup

Shape = Sequence[int]

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
    imported = lookup.lookup(f'kind of {role.lower()}', kind, kinds(role))
    if not isinstance(imported, type):
        if not hasattr(imported, role):
            raise errors.GaxError(f'{kind} has no class {role}')
        imported = getattr(imported, role)
    return imported


def section(kind: str, role: str) -> ConfigDict:
    """The section `net` of a family: its kind, and its fields with their defaults."""
    return ConfigDict({'kind': kind, **bounds.defaults(family(kind, role), GIVEN)})


def player(kind: str, role: str) -> dict[str, Any]:
    """The fields that a family sets in the player's section outside `net`: the PLAYER of its file."""
    module = sys.modules[family(kind, role).__module__]
    return getattr(module, 'PLAYER', {}).get(role, {})


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
