"""The spaces of latents that images can be projected into."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from gax import errors
from gax.core import rng, sample
from gax.core.types import Array, Batch, Game, TrainState
from gax.sampling import latents
from gax.sampling.project import Space
from gax.training.experiment import Experiment

# (state, free latents, held latents, leaves [B, ...]) -> images [B, H, W, C]
WithState = Callable[[TrainState, Batch, Batch], Array]


def of(
    name: str,
    built: Experiment,
    state: TrainState,
    phase: str,
    labels: np.ndarray | None,
    shape: tuple[int, int],
    seed: int,
) -> tuple[str, Space, WithState]:
    """The space that a user asks for.

    Args:
      name: 'z', or '' for it.
      built: The experiment of the run.
      state: Its state.
      phase: The phase of training that the state is in.
      labels: The label of each image, int [N]; None: the restarts of an image have all classes in turn.
      shape: (N, R), images and restarts.
      seed: The seed of the first guesses.

    Returns:
      (its name, the space, how its latents become images).

    Raises:
      GaxError: The run has no such space.
    """
    table = {'': noise, 'z': noise}
    make = errors.lookup('--space', name, table)
    space, render = make(built, state, phase, conditions(built, labels, shape), shape, seed)
    return name or 'z', space, render


def conditions(built: Experiment, labels: np.ndarray | None, shape: tuple[int, int]) -> Batch:
    """{'label': int32 [N * R]} of a game that is conditioned on labels; {} of others."""
    classes = built.source.spec.num_classes
    if 'label' not in built.game.conditions or not classes:
        return {}
    images, restarts = shape
    if labels is None:
        return {'label': jnp.tile(jnp.arange(restarts, dtype=jnp.int32) % classes, images)}
    return {'label': jnp.repeat(jnp.asarray(labels, jnp.int32), restarts)}


def noise(
    built: Experiment, state: TrainState, phase: str, held: Batch, shape: tuple[int, int], seed: int
) -> tuple[Space, WithState]:
    """The latents that the game draws: vectors of real numbers are free, all else stays as it is drawn.

    A vector stays no longer than the longest of `latents.SEEN` draws: far from those, a generator has learnt
    nothing.
    """
    game, field = built.game, built.source.spec.target
    drawn = game.sample_latents(rng.stream(rng.key(seed), 'latents'), shape[0] * shape[1], held)
    free = [name for name, x in drawn.items() if is_free(game, name, x)]
    if not free:
        raise errors.GaxError(f'{built.config.gan} draws no real numbers that could be optimised')
    apart = {name: x.reshape(*shape, *x.shape[1:]) for name, x in drawn.items()}
    many = latents.seen(game, {name: x[:1].repeat(latents.SEEN, 0) for name, x in held.items()})
    space = Space(
        {name: apart[name] for name in free},
        {name: x for name, x in apart.items() if name not in free},
        {name: jnp.std(many[name]) for name in free},
        {name: jnp.max(jnp.linalg.norm(many[name], axis=-1)) for name in free},
    )

    def render(state: TrainState, chosen: Batch, others: Batch) -> Array:
        key = rng.stream(rng.key(seed), 'generate')
        return sample.synthesize(game, state, {**chosen, **others}, key, phase=phase)[field]

    return space, render


def is_free(game: Game, name: str, x: Array) -> bool:
    """Whether a latent can be optimised: a vector of real numbers that is no condition."""
    real = jnp.issubdtype(x.dtype, jnp.floating)
    return bool(real and x.ndim == 2 and name not in game.conditions)
