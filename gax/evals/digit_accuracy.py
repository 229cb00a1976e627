"""A classifier of digits, as an outside judge: which digits samples show, and how sure it is.

The weights are shipped (classifier.py) and made from nine tenths of the embedded digits; the rest measures
it. It says which
digit, not whether it is one: of uniform noise it is as sure as of
digits. So look at the pictures, too.
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
    """label: the most probable class, int [...]. probability: of that class, float [...]."""

    label: np.ndarray
    probability: np.ndarray


_see = jax.jit(classifier.see)


def judge(images: np.ndarray) -> Judged:
    """What each channel of uint8 images [N, 28, 28, C] shows, by the shipped weights; arrays [N, C]."""
    count, height, width, channels = images.shape
    rows = np.moveaxis(images, -1, 1).reshape(-1, height, width, 1)
    padded = np.concatenate([rows, np.zeros((-len(rows) % BATCH, height, width, 1), np.uint8)])
    weights = classifier.weights('mnist')
    found = [_see(weights, x)['probabilities'] for x in np.split(padded, len(padded) // BATCH)]
    probability = np.concatenate([np.asarray(p) for p in found])[: len(rows)].reshape(count, channels, 10)
    return Judged(probability.argmax(-1), probability.max(-1))


def stacked_coverage(images: np.ndarray) -> mode_coverage.Coverage:
    """Modes of 1,000 and KL(samples || uniform) of uint8 images [N, 28, 28, 3], every sample counted.

    Metz et al., 2017; Srivastava et al., "VEEGAN", 2017: the three channels' digits are the mode. `quality`
    is the share of samples whose three digits are all recognised with probability >= 0.9 (not in the papers).
    """
    found = judge(images)
    which = found.label @ np.array([100, 10, 1])
    counted = mode_coverage.of_counts(jnp.bincount(jnp.asarray(which), length=1000), len(images))
    sure = (found.probability >= CONFIDENT).all(-1).mean()
    return counted._replace(quality=jnp.asarray(sure))


def spread(images: np.ndarray, labels: np.ndarray) -> float:
    """Mean L2 distance (pixels in [-1, 1]) between neighbours, in a random order that the set decides,
    within a class.
    """
    order = ranking.shuffled(ranking.projections(images), labels, ranking.FAKE)
    flat, labels = images[order].reshape(len(images), -1) / 127.5 - 1.0, labels[order]
    pairs = [np.linalg.norm(np.diff(flat[labels == c], axis=0), axis=-1) for c in np.unique(labels)]
    return float(np.concatenate(pairs).mean())
