"""A section follows its name, everywhere by one rule.

Choosing a name, of a network's family (`*.net.kind`), an optimizer (`*.optimizer.name`), a schedule
(`*.schedule.name`), a term (`terms.NAME`), the data (`data.name`), brings its fields with their defaults;
nothing of what was there before is carried over. A section offers more than it holds: an optimizer's other
arguments, other terms. What is offered is there as soon as it is named. Config files, the command line and
sweeps come through here.

    choose(config, 'g.net', 'sngan', widths=(64, 32))
    choose(config, 'terms.r1', weight=0.1)
    set(config, 'd.optimizer.b2', 0.99)
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from typing import Any

from ml_collections import ConfigDict

from gax import errors, gans
from gax.config import fields, sections
from gax.core import bounds, optimizers
from gax.nets import encoder, registry
from gax.objectives import penalties


def is_choice(path: str) -> bool:
    """Whether the field names what its section holds."""
    parts = ['', *path.split('.')][-2:]
    named = parts in (['net', 'kind'], ['optimizer', 'name'], ['schedule', 'name'])
    return named or path == 'data.name' or (path.startswith('terms.') and path.endswith('.name'))


def choose(config: ConfigDict, section: str, name: str = '', **values: Any) -> None:
    """Gives `config` the section at `section` as `name` has it, then sets some of its fields.

    name: '' for what the section is now, or for a section that has no name in it, such as a term.
    Raises GaxError for what is unknown, with the valid choices.
    """
    if name:
        replace(config, section, name)
    else:
        bring(config, section)
    for field, value in values.items():
        set(config, f'{section}.{field}', value)


def set(config: ConfigDict, path: str, value: Any) -> None:
    """Sets one field. Sections that it names, or that it is in, come as `choose` brings them; None takes an
    offered one away.

    Raises GaxError for an unknown field, and for a value of another type than the field's.
    """
    section, _, name = path.rpartition('.')
    if is_choice(path) and isinstance(value, str):
        replace(config, section, value)
        return
    if value is None and name in offered(config, section):
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
    if not fields.is_a(value, kind):
        raise errors.GaxError(f'config.{path} must be {fields.SAID[kind]}, and is {value!r}')
    holder[name] = tuple(value) if isinstance(value, list) else value
    reset_dependents(config, path, value)


def reset_dependents(config: ConfigDict, path: str, value: Any) -> None:
    """Fields that are read beside another value of this one only go back to their defaults. value: or its
    text.
    """
    section, _, name = path.rpartition('.')
    usual = defaults(config, section)
    for field, notes in declared(config, section).items():
        for note in notes:
            if (
                isinstance(note, bounds.Only)
                and note.field == name
                and f'{value}'.lower() != f'{note.value}'.lower()
            ):
                fields.get(config, section)[field] = usual[field]


def follow(config: ConfigDict, overrides: Mapping[str, str]) -> None:
    """Makes `config` ready for overrides {path: text}, in any order: with the sections and fields that they
    need.
    """
    by_depth = sorted(overrides, key=lambda path: path.count('.'))
    for path in by_depth:
        if is_choice(path):
            replace(config, path.rpartition('.')[0], overrides[path])
    for path in by_depth:
        bring(config, path)
        reset_dependents(config, path, overrides[path])


def set_all(config: ConfigDict, values: Mapping[str, Any]) -> None:
    """`set` of several fields, names first."""
    for path in sorted(values, key=lambda path: (not is_choice(path), path.count('.'))):
        set(config, path, values[path])


def bring(config: ConfigDict, path: str) -> None:
    """Adds what of `path` is offered and not there yet. Raises GaxError where there is no such field."""
    parts = path.split('.')
    for depth, part in enumerate(parts):
        section = '.'.join(parts[:depth])
        holder = fields.get(config, section) if section else config
        if not isinstance(holder, ConfigDict):
            raise errors.GaxError(fields.unknown_field(path, config))
        if part not in holder:
            offers = offered(config, section)
            if part not in offers:
                raise errors.GaxError(fields.unknown_field(path, config, offers=offers))
            with config.unlocked():
                holder[part] = ConfigDict(offers[part]) if isinstance(offers[part], Mapping) else offers[part]


def replace(config: ConfigDict, section: str, name: str) -> None:
    """Makes the section that of `name`, unless it is that already."""
    parent, _, last = section.rpartition('.')
    if parent != 'terms':
        bring(config, section)
    holder = fields.get(config, section) or {}
    if last == 'data':
        rename_data(config, name)
    if name == holder.get('kind' if last == 'net' else 'name'):
        return
    content = fresh(config, section, name)
    with config.unlocked():
        if last == 'net':
            role = gans.role(config.gan, parent)
            was = registry.player(fields.get(config, section).kind, role)
            about = {field: registry.PLAYER.get(field) for field in was} | registry.player(name, role)
            for field, value in about.items():
                fields.get(config, parent)[field] = value
        (fields.get(config, parent) if parent else config)[last] = content


def fresh(config: ConfigDict, section: str, name: str) -> ConfigDict:
    """A network's, a term's, an optimizer's or a schedule's section as its name has it."""
    parent, _, last = section.rpartition('.')
    if parent == 'terms':
        return ConfigDict(penalties.section(last, name))
    if last == 'net':
        return registry.section(name, gans.role(config.gan, parent))
    return optimizers.section(name) if last == 'optimizer' else optimizers.schedule(name)


def rename_data(config: ConfigDict, name: str) -> None:
    """Other data; of what is offered to it, only what the new kind of data reads stays."""
    with config.unlocked():
        for field in (
            builtins.set(config.data) - sections.data_section().keys() - sections.data_offers(name).keys()
        ):
            del config.data[field]
        config.data.name = name


def offered(config: ConfigDict, section: str) -> dict[str, Any]:
    """{field or section: what it is where it is not set} that the section may have beside what every such
    has.
    """
    last = section.rpartition('.')[2]
    holder = (fields.get(config, section) if section else config) or {}
    if section == '':
        return dict(sections.SWITCHED)
    if section == 'terms':
        return {name: penalties.section(name) for name in (*penalties.D_TERMS, *penalties.G_TERMS)}
    if section == 'data':
        return sections.data_offers(holder.get('name', ''))
    if section == 'eval':
        return {name: value for name, value in sections.eval_section().items() if name != 'every'}
    if last == 'optimizer':
        return {**optimizers.offered(holder.get('name', '')), 'schedule': {'name': ''}}
    if last == 'schedule':
        return optimizers.offered_to_schedule(holder.get('name', ''))
    return {}


def declared(config: ConfigDict, section: str) -> dict[str, tuple[Any, ...]]:
    """What the fields of a section may hold: see bounds.declared."""
    parent, _, last = section.rpartition('.')
    holder: Any = (fields.get(config, section) if section else config) or {}
    if last == 'net':
        return bounds.declared(registry.family(holder.kind, gans.role(config.gan, parent)))
    if last == 'head':
        return bounds.declared(encoder.TrunkDiscriminator)
    if last == 'optimizer':
        return optimizers.BOUNDS
    if parent == 'terms':
        return penalties.declared(last, holder.get('name', ''))
    if section == 'data':
        return {**sections.data_declared(holder.get('name', '')), **sections.BOUNDS['data']}
    return sections.BOUNDS.get(section) or (sections.PLAYER if 'optimizer' in holder else {})


def defaults(config: ConfigDict, section: str) -> Mapping[str, Any]:
    """The defaults of a network's fields: what those go back to that nobody reads."""
    name = section.rpartition('.')[2]
    return fresh(config, section, fields.get(config, section).kind) if name == 'net' else {}


