"""RGAN and RCGAN: a recurrent generator of series from noise at every step, and a recurrent discriminator.

Esteban, Hyland and Raetsch, "Real-valued (Medical) Time Series Generation with Recurrent Conditional GANs",
2017, eq. 1 and 2: LSTMs; the discriminator has a logit for every step, and its loss is the mean over steps.
Where the data have labels, both networks read the class at every step (RCGAN). The settings are those of the
authors' code (ratschlab/RGAN): 100 units, 5 noise values a step, D by gradient descent, G by Adam.
"""

from typing import Any

from ml_collections import ConfigDict

from gax.core.optimizers import section
from gax.core.spec import Spec
from gax.core.types import Game
from gax.nets import sequences
from gax.objectives import losses, players

ROLES = sequences.ROLES


def defaults() -> ConfigDict:
    """LSTMs of 100 units, D by gradient descent at 0.1, G by Adam at 1e-3."""
    fields = sequences.defaults('recurrent')
    for player in (fields.g, fields.d):
        player.net.cell, player.net.widths = 'lstm', (100,)
    fields.latent_dim = 5
    fields.d.optimizer = section('sgd', 0.1)
    fields.g.optimizer = section('adam', 1e-3)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """A GAN on series [steps, columns], with labels if there are any.

    Raises:
      GaxError: The data are no series.
    """
    loss = losses.make(config.loss, config.label_smoothing)
    nets, scorer, steps = sequences.pair(config, spec)
    conditions = ('label',) if spec.num_classes else ()
    game = players.two_player_game(config, loss, nets, scorer, conditions)
    return game._replace(latents=sequences.normal_latents(steps, config.latent_dim))
