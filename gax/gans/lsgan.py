"""LSGAN: squared distances of the logits to the targets 1 and 0 in place of the cross-entropy.

Mao et al., "Least Squares Generative Adversarial Networks", 2017, eq. 9 (with its factors of one half): fakes
that lie beyond the boundary are still pulled back to it, where a sigmoid's gradient has vanished. Adam with
b1 0.5, at DCGAN's 2e-4.
"""

from typing import Any

from ml_collections import ConfigDict

from gax.core import optimizers
from gax.core.spec import Spec
from gax.core.types import Game
from gax.nets import registry
from gax.objectives import losses, players


def defaults() -> ConfigDict:
    """MLPs, the loss 'least_squares', and Adam."""
    fields = registry.defaults('mlp')
    fields.loss = 'least_squares'
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 2e-4, b1=0.5)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """LSGAN on images [H, W, C] or points [D].

    Raises:
      GaxError: The loss is another.
    """
    loss = losses.only('least_squares', config)
    networks, scorer = registry.pair(config, spec)
    return players.two_player_game(config, loss, networks, scorer)
