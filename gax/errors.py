"""Errors that a user can act on: one clear line, what, where, the valid choices and the nearest match."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar('T')


class GaxError(Exception):
    """A mistake in what gax was given. The command line prints it as one line and exits with status 2."""


def choices(kind: str, name: str, valid: Iterable[str]) -> str:
    """'unknown loss 'hing' (nearest: 'hinge'); valid: hinge, ...'."""
    names = sorted(valid)
    near = get_close_matches(str(name), names, n=1, cutoff=0.4)
    hint = f' (nearest: {near[0]!r})' if near else ''
    return f'unknown {kind} {name!r}{hint}; valid: {", ".join(names)}'


def lookup(kind: str, name: str, table: Mapping[str, T]) -> T:
    """`table[name]`, or a GaxError that lists the names and the nearest one."""
    if name not in table:
        raise GaxError(choices(kind, name, table))
    return table[name]
