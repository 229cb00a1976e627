"""WGAN: the critic's gap between reals and fakes estimates a distance, as its weights stay in a small box.

Arjovsky et al., "Wasserstein GAN", 2017, algorithm 1 and its settings: E D(x) - E D(G(z)) is what D raises
and G lowers, RMSprop at 5e-5, D moves five times per step and is projected onto [-0.01, 0.01] after each,
batch 64. G answers the fakes of D's last move (the paper draws new ones). Neither dropout in D, which would
be another critic each time, nor a sigmoid.
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
    fields = registry.defaults('mlp')
    fields.update({'loss': 'wasserstein', 'd': {'updates': 5, 'net': {'dropout': 0.0}}})
    fields.d.optimizer = optimizers.section('rmsprop', 5e-5, clip_weights=0.01)
    fields.g.optimizer = optimizers.section('rmsprop', 5e-5)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """spec.fields has one of 'image' [H, W, C] and 'point' [D].

    Raises GaxError for another loss, and without clipping.
    """
    clip = config.d.optimizer.get('clip_weights', 0.0)
    if isinstance(clip, (int, float)) and clip <= 0:  # a tracer is taken at its word
        raise errors.GaxError(
            f'wgan needs config.d.optimizer.clip_weights > 0 (0.01 in the paper), not {clip}'
        )
    loss = losses.only('wasserstein', config)
    networks, scorer = registry.pair(config, spec)
    return players.two_player_game(config, loss, networks, scorer)
