"""WGAN-GP: the critic is kept Lipschitz by a penalty on its gradient between reals and fakes.

Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, algorithm 1 and its settings: lambda
E (|grad D(x')| - 1)^2 with lambda 10 at random points between pairs, Adam at 1e-4 with b1 0 and b2 0.9, D is
updated five times per step. G is updated on the fakes of D's last update (the paper draws new ones). No
batch-norm in D, where the gradient of one example would depend on the others; no dropout.
"""

from typing import Any

from ml_collections import ConfigDict

from gax.core import optimizers
from gax.core.spec import Spec
from gax.core.types import Game
from gax.nets import registry
from gax.objectives import losses, players, term_registry


def defaults() -> ConfigDict:
    """MLPs without dropout in D, the loss 'wasserstein', the term wgan_gp, and Adam."""
    fields = registry.defaults('mlp')
    fields.update({'loss': 'wasserstein', 'd': {'updates': 5, 'net': {'dropout': 0.0}}})
    fields.terms = {'wgan_gp': term_registry.section('wgan_gp', weight=10.0)}
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 1e-4, b1=0.0, b2=0.9)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """WGAN-GP on images [H, W, C] or points [D].

    Raises:
      GaxError: The loss is another.
    """
    loss = losses.only('wasserstein', config)
    networks, scorer = registry.pair(config, spec)
    return players.two_player_game(config, loss, networks, scorer)
