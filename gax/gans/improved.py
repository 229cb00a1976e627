"""The GAN of the "improved techniques" for training.

Salimans et al., "Improved Techniques for Training GANs", 2016, each technique by its field of the config:

- feature matching (3.1): terms.feature_matching, |E f(x) - E f(G(z))|^2 of D's last hidden layer, for G. It
  is added to G's adversarial loss; with adversarial_weight=0 it replaces it, as in the paper's
  semi-supervised experiments;
- minibatch discrimination (3.2): d.net.minibatch='discrimination', after the features that are matched;
- historical averaging (3.3): d.optimizer.historical and g.optimizer.historical, off where they are not set
  (the paper uses it on games of few parameters, and gives no weight);
- one-sided label smoothing (3.4): label_smoothing=0.1, the target for reals is 0.9.

Virtual batch normalisation (3.5) is left out: it costs a second pass over a reference batch, and later work
does without.
"""

from typing import Any

from ml_collections import ConfigDict

from gax import errors
from gax.core import optimizers
from gax.core.spec import Spec
from gax.core.types import Game
from gax.nets import registry
from gax.objectives import losses, players, term_registry


def defaults() -> ConfigDict:
    """MLPs with minibatch discrimination, the term feature_matching, label smoothing, and Adam."""
    fields = registry.defaults('mlp')
    fields.update(
        {'label_smoothing': 0.1, 'adversarial_weight': 1.0, 'd': {'net': {'minibatch': 'discrimination'}}}
    )
    fields.terms = {'feature_matching': term_registry.section('feature_matching', weight=1.0)}
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 3e-4, b1=0.5)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """The GAN on images [H, W, C] or points [D].

    Raises:
      GaxError: G has nothing to minimise.
    """
    loss = losses.make(config.loss, config.label_smoothing)
    networks, scorer = registry.pair(config, spec, heads={})
    game = players.two_player_game(config, loss, networks, scorer)
    g = game.players['g']
    adversarial = g.terms['adversarial']._replace(weight=config.adversarial_weight)
    g = g._replace(terms={**g.terms, 'adversarial': adversarial})
    if not g.live_terms:
        raise errors.GaxError(
            'improved needs config.adversarial_weight or config.terms.feature_matching.weight above 0'
        )
    return game._replace(players={**game.players, 'g': g})
