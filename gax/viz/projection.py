"""Reals and fakes as points in the plane: principal components, and t-SNE."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gax import errors
from gax.viz import charts

PERPLEXITY, ITERATIONS = 40.0, 300  # of t-SNE, as in TimeGAN's code


def flat(x: np.ndarray) -> np.ndarray:
    """Examples as points, float64 [N, D]: series [N, steps, columns] as the means over their columns."""
    x = np.asarray(x, np.float64)
    return x.mean(-1) if x.ndim == 3 else x.reshape(len(x), -1)


def principal(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both on the two principal components of the reals: [N, 2] and [M, 2]."""
    mean = real.mean(0)
    axes = np.linalg.svd(real - mean, full_matrices=False)[2][:2]
    return (real - mean) @ axes.T, (fake - mean) @ axes.T


def neighbours(real: np.ndarray, fake: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Both embedded together by t-SNE: [N, 2] and [M, 2].

    Raises:
      GaxError: scikit-learn is not installed.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise errors.GaxError("t-SNE needs scikit-learn: pip install 'gax[tables]'") from error
    both = np.concatenate([real, fake])
    perplexity = min(PERPLEXITY, (len(both) - 1) / 3)
    points = TSNE(perplexity=perplexity, max_iter=ITERATIONS, random_state=seed).fit_transform(both)
    return points[: len(real)], points[len(real) :]


def picture(real: np.ndarray, fake: np.ndarray, seed: int = 0) -> Image.Image:
    """A panel of principal components and one of t-SNE, with reals and fakes in two colours.

    Yoon et al., "Time-series Generative Adversarial Networks", 2019, section 5, and their code.

    Args:
      real: [N, ...].
      fake: [M, ...].
      seed: Of t-SNE.

    Raises:
      GaxError: scikit-learn is not installed.
    """
    one, other = flat(real), flat(fake)
    panels = {'principal components': principal(one, other), 't-SNE': neighbours(one, other, seed)}
    _, canvas, axes = charts.panels(2, 2, height=3.2)
    for place, (title, pair) in zip(axes, panels.items(), strict=True):
        for points, label in zip(pair, ('real', 'fake'), strict=True):
            place.scatter(*points.T, s=4, alpha=0.4, linewidths=0, label=label)
        place.set_title(title, fontsize='small')
        place.tick_params(labelsize='xx-small')
        place.legend(fontsize='x-small', markerscale=2)
    return charts.picture(canvas)
