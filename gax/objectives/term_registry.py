"""Terms by name: the sections that config.terms can have, the bounds of their fields, and the terms."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from gax import errors
from gax.core import bounds, lookup
from gax.core.forward import IMAGES, Scorer
from gax.core.types import Term, not_zero
from gax.objectives import penalties, regularizers
from gax.objectives.terms import stateless

# What config.terms can give to 'd' and to 'g'. Keyword-only arguments become fields of the config.
D_TERMS: dict[str, Callable[..., Term]] = {**penalties.PENALTIES, **regularizers.D_TERMS}
G_TERMS: dict[str, Callable[..., Term]] = regularizers.G_TERMS
ALWAYS = {
    'weight': Annotated[float, bounds.between(0.0), bounds.SCHEDULED],
    'every': Annotated[int, bounds.between(1)],
}


def section(name: str, path: str = '', **changes: Any) -> dict[str, Any]:
    """The section config.terms.NAME: weight 1, every 1, and the term's own numbers with their defaults.

    Args:
        name: of D_TERMS or G_TERMS, or any where `path` is given.
        path: of a term outside gax, 'package.module:function'; its field `player` says whose it is, 'd' or
            'g'.
        changes: fields with other values.

    Returns:
        {field: value}.

    Raises:
        GaxError: for an unknown name.

    >>> section('wgan_gp', weight=10.0)
    {'weight': 10.0, 'every': 1, 'target': 1.0, 'one_sided': False}
    """
    always = {'weight': 1.0, 'every': 1}
    if path:
        return {
            'name': path,
            'player': 'd',
            **always,
            **bounds.defaults(lookup.load('term', path)),
            **changes,
        }
    return {**always, **bounds.defaults(errors.lookup('term', name, D_TERMS | G_TERMS)), **changes}


def known(name: str) -> bool:
    """Whether there is a term of this name for every recipe; a recipe may have others for itself.

    >>> known('r1'), known('pulling_away')
    (True, False)
    """
    return name in D_TERMS | G_TERMS


def declared(name: str, path: str = '') -> dict[str, tuple[Any, ...]]:
    """What is known of the values of these fields, see `bounds.check`."""
    make = lookup.load('term', path) if path else (D_TERMS | G_TERMS).get(name, stateless)
    always = {field: typing.get_args(hint)[1:] for field, hint in ALWAYS.items()}
    return {**bounds.declared(make), **always, 'player': (bounds.one_of('dg'),)}


def from_config(config: Any, scorer: Scorer = IMAGES) -> dict[str, Term]:
    """The terms of 'd' in `config` (config.terms) whose weight is not the number 0; `scorer` is whom they
    hold.
    """
    return _chosen('d', D_TERMS, config, scorer)


def for_generator(
    config: Any,
    scorer: Scorer = IMAGES,
    generate: regularizers.Generate | None = None,
    nets: Sequence[str] = ('g',),
) -> dict[str, Term]:
    """The terms of 'g' in `config` (config.terms) whose weight is not the number 0.

    generate: the game's own pass, for the terms that make fakes anew; `forward.generate` where it is None.
    nets: the generator's nets, for the terms of its parameters.
    """
    bound = {
        'path_length': partial(regularizers.path_length, synthesis=generate),
        'orthogonal_g': partial(regularizers.orthogonal_g, nets=nets),
    }
    return _chosen('g', {**G_TERMS, **bound}, config, scorer)


def _chosen(
    player: str, table: Mapping[str, Callable[..., Term]], config: Any, scorer: Scorer
) -> dict[str, Term]:
    outside = {n: fields for n, fields in config.items() if fields.get('name') and fields['player'] == player}
    makers = {**table, **{n: lookup.load('term', fields['name']) for n, fields in outside.items()}}
    chosen = {name: dict(config[name].items()) for name in makers if name in config}
    return {
        name: makers[name](scorer, **{k: v for k, v in fields.items() if k not in ('name', 'player')})
        for name, fields in chosen.items()
        if not_zero(fields['weight'])
    }
