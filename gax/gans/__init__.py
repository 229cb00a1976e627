"""GANs, one recipe a file: `make(config, spec) -> Game` and `defaults() -> ConfigDict` of its own config
fields.

Files of this folder are found by name: adding one adds a GAN, and nothing else is edited.
"""

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Any

from gax import errors
from gax.core import lookup, wrappers
from gax.core.spec import Spec
from gax.core.types import Game


def names() -> list[str]:
    """Every recipe, by name."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def recipe(name: str) -> ModuleType:
    """The recipe's module: of this folder by name, any other by its import path.

    Raises GaxError for an unknown name.
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
    """Which module of its family the network `player` of a recipe is: the recipe's ROLES, or the usual
    two.
    """
    return getattr(recipe(name), 'ROLES', {}).get(player, {'g': 'Generator'}.get(player, 'Discriminator'))


def make(config: Any, spec: Spec) -> Game:
    """The game that `config` describes, on data of `spec`."""
    return wrappers.from_config(config, recipe(config.gan).make(config, spec))
