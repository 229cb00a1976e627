"""Whether a set of images has the colours of another: intersections of histograms in CIE L*a*b*.

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017, section 4.2 and figure
7: marginal distributions over L, a and b of all pixels, and their intersection with those of the true images.
An L1 loss greys out, which a and b show. The paper gives no bins; here there are 50 over 0..100 for L, and
for a and b bins 4 wide over -128..128.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# sRGB (IEC 61966-2-1) to CIE XYZ, for white D65 and the observer of 2 degrees.
TO_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
EDGES = {
    'l': np.linspace(0, 100, 51),
    'a': np.linspace(-128, 128, 65),
    'b': np.linspace(-128, 128, 65),
}
CHUNK = 2**20  # pixels at a time


def lab(rgb: np.ndarray) -> np.ndarray:
    """uint8 sRGB [..., 3] -> float64 L*a*b* [..., 3]: L in 0..100, a and b about -128..128.

    >>> print(np.abs(lab(np.array([255, 255, 255], np.uint8))).round(1))
    [100.   0.   0.]
    """
    unit = rgb.astype(np.float64) / 255
    linear = np.where(unit > 0.04045, ((unit + 0.055) / 1.055) ** 2.4, unit / 12.92)
    xyz = linear @ TO_XYZ.T / WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    )


def chunks(images: np.ndarray) -> Iterator[np.ndarray]:
    """The pixels of uint8 [N, H, W, 3], [n, 3] at a time.

    >>> [len(pixels) for pixels in chunks(np.zeros((2, 4, 4, 3), np.uint8))]
    [32]
    """
    pixels = images.reshape(-1, 3)
    yield from (pixels[start : start + CHUNK] for start in range(0, len(pixels), CHUNK))


def histograms(images: np.ndarray) -> dict[str, np.ndarray]:
    """The share of the pixels of uint8 [N, H, W, 3] in every bin of 'l', 'a' and 'b'.

    >>> print(histograms(np.zeros((1, 2, 2, 3), np.uint8))['l'][:2])
    [1. 0.]
    """
    counts = {name: np.zeros(len(edges) - 1) for name, edges in EDGES.items()}
    for pixels in chunks(images):
        values = lab(pixels)
        for i, (name, edges) in enumerate(EDGES.items()):
            counts[name] += np.histogram(np.clip(values[:, i], edges[0], edges[-1]), edges)[0]
    return {name: count / count.sum() for name, count in counts.items()}


def intersections(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The intersections of the histograms of two sets, uint8 [N, H, W, 3].

    Returns:
      {'l', 'a', 'b'}, each in 0..1; 1 for equal distributions.

    >>> black, white = np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 255, np.uint8)
    >>> intersections(black, black)
    {'l': 1.0, 'a': 1.0, 'b': 1.0}
    >>> intersections(black, white)['l']
    0.0
    """
    one, other = histograms(x), histograms(y)
    return {name: float(np.minimum(one[name], other[name]).sum()) for name in EDGES}
