"""Intersections of colour histograms: L*a*b* against known colours and scikit-image, and counts by hand."""

import numpy as np
import pytest

from gax.evals.metrics import color_histogram


def test_known_colours():
    rgb = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 0, 255]], np.uint8)
    expected = [[0, 0, 0], [100, 0, 0], [53.24, 80.09, 67.20], [32.30, 79.19, -107.86]]  # D65, 2 degrees
    np.testing.assert_allclose(color_histogram.lab(rgb), expected, atol=0.02)


def test_as_scikit_image_has_it():
    color = pytest.importorskip('skimage.color', reason='scikit-image is not installed')
    rgb = np.random.RandomState(0).randint(0, 256, (50, 40, 3)).astype(np.uint8)
    np.testing.assert_allclose(color_histogram.lab(rgb), color.rgb2lab(rgb), atol=1e-6)


def test_shares_that_two_sets_have_in_common():
    gray, red = np.full((1, 2, 2, 3), 128, np.uint8), np.zeros((1, 2, 2, 3), np.uint8)
    red[..., 0] = 255
    both = np.concatenate([gray, gray, gray, red])
    assert color_histogram.intersections(both, both) == {'l': 1.0, 'a': 1.0, 'b': 1.0}
    # L of both is 53: 53.6 and 53.2, in one bin of 52..54; three quarters are as gray.
    assert color_histogram.intersections(both, gray) == {'l': 1.0, 'a': 0.75, 'b': 0.75}
    assert color_histogram.intersections(red, gray)['a'] == 0.0


def test_many_pixels_are_counted_in_parts(monkeypatch):
    x = np.random.RandomState(0).randint(0, 256, (3, 5, 7, 3)).astype(np.uint8)
    whole = color_histogram.histograms(x)
    monkeypatch.setattr(color_histogram, 'CHUNK', 11)
    parts = color_histogram.histograms(x)
    for name in 'lab':
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-12)
        assert whole[name].sum() == pytest.approx(1.0)
