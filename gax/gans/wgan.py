"""WGAN: the critic estimates a distance between reals and fakes, with its weights kept in a small box.

Arjovsky et al., "Wasserstein GAN", 2017, algorithm 1 and its settings: E D(x) - E D(G(z)) is what D raises
and G lowers, RMSprop at 5e-5, D is updated five times per step and projected onto [-0.01, 0.01] after each,
batch 64. G is updated on the fakes of D's last update (the paper draws new ones). D has no dropout, which
would make another critic in each pass, and no sigmoid.
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
    """MLPs without dropout in D, the loss 'wasserstein', RMSprop, and clipping of D's weights."""
    fields = registry.defaults('mlp')
    fields.update({'loss': 'wasserstein', 'd': {'updates': 5, 'net': {'dropout': 0.0}}})
    fields.d.optimizer = optimizers.section('rmsprop', 5e-5, clip_weights=0.01)
    fields.g.optimizer = optimizers.section('rmsprop', 5e-5)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """WGAN on images [H, W, C] or points [D].

    Raises:
      GaxError: The loss is another, or weights are not clipped.
    """
    clip = config.d.optimizer.get('clip_weights', 0.0)
    if isinstance(clip, (int, float)) and clip <= 0:  # the value of a tracer is unknown
        raise errors.GaxError(
            f'wgan needs config.d.optimizer.clip_weights > 0 (0.01 in the paper), not {clip}'
        )
    loss = losses.only('wasserstein', config)
    networks, scorer = registry.pair(config, spec)
    return players.two_player_game(config, loss, networks, scorer)
