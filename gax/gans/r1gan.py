"""R1: the non-saturating GAN with a zero-centred gradient penalty on reals, which converges locally.

Mescheder et al., "Which Training Methods for GANs do actually Converge?", 2018, eq. 9: (gamma / 2) E |grad
D(x)|^2 with gamma 10, one update each. Adam at 1e-4 with b1 0 and b2 0.99: the paper's RMSprop, with its
averages corrected for their start. Other losses work too. No batch-norm and no dropout in D.
`config.terms.r1.every` makes the penalty lazy.
"""

from typing import Any

from ml_collections import ConfigDict

from gax.core import optimizers
from gax.core.spec import Spec
from gax.core.types import Game
from gax.nets import registry
from gax.objectives import losses, players, term_registry


def defaults() -> ConfigDict:
    """MLPs without dropout in D, the term r1, and Adam."""
    fields = registry.defaults('mlp')
    fields.update({'d': {'net': {'dropout': 0.0}}, 'terms': {'r1': term_registry.section('r1', weight=10.0)}})
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 1e-4, b1=0.0, b2=0.99)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """R1 on images [H, W, C] or points [D]."""
    loss = losses.make(config.loss, config.label_smoothing)
    networks, scorer = registry.pair(config, spec)
    return players.two_player_game(config, loss, networks, scorer)
