"""PacGAN: the discriminator judges several examples at once, so that a lack of variety among fakes shows.

Lin et al., "PacGAN: The power of two samples in generative adversarial networks", 2018, and the authors' code
(fjxmlzn/PacGAN on GitHub). Rows that stand side by side in the batch make a pack of m = `config.pack`, joined
along the
channels, and a pack has one logit: only the first layer of D grows. Every example is in one pack, so B
examples give B / m logits (the authors' code draws m batches). Any loss: relativistic ones hold packs against
packs. Examples are augmented and noised one by one, before packing.

Penalties are per example, by the convention of penalties.py: each bounds the gradient of a pack's logit by
one of its examples, so R1 is 1 / m of what it would be for the pack as one point. Classes are unsupported: a
pack has no label.
"""

from typing import Any

import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.core.forward import Scorer
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Context, Game
from gax.nets import registry
from gax.objectives import losses, players


def defaults() -> ConfigDict:
    fields = registry.defaults('mlp')
    fields.pack = 2
    return fields


def pack(x: Array, size: int) -> Array:
    """[B, ..., C] -> [B / size, ..., size * C]: rows i size, ..., i size + size - 1 become pack i, in this
    order.
    """
    beside = jnp.moveaxis(x.reshape(-1, size, *x.shape[1:]), 1, -2)
    return beside.reshape(-1, *x.shape[1:-1], size * x.shape[-1])


def in_packs(scorer: Scorer, size: int) -> Scorer:
    """A critic that is asked about examples [B, ...] and answers with a logit a pack, [B / size]."""

    def inputs(context: Context, batch: Batch) -> tuple[Array, ...]:
        return tuple(pack(x, size) for x in scorer.inputs(context, batch))

    return scorer._replace(inputs=inputs)


def make(config: Any, spec: Spec) -> Game:
    """spec.fields has one of 'image' [H, W, C] and 'point' [D].

    Raises GaxError unless pack divides the batch.
    """
    rows = config.batch_size // config.accumulate
    if config.pack < 1 or rows % config.pack:
        raise errors.GaxError(
            f'config.pack={config.pack} must be positive and divide a (micro)batch of {rows} rows'
        )
    loss = losses.make(config.loss, config.label_smoothing)
    networks, scorer = registry.pair(config, spec, pack=config.pack)
    scorer = in_packs(scorer, config.pack)
    return players.two_player_game(config, loss, networks, scorer)
