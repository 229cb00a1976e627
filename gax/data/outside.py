"""Data sources outside gax, by import path: config.data.name='package.module:function'.

The function makes the source from the section `data` of the config. Its keyword-only arguments are fields of
that section. They are set as config.data.FIELD, and in a config file by `choose(config, 'data', turns=2)`.

    def spiral(data, *, turns: float = 1.5, noise: Annotated[float, bounds.between(0.0)] = 0.05) -> Source:
        return Source(Spec(data.name, {'point': Field((2,), 'point')}), arrays=(), read=...)
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from gax import errors
from gax.core import bounds, lookup
from gax.data.source import Source

# What comes before the colon in the names of gax's own sources.
KINDS = (
    *('embedded', 'tfds', 'folder', 'npz', 'synthetic', 'random'),
    *('pairs', 'domains', 'series', 'table', 'zip'),
)


def is_path(name: str) -> bool:
    """Whether config.data.name is an import path, 'package.module:function'.

    A module without a dot that is not in `KINDS` and cannot be imported is taken for a misspelt kind.
    """
    module, _, function = name.partition(':')
    if module in KINDS or not all(part.isidentifier() for part in (*module.split('.'), function)):
        return False
    return '.' in module or is_there(module)


def is_there(module: str) -> bool:
    """Whether a module without a dot can be imported, also from the current folder."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    return find_spec(module) is not None


def function_of(name: str) -> Callable[..., Any]:
    """Imports the function.

    Raises:
      GaxError: There is none at this path.
    """
    function = lookup.load('data source', name)
    if not callable(function):
        raise errors.GaxError(f'the data source {name!r} is no function, but {type(function).__name__}')
    return function


def load(name: str, data: Any) -> Source:
    """The source that the function makes.

    Args:
      name: The import path.
      data: The section `data` of a config.

    Raises:
      GaxError: The path leads to no function, or the function returns no Source.
    """
    function = function_of(name)
    fields = {field: data.get(field, default) for field, default in bounds.defaults(function).items()}
    source = function(data, **fields)
    if not isinstance(source, Source):
        raise errors.GaxError(
            f'the data source {name!r} must return a gax.data.Source, and returned {type(source).__name__}'
        )
    return source


def offers(name: str) -> dict[str, Any]:
    """The fields that the function adds to the section, with their defaults."""
    return bounds.defaults(function_of(name))


def declared(name: str) -> dict[str, tuple[Any, ...]]:
    """The valid values of the function's fields, see bounds.declared."""
    return bounds.declared(function_of(name))
