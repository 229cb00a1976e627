"""A name decides which fields its section has.

The name of a network's family (`*.net.kind`), an optimizer (`*.optimizer.name`), a schedule
(`*.schedule.name`), a term (`terms.NAME`), the averages (`ema.name`) or the data (`data.name`) brings its
fields with their defaults, and replaces the fields of the previous name. A section may offer further
fields: other arguments of an optimizer, other terms. An offered field is in the config once it has been
set. Config files, the command line and sweeps all use this module.

    choose(config, 'g.net', 'sngan', widths=(64, 32))
    choose(config, 'terms.r1', weight=0.1)
    set(config, 'd.optimizer.b2', 0.99)
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict, FieldReference

from gax import errors, gans
from gax.config import fields, section_fields, sections
from gax.core import bounds, schedules
from gax.nets import families


def choose(config: ConfigDict, section: str, name: str = '', **values: Any) -> None:
    """Replaces a section by the one that `name` brings, then sets some of its fields.

    Args:
      config: The config, which is changed.
      section: The path of the section.
      name: The name; '' keeps the present one, and is for sections that have none, such as a term.
      **values: The fields to set.

    Raises:
      GaxError: The section, the name or a field is unknown; the message lists the valid ones.
    """
    if name:
        replace(config, section, name)
    else:
        bring(config, section)
    for field, value in values.items():
        set(config, f'{section}.{field}', value)


def set(config: ConfigDict, path: str, value: Any) -> None:
    """Sets one field, and adds the sections that it needs.

    A name brings its section as in `choose`. None removes a field or a section that is offered.

    Args:
      config: The config, which is changed.
      path: The path of the field.
      value: The value.

    Raises:
      GaxError: The field is unknown, or has another type.
    """
    section, _, name = path.rpartition('.')
    if section_fields.is_choice(path) and isinstance(value, str):
        replace(config, section, value)
        return
    if value is None and name in section_fields.offered(config, section):
        holder = fields.get(config, section) if section else config
        if holder is not None and name in holder:
            with config.unlocked():
                del holder[name]
        return
    bring(config, path)
    holder = fields.get(config, section) if section else config
    kind = holder.get_type(name)
    if issubclass(kind, ConfigDict):
        raise errors.GaxError(f'config.{path} is a section; set its fields one by one')
    scheduled = allow_schedule(config, path, value)
    if scheduled and schedules.is_text(value):
        schedules.parse(f'config.{path}', value)
    elif not fields.is_a(value, float if scheduled else kind):
        kind = float if scheduled else kind
        raise errors.GaxError(f'config.{path} must be {fields.TYPE_NAMES[kind]}, and is {value!r}')
    holder[name] = tuple(value) if isinstance(value, list) else value
    reset_dependents(config, path, value)


def allow_schedule(config: ConfigDict, path: str, value: Any) -> bool:
    """Lets a field hold a number or a schedule, where it may, and `value` or what it holds is a schedule.

    Args:
      config: The config, in which the type of the field changes.
      path: The path of the field.
      value: What it will be set to, or the text of it.

    Returns:
      Whether the field now takes both.
    """
    section, _, name = path.rpartition('.')
    holder = fields.get(config, section) if section else config
    present = holder[name]
    number = holder.get_type(name) in (float, object)
    if not (schedules.is_text(present) or (number and schedules.is_text(value))):
        return False
    if not section_fields.may_be_scheduled(config, path):
        return False
    with holder.unlocked():
        del holder[name]
        holder[name] = FieldReference(present, field_type=object)
    return True


def reset_dependents(config: ConfigDict, path: str, value: Any) -> None:
    """Resets the fields that are read only while the field at `path` has another value.

    Args:
      config: The config, which is changed.
      path: The field that has been set.
      value: Its value, or the text of it.
    """
    section, _, name = path.rpartition('.')
    usual = section_fields.defaults(config, section)
    for field, notes in section_fields.declared(config, section).items():
        for note in notes:
            if (
                isinstance(note, bounds.Only)
                and note.field == name
                and f'{value}'.lower() != f'{note.value}'.lower()
            ):
                fields.get(config, section)[field] = usual[field]


def follow(config: ConfigDict, overrides: Mapping[str, str]) -> None:
    """Adds the sections and fields that overrides need, so that they can be set in any order.

    Args:
      config: The config, which is changed.
      overrides: {path: text}.

    Raises:
      GaxError: A field or a name is unknown.
    """
    by_depth = sorted(overrides, key=lambda path: path.count('.'))
    for path in by_depth:
        if section_fields.is_choice(path):
            replace(config, path.rpartition('.')[0], overrides[path])
    for path in by_depth:
        bring(config, path)
        if not isinstance(fields.get(config, path), ConfigDict):
            allow_schedule(config, path, overrides[path])
        reset_dependents(config, path, overrides[path])


def set_all(config: ConfigDict, values: Mapping[str, Any]) -> None:
    """Sets several fields, names first, see `set`.

    Args:
      config: The config, which is changed.
      values: {path: value}.

    Raises:
      GaxError: A field is unknown, or has another type.
    """
    for path in sorted(values, key=lambda path: (not section_fields.is_choice(path), path.count('.'))):
        set(config, path, values[path])


def bring(config: ConfigDict, path: str) -> None:
    """Adds each part of `path` that is offered and not in the config yet.

    Args:
      config: The config, which is changed.
      path: The path of a field or a section.

    Raises:
      GaxError: There is no such field.
    """
    parts = path.split('.')
    for depth, part in enumerate(parts):
        section = '.'.join(parts[:depth])
        holder = fields.get(config, section) if section else config
        if not isinstance(holder, ConfigDict):
            raise errors.GaxError(fields.unknown_field(path, config))
        if part not in holder:
            offers = section_fields.offered(config, section)
            if part not in offers:
                raise errors.GaxError(fields.unknown_field(path, config, offers=offers))
            with config.unlocked():
                holder[part] = ConfigDict(offers[part]) if isinstance(offers[part], Mapping) else offers[part]


def replace(config: ConfigDict, section: str, name: str) -> None:
    """Replaces a section by the one that `name` brings. Does nothing if the section has that name already.

    Args:
      config: The config, which is changed.
      section: The path of the section.
      name: The name.

    Raises:
      GaxError: The name is unknown.
    """
    parent, _, last = section.rpartition('.')
    if parent != 'terms':
        bring(config, section)
    holder = fields.get(config, section) or {}
    if last == 'data':
        rename_data(config, name)
    if name == holder.get('kind' if last == 'net' else 'name'):
        return
    content = section_fields.fresh(config, section, name)
    with config.unlocked():
        if last == 'net':
            role = gans.role(config.gan, parent)
            was = families.player(fields.get(config, section).kind, role)
            about = {field: families.PLAYER.get(field) for field in was} | families.player(name, role)
            for field, value in about.items():
                fields.get(config, parent)[field] = value
        (fields.get(config, parent) if parent else config)[last] = content


def rename_data(config: ConfigDict, name: str) -> None:
    """Sets the name of the data. Of the offered fields, only those that the new kind of data reads stay."""
    with config.unlocked():
        for field in (
            builtins.set(config.data) - sections.data_section().keys() - sections.data_offers(name).keys()
        ):
            del config.data[field]
        config.data.name = name


def like(base: ConfigDict, values: Mapping[str, Any]) -> ConfigDict:
    """The fields that a config with these values must have.

    Args:
      base: The config to begin with.
      values: {path: value}.

    Returns:
      `base` without offered fields, its sections as the names in `values` bring them, and the offered fields
      that `values` sets. A field that cannot exist is left out.
    """
    model = section_fields.bare(base)
    for path in sorted(values, key=lambda path: (not section_fields.is_choice(path), path.count('.'))):
        if section_fields.is_choice(path) and isinstance(values[path], str):
            replace(model, path.rpartition('.')[0], values[path])
        elif fields.get(model, path) is None:
            try:
                bring(model, path)
            except errors.GaxError:
                continue
    return model
