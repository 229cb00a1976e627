"""Bounds of config fields, declared in the annotation of a module's field or of a function's argument.

class Generator(nn.Module):
    widths: Sizes = (256, 128)
    momentum: Fraction = 0.9
    slope: Annotated[float, Only('activation', 'leaky_relu')] = 0.2

def lecam(scorer, *, decay: Share = 0.99, start: Count = 0, **fields): ...
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, NamedTuple

from gax import errors
from gax.core import schedules


class Bound(NamedTuple):
    """A condition on a field's value.

    Attributes:
      says: The condition in words, after 'must be'.
      holds: Whether a value meets it.
    """

    says: str
    holds: Callable[[Any], bool]


class OneOf(NamedTuple):
    """The field's value is one of `names`."""

    names: tuple[str, ...]


class Only(NamedTuple):
    """The field is read only where the field `field` of the same section has the value `value`.

    Elsewhere it must keep its default.
    """

    field: str
    value: Any


class Couples(NamedTuple):
    """With this value the network's output for one example depends on the other examples of the batch."""

    value: Any


class Scheduled(NamedTuple):
    """The field is a number, or the text of a schedule of it, see `schedules.parse`."""


def between(low: float, high: float = math.inf) -> Bound:
    """Numbers from `low` to `high`, both included."""
    says = f'from {low} to {high}' if high < math.inf else f'at least {low}'
    return Bound(says, lambda x: low <= x <= high)


def one_of(names: Iterable[str]) -> OneOf:
    """One of these strings."""
    return OneOf(tuple(names))


def _sizes(value: Any) -> bool:
    numbers = value if isinstance(value, (tuple, list)) else [value]
    return bool(numbers) and all(type(n) is int and n > 0 for n in numbers)


POSITIVE = Bound('positive', lambda x: x > 0)
SIZES = Bound('positive whole numbers', _sizes)
SCHEDULED = Scheduled()

Size = Annotated[int, SIZES]  # a width, a kernel, a stride
Sizes = Annotated[tuple[int, ...], SIZES]
AnySizes = Annotated[tuple[int, ...], Bound(SIZES.says, lambda x: not x or _sizes(x))]  # may be empty
Count = Annotated[int, between(0)]
Fraction = Annotated[float, Bound('from 0 to below 1', lambda x: 0 <= x < 1)]
Share = Annotated[float, between(0.0, 1.0)]


def declared(target: Any) -> dict[str, tuple[Any, ...]]:
    """The bounds that the annotations of a dataclass's fields, or of a function's arguments, declare.

    Args:
      target: A class or a function. Annotations that cannot be evaluated are skipped: a class from outside
        gax need not declare any.

    Returns:
      {field: the metadata of its `Annotated`}.
    """
    bounds: dict[str, tuple[Any, ...]] = {}
    owners = reversed(target.__mro__) if inspect.isclass(target) else [target]
    for owner in owners:
        try:
            hints = inspect.get_annotations(inspect.unwrap(owner), eval_str=True)
        except Exception:  # names that only a type checker sees
            continue
        bounds |= {name: typing.get_args(h)[1:] for name, h in hints.items() if _annotated(h)}
    return bounds


def _annotated(hint: Any) -> bool:
    return typing.get_origin(hint) is Annotated


def defaults(target: Any, given: Iterable[str] = ()) -> dict[str, Any]:
    """The defaults of a dataclass's fields, or of a function's keyword-only arguments.

    Args:
      target: A dataclass or a function.
      given: Names to leave out, because they do not come from a config.

    Returns:
      {name: default}.
    """
    if dataclasses.is_dataclass(target):
        fields = {
            f.name: f.default for f in dataclasses.fields(target) if f.default is not dataclasses.MISSING
        }
    else:
        parameters = inspect.signature(target).parameters.values()
        fields = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    return {name: default for name, default in fields.items() if name not in given}


def check(
    where: str, section: Mapping[str, Any], declared: Mapping[str, tuple[Any, ...]], usual: Mapping[str, Any]
) -> None:
    """Checks the values of a section against the bounds of its fields.

    Args:
      where: The path of the section, 'config.g.net.', for the error.
      section: The values.
      declared: The bounds, as `declared` returns them.
      usual: The defaults of the fields.

    Raises:
      GaxError: A value is out of its bounds, or is set where another field's value means that it is not read.
    """
    for name, notes in declared.items():
        if name not in section:
            continue
        value = section[name]
        scheduled = SCHEDULED in notes and isinstance(value, str)
        ends = schedules.parse(f'{where}{name}', value)[1:3] if scheduled else (value,)
        for note in notes if value is not None else ():
            if isinstance(note, OneOf) and value not in note.names:
                raise errors.GaxError(errors.choices(f'{where}{name}', value, note.names))
            if isinstance(note, Bound) and not all(map(note.holds, ends)):
                raise errors.GaxError(f'{where}{name} must be {note.says}, and is {value}')
            if (
                isinstance(note, Only)
                and section.get(note.field) != note.value
                and not same(value, usual.get(name))
            ):
                raise errors.GaxError(
                    f'{where}{name}={value} is read by nobody: it goes with '
                    f'{where}{note.field}={note.value}, which is {section.get(note.field)}; '
                    f'leave it at {usual.get(name)}'
                )


def same(value: Any, other: Any) -> bool:
    """Whether two values of a field are equal. Lists equal tuples, because JSON turns tuples into lists."""
    return (tuple(value) if isinstance(value, list) else value) == (
        tuple(other) if isinstance(other, list) else other
    )
