"""A trained run that makes images from images, and images of any size through it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import flax.errors
import jax
import jax.numpy as jnp
import numpy as np

from gax import errors
from gax.core import rng, sample, translation
from gax.core.translation import MASK, Direction
from gax.core.types import Array, Batch, Game, Key, TrainState
from gax.sampling import tiles, weights
from gax.training import trained_run
from gax.training.experiment import Experiment
from gax.training.workdir import read_config

PIXELS = 2**18  # of the tiles in one call
CALLS = (1, 8, 64)  # tiles in one call: each number is a compiled program


class Request(NamedTuple):
    """What gax-translate is asked for. Its flags describe each field."""

    workdir: Path
    input: Path
    out: Path
    step: str = 'newest'
    direction: str = ''
    scale: float = 0.0
    mask: Path | None = None
    hole: str = ''
    samples: int = 1
    seed: int = 0
    tile: int = 0
    overlap: int = -1
    interpolate: str = ''
    alpha: float = 0.5


class Translator(NamedTuple):
    """A run that translates.

    Attributes:
      built: Its experiment.
      state: Its state.
      way: What becomes what.
      run: (state, image tiles [B, h, w, C], mask tiles or None, latents [1, ...], key) -> [B, H, W, C'].
      factor: Output pixels for one of the input, down and across.
    """

    built: Experiment
    state: TrainState
    way: Direction
    run: Callable[..., Array]
    factor: tuple[int, int]

    @property
    def game(self) -> Game:
        """The game of the run."""
        return self.built.game

    @property
    def trained(self) -> tuple[int, int]:
        """(h, w) of the images that the run was trained on."""
        height, width, _ = self.built.source.spec.fields[self.way.source].shape
        return height, width

    @property
    def channels(self) -> tuple[int, int]:
        """The channels of the input and of the output."""
        fields = self.built.source.spec.fields
        return fields[self.way.source].shape[-1], fields[self.way.target].shape[-1]

    @property
    def masked(self) -> bool:
        """Whether the game is told where the hole is."""
        return MASK in self.game.conditions


def opened(request: Request) -> tuple[Translator, int]:
    """The run of the request, and the step of its checkpoint."""
    config = read_config(request.workdir / 'config.json')
    built = trained_run.build(request.workdir, config)
    ways = translation.directions(built.game, built.source.spec)
    if not ways:
        raise errors.GaxError(f'{request.workdir}: {config.gan} makes no images from images: use gax-sample')
    way = translation.chosen(ways, request.direction, config.gan)
    if 'label' in built.game.conditions:
        raise errors.GaxError(
            f'{request.workdir}: {config.gan} needs a label for every image: use gax-sample'
        )
    masked = MASK in built.game.conditions
    if masked != (request.mask is not None):
        says = 'fills holes: --mask says where they are' if masked else 'knows of no holes: leave --mask out'
        raise errors.GaxError(f'{request.workdir}: {config.gan} {says}')
    state, step = trained_run.restore(built, request.workdir, request.step)
    if request.interpolate:
        another = weights.state_of(request.workdir, request.interpolate)
        state = weights.between(built.game, state, another, request.alpha, request.interpolate)
    fields = built.source.spec.fields
    (height, width, _), (tall, wide, _) = (fields[name].shape for name in way)
    factor = (max(1, tall // height), max(1, wide // width))
    return Translator(built, state, way, program(built, way, built.game.phase_at(step)), factor), step


def program(built: Experiment, way: Direction, phase: str) -> Callable[..., Array]:
    """The compiled translation, see Translator.run."""
    game, spec = built.game, built.source.spec

    @jax.jit
    def run(state: TrainState, tile: Array, mask: Array | None, noise: Batch, key: Key) -> Array:
        conditions: dict[str, Array] = {}
        for name in game.conditions:
            if name == MASK and mask is not None:
                conditions[name] = mask
            elif spec.fields[name].shape[-1] == tile.shape[-1]:
                conditions[name] = tile  # of a game that translates both ways, the other one is not read
            else:
                conditions[name] = jnp.zeros((*tile.shape[:3], spec.fields[name].shape[-1]))
        latents = {name: jnp.repeat(x, len(tile), axis=0) for name, x in noise.items()}
        fakes = sample.synthesize(game, state, {**latents, **conditions}, key, phase=phase)
        return fakes[way.target].astype(jnp.float32)

    return run


def through(
    translator: Translator,
    unit: np.ndarray,
    mask: np.ndarray | None,
    plan: tiles.Layout,
    key: Key,
    done: Callable[[int], Any],
) -> np.ndarray:
    """The output of one image, tile by tile; all tiles have the same latents.

    Args:
      translator: The run.
      unit: float32 [H, W, C] in [-1, 1].
      mask: float32 [H, W, 1]; None without one.
      plan: The tiles.
      key: The key of the latents.
      done: Called with the number of tiles after each call.

    Returns:
      float32 [H', W', C'].
    """
    stacks = [tiles.cut(tiles.padded(x, plan.padded), plan) for x in (unit, mask) if x is not None]
    size = tiles_a_call(plan)
    canvas = tiles.Canvas(plan, translator.factor, translator.channels[1])
    noise = translator.game.latents(rng.stream(key, 'latents'), 1, {})
    for part in tiles.batches(len(plan.places), size):
        inputs = [np.resize(stack[part], (size, *stack.shape[1:])) for stack in stacks]
        image, where = inputs[0], inputs[1] if len(inputs) > 1 else None
        outputs = run_checked(translator, image, where, noise, rng.stream(key, 'generate'), plan)
        for place, tile in zip(plan.places[part], outputs, strict=False):
            canvas.add(place, tile)
        done(part.stop - part.start)
    return canvas.image((unit.shape[0], unit.shape[1]))


def tiles_a_call(plan: tiles.Layout) -> int:
    """The number of tiles in a call: one of CALLS, or what PIXELS allow."""
    enough = next((count for count in CALLS if count >= len(plan.places)), CALLS[-1])
    return max(1, min(enough, PIXELS // (plan.tile[0] * plan.tile[1])))


def run_checked(
    translator: Translator,
    image: np.ndarray,
    mask: np.ndarray | None,
    noise: Any,
    key: Key,
    plan: tiles.Layout,
) -> np.ndarray:
    """The outputs of tiles [B, h, w, C] on the host.

    Raises:
      GaxError: The network takes no images of this size, or makes others than it was trained to.
    """
    size = f'{plan.tile[1]}x{plan.tile[0]}'
    try:
        outputs = np.asarray(translator.run(translator.state, image, mask, noise, key))
    except (TypeError, ValueError, flax.errors.FlaxError) as error:
        raise errors.GaxError(
            f'the generator takes no images of {size} ({errors.first_line(error)}): it was trained on '
            f'{translator.trained[1]}x{translator.trained[0]}; leave --tile out'
        ) from error
    expected = tuple(side * factor for side, factor in zip(plan.tile, translator.factor, strict=True))
    if outputs.shape[1:3] != expected:
        raise errors.GaxError(
            f'of {size} the generator makes {outputs.shape[2]}x{outputs.shape[1]}, and not '
            f'{expected[1]}x{expected[0]}: its output has a fixed size; leave --tile out'
        )
    return outputs
