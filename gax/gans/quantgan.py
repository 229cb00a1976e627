"""Quant GAN: returns of a price from noise by temporal convolutions, at any length.

Wiese et al., "Quant GANs: Deep Generation of Financial Time Series", 2020, sections 3 to 5 (the "pure TCN"):
both networks are temporal convolutional networks, whose receptive field of 127 days is how far the returns of
a sampled path depend on one another. The data are log-returns, with their heavy tails taken away by the
inverse of Lambert's map (config.data.transform, config.data.scaling). D's windows are as long as its
receptive field. A moving average of the generator is kept, as everywhere in gax. The learning rates and the
width of the first block were not checked against the paper.
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
    """Temporal convolutional networks of 80 channels, 3 noise values a step, Adam."""
    fields = sequences.defaults('tcn')
    fields.latent_dim = 3
    fields.d.optimizer = section('adam', 3e-4, b1=0.0, b2=0.9)
    fields.g.optimizer = section('adam', 1e-4, b1=0.0, b2=0.9)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """A GAN on series [steps, columns], with labels if there are any.

    Raises:
      GaxError: The data are no series, or shorter than D's receptive field.
    """
    loss = losses.make(config.loss, config.label_smoothing)
    nets, scorer, steps = sequences.pair(config, spec)
    conditions = ('label',) if spec.num_classes else ()
    game = players.two_player_game(config, loss, nets, scorer, conditions)
    return game._replace(latents=sequences.normal_latents(steps, config.latent_dim))
