"""R3GAN: relativistic pairing, zero-centred gradient penalties on reals and fakes, a plain modern ResNet.

Huang et al., "The GAN is dead; long live the GAN! A Modern Baseline GAN", 2024, eq. 2 and 3. D minimises
E softplus(-(D(x) - D(G(z)))) + (gamma / 2) (E |grad D(x)|^2 + E |grad D(G(z))|^2), G the first term with the
roles exchanged: not eq. 2 with its sign turned, but as the authors' code has it (R3GAN/Trainer.py).
config.terms.r1.weight and r2.weight are gamma. Adam with b1 0, no momentum, no batch-norm (see
nets/r3gan.py); samples are of G's average. Class-conditional where `conditional` is set.

The authors change gamma, the learning rate, b2, the half-life of G's average and the probability of
augmentations along cosines (their table 6). These are schedules of config.terms.r1.weight,
config.d.optimizer.learning_rate, config.d.optimizer.b2, config.ema.kimg and config.ada.p (see
core/schedules.py); configs/r3gan.py has their presets. With `g.resample`, as there, G's update draws new
latents and a new batch of reals to pair its fakes with; by default, which costs less, it is made on the
latents and reals of D's.
"""

from typing import Any

from ml_collections import ConfigDict

from gax.core import optimizers
from gax.core.spec import Spec
from gax.core.types import Game
from gax.nets import registry
from gax.objectives import losses, players, term_registry


def defaults() -> ConfigDict:
    """R3GAN's networks, the relativistic loss, the terms r1 and r2, and Adam."""
    fields = registry.defaults('r3gan')
    fields.update({'loss': 'relativistic', 'latent_dim': 64, 'conditional': False})
    fields.g.resample = False
    fields.terms = {name: term_registry.section(name, weight=0.05) for name in ('r1', 'r2')}
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 2e-4, b1=0.0, b2=0.99)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """R3GAN on images [H, W, C] or, with networks that take them, points [D].

    Raises:
      GaxError: `conditional` is set and there are no labels.
    """
    classes = spec.classes_if(config.conditional)
    loss = losses.make(config.loss, config.label_smoothing)
    networks, scorer = registry.pair(config, spec, classes)
    game = players.two_player_game(config, loss, networks, scorer, conditions=('label',) * bool(classes))
    generator = game.players['g']._replace(resample=config.g.resample)
    return game._replace(players={**game.players, 'g': generator})
