"""Loads code from outside gax by import path: 'package.module', or 'package.module:name'."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from gax import errors


def is_path(name: str) -> bool:
    """Whether `name` is an import path rather than a name that gax defines."""
    return '.' in name or ':' in name


def load(kind: str, path: str) -> Any:
    """Imports a module, or one of its names.

    The current folder is searched after everything that is installed.

    Args:
      kind: What the result is used as, in words, for the error.
      path: 'package.module' or 'package.module:name'.

    Returns:
      The module, or the object called `name` in it.

    Raises:
      GaxError: The import fails. The error quotes Python's message.
    """
    module, _, attribute = path.partition(':')
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        imported = import_module(module)
        return getattr(imported, attribute) if attribute else imported
    except Exception as error:  # importing a module can raise anything
        reason = f'{type(error).__name__}: {errors.first_line(error)}'
        raise errors.GaxError(f'cannot import the {kind} {path!r} ({reason})') from error


def lookup(kind: str, name: str, table: Mapping[str, Any]) -> Any:
    """Looks `name` up in `table`, or imports it where it is an import path.

    Args:
      kind: What the result is used as, in words, for the error.
      name: A key of `table`, or an import path.
      table: The names that gax defines.

    Returns:
      The entry of the table, or the imported object.

    Raises:
      GaxError: `name` is neither.
    """
    if name not in table and is_path(name):
        return load(kind, name)
    return errors.lookup(kind, name, table)
