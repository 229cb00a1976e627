"""How far images are from their targets, pixel by pixel: L1, PSNR, SSIM; all on 8-bit images, in float64.

Nothing is cropped, and channels are used as they are, unless a function says otherwise: super-resolution
papers often give PSNR on the luma of MATLAB and without a border, which differs by about 2 dB from that of
RGB.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from gax import errors

PEAK = 255.0
WINDOW, SIGMA = 11, 1.5  # of SSIM's Gaussian window
C1, C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
LUMA = np.array([65.481, 128.553, 24.966]) / 255.0  # of R, G, B in 0..255
BLACK = 16.0  # the luma of black


def refuse_unlike(x: np.ndarray, y: np.ndarray) -> None:
    """Raises GaxError unless both are uint8 images [N, H, W, C] of one shape.

    >>> refuse_unlike(np.zeros((1, 2, 2, 3), np.uint8), np.ones((1, 2, 2, 3), np.uint8))
    """
    if x.shape != y.shape or x.ndim != 4 or {x.dtype, y.dtype} != {np.dtype(np.uint8)}:
        raise errors.GaxError(
            f'images and their targets must be uint8 [N, H, W, C] of one shape, not {x.dtype} '
            f'{list(x.shape)} and {y.dtype} {list(y.shape)}'
        )


def l1(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The mean absolute difference of every pair, float64 [N] in 0..255, of uint8 [N, H, W, C].

    >>> print(l1(np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 10, np.uint8)))
    [10.]
    """
    refuse_unlike(x, y)
    return np.array([np.abs(a.astype(np.float64) - b).mean() for a, b in zip(x, y, strict=True)])


def decibels(squared: np.ndarray, values: np.ndarray | int) -> np.ndarray:
    """Mean squared errors [N] as PSNR with a peak of 255.

    An error of 0 counts as the smallest other one, a single value of `values` that is off by 1: the mean over
    images stays finite.

    >>> print(decibels(np.array([255.0**2, 2.55**2]), 12))
    [ 0. 40.]
    """
    return 10 * np.log10(PEAK**2 / np.maximum(squared, 1.0 / np.maximum(values, 1)))


def psnr(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The peak signal-to-noise ratio of every pair in dB, float64 [N], of uint8 [N, H, W, C].

    The squared error is the mean over pixels and channels. Of equal images, see `decibels`.

    >>> print(psnr(np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 255, np.uint8)))
    [0.]
    """
    refuse_unlike(x, y)
    squared = [np.square(a.astype(np.float64) - b).mean() for a, b in zip(x, y, strict=True)]
    return decibels(np.array(squared), int(np.prod(x.shape[1:])))


def luma(x: np.ndarray) -> np.ndarray:
    """The luma of ITU-R BT.601 as MATLAB's rgb2ycbcr has it: 16 for black, 235 for white, not rounded.

    Args:
      x: uint8 [N, H, W, 3].

    Returns:
      float64 [N, H, W].

    >>> print(luma(np.array([[[[0, 0, 0], [255, 255, 255]]]], np.uint8)))
    [[[ 16. 235.]]]
    """
    return x.astype(np.float64) @ LUMA + BLACK


def psnr_y(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """PSNR of `luma` in dB, float64 [N], of uint8 [N, H, W, 3]. The peak is 255, and nothing is cropped.

    >>> black, white = np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 255, np.uint8)
    >>> print(psnr_y(black, white).round(3))  # 10 log10(255^2 / 219^2)
    [1.322]
    """
    refuse_unlike(x, y)
    squared = [
        np.square(luma(a[None]) - luma(b[None])).mean() for a, b in zip(x, y, strict=True)
    ]  # image by image, for the memory
    return decibels(np.array(squared), int(np.prod(x.shape[1:3])))


def window() -> np.ndarray:
    """SSIM's window along one axis, float64 [11], of sum 1.

    >>> print(len(window()), f'{window().sum():.3f}')
    11 1.000
    """
    taps = np.exp(-np.square(np.arange(WINDOW) - WINDOW // 2) / (2 * SIGMA**2))
    return taps / taps.sum()


def blurred(x: np.ndarray) -> np.ndarray:
    """float64 [H, W, C] -> [H - 10, W - 10, C]: means by the window, where it lies within the image.

    >>> blurred(np.ones((11, 12, 1))).shape
    (1, 2, 1)
    """
    margin = slice(WINDOW // 2, -(WINDOW // 2))
    for axis in (0, 1):
        x = ndimage.correlate1d(x, window(), axis=axis)
    return x[margin, margin]


def ssim_one(a: np.ndarray, b: np.ndarray) -> float:
    """SSIM of two images, uint8 [H, W, C].

    >>> ssim_one(np.zeros((11, 11, 1), np.uint8), np.zeros((11, 11, 1), np.uint8))
    1.0
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    mean_a, mean_b = blurred(a), blurred(b)
    variance_a = blurred(a * a) - mean_a**2
    variance_b = blurred(b * b) - mean_b**2
    covariance = blurred(a * b) - mean_a * mean_b
    likeness = (2 * mean_a * mean_b + C1) * (2 * covariance + C2)
    return float((likeness / ((mean_a**2 + mean_b**2 + C1) * (variance_a + variance_b + C2))).mean())


