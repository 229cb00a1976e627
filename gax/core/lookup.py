"""What lives outside gax, by import path: 'package.module', or 'package.module:name' of something in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from gax import errors


def is_path(name: str) -> bool:
    """Whether `name` is an import path rather than one of gax's own names."""
    return '.' in name or ':' in name


def load(kind: str, path: str) -> Any:
    """The module, or the thing in it. The current folder is looked into after everything that is installed.

    Raises GaxError, with what Python says, where it cannot be imported. kind: what it is to be, in words.
    """
    module, _, attribute = path.partition(':')
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        thing = import_module(module)
        return getattr(thing, attribute) if attribute else thing
    except Exception as error:  # a module that is imported can raise anything
        reason = f'{type(error).__name__}: {errors.first_line(error)}'
        raise errors.GaxError(f'cannot import the {kind} {path!r} ({reason})') from error


def lookup(kind: str, name: str, table: Mapping[str, Any]) -> Any:
    """`table[name]`, or what the import path `name` leads to. Raises GaxError for neither."""
    if name not in table and is_path(name):
        return load(kind, name)
    return errors.lookup(kind, name, table)
