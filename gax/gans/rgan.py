"""Relativistic GAN (RSGAN): the discriminator estimates how much more real a real example is than a fake one.

Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard GAN", 2018, where it
is called RSGAN, and by the author's code ("Relativistic Standard GAN" in the README of
AlexiaJM/RelativisticGAN on GitHub): both losses are softplus of the difference of the logits of a pair, so G
also lowers the logits of reals, and its loss reads them. The paper's settings for CIFAR-10: Adam at 2e-4 with
b1 0.5, one update each.
"""

from typing import Any

from ml_collections import ConfigDict

from gax.core import optimizers
from gax.core.spec import Spec
from gax.core.types import Game
from gax.nets import registry
from gax.objectives import losses, players


def defaults() -> ConfigDict:
    """MLPs, the loss 'relativistic', and Adam."""
    fields = registry.defaults('mlp')
    fields.loss = 'relativistic'
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 2e-4, b1=0.5)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """RSGAN on images [H, W, C] or points [D].

    Raises:
      GaxError: The loss is another.
    """
    loss = losses.only('relativistic', config)
    networks, scorer = registry.pair(config, spec)
    return players.two_player_game(config, loss, networks, scorer)
