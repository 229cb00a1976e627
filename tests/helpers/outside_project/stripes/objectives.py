"""loss='stripes.objectives:linear', and a term of the discriminator, 'stripes.objectives:small_logits'."""

from typing import Any

import jax.numpy as jnp

from gax.core.forward import Scorer
from gax.core.types import Array, Context, Term
from gax.objectives.losses import Loss
from gax.objectives.terms import stateless


def linear() -> Loss:
    """Logits up for what should look real, down for what should not."""
    return Loss(d=lambda real, fake: fake - real, g=lambda real, fake: -fake)


def small_logits(scorer: Scorer, *, power: int = 2, **fields: Any) -> Term:
    """The mean of |logit|^power; `power` is config.terms.NAME.power."""

    def fn(context: Context, out: Any) -> Array:
        return jnp.mean(jnp.abs(out['real']) ** power + jnp.abs(out['fake']) ** power)

    return stateless(fn, **fields)
