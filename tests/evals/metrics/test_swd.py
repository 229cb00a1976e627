"""Sliced Wasserstein distance: shifts, sorted samples, and a pyramid that adds up to the image."""

import numpy as np
import pytest
import scipy.ndimage

from gax.errors import GaxError
from gax.evals.metrics import swd


def test_a_shift_in_one_dimension():
    x = np.random.RandomState(0).normal(size=(100, 1))
    assert swd.points(x, x - 2.5) == pytest.approx(2.5, rel=1e-9)
    assert swd.points(x, x[::-1]) == 0.0


def test_one_dimension_by_hand():
    # Sorted: 0, 1, 5 against 1, 2, 3: (1 + 1 + 2) / 3, whichever way the line is turned.
    assert swd.points(np.array([[5.0], [0], [1]]), np.array([[2.0], [3], [1]])) == pytest.approx(4 / 3)


def test_a_shift_in_three_dimensions():
    """E |<u, s>| over directions u on the sphere is |s| / 2; 600 directions, and the count need not fill a
    repeat.
    """
    x = np.random.RandomState(0).normal(size=(50, 3))
    assert swd.points(x, x + np.array([3.0, 0, 4.0]), directions=600) == pytest.approx(2.5, rel=0.05)


def test_levels():
    assert swd.levels(64) == [64, 32, 16]
    assert swd.levels(28) == [28]
    assert swd.levels(45) == [45, 23]


@pytest.mark.parametrize('size', [32, 33])
def test_the_pyramid_adds_up_and_blurs_as_the_filter_says(size):
    x = np.random.RandomState(0).randint(0, 256, (2, size, size, 3)).astype(np.uint8)
    fine, rest = swd.band(x, 0, False), swd.band(x, 1, True)
    np.testing.assert_allclose(fine + swd._double(rest, fine), x, atol=1e-4)
    taps = np.array([1, 4, 6, 4, 1]) / 16
    blurred = scipy.ndimage.convolve(x.astype(float), np.outer(taps, taps)[None, :, :, None], mode='mirror')
    np.testing.assert_allclose(rest, blurred[:, ::2, ::2], atol=1e-3)


def test_patches_are_normalised_and_from_one_place():
    """A picture that is its own row and column tells where each pixel came from; the order of patches
    follows the seed.
    """
    x = np.zeros((3, 20, 20, 2), np.uint8)
    x[..., 0], x[..., 1] = 10 * np.arange(20)[:, None], 10 * np.arange(20)
    found = swd.patches(x, 0, True, seed=0).reshape(3 * 128, 2, 7, 7)
    np.testing.assert_allclose(found.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(found.std((0, 2, 3)), 1, atol=1e-5)
    down, across = np.diff(found[:, 0], axis=1), np.diff(found[:, 1], axis=2)
    assert min(down.min(), across.min()) > 0
    assert max(np.ptp(down), np.ptp(across), np.ptp(np.diff(found[:, 0], axis=2))) < 1e-5
    assert len(np.unique(found[:, 0, 0, 0])) == len(np.unique(found[:, 1, 0, 0])) == 14
    assert (swd.patches(x, 0, True, seed=1) != found.reshape(384, -1)).any()


def images(seed, blurs, count=48, size=32):
    x = np.random.RandomState(seed).normal(size=(count, size, size, 3)).astype(np.float32)
    for _ in range(blurs):
        x = swd._blur(x)
    return np.clip(128 + 40 * x / x.std(), 0, 255).astype(np.uint8)


def test_blur_shows_at_the_fine_level_and_more_blur_more():
    real, same, soft, softer = images(0, 0), images(1, 0), images(2, 1), images(3, 3)
    floor, one, other = (swd.images(real, x) for x in (same, soft, softer))
    assert list(floor) == ['32', '16', 'mean']
    assert floor['32'] * 2 < one['32'] < other['32']
    assert floor['mean'] == pytest.approx((floor['32'] + floor['16']) / 2)
    assert swd.images(real, same) == floor


def test_shapes_that_do_not_fit_are_refused():
    x = np.zeros((4, 8, 8, 3), np.uint8)
    assert swd.images(x, x)['mean'] == 0.0  # flat images, too
    with pytest.raises(GaxError, match=r'\[4, 8, 8, 3\] and \[3, 8, 8, 3\]'):
        swd.images(x, x[:3])
    with pytest.raises(GaxError, match='6 x 8 pixels hold no 7 x 7 patch'):
        swd.images(x[:, :6], x[:, :6])
    with pytest.raises(GaxError, match='4 and 3 samples'):
        swd.points(np.zeros((4, 1)), np.zeros((3, 1)))
