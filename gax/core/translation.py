"""Games that make images from images: which condition becomes which field of the fakes."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

from gax import errors
from gax.core import rng, sample, step
from gax.core.spec import Spec
from gax.core.types import Batch, Game

MASK = 'mask'  # a condition that says where, and is no image of its own


class Direction(NamedTuple):
    """A way to translate.

    Attributes:
      source: The condition that is translated.
      target: The field of the fakes that it becomes.
    """

    source: str
    target: str


def image_conditions(game: Game, spec: Spec) -> tuple[str, ...]:
    """The conditions of the game that are images, masks apart."""
    images = spec.of_kind('image')
    return tuple(name for name in game.conditions if name in images and name != MASK)


def shapes(game: Game, conditions: Batch) -> Any:
    """The shapes of the fakes of some conditions, by field. Nothing is computed.

    Args:
      game: The game.
      conditions: Arrays or their shapes, leaves [B, ...].
    """
    batch = len(next(iter(jax.tree.leaves(conditions))))

    def make(conditions: Batch) -> Batch:
        state = step.init(game, rng.root(0))
        return sample.sample(game, state, rng.key(0), batch, conditions)

    return jax.eval_shape(make, conditions)


def directions(game: Game, spec: Spec) -> tuple[Direction, ...]:
    """The ways in which a game translates images of its data.

    Every field of the fakes that is an image is made from the first image condition of another name. A game
    with the conditions 'a' and 'b' whose fakes have 'a' and 'b', too, translates both ways.

    Args:
      game: The game.
      spec: The spec of the data.

    Returns:
      The directions, the one to the target of the data first. () for a game without image conditions.
    """
    conditions = image_conditions(game, spec)
    if not conditions:
        return ()
    fakes = shapes(game, example(game, spec))
    result = []
    for target in spec.of_kind('image'):
        others = [name for name in conditions if name != target]
        if target in fakes and others:
            result.append(Direction(others[0], target))
    return tuple(result)


def example(game: Game, spec: Spec, batch: int = 1) -> dict[str, Any]:
    """The shapes of a batch of the game's conditions."""
    of_label = jax.ShapeDtypeStruct((batch,), 'int32')
    return {
        name: jax.ShapeDtypeStruct((batch, *spec.fields[name].shape), spec.fields[name].dtype)
        if name in spec.fields
        else of_label
        for name in game.conditions
    }


def chosen(ways: tuple[Direction, ...], wanted: str, gan: str) -> Direction:
    """The direction that a user names.

    Args:
      ways: What `directions` returned, at least one.
      wanted: 'ab' or 'ba' of a game that translates both ways, '' for the first, to the data's target.
      gan: The name of the game, for messages.

    Raises:
      GaxError: The game does not translate so.
    """
    if not wanted:
        return ways[0]
    names = {f'{way.source}{way.target}': way for way in ways}
    if wanted not in names:
        possible = ' and '.join(f'{way.source!r} to {way.target!r}' for way in ways)
        raise errors.GaxError(
            f'--direction={wanted}: {gan} translates {possible} alone; leave --direction out'
        )
    return names[wanted]
