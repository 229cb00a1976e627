"""SAGAN: self-attention in G and D, spectral normalisation in both, two learning rates.

Zhang et al., "Self-Attention Generative Adversarial Networks", 2019, section 4: hinge loss, one update of D
for each of G, Adam with b1 0 and b2 0.9 at 1e-4 for G and 4e-4 for D (TTUR; their code sets b1 alone and
leaves b2 at 0.999), batches of 256, 128 latents. Class-conditional batch-norms in G and the projection in D
where `conditional` is set. Here D is spectrally normalised in the pass over fakes, too, as everywhere in gax:
the authors advance the power method in the pass over reals alone. Samples are of G's average; theirs of G.
"""

from typing import Any

from ml_collections import ConfigDict

from gax.core import optimizers
from gax.core.spec import Spec
from gax.core.types import Game
from gax.nets import registry
from gax.objectives import losses, players


def defaults() -> ConfigDict:
    """SAGAN's networks, the hinge loss, labels, and Adam at two rates."""
    fields = registry.defaults('sagan')
    fields.update({'loss': 'hinge', 'latent_dim': 128, 'conditional': True})
    for player, rate in ((fields.d, 4e-4), (fields.g, 1e-4)):
        player.optimizer = optimizers.section('adam', rate, b1=0.0, b2=0.9)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """SAGAN on images [H, W, C].

    Raises:
      GaxError: `conditional` is set and there are no labels.
    """
    classes = spec.classes_if(config.conditional)
    loss = losses.make(config.loss, config.label_smoothing)
    networks, scorer = registry.pair(config, spec, classes)
    return players.two_player_game(config, loss, networks, scorer, conditions=('label',) * bool(classes))
