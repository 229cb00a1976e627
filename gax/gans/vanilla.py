"""The first GAN: MLPs by default, any family of networks by `g.net.kind` and `d.net.kind`, any loss and
penalties by config.

Goodfellow et al., "Generative Adversarial Nets", 2014, with the loss named in the config. Data are images or
points.
"""

from typing import Any

from ml_collections import ConfigDict

from gax.core.spec import Spec
from gax.core.types import Game
from gax.nets import registry
from gax.objectives import losses, players


def defaults() -> ConfigDict:
    return registry.defaults('mlp')


def make(config: Any, spec: Spec) -> Game:
    """spec.fields has one of 'image' [H, W, C] and 'point' [D]."""
    loss = losses.make(config.loss, config.label_smoothing)
    networks, scorer = registry.pair(config, spec)
    return players.two_player_game(config, loss, networks, scorer)
