"""Perceptual terms: the distance of fakes and targets in the features of a network.

The network is a frozen net of the game that maps two batches of images to distances [B]
(gax/nets/perceptual.py), or the discriminator (feature matching of each fake with its own target: Larsen et
al., "Autoencoding beyond pixels using a learned similarity metric", 2016, eq. 4, with the L1 distance of Wang
et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs", 2018, eq. 4).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from gax.core.forward import Scorer, fakes_of
from gax.core.types import Array, Context, Term
from gax.objectives import terms


def by_net(net: str, field: str, **fields: Any) -> Term:
    """The mean over the batch of the distance that net `net` gives for the fakes and the batch.

    Args:
      net: The name of the net: (x, y) [B, ...] -> float [B].
      field: The batch field that is compared.
      **fields: The other fields of `Term`.

    Returns:
      The term.
    """
    return terms.stateless(
        lambda context, out: jnp.mean(context.apply(net, context.fakes[field], context.batch[field])),
        **fields,
    )


def by_discriminator(scorer: Scorer, **fields: Any) -> Term:
    """The mean |f(fake) - f(target)| of the discriminator's features.

    Several discriminators count the same. Gradients reach the fakes only.

    Args:
      scorer: The calling convention of the discriminator, whose output has 'features'.
      **fields: The other fields of `Term`.

    Returns:
      The term.
    """

    def fn(context: Context, out: Any) -> Array:
        target = jax.lax.stop_gradient(scorer.apply(context, context.batch)['features'])
        fake = scorer.apply(context, fakes_of(context))['features']
        gaps = jax.tree.leaves(jax.tree.map(lambda x, y: jnp.mean(jnp.abs(x - y)), fake, target))
        return jnp.mean(jnp.stack(gaps))

    return terms.stateless(fn, **fields)