def ssim(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The structural similarity of every pair, float64 [N], at most 1, of uint8 [N, H, W, C].

    Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to Structural
    Similarity", 2004, equation 13: Gaussian window 11 wide, sigma 1.5, where it lies within the image; K1 =
    0.01, K2 = 0.03, range 255; variances divide by the weights' sum; each channel by itself, then their mean.
    It is scikit-image's with gaussian_weights=True, use_sample_covariance=False.

    Raises:
      GaxError: A side is below 11 pixels.

    >>> black, white = np.zeros((1, 11, 11, 1), np.uint8), np.full((1, 11, 11, 1), 255, np.uint8)
    >>> print(f'{ssim(black, white)[0]:.2e}')  # C1 / (255^2 + C1)
    1.00e-04
    """
    refuse_unlike(x, y)
    if min(x.shape[1:3]) < WINDOW:
        raise errors.GaxError(f'SSIM takes images of {WINDOW} pixels or more to a side, not {x.shape[1:3]}')
    return np.array([ssim_one(a, b) for a, b in zip(x, y, strict=True)])


def hole_l1(x: np.ndarray, y: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The mean absolute difference within the hole, float64 [n] in 0..255; images without a hole are left
    out.

    Args:
      x: uint8 [N, H, W, C].
      y: uint8 [N, H, W, C].
      mask: [N, H, W, 1], not 0 in the hole.

    >>> x, y = np.zeros((2, 2, 2, 1), np.uint8), np.full((2, 2, 2, 1), 10, np.uint8)
    >>> mask = np.zeros((2, 2, 2, 1))
    >>> mask[0, 0, 0] = 1  # the second image has no hole
    >>> print(hole_l1(x, y, mask))
    [10.]
    """
    refuse_unlike(x, y)
    pairs = zip(x, y, mask[..., 0] != 0, strict=True)
    return np.array(
        [np.abs(a[hole].astype(np.float64) - b[hole]).mean() for a, b, hole in pairs if hole.any()]
    )


def hole_psnr(x: np.ndarray, y: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """PSNR within the hole in dB, float64 [n]; see `hole_l1` and `decibels`.

    >>> x, y = np.zeros((1, 2, 2, 1), np.uint8), np.full((1, 2, 2, 1), 255, np.uint8)
    >>> print(hole_psnr(x, y, np.ones((1, 2, 2, 1))))
    [0.]
    """
    refuse_unlike(x, y)
    holes = mask[..., 0] != 0
    pairs = [pair for pair in zip(x, y, holes, strict=True) if pair[2].any()]
    squared = [np.square(a[hole].astype(np.float64) - b[hole]).mean() for a, b, hole in pairs]
    return decibels(np.array(squared), np.array([int(hole.sum()) * x.shape[-1] for _, _, hole in pairs]))
