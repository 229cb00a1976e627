"""Kernel distance: by explicit loops on tiny sets, unbiased, and drawn as torch-fidelity draws."""

from fractions import Fraction

import numpy as np
import pytest

from gax.errors import GaxError
from gax.evals.metrics import kid


def test_by_hand():
    x, y = np.array([[2.0, 0.0], [0.0, 2.0]]), np.array([[2.0, 2.0], [0.0, 0.0]])
    # k(a, b) = (a.b / 2 + 1)^3. Within x and within y 0 + 1; across (4 / 2 + 1)^3 = 27 or 1, 14 on average.
    assert kid.mmd2(x, y) == pytest.approx(1 + 1 - 2 * 14, rel=1e-15)


def test_by_loops():
    rng = np.random.RandomState(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(1, 2, size=(4, 3))

    def k(a, b):
        return (sum(p * q for p, q in zip(a, b, strict=True)) / 3 + 1) ** 3

    xx = [k(x[i], x[j]) for i in range(5) for j in range(5) if i != j]
    yy = [k(y[i], y[j]) for i in range(4) for j in range(4) if i != j]
    xy = [k(a, b) for a in x for b in y]
    expected = sum(xx) / len(xx) + sum(yy) / len(yy) - 2 * sum(xy) / len(xy)
    assert kid.mmd2(x, y) == pytest.approx(expected, rel=1e-12)
    whole = kid.distance(x[:4], y, subsets=3, size=4)  # every subset is the whole set, in some order
    assert whole.mean == pytest.approx(kid.mmd2(x[:4], y), rel=1e-12)
    assert whole.std == pytest.approx(0, abs=1e-12)


def test_unbiased_on_samples_of_one_distribution():
    """The mean over many draws is zero within its own error; with the diagonals left in it would be far
    away.
    """
    rng = np.random.RandomState(0)
    pairs = rng.normal(size=(2000, 2, 10, 4))
    found = np.array([kid.mmd2(x, y) for x, y in pairs])
    error = found.std() / np.sqrt(len(found))
    assert abs(found.mean()) < 3 * error
    origin = np.zeros(4)
    biased = [
        kid.kernel(x, x, origin).mean()
        + kid.kernel(y, y, origin).mean()
        - 2 * kid.kernel(x, y, origin).mean()
        for x, y in pairs
    ]
    assert np.mean(biased) > 30 * error


def test_a_shift_is_seen_and_the_seed_decides():
    rng = np.random.RandomState(0)
    x, y = rng.normal(size=(300, 8)), rng.normal(0.5, 1, size=(300, 8))
    far, near = kid.distance(x, y, 20, 100), kid.distance(x[:150], x[150:], 20, 100)
    assert far.mean > 0.3 > abs(near.mean)
    assert kid.distance(x, y, 20, 100) == far != kid.distance(x, y, 20, 100, seed=1)


def test_what_cannot_be_drawn_is_refused():
    x = np.ones((9, 2), np.float32)
    with pytest.raises(
        GaxError, match=r'subsets of 10 cannot be drawn from 9 real and 20 fake samples.* is 9$'
    ):
        kid.distance(x, np.ones((20, 2), np.float32), 5, 10)
    with pytest.raises(GaxError, match='5 subsets of 1, but'):
        kid.distance(x, x, 5, 1)
    with pytest.raises(GaxError, match='real samples have 2 dimensions, fake samples 3'):
        kid.distance(x, np.ones((9, 3), np.float32), 5, 5)
    with pytest.raises(GaxError, match='fake: 1 of 9 samples are not finite'):
        kid.distance(x, np.where(np.arange(9)[:, None] == 3, np.nan, x), 5, 5)


def test_features_far_from_zero_lose_no_digits():
    """Against exact arithmetic: at 1e4 the kernel is 1e24, and what is left of it 1e13."""
    rng = np.random.RandomState(3)
    x, y = (1e4 + rng.normal(size=(6, 3)).round(2) for _ in range(2))

    def exact(a, b):
        return (sum(Fraction(p) * Fraction(q) for p, q in zip(a, b, strict=True)) / 3 + 1) ** 3

    def within(z):
        return sum(exact(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j) / 30

    wanted = within(x) + within(y) - 2 * sum(exact(a, b) for a in x for b in y) / 36
    assert kid.mmd2(x, y) == pytest.approx(float(wanted), rel=1e-9)
