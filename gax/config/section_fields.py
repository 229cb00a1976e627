"""Which fields the sections of a config may have, their bounds and their defaults.

A field that a section may have beside those that it always has is offered: it is in the config once it has
been set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ml_collections import ConfigDict

from gax import gans
from gax.config import fields, sections
from gax.core import bounds, ema, learning_rates, optimizers
from gax.nets import encoder, families
from gax.objectives import term_registry


def is_choice(path: str) -> bool:
    """Whether the field at `path` is a name that decides which fields its section has."""
    parts = ['', *path.split('.')][-2:]
    named = parts in (['net', 'kind'], ['optimizer', 'name'], ['schedule', 'name'])
    return (
        named or path in ('data.name', 'ema.name') or (path.startswith('terms.') and path.endswith('.name'))
    )


def may_be_scheduled(config: ConfigDict, path: str) -> bool:
    """Whether the field at `path` is a number that may change along training, see `schedules`."""
    section, _, name = path.rpartition('.')
    return bounds.SCHEDULED in declared(config, section).get(name, ())


def fresh(config: ConfigDict, section: str, name: str) -> ConfigDict:
    """A section with the defaults that `name` brings: of a network, a term, the averages, an optimizer or a
    schedule.
    """
    parent, _, last = section.rpartition('.')
    if parent == 'terms':
        return ConfigDict(term_registry.section(last, name))
    if last == 'net':
        return families.section(name, gans.role(config.gan, parent))
    if last == 'ema':
        return ConfigDict(ema.section(name))
    return optimizers.section(name) if last == 'optimizer' else learning_rates.schedule(name)


def offered(config: ConfigDict, section: str) -> dict[str, Any]:
    """The fields and sections that a section may have in addition to those that it always has.

    Args:
      config: The config.
      section: The path of the section; '' for the config itself.

    Returns:
      {name: the value that holds while it is not set}.
    """
    last = section.rpartition('.')[2]
    holder = (fields.get(config, section) if section else config) or {}
    if section == '':
        return dict(sections.SWITCHED)
    if section == 'terms':
        return {
            name: term_registry.section(name) for name in (*term_registry.D_TERMS, *term_registry.G_TERMS)
        }
    if section == 'data':
        return sections.data_offers(holder.get('name', ''))
    if section == 'eval':
        return {name: value for name, value in sections.eval_section().items() if name != 'every'}
    if last == 'optimizer':
        return {**optimizers.offered(holder.get('name', '')), 'schedule': {'name': ''}}
    if last == 'schedule':
        return learning_rates.offered_to_schedule(holder.get('name', ''))
    return dict(sections.OF_PLAYERS) if 'optimizer' in holder else {}


def declared(config: ConfigDict, section: str) -> dict[str, tuple[Any, ...]]:
    """The bounds of the fields of a section, see `bounds.declared`."""
    parent, _, last = section.rpartition('.')
    holder: Any = (fields.get(config, section) if section else config) or {}
    if last == 'net':
        return bounds.declared(families.family(holder.kind, gans.role(config.gan, parent)))
    if last == 'head':
        return bounds.declared(encoder.TrunkDiscriminator)
    if last == 'optimizer':
        return optimizers.BOUNDS
    if parent == 'terms':
        return term_registry.declared(last, holder.get('name', ''))
    if section == 'data':
        return {**sections.data_declared(holder.get('name', '')), **sections.BOUNDS['data']}
    return sections.BOUNDS.get(section) or (sections.PLAYER if 'optimizer' in holder else {})


def defaults(config: ConfigDict, section: str) -> Mapping[str, Any]:
    """The defaults to which fields that are not read are reset.

    They are those of a network, of a term or of a section that is switched on; {} for others, such as the
    terms that a recipe has for itself.
    """
    parent, _, name = section.rpartition('.')
    holder = fields.get(config, section)
    if name == 'net' or (parent == 'terms' and (holder.get('name') or term_registry.known(name))):
        return fresh(config, section, holder.kind if name == 'net' else holder.get('name', ''))
    return sections.SWITCHED.get(section) or {}


def paths(config: ConfigDict, section: str = '') -> Iterable[str]:
    """Yields the paths of the sections of a config, itself ('') first."""
    yield section
    holder = fields.get(config, section) if section else config
    for name in holder:
        if isinstance(holder[name], ConfigDict):
            yield from paths(config, f'{section}.{name}' if section else name)


def check(config: ConfigDict) -> None:
    """Checks every field against its bounds.

    Raises:
      GaxError: A field is out of bounds, or the values of the others make it unused.
    """
    for section in paths(config):
        holder = fields.get(config, section) if section else config
        where = f'config.{section}.' if section else 'config.'
        bounds.check(where, holder, declared(config, section), defaults(config, section))


def bare(config: ConfigDict) -> ConfigDict:
    """A copy of the config without the fields that are only offered."""
    copy = ConfigDict(config.to_dict())
    for section in [*paths(copy)]:
        holder = fields.get(copy, section) if section else copy
        if holder is not None:  # its section may have been removed already
            for name in offered(copy, section).keys() & holder.keys():
                del holder[name]
    return copy
