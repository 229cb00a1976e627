"""A classifier of digits as an independent judge: which digits samples show, and with what probability.

The shipped weights (classifier.py) were trained on nine tenths of the embedded digits and measured on the
rest. The classifier tells which digit an image shows, not whether it shows one: uniform noise gets
probabilities as high as digits do. So look at the pictures as well.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax.evals.features import classifier
from gax.evals.metrics import mode_coverage, ranking

CONFIDENT = 0.9
BATCH = 1000


class Judged(NamedTuple):
    """Classes of images.

    Attributes:
      label: The most probable class, int [...].
      probability: Its probability, float [...].
    """

    label: np.ndarray
    probability: np.ndarray


_see = jax.jit(classifier.see)


def judge(images: np.ndarray) -> Judged:
    """Classifies every channel of images by the shipped weights.

    Args:
      images: uint8 [N, 28, 28, C].

    Returns:
      Arrays [N, C].
    """
    count, height, width, channels = images.shape
    rows = np.moveaxis(images, -1, 1).reshape(-1, height, width, 1)
    padded = np.concatenate([rows, np.zeros((-len(rows) % BATCH, height, width, 1), np.uint8)])
    weights = classifier.weights('mnist')
    probabilities = [_see(weights, x)['probabilities'] for x in np.split(padded, len(padded) // BATCH)]
    probability = np.concatenate([np.asarray(p) for p in probabilities])[: len(rows)].reshape(
        count, channels, 10
    )
    return Judged(probability.argmax(-1), probability.max(-1))


def stacked_coverage(images: np.ndarray) -> mode_coverage.Coverage:
    """The modes of stacked digits that samples cover, of 1,000, and KL(samples || uniform).

    Metz et al., 2017; Srivastava et al., "VEEGAN", 2017: the digits of the three channels are the mode. Every
    sample counts.

    Args:
      images: uint8 [N, 28, 28, 3].

    Returns:
      The coverage. `quality` is the share of samples whose three digits all have a probability of at least
      0.9 (not in the papers).
    """
    judged = judge(images)
    modes = judged.label @ np.array([100, 10, 1])
    coverage = mode_coverage.of_counts(jnp.bincount(jnp.asarray(modes), length=1000), len(images))
    sure = (judged.probability >= CONFIDENT).all(-1).mean()
    return coverage._replace(quality=jnp.asarray(sure))


def spread(images: np.ndarray, labels: np.ndarray) -> float:
    """The mean L2 distance (pixels in [-1, 1]) between neighbours of a class in a shuffled order.

    The order depends only on the images and labels.

    Args:
      images: uint8 [N, H, W, C].
      labels: int [N].
    """
    order = ranking.shuffled(ranking.projections(images), labels, ranking.FAKE)
    flat, labels = images[order].reshape(len(images), -1) / 127.5 - 1.0, labels[order]
    pairs = [np.linalg.norm(np.diff(flat[labels == c], axis=0), axis=-1) for c in np.unique(labels)]
    return float(np.concatenate(pairs).mean())
