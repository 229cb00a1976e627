"""Inception Score: exp of the mutual information between samples and a classifier's classes.

Salimans et al., "Improved Techniques for Training GANs", 2016, section 4: exp(mean KL(p(y|x) || p(y))), the
mean over a split and p(y) the split's own mean; averaged over 10 splits. From 1 (every sample looks alike, or
the classifier knows nothing) to the number of classes, and more is better. It never looks at real data: one
sharp image of each class scores the maximum. Few samples bias it upwards where classes are uncertain and
bound it by N / splits; compare at equal N and splits. The name is for the 1008 outputs of the FID Inception;
with another classifier, name it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from gax import errors
from gax.evals.metrics import float64

SPLITS, SEED = 10, 2020  # torch-fidelity's


class Score(NamedTuple):
    """An Inception Score.

    Attributes:
      mean: The mean over the splits.
      std: The standard deviation over the splits (divided by their number).
    """

    mean: float
    std: float


def of_logits(logits: Any, splits: int = SPLITS, seed: int | None = SEED) -> Score:
    """The score from logits (torch-fidelity: of the layer without its bias, 'logits_unbiased').

    Args:
      logits: float [N, K].
      splits: The number of splits, 1 to N.
      seed: See `score`.

    Returns:
      The score, 1 to K. Two sure answers for two classes in turn: 2.

    Raises:
      GaxError: Another shape, values that are not finite, and more splits than samples.

    >>> print(of_logits([[99.0, 0.0], [0.0, 99.0]], splits=1))
    Score(mean=2.0, std=0.0)
    """
    logits = float64.features('logits', logits).astype(np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return _score(np.exp(log_p), log_p, splits, seed)


def score(probabilities: Any, splits: int = SPLITS, seed: int | None = SEED) -> Score:
    """The score from probabilities; 0 log 0 counts as 0.

    Args:
      probabilities: float [N, K], rows that sum to 1.
      splits: The number of splits, 1 to N.
      seed: Samples are shuffled before they are split, by RandomState(seed).permutation as in
        torch-fidelity, lest classes in order fall into different splits; None leaves the order, as
        Salimans et al. do.

    Returns:
      The score, 1 to K. A classifier that knows nothing gives 1.

    Raises:
      GaxError: Other shapes, rows that are no probabilities, and more splits than samples.

    >>> print(score([[0.5, 0.5], [0.5, 0.5]], splits=1))
    Score(mean=1.0, std=0.0)
    """
    p: np.ndarray = float64.features('probabilities', probabilities).astype(np.float64)
    if (p < 0).any() or np.abs(p.sum(axis=1) - 1).max(initial=0) > 1e-3:
        raise errors.GaxError('probabilities must be >= 0 and sum to 1 in every row')
    return _score(p, np.log(np.where(p > 0, p, 1.0)), splits, seed)


def _score(p: np.ndarray, log_p: np.ndarray, splits: int, seed: int | None) -> Score:
    if not 1 <= splits <= len(p):
        raise errors.GaxError(f'{len(p)} samples cannot be split into {splits}; between 1 and {len(p)} can')
    if seed is not None:
        order = np.random.RandomState(seed).permutation(len(p))
        p, log_p = p[order], log_p[order]
    edges = [i * len(p) // splits for i in range(splits + 1)]
    scores = [_split(p[i:j], log_p[i:j]) for i, j in pairwise(edges)]
    return Score(float(np.mean(scores)), float(np.std(scores)))


def _split(p: np.ndarray, log_p: np.ndarray) -> float:
    mean = p.mean(axis=0)
    log_mean = np.log(np.where(mean > 0, mean, 1.0))
    return float(np.exp((p * (log_p - log_mean)).sum(axis=1).mean()))
