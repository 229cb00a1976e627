"""GANs, one recipe in each file.

A recipe has `make(config, spec) -> Game`, and `defaults() -> ConfigDict` with its config fields. It may have
`arrange(config, source) -> Source`, if it reads the examples in an order of its own. The files of
this folder are found by name: adding a file adds a GAN, and nothing else is edited.
"""

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Any

from gax import errors
from gax.core import lookup, schedules, wrappers
from gax.core.spec import Spec
from gax.core.types import Game
from gax.data.source import Source


def names() -> list[str]:
    """The names of all recipes, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def recipe(name: str) -> ModuleType:
    """The module of a recipe.

    Args:
      name: The name of a file of this folder, or an import path.

    Returns:
      The module.

    Raises:
      GaxError: There is no such recipe, or the module lacks `defaults` or `make`.
    """
    if name not in names() and lookup.is_path(name):
        module = lookup.load('gan', name)
        if missing := [part for part in ('defaults', 'make') if not hasattr(module, part)]:
            raise errors.GaxError(f'gan {name!r} is no recipe: it has no function {missing[0]}')
        return module
    if name not in names():
        raise errors.GaxError(errors.choices('gan', name, names()))
    return import_module(f'gax.gans.{name}')


def role(name: str, player: str) -> str:
    """The class name of a player's network within its family.

    Args:
      name: The recipe.
      player: The player's section of the config, such as 'g'.

    Returns:
      The recipe's ROLES[player]; where it has none, 'Generator' for 'g' and else 'Discriminator'.
    """
    return getattr(recipe(name), 'ROLES', {}).get(player, {'g': 'Generator'}.get(player, 'Discriminator'))


def make(config: Any, spec: Spec) -> Game:
    """The game that `config` describes, on data of `spec`.

    Numbers of the config that have a schedule reach the recipe as functions of the step, see `schedules`.
    """
    config = schedules.resolved(config)
    return wrappers.from_config(config, recipe(config.gan).make(config, spec))


def arranged(config: Any, source: Source) -> Source:
    """`source` in the order in which the recipe reads it: its `arrange`, if it has one."""
    arrange = getattr(recipe(config.gan), 'arrange', None)
    return arrange(config, source) if arrange else source


def without(name: str) -> tuple[str, ...]:
    """The sections and fields of every config that those of a recipe do not have: its WITHOUT."""
    return getattr(recipe(name), 'WITHOUT', ())
