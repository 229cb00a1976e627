"""What a sweep varies: axes of alternatives, their product, ranges to search, and readable names."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gax import errors

Setting = dict[str, Any]  # field of the config -> its value


class Range(NamedTuple):
    """Numbers from `low` to `high`, both included; whole numbers if both are.

    Attributes:
      low: The least.
      high: The greatest.
      log: Whether their logarithm is sampled uniformly.
    """

    low: float
    high: float
    log: bool = False


class Axis(NamedTuple):
    """One thing that is varied.

    Attributes:
      name: Its name.
      alternatives: Each {field or tuple of fields: value or Range}.
    """

    name: str
    alternatives: tuple[Mapping[Any, Any], ...]

    def ranges(self) -> dict[tuple[str, ...], Range]:
        """The ranges of an axis for a search: {fields that share a value: range}."""
        alternative = self.alternatives[0] if len(self.alternatives) == 1 else {}
        return {fields_of(key): value for key, value in alternative.items() if isinstance(value, Range)}

    def settings(self) -> list[Setting]:
        """The alternatives as settings, without ranges."""
        return [
            {
                field: value
                for key, value in alternative.items()
                if not isinstance(value, Range)
                for field in fields_of(key)
            }
            for alternative in self.alternatives
        ]


def fields_of(key: Any) -> tuple[str, ...]:
    """The fields of a key, which is one field or a tuple."""
    return (key,) if isinstance(key, str) else tuple(key)


def axis(name: str, returned: Any) -> Axis:
    """The axis of what `sweep_NAME()` returned.

    Raises:
      GaxError: That is not alternatives.
    """
    where = f'sweep_{name}()'
    alternatives = (
        [returned]
        if isinstance(returned, Mapping)
        else list(returned)
        if isinstance(returned, Iterable)
        else None
    )
    if not alternatives or isinstance(returned, str):
        raise errors.GaxError(f'{where} must yield settings, such as {{"loss": "hinge"}}, and yields none')
    for alternative in alternatives:
        keys = list(alternative) if isinstance(alternative, Mapping) else []
        named = [field for key in keys if isinstance(key, (str, tuple)) for field in fields_of(key) or [None]]
        if len(named) < max(len(keys), 1) or not all(field and isinstance(field, str) for field in named):
            raise errors.GaxError(
                f'{where} must yield settings, such as {{"loss": "hinge"}}, and yields {alternative!r}'
            )
    for value in (value for alternative in alternatives for value in alternative.values()):
        if isinstance(value, Range):
            check_range(where, value, len(alternatives))
        elif not isinstance(value, (bool, int, float, str, tuple, list)):
            wrong = f'{type(value).__name__} {value!r}'
            raise errors.GaxError(f'{where}: values are plain numbers, texts or tuples, and one is a {wrong}')
    return Axis(name, tuple(alternatives))


def check_range(where: str, value: Range, alternatives: int) -> None:
    """Raises GaxError if a range is invalid, or not in the only alternative of its axis."""
    numbers = (value.low, value.high)
    if any(isinstance(x, bool) or not isinstance(x, (int, float)) for x in numbers):
        raise errors.GaxError(f'{where}: {value} must have two numbers')
    if not all(map(math.isfinite, numbers)) or value.low >= value.high or (value.log and value.low <= 0):
        need = 'low < high, finite' + ', and low > 0 as it is logarithmic' * value.log
        raise errors.GaxError(f'{where}: {value} needs {need}')
    if alternatives > 1:
        raise errors.GaxError(f'{where}: a Range stands in the only setting of its sweep, not beside others')


def product(axes: Sequence[Axis]) -> list[Setting]:
    """Every combination of one alternative of each axis; the last axis varies fastest.

    Raises:
      GaxError: Two axes set one field, one has a Range, or two combinations are equal.
    """
    check_apart(axes)
    for axis in axes:
        if axis.ranges():
            raise errors.GaxError(
                f'sweep_{axis.name}() has a Range: add --search=tpe or --search=random, or list its values'
            )
    settings = [merged(choice) for choice in itertools.product(*(axis.settings() for axis in axes))]
    if same := [setting for i, setting in enumerate(settings) if setting in settings[:i]]:
        raise errors.GaxError(f'the sweep has {label(same[0])} twice')
    return settings


def check_apart(axes: Sequence[Axis]) -> None:
    """Raises GaxError if two axes set the same field."""
    owner: dict[str, str] = {}
    for axis in axes:
        for field in {
            name for alternative in axis.alternatives for key in alternative for name in fields_of(key)
        }:
            if owner.setdefault(field, axis.name) != axis.name:
                raise errors.GaxError(
                    f'sweep_{owner[field]}() and sweep_{axis.name}() both set config.{field}'
                )


def merged(parts: Iterable[Setting]) -> Setting:
    """One setting of several."""
    return {field: value for part in parts for field, value in part.items()}


def label(setting: Setting) -> str:
    """A setting in words: 'learning_rate=0.0002 r1.weight=1'.

    Fields are shortened as far as they stay distinct; those with one short name and value are merged.
    """
    parts: dict[str, str] = {}
    for field, value in setting.items():
        last = field.rpartition('.')[2]
        alike = {other: setting[other] for other in setting if other.rpartition('.')[2] == last}
        for short in SHORT[last in VAGUE :]:
            if all(alike[other] == value for other in alike if short(other) == short(field)):
                break
        parts[short(field)] = spell(value)
    return ' '.join(f'{name}={value}' for name, value in parts.items()) or 'base'


# Ways to shorten a field: its last name, the last two, the first and the last, none.
SHORT: tuple[Callable[[str], str], ...] = (
    lambda field: field.rpartition('.')[2],
    lambda field: '.'.join(field.split('.')[-2:]),
    lambda field: '.'.join(dict.fromkeys((field.partition('.')[0], field.rpartition('.')[2]))),
    lambda field: field,
)
VAGUE = ('weight', 'every', 'name', 'updates')  # names that mean nothing alone


def spell(value: Any) -> str:
    """A value as text, floats with four digits."""
    if isinstance(value, float):
        return f'{value:.4g}'
    return str(value).lower() if isinstance(value, bool) else str(value).replace(' ', '')


def folder(setting: Setting, seed: int) -> str:
    """The name of a run's folder: the readable setting, six digits of its digest, and the seed."""
    digits = hashlib.sha256(json.dumps(setting, sort_keys=True).encode()).hexdigest()[:6]
    readable = re.sub(r'[^A-Za-z0-9.=_+-]+', '_', label(setting)).strip('_')[:80]
    return f'{readable}-{digits}-seed{seed}'
