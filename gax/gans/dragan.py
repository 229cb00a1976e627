"""DRAGAN: the usual loss, and a penalty on the discriminator's gradient near the reals alone.

Kodali et al., "On Convergence and Stability of GANs", 2017, by the authors' notebook (kodalinaveen3/DRAGAN on
GitHub, DRAGAN.ipynb): lambda E (|grad D(x + noise)| - 1)^2 with lambda 10 (see gradients.near_reals for the
noise), one update each. G's loss is the non-saturating one by default; config.loss chooses another. No
batch-norm and no dropout in D.
"""

from typing import Any

from ml_collections import ConfigDict

from gax.core import optimizers
from gax.core.spec import Spec
from gax.core.types import Game
from gax.nets import registry
from gax.objectives import losses, players, term_registry


def defaults() -> ConfigDict:
    """MLPs without dropout in D, the term dragan, and Adam."""
    fields = registry.defaults('mlp')
    fields.update(
        {'d': {'net': {'dropout': 0.0}}, 'terms': {'dragan': term_registry.section('dragan', weight=10.0)}}
    )
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 2e-4, b1=0.5)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """DRAGAN on images [H, W, C] or points [D]."""
    loss = losses.make(config.loss, config.label_smoothing)
    networks, scorer = registry.pair(config, spec)
    return players.two_player_game(config, loss, networks, scorer)
