"""The judge of digits that is shipped: right on digits it never saw, and counting as the papers count."""

from pathlib import Path

import numpy as np
import pytest

from gax.data import arrays
from gax.evals import digit_accuracy
from gax.evals.features import classifier


@pytest.fixture(scope='module')
def held_out():
    x, y = arrays.load_npz(Path(arrays.__file__).parent / 'embedded' / 'mnist10k.npz')
    return x[:: classifier.HELD_OUT], y[:: classifier.HELD_OUT]


def test_held_out_digits_are_recognised(held_out):
    x, y = held_out
    found = digit_accuracy.judge(x)
    assert found.label.shape == found.probability.shape == (1000, 1)
    assert (found.label[:, 0] == y).mean() >= 0.98


@pytest.mark.slow
def test_channels_are_judged_apart(held_out):
    x, y = held_out
    which = np.random.default_rng(0).integers(0, len(x), (150, 3))
    stacked = np.moveaxis(x[which][..., 0], 1, -1)
    found = digit_accuracy.judge(stacked)
    assert (found.label == y[which]).mean() >= 0.97
    coverage = digit_accuracy.stacked_coverage(stacked)
    distinct = len({tuple(row) for row in found.label})
    assert int(coverage.modes) == distinct > 120
    share = np.bincount(found.label @ [100, 10, 1], minlength=1000) / 150
    positive = share[share > 0]
    assert float(coverage.reverse_kl) == pytest.approx(np.sum(positive * np.log(positive * 1000)), rel=1e-5)


def test_spread_is_the_distance_within_classes():
    images = np.zeros((4, 2, 2, 1), np.uint8)
    images[1], images[3] = 255, 51
    labels = np.array([0, 0, 1, 1])
    # Four pixels apart by 2, and by 0.4: sqrt(16) and sqrt(0.64).
    assert digit_accuracy.spread(images, labels) == pytest.approx((4.0 + 0.8) / 2)
    many = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1), np.uint8)
    named = np.arange(40) % 3
    order = np.argsort(many.sum((1, 2, 3)))  # neighbours are as alike as they can be
    assert digit_accuracy.spread(many[order], named[order]) == digit_accuracy.spread(many, named)