def paths(config: ConfigDict, section: str = '') -> Iterable[str]:
    """The dotted paths of a config's sections, itself ('') first."""
    yield section
    holder = fields.get(config, section) if section else config
    for name in holder:
        if isinstance(holder[name], ConfigDict):
            yield from paths(config, f'{section}.{name}' if section else name)


def check(config: ConfigDict) -> None:
    """Raises GaxError for the first field that holds what it cannot, or that nobody reads beside the
    others.
    """
    for section in paths(config):
        holder = fields.get(config, section) if section else config
        where = f'config.{section}.' if section else 'config.'
        bounds.check(where, holder, declared(config, section), defaults(config, section))


def bare(config: ConfigDict) -> ConfigDict:
    """A copy without what is only offered."""
    copy = ConfigDict(config.to_dict())
    for section in [*paths(copy)]:
        holder = fields.get(copy, section) if section else copy
        if holder is not None:  # not in a section that has gone already
            for name in offered(copy, section).keys() & holder.keys():
                del holder[name]
    return copy


def like(base: ConfigDict, values: Mapping[str, Any]) -> ConfigDict:
    """What a config with these fields {path: value} has to look like: `base` with its sections as the names
    have them.

    Fields that it cannot have are left out.
    """
    model = bare(base)
    for path in sorted(values, key=lambda path: (not is_choice(path), path.count('.'))):
        if is_choice(path) and isinstance(values[path], str):
            replace(model, path.rpartition('.')[0], values[path])
        elif fields.get(model, path) is None:
            try:
                bring(model, path)
            except errors.GaxError:
                continue
    return model
