"""Losses lifted to terms. (Penalties are lifted in penalties.py, forward passes are in forward.py.)"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from gax import errors
from gax.core.types import Array, Context, PyTree, Summary, Term
from gax.objectives.losses import LossFn


def stateless(fn: Callable[[Context, Any], Array], **fields: Any) -> Term:
    """A term from a function (context, out) -> scalar; `fields` are those of `Term` (weight, every)."""

    def lifted(context: Context, out: Any, state: PyTree) -> tuple[Array, PyTree]:
        return fn(context, out), state

    return Term(lifted, **fields)


def adversarial(loss: LossFn, **fields: Any) -> Term:
    """The mean of an adversarial loss over out['real'] and out['fake'] (see losses.py)."""
    return stateless(lambda context, out: jnp.mean(loss(out['real'], out['fake'])), **fields)


def top_k(loss: LossFn, fraction: float = 1.0, steps: int = 0, **fields: Any) -> Term:
    """The adversarial loss of the k fakes that the discriminator scores best; all of them where fraction is
    1.

    k falls linearly from B to max(1, round(fraction B)) over `steps` steps (0: it is there at once). Sinha et
    al., "Top-k Training of GANs: Improving GAN Performance by Throwing Away Bad Samples", 2020, who multiply
    k by 0.99 each epoch, down to a half or three quarters of B. The mean over those k. Logits of patches are
    averaged first. Of equal scores the earlier counts as the better. With relativistic losses the scores are
    still the fakes' logits.
    """
    if fraction == 1.0:
        return adversarial(loss, **fields)

    def fn(context: Context, out: Any) -> Array:
        element = loss(out['real'], out['fake'])
        rows = element.shape[0]
        scores = jnp.mean(out['fake'].reshape(rows, -1), axis=1)
        rank = jnp.argsort(jnp.argsort(-jax.lax.stop_gradient(scores)))
        share = jnp.minimum(context.step / steps, 1.0) if steps else 1.0
        k = jnp.maximum(1.0, jnp.round(rows * (1.0 - (1.0 - fraction) * share)))
        return (
            jnp.sum(jnp.where(rank.astype(jnp.float32) < k, jnp.mean(element.reshape(rows, -1), axis=1), 0.0))
            / k
        )

    return stateless(fn, **fields)


DISTANCES: dict[str, Callable[[Array, Array], Array]] = {
    'l1': lambda a, b: jnp.abs(a - b),
    'l2': lambda a, b: jnp.square(a - b),
    'huber': lambda a, b: jnp.where(jnp.abs(a - b) < 1, 0.5 * jnp.square(a - b), jnp.abs(a - b) - 0.5),
}


def reconstruction(
    prediction: Callable[[Context, Any], Array],
    target: Callable[[Context, Any], Array],
    distance: str = 'l1',
    **fields: Any,
) -> Term:
    """Mean distance between what was made and what was wanted; `weight` is the papers' lambda.

    The mean is over batch, pixels and channels (pix2pix and CycleGAN take the mean too; others sum over
    pixels).
    `distance`: 'l1', 'l2' (no factor of one half) or 'huber' (threshold 1).
    """
    fn = errors.lookup('distance', distance, DISTANCES)
    return stateless(
        lambda context, out: jnp.mean(fn(prediction(context, out), target(context, out))), **fields
    )


def logit_summary(context: Context, out: Mapping[str, Array]) -> dict[str, Array]:
    """What to watch of a discriminator: accuracy at threshold 0 (0 to 1), mean logits, the largest
    magnitude.
    """
    real, fake = jax.lax.stop_gradient((out['real'], out['fake']))
    accuracy = 0.5 * (jnp.mean(real > 0, dtype=jnp.float32) + jnp.mean(fake < 0, dtype=jnp.float32))
    largest = jnp.maximum(jnp.max(jnp.abs(real)), jnp.max(jnp.abs(fake)))
    return {
        'accuracy': accuracy,
        'logits_real': jnp.mean(real),
        'logits_fake': jnp.mean(fake),
        'logits_max': largest,
    }


def diversity_summary(field: str = 'image') -> Summary:
    """'diversity': the mean distance |x_i - x_(i+1)| of neighbours in the batch of fakes, over the same of
    the reals.

    1.0: as diverse as the data; near 0: mode collapse. Distances are those of whole examples, round the end.
    Where all reals of a batch are equal, or there is only one, it does not exist and is not counted.
    """

    def distance(x: Array) -> Array:
        gap = (x - jnp.roll(x, 1, axis=0)).astype(jnp.float32)
        return jnp.mean(jnp.sqrt(jnp.sum(jnp.square(gap), axis=tuple(range(1, x.ndim)))))

    def summary(context: Context, out: Any) -> dict[str, Any]:
        real, fake = jax.lax.stop_gradient((context.batch[field], context.fakes[field]))
        ours, theirs = distance(fake), distance(real)
        exists = theirs > 0
        ratio = jnp.where(exists, ours / jnp.where(exists, theirs, 1.0), 0.0)
        return {'diversity': (ratio, exists.astype(jnp.float32))}

    return summary


def summaries(*parts: Summary) -> Summary:
    """Everything that the parts say."""

    def summary(context: Context, out: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for part in parts:
            found |= part(context, out)
        return found

    return summary
