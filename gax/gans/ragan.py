"""Relativistic average GAN (RaSGAN): each example is compared with the mean logit of the other side.

Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard GAN", 2018, where it
is called RaSGAN, the two halves added without a factor of one half (the author's code has one: "Relativistic
average Standard GAN" in the README of AlexiaJM/RelativisticGAN on GitHub); G's loss reads the reals too. The
paper's settings for CIFAR-10: Adam at 2e-4 with b1 0.5, one update each.
"""

from typing import Any

from ml_collections import ConfigDict

from gax.core import optimizers
from gax.core.spec import Spec
from gax.core.types import Game
from gax.nets import registry
from gax.objectives import losses, players


def defaults() -> ConfigDict:
    """MLPs, the loss 'relativistic_average', and Adam."""
    fields = registry.defaults('mlp')
    fields.loss = 'relativistic_average'
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 2e-4, b1=0.5)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """RaSGAN on images [H, W, C] or points [D].

    Raises:
      GaxError: The loss is another.
    """
    loss = losses.only('relativistic_average', config)
    networks, scorer = registry.pair(config, spec)
    return players.two_player_game(config, loss, networks, scorer)
