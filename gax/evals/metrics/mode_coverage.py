"""The modes of a known density that samples cover, and how evenly."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from gax.core.types import Array

HIGH_QUALITY = 3.0


class Coverage(NamedTuple):
    """Coverage of K modes by samples, scalars.

    Attributes:
      modes: The number of modes with at least one sample.
      quality: The share of samples that count for a mode, 0 to 1.
      reverse_kl: KL(samples' modes || uniform) in nats, over the samples that count; log(K) if none does.
    """

    modes: Array
    quality: Array
    reverse_kl: Array


def gaussian(points: Array, centers: Array, std: float, within: float = HIGH_QUALITY) -> Coverage:
    """Coverage of a mixture of round Gaussians by `points` [N, D]; centers [K, D].

    A sample is of high quality if its distance to the nearest center is below `within` standard deviations,
    and counts for that mode; one such sample captures the mode (Lin et al., "PacGAN", 2018, by its code). In
    two dimensions a perfect sampler has quality 1 - exp(-4.5) = 98.9 %.

    Args:
      points: float [N, D].
      centers: float [K, D].
      std: The standard deviation of every Gaussian, in each direction.
      within: The most standard deviations from a center to a sample that counts.

    Returns:
      The coverage, scalars. In the example one of two modes has both samples that count; KL is log 2.

    >>> points = jnp.array([[0.0, 0.0], [0.1, 0.0], [9.0, 9.0], [9.0, 0.0]])
    >>> modes, quality, reverse_kl = gaussian(points, jnp.array([[0.0, 0.0], [5.0, 5.0]]), std=0.1)
    >>> print(modes, quality, f'{reverse_kl:.4f}')
    1 0.5 0.6931
    """
    squared = jnp.sum(jnp.square(points[:, None] - centers[None]), axis=-1)
    good = jnp.min(squared, axis=1) < (within * std) ** 2
    nearest = jnp.argmin(squared, axis=1)
    counts = jnp.sum((nearest[:, None] == jnp.arange(len(centers))[None]) & good[:, None], axis=0)
    return of_counts(counts, len(points))


def of_counts(counts: Array, num: int) -> Coverage:
    """Coverage from the samples that each of K modes got, int [K], of `num` samples in all.

    A perfect sampler's KL is about (K - 1) / (2 num), not zero: 0.019 for 1,000 modes and 26,000 samples.

    >>> modes, quality, reverse_kl = of_counts(jnp.array([5, 5, 0, 0]), 20)
    >>> print(modes, quality, f'{reverse_kl:.4f}')  # log 4 - log 2
    2 0.5 0.6931
    """
    covered = jnp.sum(counts)
    share = counts / jnp.maximum(covered, 1)
    entropy = -jnp.sum(jnp.where(counts > 0, share * jnp.log(jnp.where(counts > 0, share, 1.0)), 0.0))
    return Coverage(jnp.sum(counts > 0), covered / num, jnp.log(float(len(counts))) - entropy)
