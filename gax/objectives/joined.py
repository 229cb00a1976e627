"""Several players of equal form as one: their nets are trained together, on the sum of their losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from gax.core.types import Array, Context, Player, PyTree, Term


def joined(parts: Mapping[str, Player]) -> Player:
    """The players `parts` as one, with one optimizer.

    Its terms have the names of theirs; each is the sum over the parts. Its `out` is {part: that of the part},
    its metrics have the part's name at the end.

    Args:
      parts: Name -> player. They have the same terms, and optimizers, updates and grad of the first one are
        used.

    Returns:
      The player.
    """
    first = next(iter(parts.values()))

    def forward(context: Context) -> tuple[Any, Context]:
        outs = {}
        for name, part in parts.items():
            outs[name], after = part.forward(context_of_part(name, context.with_stream(name)))
            context = after._replace(key=context.key, term_state=context.term_state)
        return outs, context

    def summary(context: Context, out: Any) -> dict[str, Any]:
        return {
            f'{label}_{name}': value
            for name, part in parts.items()
            for label, value in part.summary(context_of_part(name, context), out[name]).items()
        }

    terms = {
        label: summed({name: part.terms[label] for name, part in parts.items()}) for label in first.terms
    }
    nets = tuple(net for part in parts.values() for net in part.nets)
    return first._replace(nets=nets, forward=forward, terms=terms, summary=summary)


def summed(parts: Mapping[str, Term]) -> Term:
    """The sum of terms that differ in their functions only. Its state is {part: that of the part's term}."""
    first = next(iter(parts.values()))

    def fn(context: Context, out: Any, state: PyTree) -> tuple[Array, PyTree]:
        total, after = jnp.zeros(()), {}
        for name, term in parts.items():
            inner = context_of_part(name, context.with_stream(name))
            value, after[name] = term.fn(inner, out[name], state[name])
            total = total + value
        return total, after

    init: Callable[[], PyTree] = lambda: {name: term.init() for name, term in parts.items()}  # noqa: E731
    return first._replace(fn=fn, init=init)


def context_of_part(name: str, context: Context) -> Context:
    """The context with the part's own states in place of those of its joined terms."""
    states = {
        player: {label: state_of_part(name, state) for label, state in by_label.items()}
        for player, by_label in context.term_state.items()
    }
    return context._replace(term_state=states)


def state_of_part(name: str, state: PyTree) -> PyTree:
    """The part's share of a state of `summed`; any other state as it is."""
    return state[name] if isinstance(state, Mapping) and name in state else state
