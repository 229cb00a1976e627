"""The fields of a config by their dotted paths."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ml_collections import ConfigDict

from gax import errors


def fields_of(config: ConfigDict, prefix: str = '') -> dict[str, type]:
    """Every field and its type, without sections: {'d.optimizer.name': str, ...}."""
    result: dict[str, type] = {}
    for key in config:
        value = config[key]
        if isinstance(value, ConfigDict):
            result |= fields_of(value, f'{prefix}{key}.')
        else:
            result[f'{prefix}{key}'] = config.get_type(key)
    return result


def unknown_field(path: str, config: ConfigDict, where: str = '', offers: Iterable[str] = ()) -> str:
    """The message for a field that a config does not have.

    Args:
      path: The path of the field.
      config: The config.
      where: Text that follows the path, e.g. ' of gan ...'.
      offers: Further fields that its section may have.

    Returns:
      One line, with the nearest field, and the fields of the section in which it would be.
    """
    offers = list(offers)
    section, parts = config, path.split('.')
    while len(parts) > 1 and isinstance(section.get(parts[0]), ConfigDict):
        section = section[parts.pop(0)]
    inside = f'config.{path}'.removesuffix('.' + '.'.join(parts))
    more = ['.'.join((inside, *offer.split('.'))).removeprefix('config.') for offer in offers]
    near = nearest_field(path, [*fields_of(config), *more])
    hint = f' (nearest: config.{near})' if near else ''
    return f'unknown field config.{path}{where}{hint}; {inside} has: {", ".join(sorted({*section, *offers}))}'


def nearest_field(path: str, fields: list[str]) -> str:
    """The field that is most like `path`.

    Args:
      path: The path.
      fields: The paths of all fields.

    Returns:
      A path that is like `path`, or else one whose last name is like the last name of `path`, or else ''.
    """
    by_last = {field.rpartition('.')[2]: field for field in fields}
    last = errors.nearest(path.rpartition('.')[2], by_last, 0.75)
    return errors.nearest(path, fields, 0.7) or by_last.get(last, '')


def get(config: Any, path: str) -> Any:
    """`get(config, 'd.optimizer.name')`, or None if there is no such field."""
    for part in path.split('.'):
        if part not in config:
            return None
        config = config[part]
    return config


def leaves(config: Any, prefix: str = '') -> dict[str, Any]:
    """Every field and its value: {'d.optimizer.name': 'adam', ...}."""
    result: dict[str, Any] = {}
    for key, value in config.items():
        result |= leaves(value, f'{prefix}{key}.') if hasattr(value, 'items') else {f'{prefix}{key}': value}
    return result


def flat(config: Any, prefix: str = '') -> dict[str, Any]:
    """Every field and its value as JSON has it: {'d.optimizer.name': 'adam', ...}. Tuples become lists."""
    return {path: json.loads(json.dumps(value)) for path, value in leaves(config, prefix).items()}


# `object`: a length, in steps or as a share of them, which learning_rates.check_length checks.
TYPE_NAMES: dict[type, str] = {
    int: 'a whole number',
    float: 'a number',
    bool: 'true or false',
    str: 'a text',
    tuple: 'a tuple',
    object: 'a number',
}


def is_a(value: Any, kind: type) -> bool:
    """Whether a field of type `kind` may hold `value`.

    A float field may hold a whole number. A bool is not a number.
    """
    if kind in (int, float) and isinstance(value, bool):
        return False
    also = {float: (float, int), tuple: (tuple, list)}.get(kind, kind)  # JSON makes lists of tuples
    return isinstance(value, also)
