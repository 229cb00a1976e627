"""BigGAN: SAGAN's game at scale, with latents and labels that reach every block of G.

Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis", 2019, appendix C: hinge
loss, two updates of D for each of G, Adam with b1 0, b2 0.999 and epsilon 1e-6 at 5e-5 for G and 2e-4 for D,
batches of 2048, an average of G with decay 0.9999 (from step 20,000 there; with `ema.with_warmup` here).
config.terms.orthogonal_g is their regulariser (eq. 3, weight 1e-4), by its true gradient, 4 (W W^T - I on
the diagonal's complement) W; the hand-written one of BigGAN-PyTorch is half of that. It is off here, as
there. `g.net.kind` and `d.net.kind` 'biggan_deep' are BigGAN-deep; its latent_dim is 128. Truncation is
`sample.py --truncation`. Samples and evaluations are to be made with standing statistics: `eval.standing`
(appendix C). Class-conditional where `conditional` is set.
"""

from typing import Any

from ml_collections import ConfigDict

from gax.core import optimizers
from gax.core.spec import Spec
from gax.core.types import Game
from gax.nets import registry
from gax.objectives import losses, players


def defaults() -> ConfigDict:
    """BigGAN's networks, the hinge loss, two updates of D, labels, and Adam at two rates."""
    fields = registry.defaults('biggan')
    fields.update({'loss': 'hinge', 'latent_dim': 80, 'conditional': True, 'd': {'updates': 2}})
    fields.ema = {'decay': 0.9999}
    for player, rate in ((fields.d, 2e-4), (fields.g, 5e-5)):
        player.optimizer = optimizers.section('adam', rate, b1=0.0, b2=0.999, eps=1e-6)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """BigGAN on images [H, W, C].

    Raises:
      GaxError: `conditional` is set and there are no labels.
    """
    classes = spec.classes_if(config.conditional)
    loss = losses.make(config.loss, config.label_smoothing)
    networks, scorer = registry.pair(config, spec, classes)
    return players.two_player_game(config, loss, networks, scorer, conditions=('label',) * bool(classes))
