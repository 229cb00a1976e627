"""Pictures of a generator in two parts: styles that are mixed, truncated in steps, and interpolated.

They are of every game that says what its styles are (`Game.styles`, see core/styles.py). All images of a
picture have the same noise, so that they differ by their styles alone and films do not flicker.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors
from gax.core import rng, sample, styles
from gax.core.types import Array, Batch, Context, Styles, TrainState
from gax.sampling import sampler, truncation
from gax.sampling.sampler import CHUNK, Images, Job
from gax.training.experiment import Experiment
from gax.viz import images as pictures

MOST = 10_000  # seeds or layers that a range may name


def numbers(flag: str, text: str) -> tuple[int, ...]:
    """The whole numbers of a text such as '0-3,8', in its order.

    Args:
      flag: The name of the flag, for messages.
      text: Numbers and ranges, both ends included, separated by commas; '' for none.

    Raises:
      GaxError: It is something else, or a range of more than MOST numbers.
    """
    chosen: list[int] = []
    for part in filter(None, text.split(',')):
        first, dash, last = part.strip().partition('-')
        ends = (first, last if dash else first)
        if not all(end.isdecimal() for end in ends) or not 0 <= int(ends[1]) - int(ends[0]) < MOST:
            raise errors.GaxError(f'--{flag}={text}: give whole numbers and ranges of them, such as 0-3,8')
        chosen += range(int(ends[0]), int(ends[1]) + 1)
    return tuple(chosen)


def psis(values: Sequence[str]) -> tuple[float, ...]:
    """The numbers of --psi.

    Raises:
      GaxError: One is no finite number.
    """
    chosen = []
    for text in values:
        try:
            chosen.append(float(text))
        except ValueError:
            chosen.append(math.nan)
        if not math.isfinite(chosen[-1]):
            raise errors.GaxError(f'--psi={text}: give numbers, such as 0.7, or several: 0,0.5,1')
    return tuple(chosen)


def parts(built: Experiment, flag: str) -> Styles:
    """The two parts of the generator of a run.

    Raises:
      GaxError: It has none.
    """
    if built.game.styles is None:
        raise errors.GaxError(
            f'--{flag} is of generators with a mapping and a synthesis, and {built.config.gan} has none'
        )
    return built.game.styles


def truncated(built: Experiment, psi: float) -> Experiment:
    """The experiment with styles average + psi (w - average), in all of its pictures."""
    ways = parts(built, 'psi')

    def mapping(context: Context) -> tuple[Array, Context]:
        ws, context = ways.mapping(context)
        return styles.truncated(ws, ways.average(context), psi), context

    game = truncation.in_w(built.game, psi)
    return built._replace(game=game._replace(styles=ways._replace(mapping=mapping)))


def context_of(job: Job, state: TrainState, latents: Batch) -> Context:
    """The context in which the averaged nets run outside of training."""
    game, key = job.built.game, rng.stream(rng.key(job.request.seed), 'generate')
    params, model_state = sample.networks(game, state)
    context = Context(game.nets, params, model_state, {}, latents, {}, key, state.step, train=False)
    return context._replace(conditions=game.conditions, phase=game.phase_at(job.step))


def to_styles(job: Job, latents: Batch) -> tuple[Array, Array]:
    """The styles of latents, float [N, L, W], and the average of w, [W] or, of each one's class, [N, W]."""
    ways = parts(job.built, 'mix')

    @jax.jit
    def run(state: TrainState, latents: Batch) -> tuple[Array, Array]:
        context = context_of(job, state, latents)
        return ways.mapping(context)[0], ways.average(context)

    return run(job.state, latents)


def to_fakes(job: Job, ws: Array) -> Images:
    """The fakes of styles [N, L, W], each with the same noise."""
    ways, size = parts(job.built, 'mix'), min(len(ws), CHUNK)

    @jax.jit
    def run(state: TrainState, ws: Array) -> Batch:
        def one(w: Array) -> Batch:
            fakes = ways.synthesis(context_of(job, state, {}), w[None])[0]
            return {name: x[0] for name, x in fakes.items()}

        return jax.vmap(one)(ws)

    chunks = [jnp.resize(ws[i : i + size], (size, *ws.shape[1:])) for i in range(0, len(ws), size)]
    images = [jax.device_get(run(job.state, chunk)) for chunk in chunks]
    return {name: np.concatenate([part[name] for part in images])[: len(ws)] for name in images[0]}


