"""SNGAN: the discriminator is kept Lipschitz by dividing each kernel by its largest singular value.

Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018: hinge loss, residual
networks (see nets/sngan.py), and, as in the authors' code for those, Adam at 2e-4 with b1 0 and b2 0.9, five
updates of D per step and 128 latents. (Settings A to F of table 1 are of the plain convolutional networks.) G
is updated on the fakes of D's last update, B of them (there 2 B new ones). `g.net.kind` and `d.net.kind`
choose any networks; `d.spectral_norm` normalises D.
"""

from typing import Any

from ml_collections import ConfigDict

from gax.core import optimizers
from gax.core.spec import Spec
from gax.core.types import Game
from gax.nets import registry
from gax.objectives import losses, players


def defaults() -> ConfigDict:
    """SNGAN's networks, the hinge loss, five updates of D, and Adam."""
    fields = registry.defaults('sngan')
    fields.update({'loss': 'hinge', 'latent_dim': 128, 'd': {'updates': 5}})
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 2e-4, b1=0.0, b2=0.9)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """SNGAN on images [H, W, C] or, with networks that take them, points [D]."""
    loss = losses.make(config.loss, config.label_smoothing)
    networks, scorer = registry.pair(config, spec)
    return players.two_player_game(config, loss, networks, scorer)
