"""The spaces of latents that images can be projected into."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors
from gax.core import rng, sample
from gax.core.types import Array, Batch, Context, Game, TrainState
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
      name: 'z'; 'w', of a generator with a mapping network; '': w where there is one, else z.
      built: The experiment of the run.
      state: Its state.
      phase: The phase of training that the state is in.
      labels: The class of each restart, int [N, R]; None where the generator takes none.
      shape: (N, R), images and restarts.
      seed: The seed of the first guesses.

    Returns:
      (its name, the space, how its latents become images).

    Raises:
      GaxError: The run has no such space.
    """
    table = {'z': noise, **({'w': mapped} if built.game.styles else {})}
    make = errors.lookup('--space', name or list(table)[-1], table)
    held = {} if labels is None else {'label': jnp.asarray(labels, jnp.int32).reshape(-1)}
    space, render = make(built, state, phase, held, shape, seed)
    return name or list(table)[-1], space, render


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


def mapped(
    built: Experiment, state: TrainState, phase: str, held: Batch, shape: tuple[int, int], seed: int
) -> tuple[Space, WithState]:
    """w, one for all layers of a generator with a mapping network. The first guess of an image is the mean
    of w.

    Mean and standard deviation are over latents.SEEN draws, with the classes of all restarts. The other
    restarts of an image begin at draws. Karras et al., 2020, appendix D, begin at the mean; their unit is
    the length of w - mean, here it is that of one of its numbers.
    """
    game, field, ways = built.game, built.source.spec.target, built.game.styles
    assert ways is not None

    def inside(state: TrainState, chosen: Batch) -> Context:
        params, model_state = sample.networks(game, state)
        key = rng.stream(rng.key(seed), 'generate')
        context = Context(game.nets, params, model_state, {}, chosen, {}, key, state.step, train=False)
        return context._replace(conditions=game.conditions, phase=phase)

    def w_of(state: TrainState, chosen: Batch) -> Array:
        return ways.mapping(inside(state, chosen))[0][:, 0]

    count = shape[0] * shape[1]
    many = latents.seen(game, {name: jnp.resize(x, (latents.SEEN, *x.shape[1:])) for name, x in held.items()})
    run = jax.jit(w_of)
    ws, layers = run(state, many), jax.eval_shape(lambda: ways.mapping(inside(state, many))[0]).shape[1]
    mean = jnp.mean(ws, axis=0)
    start = run(state, game.sample_latents(rng.stream(rng.key(seed), 'latents'), count, held))
    start = start.reshape(*shape, -1).at[:, 0].set(mean)
    spread = jnp.sqrt(jnp.mean(jnp.sum(jnp.square(ws - mean[None]), axis=-1)) / ws.shape[-1])
    apart = {name: x.reshape(*shape, *x.shape[1:]) for name, x in held.items()}

    def render(state: TrainState, chosen: Batch, others: Batch) -> Array:
        repeated = jnp.repeat(chosen['w'][:, None], layers, axis=1)
        return ways.synthesis(inside(state, others), repeated)[0][field]

    return Space({'w': start}, apart, {'w': spread}, {}), render
