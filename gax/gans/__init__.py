"""GANs, one recipe a file: `make(config, spec) -> Game` and `defaults() -> ConfigDict` of its own config fields.

Files of this folder are found by name: adding one adds a GAN, and nothing else is edited.
"""

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Any

from gax import errors, wrappers
from gax.data.source import Spec
from gax.types import Game


def names() -> list[str]:
    """Every recipe, by name."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def recipe(name: str) -> ModuleType:
    """The recipe's module. Raises GaxError for an unknown name."""
    if name not in names():
        raise errors.GaxError(errors.choices('gan', name, names()))
    return import_module(f'gax.gans.{name}')


def make(config: Any, spec: Spec) -> Game:
    """The game that `config` describes, on data of `spec`."""
    return wrappers.from_config(config, recipe(config.gan).make(config, spec))
