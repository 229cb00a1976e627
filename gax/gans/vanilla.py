"""The first GAN: any networks, loss and terms, by config.

Goodfellow et al., "Generative Adversarial Nets", 2014, with the loss that the config names. `g.net.kind` and
`d.net.kind` choose the networks, MLPs by default.
"""

from typing import Any

from ml_collections import ConfigDict

from gax.core.spec import Spec
from gax.core.types import Game
from gax.nets import registry
from gax.objectives import losses, players


def defaults() -> ConfigDict:
    """MLPs."""
    return registry.defaults('mlp')


def make(config: Any, spec: Spec) -> Game:
    """The GAN on images [H, W, C] or points [D]."""
    loss = losses.make(config.loss, config.label_smoothing)
    networks, scorer = registry.pair(config, spec)
    return players.two_player_game(config, loss, networks, scorer)