def latents_of(job: Job, num: int) -> Batch:
    """Latents of `num` samples: those of --seeds, one for each, or of --seed."""
    if not job.request.seeds:
        return sampler.keys(job, num)
    game, held = job.built.game, sampler.conditions(job, num)
    rows = [
        game.sample_latents(
            rng.stream(rng.key(seed), 'latents'), 1, {name: x[i : i + 1] for name, x in held.items()}
        )
        for i, seed in enumerate(job.request.seeds[:num])
    ]
    return {name: jnp.concatenate([row[name] for row in rows]) for name in rows[0]}


def seeded(job: Job) -> Images:
    """A sample for each of --seeds. Where there are styles, all have the same noise."""
    latents = latents_of(job, len(job.request.seeds))
    if job.built.game.styles is None:
        return sampler.synthesize(job, latents)
    fakes = to_fakes(job, to_styles(job, latents)[0])
    return {**fakes, 'label': np.asarray(latents['label'])} if 'label' in latents else fakes


def interpolation(job: Job, film: bool) -> tuple[Array, int]:
    """(styles on lines between those of latents, [rows * steps, L, W], steps), as `sampler.interpolation`."""
    between, steps = sampler.interpolated(job, film, lambda ends: {'w': to_styles(job, ends)[0]})
    return between['w'], steps


def write_mixed(job: Job) -> str:
    """Writes a grid: each image has the layers of --mix from the image above its column, the others from that
    left of its row.

    Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks", 2019, figure 3.
    The first half of --seeds are the rows. Returns a description.

    Raises:
      GaxError: There is no such layer, or there are fewer than two seeds.
    """
    request = job.request
    side = len(request.seeds) // 2 if request.seeds else math.isqrt(request.num)
    if not side:
        raise errors.GaxError(
            '--mix needs at least two --seeds, those of the rows and then those of the columns'
        )
    ws = to_styles(job, latents_of(job, 2 * side))[0]
    layers = numbers('mix', request.mix)
    if max(layers) >= ws.shape[1]:
        raise errors.GaxError(f'--mix={request.mix}: the styles have {ws.shape[1]} layers, from 0')
    chosen = jnp.zeros(ws.shape[1], bool).at[jnp.asarray(layers)].set(True)[None, None, :, None]
    mixed = jnp.where(chosen, ws[None, side:], ws[:side, None])  # [rows, columns, L, W]
    field = job.built.source.spec.target
    images = pictures.to_uint8(to_fakes(job, jnp.concatenate([ws, mixed.reshape(-1, *ws.shape[1:])]))[field])
    rows, columns, inner = np.split(images, (side, 2 * side))
    inner = inner.reshape(side, side, *images.shape[1:])
    blank = np.full_like(columns[:1], 128)
    lines = [
        np.concatenate([blank, columns]),
        *(np.concatenate([rows[i : i + 1], inner[i]]) for i in range(side)),
    ]
    pictures.save(pictures.grid(np.concatenate(lines), side + 1), job.out)
    return f'{side} x {side} mixtures, layers {request.mix} from the columns,'


def write_truncations(job: Job) -> str:
    """Writes the same latents with each of --psi, a row for each. Returns a description."""
    request = job.request
    count = len(request.seeds) or max(1, request.num // len(request.psi))
    ws, average = to_styles(job, latents_of(job, count))
    rows = [styles.truncated(ws, average, psi) for psi in request.psi]
    fakes = to_fakes(job, jnp.concatenate(rows))
    field = job.built.source.spec.target
    pictures.save(pictures.grid(pictures.to_uint8(fakes[field]), count), job.out)
    return f'{len(rows)} rows, psi {", ".join(f"{psi:g}" for psi in request.psi)},'
