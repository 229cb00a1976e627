"""ProGAN: networks that grow from 4x4 to the size of the data, by WGAN-GP.

Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018, with the
settings of their code: each resolution is trained for config.growth.stable thousands of images, then the
next one faded in over config.growth.fade; a static phase for each, and a traced share of the new layers
(core/growth.py). Reals are faded too, and Adam begins anew with each phase. D minimises E D(G(z)) - E D(x),
plus 10 times WGAN-GP, plus drift (1e-3) times the mean of D(x)^2. Adam at 1e-3, b1 0, b2 0.99; samples are
of G's average. growth.rates are factors of the learning rate at each resolution, 4x4 first: theirs for 8
GPUs are (1, 1, 1, 1, 1, 1.5, 2, 3, 3).

With config.class_weight above 0 G takes labels, and D has a head that classifies (AC-GAN, their section on
CIFAR-10). The batch is the same at every resolution; theirs falls from 128 to 4 as memory demands.
"""

from typing import Any

import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from gax import errors
from gax.core import growth, optimizers
from gax.core.spec import Spec
from gax.core.types import Array, Context, Game, Term, not_zero
from gax.nets import growing, registry
from gax.objectives import losses, players, term_registry, terms


def defaults() -> ConfigDict:
    """ProGAN's networks, the phases for 1024x1024, the loss 'wasserstein', wgan_gp and the drift."""
    fields = registry.defaults('progan')
    fields.update({'loss': 'wasserstein', 'latent_dim': 512, 'batch_size': 16, 'steps': 750_000})
    fields.terms = {'wgan_gp': term_registry.section('wgan_gp', weight=10.0)}
    fields.drift = 1e-3
    fields.class_weight = 0.0
    fields.growth = growth.section()
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 1e-3, b1=0.0, b2=0.99)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """ProGAN on images [H, W, C].

    Raises:
      GaxError: The loss is another, the images cannot be halved down to 4x4, training ends before they have
        grown, or class_weight is set and there are no labels.
    """
    loss = losses.only('wasserstein', config)
    classes = classes_of(config, spec)
    phases = growth.from_config(config, growing.levels(spec.target_shape), spec.target_shape)
    networks, scorer = registry.pair(config, spec, heads={'class': classes} if classes else None)
    if classes:
        networks['g'] = registry.generator(config, spec, classes)
    scorer, generate = growth.staged(scorer, phases), growth.generate(phases, spec.target)
    game = players.two_player_game(config, loss, networks, scorer, ('label',) * bool(classes), generate)
    d, g = class_terms(config.class_weight) if classes else ({}, {})
    d['drift'] = terms.stateless(drift, weight=config.drift)
    both = {
        'd': players.discriminator(config, loss, scorer, **d),
        'g': players.generator(config, loss, scorer, generate, **g),
    }
    rates = tuple(config.growth.rates)
    return growth.grown(game._replace(players=both), phases, spec.target, growing.faded, rates)


def classes_of(config: Any, spec: Spec) -> int:
    """The number of classes where labels are used, else 0.

    Raises:
      GaxError: There are none.
    """
    if not not_zero(config.class_weight):
        return 0
    if not spec.num_classes:
        raise errors.GaxError(f'class_weight={config.class_weight} needs labels, and {spec.name} has none')
    return spec.num_classes


def drift(context: Context, out: Any) -> Array:
    """The mean of D(x)^2 over reals, which keeps D's outputs near 0."""
    return jnp.mean(jnp.square(out['real']))


def class_terms(weight: Any) -> tuple[dict[str, Term], dict[str, Term]]:
    """The cross-entropy of D's class head: for D on reals and fakes, for G on fakes."""

    def misnamed(output: Any, label: Array) -> Array:
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(output['class'], label))

    def on_fakes(context: Context, out: Any) -> Array:
        return misnamed(out['fake_out'], context.latents['label'])

    def on_both(context: Context, out: Any) -> Array:
        return misnamed(out['real_out'], context.batch['label']) + on_fakes(context, out)

    d, g = (terms.stateless(fn, weight=weight) for fn in (on_both, on_fakes))
    return {'class': d}, {'class': g}
