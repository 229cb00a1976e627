"""What a projection minimises: pixels, and LPIPS, features of ImageNet, or the discriminator's own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gax import errors, gans
from gax.config import choices
from gax.core import rng, sample
from gax.core.types import Array, Batch, Context, TrainState
from gax.nets import imagenet, lpips, perceptual
from gax.sampling import project
from gax.training.experiment import Experiment

log = logging.getLogger('gax')

NAMES = (*perceptual.WEIGHTS, 'd', 'pixels')
RANDOM = ('ada', 'instance_noise', 'top_k')  # sections that change what d is shown in training
# (arrays, image, target, held latents) -> [B]; the arrays are arguments of the compiled program
WithArrays = Callable[[Any, Array, Array, Batch], Array]


class Measure(NamedTuple):
    """What is minimised: a weighted sum of the squared difference of pixels and of a distance of features.

    Attributes:
      name: The name of the distance of features.
      pixels: The weight of the squared difference of pixels.
      features: The weight of the distance of features.
      of_features: The distance of features.
      arrays: Its arrays, which compiled programs take as an argument.
    """

    name: str
    pixels: float
    features: float
    of_features: WithArrays
    arrays: Any

    def total(self, arrays: Any) -> project.Distance:
        """The sum, with these arrays, (image, target, held latents) -> [B]."""

        def by_features(image: Array, target: Array, held: Batch) -> Array:
            return self.of_features(arrays, image, target, held)

        return project.weighted([(self.pixels, project.squared), (self.features, by_features)])


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
      GaxError: The name is unknown, its weights are not installed, they are not for images of the run's
        channels, or d has no features of single images.
    """
    if name:
        errors.lookup('--distance', name, dict.fromkeys(NAMES))
    channels = built.source.spec.target_shape[-1]
    if not name:
        name = 'lpips_vgg' if lpips.available() and channels in (1, 3) else 'd'
        if name == 'd' and not lpips.available():
            log.info('features of the discriminator; for LPIPS %s', lpips.INSTALL)
    if name == 'pixels':
        return name, lambda arrays, image, target, held: jnp.zeros(image.shape[0]), ()
    if name == 'd':
        return name, *of_discriminator(built, state, phase)
    return name, *of_imagenet(name, channels)


def of_imagenet(name: str, channels: int) -> tuple[WithArrays, Any]:
    """A distance in features of ImageNet's networks: LPIPS, or the mean |f(x) - f(y)| of the last layer.

    Args:
      name: A key of `perceptual.WEIGHTS`.
      channels: The channels of the images.

    Returns:
      (the distance, its arrays).

    Raises:
      GaxError: The weights are not installed, or there are not 1 or 3 channels.
    """
    network = perceptual.WEIGHTS[name]
    if channels not in (1, 3):
        raise errors.GaxError(
            f'--distance={name}: features of ImageNet are of images with 1 or 3 channels, and those of this '
            f'run have {channels}: give --distance=d or --distance=pixels'
        )
    if not lpips.available():
        raise errors.GaxError(
            f'--distance={name} needs weights that are an extra: {lpips.INSTALL}; or give --distance=d or '
            '--distance=pixels'
        )
    arrays = lpips.load(network)
    if name == network:
        net, arrays = (
            perceptual.differences(name, {list(imagenet.shapes(name))[-1]: 1.0}),
            arrays['convolutions'],
        )
    else:
        net = perceptual.distances(network)

    def distance(arrays: Any, image: Array, target: Array, held: Batch) -> Array:
        return net.apply(arrays, (), image, target, train=False, key=rng.key(0))[0]

    return distance, arrays


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
        f'--distance=d: {built.config.gan} has no features of single images ({reason}): give '
        '--distance=lpips_vgg or --distance=pixels'
    )
