"""Projection discriminator: an inner product with the label's embedding in D, conditional batch-norm in G.

Miyato and Koyama, "cGANs with Projection Discriminator", 2018: logit = psi(f(x)) + <v_y, f(x)> (eq. 3), v_y a
row of an embedding; spectral norm in D, hinge loss, Adam at 2e-4 with b1 0 and b2 0.9, D is updated five
times per step. Fakes have the labels of the batch. The paper's networks are g.net.kind = d.net.kind = 'sngan'
with 128 latents; small convolutional ones are the default, with a scale and an offset per class in G's
batch-norms (`g.net.class_norm`).
"""

from typing import Any

from ml_collections import ConfigDict

from gax import errors
from gax.core import optimizers
from gax.core.spec import Spec
from gax.core.types import Game
from gax.nets import registry
from gax.objectives import losses, players


def defaults() -> ConfigDict:
    """DCGAN's networks with conditional batch-norm and spectral norm, the hinge loss, and Adam."""
    fields = registry.defaults('dcgan')
    fields.update({'loss': 'hinge', 'latent_dim': 128, 'g': {'net': {'class_norm': True}}})
    fields.update({'d': {'updates': 5, 'net': {'dropout': 0.0}, 'spectral_norm': True}})
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 2e-4, b1=0.0, b2=0.9)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """The projection GAN on images [H, W, C].

    Raises:
      GaxError: The data have no labels.
    """
    if not spec.num_classes:
        raise errors.GaxError(f'projection needs labels, and {spec.name} has none')
    loss = losses.make(config.loss, config.label_smoothing)
    networks, scorer = registry.pair(config, spec, spec.num_classes)
    return players.two_player_game(config, loss, networks, scorer, conditions=('label',))
