"""MS-SSIM: how alike two images are, and from it how diverse a set is.

Wang, Simoncelli and Bovik, "Multiscale Structural Similarity for Image Quality Assessment", 2003, equation 7:
the product over scales of (contrast * structure)^w, and of the luminance at the coarsest. Window Gaussian, 11
wide, sigma 1.5, no padding; K1 = 0.01, K2 = 0.03, range 255; each channel by itself, then their mean;
negative terms count as 0 (as in TensorFlow and pytorch_msssim). From 0 to 1 (the same image).

Diversity: the mean over random pairs of a set (Odena et al., "Conditional Image Synthesis with Auxiliary
Classifier GANs", 2017, section 4.2, within classes). Lower is more diverse; noise is most diverse of all, so
compare with the value of real data, which is the target. Few pairs bring noise, no bias; the standard error
measures it.

Five scales need sides of 161 pixels. Smaller images get as many scales as leave 11 pixels (32 px: two), and
their weights are scaled to sum to 1: such values are not comparable with those of other sizes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors
from gax.core.types import Array
from gax.evals.metrics import float64

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, SIGMA = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
BATCH = 50


class Diversity(NamedTuple):
    """The similarity of random pairs.

    Attributes:
      mean: The mean over pairs.
      error: The standard error of the mean.
      pairs: The number of pairs.
    """

    mean: float
    error: float
    pairs: int


def weights(side: int) -> np.ndarray:
    """One for each scale of images whose shorter side is `side`. GaxError below 11 pixels.

    All five are as published (they sum to 1.0001); fewer are scaled to sum to 1.

    >>> print(len(weights(161)), len(weights(32)), weights(11))
    5 2 [1.]
    """
    scales = sum(-(-side // 2**i) >= WINDOW for i in range(len(WEIGHTS)))
    if not scales:
        raise errors.GaxError(f'MS-SSIM takes images of {WINDOW} pixels or more to a side, not {side}')
    some = np.array(WEIGHTS[:scales])
    return some if scales == len(WEIGHTS) else some / some.sum()


def _blur(x: Array) -> Array:
    """The Gaussian window over [B, H, W, C], sides 10 pixels shorter."""
    taps = np.exp(-np.square(np.arange(WINDOW) - WINDOW // 2) / (2 * SIGMA**2))
    taps = (taps / taps.sum()).tolist()
    height, width = x.shape[1] - WINDOW + 1, x.shape[2] - WINDOW + 1
    x = sum(tap * x[:, i : i + height] for i, tap in enumerate(taps))
    return sum(tap * x[:, :, i : i + width] for i, tap in enumerate(taps))


def _halve(x: Array) -> Array:
    """Means of 2 x 2 pixels; the last row or column of an odd side is repeated, as TensorFlow does."""
    batch, height, width, channels = x.shape
    x = jnp.pad(x, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode='edge')
    return x.reshape(batch, (height + 1) // 2, 2, (width + 1) // 2, 2, channels).mean((2, 4))


def _terms(x: Array, y: Array) -> tuple[Array, Array]:
    """Mean SSIM and mean contrast-structure of each image and channel, [B, C]."""
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    cs = (2 * (_blur(x * y) - mean_x * mean_y) + C2) / (var_x + var_y + C2)
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return (luminance * cs).mean((1, 2)), cs.mean((1, 2))


@jax.jit
def _similarity(x: Array, y: Array) -> Array:
    x, y = x.astype(float64.dtype()), y.astype(float64.dtype())
    exponents = weights(min(x.shape[1:3])).tolist()
    product = jnp.ones((x.shape[0], x.shape[3]), x.dtype)
    for i, exponent in enumerate(exponents):
        whole, cs = _terms(x, y)
        last = i == len(exponents) - 1
        product *= jnp.maximum(whole if last else cs, 0) ** exponent
        x, y = (x, y) if last else (_halve(x), _halve(y))
    return product.mean(1)


def ms_ssim(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Similarity of images, pair by pair.

    Args:
      x, y: uint8 or float [B, H, W, C], 0 to 255; sides of 11 pixels or more.

    Returns:
      float64 [B], 0 to 1. In the example the luminance is all that differs: C1 / (255^2 + C1).

    >>> black, white = np.zeros((1, 11, 11, 1)), np.full((1, 11, 11, 1), 255.0)
    >>> print(ms_ssim(black, black), ms_ssim(black, white).round(6))
    [1.] [0.0001]
    """
    with float64.doubles():  # variances are differences of squares
        return np.asarray(_similarity(x, y), np.float64)


def draw_pairs(num: int, seed: int, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices int [num] and [num]: the first of any image, the second of another one with the same label.

    >>> one, other = draw_pairs(8, 0, np.array([0, 1, 0, 1, 2]))
    >>> bool((one != other).all()), bool((one % 2 == other % 2).all()), 4 in one
    (True, True, False)
    """
    rng = np.random.RandomState(seed)
    order = np.argsort(labels, kind='stable')
    _, start, which, count = np.unique(
        labels[order], return_index=True, return_inverse=True, return_counts=True
    )
    able = np.flatnonzero(count[which] > 1)
    if not len(able):
        raise errors.GaxError(f'MS-SSIM: no two of {len(labels)} images are of one class')
    place = rng.choice(able, num)
    first, size = start[which[place]], count[which[place]]
    step = 1 + np.floor(rng.uniform(size=num) * (size - 1)).astype(int)
    return order[place], order[first + (place - first + step) % size]


def diversity(images: Any, pairs: int = 1000, seed: int = 0, labels: Any = None) -> Diversity:
    """Mean similarity of random pairs of images; with labels, of pairs within a class.

    Args:
      images: uint8 [N, H, W, C].
      pairs: The number of pairs, 2 or more.
      seed: The seed of the pairs.
      labels: int [N], or None.

    Returns:
      The mean, its standard error, and the number of pairs. Of images that are all alike: 1, and no error.

    Raises:
      GaxError: Other shapes or types, or no two images are of one class.

    >>> diversity(np.zeros((3, 11, 11, 1), np.uint8), pairs=4)
    Diversity(mean=1.0, error=0.0, pairs=4)
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.dtype != np.uint8:
        raise errors.GaxError(
            f'MS-SSIM takes images uint8 [N, H, W, C], not {images.dtype} {list(images.shape)}'
        )
    if len(images) < 2 or pairs < 2:
        raise errors.GaxError(f'MS-SSIM takes 2 images and 2 pairs at least, not {len(images)} and {pairs}')
    weights(min(images.shape[1:3]))  # refused here, in one line
    labels = np.zeros(len(images), int) if labels is None else np.asarray(labels)
    if labels.shape != images.shape[:1]:
        raise errors.GaxError(f'MS-SSIM: {len(images)} images, but labels {list(labels.shape)}')
    one, other = draw_pairs(-(-pairs // BATCH) * BATCH, seed, labels)
    starts = range(0, len(one), BATCH)
    similarities = [ms_ssim(images[one[i : i + BATCH]], images[other[i : i + BATCH]]) for i in starts]
    values = np.concatenate(similarities)[:pairs]
    return Diversity(float(values.mean()), float(values.std(ddof=1) / np.sqrt(pairs)), pairs)
