"""A step of training as a function of the state, the arrays and its rows, traced once for all programs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh

from gax.core import rng, updates
from gax.core import step as steps
from gax.core.types import Frozen, Game, TrainState
from gax.distributed import sharding as parallel


class Arrays(NamedTuple):
    """The arrays that programs take as an argument. Arrays that a traced function closes over become
    constants.

    Attributes:
      data: Those of the source.
      frozen: Those of the frozen networks, by name.
    """

    data: Any
    frozen: Mapping[str, Frozen]


def step_of(game: Game, read: Callable[..., Any], active: updates.Active) -> Callable[..., Any]:
    """A step of training that reads its own batch.

    Args:
      game: The game; its frozen networks are those of the arrays.
      read: (arrays of the source, rows, key) -> batch.
      active: The lazy terms and the phase, see `updates.Active`.

    Returns:
      (state, arrays, rows) -> (state, metrics).
    """

    def one(state: TrainState, arrays: Arrays, rows: Any) -> Any:
        step = steps.make_step(game._replace(frozen=arrays.frozen), *active)
        key = rng.stream(rng.at_step(state.key, state.step), 'data')
        return step(state, read(arrays.data, rows, key))

    return one


class Identity(NamedTuple):
    """An object as a key of a cache, equal to itself alone.

    Attributes:
      value: The object.
    """

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@functools.lru_cache(maxsize=8)
def traced_step(
    game: Identity, read: Identity, mode: str, mesh: Mesh, active: updates.Active
) -> Callable[..., Any]:
    """`step_of` the game that a mode of parallelism makes of this one. Equal arguments share one trace.

    Args:
      game: The game.
      read: As in `step_of`.
      mode: A name of `sharding.PARALLEL`.
      mesh: The devices.
      active: As in `step_of`.

    Returns:
      As `step_of`, jitted; programs that call it inline it.
    """
    of_mode = parallel.PARALLEL[mode].game(game.value, mesh)
    return jax.jit(step_of(of_mode, read.value, active), inline=True)
