"""Perceptual losses: distances of two images in the features of a network.

Johnson et al., "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", 2016, section 3.2; with
features before the ReLU and the L1 distance in Wang et al., "ESRGAN: Enhanced Super-Resolution Generative
Adversarial Networks", 2018, section 3.3. The network is one that nobody trains (`Game.frozen`), or the
discriminator (feature matching: Larsen et al., "Autoencoding beyond pixels using a learned similarity
metric", 2016).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gax.core.types import Array, Context, Term
from gax.objectives import terms

Image = Callable[[Context, Any], Array]
Features = Callable[[Context, Any, Array], Any]  # (context, out, images) -> a pytree of features


def mean_absolute(a: Any, b: Any) -> Array:
    """The sum over the arrays of a pytree of the mean absolute difference, a scalar."""
    gaps = jax.tree.map(lambda x, y: jnp.mean(jnp.abs(x - y)), a, b)
    return sum(jax.tree.leaves(gaps), start=jnp.zeros(()))


def matching(features: Features, prediction: Image, target: Image, **fields: Any) -> Term:
    """The distance of a prediction and its target in features: `mean_absolute`.

    Gradients reach the prediction, and not the target.

    Args:
      features: The features of images, scaled by the weights of their layers.
      prediction: (context, out) -> images.
      target: (context, out) -> images of the same shape.
      **fields: The other fields of `Term`.

    Returns:
      The term.
    """

    def fn(context: Context, out: Any) -> Array:
        wanted = jax.lax.stop_gradient(features(context, out, target(context, out)))
        return mean_absolute(features(context, out, prediction(context, out)), wanted)

    return terms.stateless(fn, **fields)


def distance(
    between: Callable[[Context, Array, Array], Array], prediction: Image, target: Image, **fields: Any
) -> Term:
    """The mean over the batch of a distance of images, such as LPIPS.

    Args:
      between: (context, prediction, target) -> float [B].
      prediction: (context, out) -> images.
      target: (context, out) -> images of the same shape.
      **fields: The other fields of `Term`.

    Returns:
      The term.
    """
    return terms.stateless(
        lambda context, out: jnp.mean(between(context, prediction(context, out), target(context, out))),
        **fields,
    )
