"""PacGAN: the discriminator scores several examples at once, so that a lack of variety among fakes shows.

Lin et al., "PacGAN: The power of two samples in generative adversarial networks", 2018, and the authors' code
(fjxmlzn/PacGAN on GitHub). Consecutive examples of the batch make a pack of m = `config.pack`, concatenated
along the channels, and a pack has one logit: only the first layer of D grows. Every example is in one pack,
so B examples give B / m logits (the authors' code draws m batches). Any loss works: relativistic ones compare
packs with packs. Examples are augmented and noised one by one, before packing.

Penalties are per example, by the convention of gradients.py: each bounds the gradient of a pack's logit with
respect to one of its examples, so R1 is 1 / m of what it would be for the pack as one point. Classes are
unsupported: a pack has no label.
"""

from typing import Any

from ml_collections import ConfigDict

from gax.core.forward import Scorer
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Context, Game
from gax.nets import registry
from gax.objectives import losses, players
from gax.objectives.packs import pack, refuse_uneven


def defaults() -> ConfigDict:
    """MLPs, and pack."""
    fields = registry.defaults('mlp')
    fields.pack = 2
    return fields


def in_packs(scorer: Scorer, size: int) -> Scorer:
    """A scorer that takes examples [B, ...] and returns one logit for each pack, [B / size]."""

    def inputs(context: Context, batch: Batch) -> tuple[Array, ...]:
        return tuple(pack(x, size) for x in scorer.inputs(context, batch))

    return scorer._replace(inputs=inputs)


def make(config: Any, spec: Spec) -> Game:
    """PacGAN on images [H, W, C] or points [D].

    Raises:
      GaxError: `pack` does not divide the batch.
    """
    refuse_uneven(config)
    loss = losses.make(config.loss, config.label_smoothing)
    networks, scorer = registry.pair(config, spec, pack=config.pack)
    scorer = in_packs(scorer, config.pack)
    return players.two_player_game(config, loss, networks, scorer)
