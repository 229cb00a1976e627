"""Games whose images grow: a phase of training for each resolution, and one in which the next is faded in.

Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018, section 2
and figure 2. A phase is static: each compiles its own programs, with the layers that it has. What changes
within it is an array: the share of the new layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import flax.struct
import jax.numpy as jnp

from gax import errors
from gax.core import transforms
from gax.core.forward import Scorer
from gax.core.types import Array, Batch, Context, Game, Phase, Player


@flax.struct.dataclass
class Stage:
    """How far networks have grown; an input of theirs.

    Attributes:
      level: How often the smallest image is doubled, static.
      share: The share of the layers of this level in the output, a float32 scalar from 0 to 1; the rest is
        that of the level below. None: all of it.
    """

    level: int = flax.struct.field(pytree_node=False)
    share: Array | None = None


class Part(NamedTuple):
    """One phase of a game that grows.

    Attributes:
      phase: The phase.
      level: The level of its images.
      fade: The steps in which the level is faded in; 0: it is whole.
    """

    phase: Phase
    level: int
    fade: int = 0


class Growth(NamedTuple):
    """The phases of a game that grows, in order."""

    parts: tuple[Part, ...]

    def stage(self, context: Context) -> Stage:
        """The stage of a context: the level of its phase, and the share at its step."""
        parts = {part.phase.name: part for part in self.parts}
        part = parts[context.phase or self.parts[-1].phase.name]
        if not part.fade:
            return Stage(part.level)
        done = (context.step - part.phase.start).astype(jnp.float32) / part.fade
        return Stage(part.level, jnp.clip(done, 0.0, 1.0))


def schedule(first: int, last: int, stable: int, fade: int) -> Growth:
    """The phases from level `first` to `last`: a level is trained, then the next one faded in.

    Args:
      first: The level of the first phase.
      last: That of the last one.
      stable: The steps of a phase without fading; the last one has no end.
      fade: The steps of a phase with fading.

    Returns:
      The phases, without those of no step. They are called 'level 0', 'level 1 fades in', 'level 1' ...

    Raises:
      GaxError: `first` is not from 0 to `last`.
    """
    errors.in_range('the first level of growth', first, 0, last)
    parts, start = [], 0
    for level in range(first, last + 1):
        if level > first and fade:
            parts.append(Part(Phase(f'level {level} fades in', start), level, fade))
            start += fade
        if level == last or stable:
            parts.append(Part(Phase(f'level {level}', start), level))
            start += stable
    return Growth(tuple(parts))


def staged(scorer: Scorer, growth: Growth) -> Scorer:
    """The scorer whose net gets the stage as its last input."""

    def inputs(context: Context, batch: Batch) -> tuple[Any, ...]:
        return (*scorer.inputs(context, batch), growth.stage(context))

    return scorer._replace(inputs=inputs)


def generate(
    growth: Growth, field: str = 'image', net: str = 'g'
) -> Callable[[Context], tuple[Batch, Context]]:
    """As `forward.generate`, of a net whose last input is the stage."""

    def forward(context: Context) -> tuple[Batch, Context]:
        conditions = [context.latents[name] for name in context.conditions]
        output, context = context.apply_and_update(
            net, context.latents['z'], *conditions, growth.stage(context)
        )
        return {field: output}, context

    return forward


def grown(
    game: Game,
    growth: Growth,
    field: str,
    fade: Callable[[Array, Stage], Array],
    rates: tuple[float, ...] = (1.0,),
) -> Game:
    """The game with these phases.

    Reals are shown as the generator could make them: at the resolution of the phase, and faded between two
    as the fakes are. The state of each optimizer begins anew with each phase, as in the authors' code.

    Args:
      game: The game. Its generator and its scorers pass the stage to their nets.
      growth: The phases.
      field: The batch field that grows.
      fade: (images, stage) -> images of the same shape.
      rates: Factors of the learning rates at each level, level 0 first; the last one is that of all further
        levels.

    Returns:
      The game.
    """
    starts = [part.phase.start for part in growth.parts]
    factors = [rates[min(part.level, len(rates) - 1)] for part in growth.parts]

    def player(record: Player) -> Player:
        def forward(context: Context) -> tuple[Any, Context]:
            faded = {**context.batch, field: fade(context.batch[field], growth.stage(context))}
            return record.forward(context._replace(batch=faded))

        optimizer = transforms.by_phase(record.optimizer, starts, factors)
        return record._replace(forward=forward, optimizer=optimizer)

    players = {name: player(record) for name, record in game.players.items()}
    return game._replace(players=players, phases=tuple(part.phase for part in growth.parts))


def section(first: int = 4, stable: float = 600.0, fade: float = 600.0) -> dict[str, Any]:
    """The section config.growth.

    Args:
      first: The shorter side of the first resolution.
      stable: Thousands of images of a resolution.
      fade: Thousands of images in which the next one is faded in.

    Returns:
      Its fields; `rates` are factors of the learning rates at each resolution, the smallest first, the last
      one for all further ones.
    """
    return {'first': first, 'stable': stable, 'fade': fade, 'rates': (1.0,)}


def from_config(config: Any, last: int, shape: Sequence[int]) -> Growth:
    """The phases that config.growth describes. Images are counted as the reals of a step: batch_size.

    Args:
      config: The config of the run.
      last: The last level.
      shape: (H, W, C) of the data, which is that of the last level.

    Returns:
      The phases.

    Raises:
      GaxError: A field is out of range, or training ends before the last level begins.
    """
    fields, side = config.growth, min(shape[:2])
    sides = [side // 2 ** (last - level) for level in range(last + 1)]
    if fields.first not in sides:
        listed = ', '.join(map(str, sides))
        raise errors.GaxError(
            f'config.growth.first={fields.first} must be one of {listed} for images of {side}'
        )
    if min(fields.stable, fields.fade) < 0 or not fields.rates or min(fields.rates) <= 0:
        raise errors.GaxError(
            f'config.growth: stable={fields.stable} and fade={fields.fade} cannot be below 0, and rates='
            f'{tuple(fields.rates)} must be positive'
        )
    stable, fade = (round(1000 * kimg / config.batch_size) for kimg in (fields.stable, fields.fade))
    growth = schedule(sides.index(fields.first), last, stable, fade)
    begins = growth.parts[-1].phase.start
    if begins >= config.steps:
        raise errors.GaxError(
            f'images have grown to {side} pixels at step {begins}, and config.steps={config.steps} ends '
            'before: have more steps, or less of config.growth.stable and config.growth.fade'
        )
    return growth
