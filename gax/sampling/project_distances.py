"""What a projection minimises beside pixels: LPIPS, or the discriminator's own features."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gax import errors, gans
from gax.config import choices
from gax.core import rng, sample
from gax.core.types import Array, Batch, Context, TrainState
from gax.nets import lpips
from gax.sampling import project
from gax.training.experiment import Experiment

log = logging.getLogger('gax')

NAMES = ('', 'lpips_vgg', 'lpips_alex', 'd', 'none')
RANDOM = ('ada', 'instance_noise', 'top_k')  # sections that change what d is shown in training
# (arrays, image, target, held latents) -> [B]; the arrays are arguments of the compiled program
WithArrays = Callable[[Any, Array, Array, Batch], Array]


def chosen(name: str, built: Experiment, state: TrainState, phase: str) -> tuple[str, WithArrays, Any]:
    """The distance of features that a user asks for.

    Args:
      name: One of NAMES. '': LPIPS of VGG16 where its weights are installed, else 'd'.
      built: The experiment of the run.
      state: Its state.
      phase: The phase of training that the state is in.

    Returns:
      (the name of the distance, the distance, its arrays).

    Raises:
      GaxError: The name is unknown, LPIPS is not installed, or d has no features of single images.
    """
    errors.lookup('--features', name, dict.fromkeys(NAMES))
    channels = built.source.spec.target_shape[-1]
    if not name:
        name = 'lpips_vgg' if lpips.available() and channels in (1, 3) else 'd'
        if name == 'd' and not lpips.available():
            log.info('features of the discriminator; for LPIPS %s', lpips.INSTALL)
    if name == 'none':
        return name, lambda arrays, image, target, held: jnp.zeros(image.shape[0]), ()
    if name == 'd':
        return name, *of_discriminator(built, state, phase)
    net = name.removeprefix('lpips_')

    def distance(arrays: Any, image: Array, target: Array, held: Batch) -> Array:
        return lpips.distance(net, arrays, image, target)

    return name, distance, lpips.load(net)


def of_discriminator(built: Experiment, state: TrainState, phase: str) -> tuple[WithArrays, Any]:
    """|f(x) - f(y)|^2 / |f(y)|^2 in the features f of the run's discriminator, in inference mode.

    The recipe is asked for the game that it makes where a term reads these features, so that it works for
    every recipe whose player 'd' scores images by themselves. Without augmentation and noise.

    Args:
      built: The experiment of the run.
      state: Its state.
      phase: The phase of training that the state is in.

    Returns:
      (the distance, its arrays).

    Raises:
      GaxError: There is no such discriminator.
    """
    config, field = built.config.copy_and_resolve_references(), built.source.spec.target
    for section in RANDOM:
        if section in config:
            choices.set(config, section, None)
    config.augment = ''
    try:
        choices.choose(config, 'terms.feature_matching', weight=1.0)
        game = gans.make(config, built.source.spec)
        player = game.players['d']
    except (errors.GaxError, KeyError) as error:
        raise errors.GaxError(refused(built, errors.first_line(error))) from error
    arrays = *sample.networks(game, state, averaged=False), state.step, state.term_state

    def distance(arrays: Any, image: Array, target: Array, held: Batch) -> Array:
        params, model_state, step, term_state = arrays
        context = Context(
            game.nets,
            params,
            model_state,
            {**held, field: target},
            held,
            {field: image},
            rng.key(0),
            step,
            train=False,
            term_state=term_state,
            conditions=game.conditions,
            phase=phase,
        )
        out = player.forward(context)[0]
        pairs = zip(
            *(jax.tree.leaves(out[f'{kind}_out']['features']) for kind in ('fake', 'real')), strict=True
        )
        parts = [relative(a, b) for a, b in pairs]
        return sum(parts, start=jnp.zeros(image.shape[0])) / len(parts)

    shape = jax.ShapeDtypeStruct((1, *built.source.spec.target_shape), jnp.float32)
    held = {'label': jnp.zeros(1, jnp.int32)} if 'label' in game.conditions else {}
    try:
        jax.eval_shape(distance, arrays, shape, shape, held)
    except (errors.GaxError, KeyError, TypeError, ValueError) as error:
        raise errors.GaxError(refused(built, errors.first_line(error))) from error
    return distance, arrays


def relative(x: Array, y: Array) -> Array:
    """|x - y|^2 / (|y|^2 + 1e-8), [B] of [B, ...]."""
    axes = tuple(range(1, x.ndim))
    return jnp.sum(jnp.square(x - y), axis=axes) / (jnp.sum(jnp.square(y), axis=axes) + 1e-8)


def refused(built: Experiment, reason: str) -> str:
    """The message for a discriminator without features of single images."""
    return (
        f'--features=d: {built.config.gan} has no features of single images ({reason}): give '
        '--features=lpips_vgg or --features=none'
    )


def total(pixels: float, features: float, of_features: WithArrays, arrays: Any) -> project.Distance:
    """The weighted sum of the squared difference of pixels and of the distance of features."""

    def by_features(image: Array, target: Array, held: Batch) -> Array:
        return of_features(arrays, image, target, held)

    return project.weighted([(pixels, project.squared), (features, by_features)])
