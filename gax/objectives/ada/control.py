"""The probability p of the pipeline: moved by a controller, or given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gax.core import trees
from gax.core.types import Array, Context, PyTree, Schedule, Summary, Term

Strength = Callable[[Context], Array]


class Controller(NamedTuple):
    """Moves p towards the point where D's signs on reals have the mean `target`.

    After each `every` updates p rises by every rows / (1000 kimg) where E sign(D(x)), over all reals since
    the last move, is above `target`, and falls by as much where it is below. p is at least 0, and may exceed
    1. Karras et al., 2020, section 3 (r_t, eq. 1).

    Attributes:
      rows: The number of reals in an update.
      kimg: The thousands of images in which p rises from 0 to 1 at the fastest.
      target: The target of E sign(D(x)), from -1 to 1.
      every: The number of updates between moves.
      player: The player that has the term.
      term: The term's name.
    """

    rows: int
    kimg: float | Array = 500.0
    target: float | Array = 0.6
    every: int = 4
    player: str = 'd'
    term: str = 'ada'

    def p(self, state: PyTree) -> Array:
        """p by the state of the term: with the move that is due."""
        step = self.every * self.rows / (1000.0 * self.kimg)
        moved = state['p'] + step * jnp.sign(state['signs'] / self.every - self.target)
        return jnp.where(self.due(state), jnp.maximum(moved, 0.0), state['p']).astype(jnp.float32)

    def due(self, state: PyTree) -> Array:
        """Whether the state has as many updates as a move needs."""
        return state['updates'] >= self.every

    def strength(self, context: Context) -> Array:
        """p of an update: the one from before it, which reals and fakes share, float32 scalar."""
        return self.p(context.term_state[self.player][self.term])

    def as_term(self, **fields: Any) -> Term:
        """The term, which adds 0 to the loss.

        Its state holds 'p' before the last `every` updates or fewer, 'signs', the sum of E sign(D(x)) over
        them, and 'updates', their number; float32 scalars. A move is made when it is read: the states of
        microbatches and replicas are averaged, and then one mean decides.

        Args:
          **fields: The other fields of `Term`.

        Returns:
          The term.
        """

        def fn(context: Context, out: Any, state: PyTree) -> tuple[Array, PyTree]:
            mean = trees.mean(jax.tree.map(jnp.sign, jax.lax.stop_gradient(out['real'])))
            before = {name: jnp.where(self.due(state), 0.0, state[name]) for name in ('signs', 'updates')}
            signs = before['signs'] + mean.astype(jnp.float32)
            return jnp.zeros(()), {'p': self.p(state), 'signs': signs, 'updates': before['updates'] + 1.0}

        return Term(fn, init=lambda: {n: jnp.zeros(()) for n in ('p', 'signs', 'updates')}, **fields)


def given(p: float | Array | Schedule) -> Strength:
    """A constant p, or one that follows a schedule, step -> p."""
    return lambda context: jnp.asarray(p(context.step) if callable(p) else p, jnp.float32)


def summary(strength: Strength) -> Summary:
    """p as a metric, 'ada_p'."""
    return lambda context, out: {'ada_p': strength(context)}
