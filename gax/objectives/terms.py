"""Losses lifted to terms. (Penalties are lifted in penalties.py, forward passes are in forward.py.)"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp

from gax import errors
from gax.core import trees
from gax.core.types import Array, Context, PyTree, Summary, Term
from gax.objectives.losses import LossFn


def stateless(fn: Callable[[Context, Any], Array], **fields: Any) -> Term:
    """A term without state.

    Args:
      fn: (context, out) -> scalar.
      **fields: The other fields of `Term` (weight, every, ...).

    Returns:
      The term.
    """

    def lifted(context: Context, out: Any, state: PyTree) -> tuple[Array, PyTree]:
        return fn(context, out), state

    return Term(lifted, **fields)


def adversarial(loss: LossFn, **fields: Any) -> Term:
    """The mean of an adversarial loss over out['real'] and out['fake'] (see losses.py).

    For several arrays of logits it is the mean of their means.

    Args:
      loss: One side of a `Loss`.
      **fields: The other fields of `Term`.

    Returns:
      The term.
    """
    return stateless(
        lambda context, out: trees.mean(trees.pairwise(loss, out['real'], out['fake'])), **fields
    )


def soft_hinge(softness: float, **fields: Any) -> Term:
    """D's hinge loss with a margin m ~ U(1 - softness, 1] of its own for each logit.

    E max(0, m - D(x)) + E max(0, m + D(G(z))). Code of Liu et al., "Towards Faster and Stabilized GAN
    Training for High-fidelity Few-shot Image Synthesis", 2021: softness 0.2. At 0 it is the hinge loss.

    Args:
      softness: From 0 to 1.
      **fields: The other fields of `Term`.

    Returns:
      The term.
    """

    def fn(context: Context, out: Any) -> Array:
        def side(name: str, logits: Array, sign: float) -> Array:
            drawn = jax.random.uniform(context.rng(name), logits.shape, logits.dtype)
            return jax.nn.relu(1.0 - softness * drawn + sign * logits)

        def mean(name: str, sign: float) -> Array:
            maps = jax.tree.leaves(out[name])
            return trees.mean([side(f'{name}/{i}', logits, sign) for i, logits in enumerate(maps)])

        return mean('real', -1.0) + mean('fake', 1.0)

    return stateless(fn, **fields)


def top_k(loss: LossFn, fraction: float = 1.0, steps: int = 0, **fields: Any) -> Term:
    """The adversarial loss of the k fakes with the highest scores.

    k falls linearly from B to max(1, round(fraction B)) over `steps` steps. Sinha et al., "Top-k Training of
    GANs: Improving GAN Performance by Throwing Away Bad Samples", 2020, who multiply k by 0.99 each epoch,
    down to a half or three quarters of B. The loss is the mean over those k. The logits of the patches of an
    example are averaged first. Of equal scores the earlier one ranks higher. Relativistic losses rank by the
    fakes' logits too.

    Args:
      loss: G's side of a `Loss`.
      fraction: The final k / B, in (0, 1]. At 1.0 the term is `adversarial`.
      steps: The number of steps in which k falls; with 0 it is at its final value from the start.
      **fields: The other fields of `Term`.

    Returns:
      The term.
    """
    if fraction == 1.0:
        return adversarial(loss, **fields)

    def fn(context: Context, out: Any) -> Array:
        element = trees.per_example(trees.pairwise(loss, out['real'], out['fake']))
        batch_size = element.shape[0]
        scores = trees.per_example(out['fake'])
        rank = jnp.argsort(jnp.argsort(-jax.lax.stop_gradient(scores)))
        share = jnp.minimum(context.step / steps, 1.0) if steps else 1.0
        k = jnp.maximum(1.0, jnp.round(batch_size * (1.0 - (1.0 - fraction) * share)))
        return jnp.sum(jnp.where(rank.astype(jnp.float32) < k, element, 0.0)) / k

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
    """The mean distance between a prediction and its target. `weight` is the papers' lambda.

    The mean is over batch, pixels and channels (pix2pix and CycleGAN take the mean too; others sum over
    pixels).

    Args:
      prediction: (context, out) -> array.
      target: (context, out) -> array of the same shape.
      distance: 'l1', 'l2' (no factor of one half) or 'huber' (threshold 1).
      **fields: The other fields of `Term`.

    Returns:
      The term.

    Raises:
      GaxError: There is no such distance.
    """
    fn = errors.lookup('distance', distance, DISTANCES)
    return stateless(
        lambda context, out: jnp.mean(fn(prediction(context, out), target(context, out))), **fields
    )


def logit_summary(context: Context, out: Mapping[str, Any]) -> dict[str, Array]:
    """Metrics of a discriminator: accuracy at threshold 0 (0 to 1), mean logits, the largest |logit|."""
    real, fake = jax.lax.stop_gradient((out['real'], out['fake']))
    right = [
        jax.tree.map(lambda x: (x > 0).astype(jnp.float32), real),
        jax.tree.map(lambda x: (x < 0).astype(jnp.float32), fake),
    ]
    largest = [jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves((real, fake))]
    return {
        'accuracy': 0.5 * (trees.mean(right[0]) + trees.mean(right[1])),
        'logits_real': trees.mean(real),
        'logits_fake': trees.mean(fake),
        'logits_max': reduce(jnp.maximum, largest),
    }


def diversity_summary(field: str = 'image') -> Summary:
    """The metric 'diversity': the spread of a batch of fakes over that of the reals.

    The spread is the mean distance |x_i - x_(i+1)| of whole examples that are next to each other in the
    batch, the last and the first included. 1.0: as diverse as the data; near 0: mode collapse. Where the
    spread of the reals is 0 (equal reals, or a single one), the metric does not exist and is not counted.

    Args:
      field: The batch field that is compared.

    Returns:
      A summary for Player.summary.
    """

    def distance(x: Array) -> Array:
        gap = (x - jnp.roll(x, 1, axis=0)).astype(jnp.float32)
        return jnp.mean(jnp.sqrt(jnp.sum(jnp.square(gap), axis=tuple(range(1, x.ndim)))))

    def summary(context: Context, out: Any) -> dict[str, Any]:
        real, fake = jax.lax.stop_gradient((context.batch[field], context.fakes[field]))
        of_fakes, of_reals = distance(fake), distance(real)
        exists = of_reals > 0
        ratio = jnp.where(exists, of_fakes / jnp.where(exists, of_reals, 1.0), 0.0)
        return {'diversity': (ratio, exists.astype(jnp.float32))}

    return summary


def summaries(*parts: Summary) -> Summary:
    """The metrics of all `parts` in one summary."""

    def summary(context: Context, out: Any) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for part in parts:
            values |= part(context, out)
        return values

    return summary
