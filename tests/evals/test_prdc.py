"""Precision, recall, density, coverage: by hand, by brute force, block by block, and what the theory says of equal sets."""

import numpy as np
import pytest

from gax.errors import GaxError
from gax.evals import distances, prdc

REAL = np.array([[0.0], [1.0], [3.0], [10.0]], np.float32)
FAKE = np.array([[0.5], [1.0], [2.0], [30.0]], np.float32)


def brute_force(real, fake, k):
    def far(a, b):
        return np.sqrt(sum((p - q) ** 2 for p, q in zip(a, b, strict=True)))

    def radius(points, i):
        return sorted(far(points[i], other) for j, other in enumerate(points) if j != i)[k - 1]

    real, fake = real.tolist(), fake.tolist()
    balls, fake_balls = ([radius(s, i) for i in range(len(s))] for s in (real, fake))
    inside = [[far(r, f) < ball for r, ball in zip(real, balls, strict=True)] for f in fake]
    recalled = [any(far(r, f) < ball for f, ball in zip(fake, fake_balls, strict=True)) for r in real]
    covered = [min(far(r, f) for f in fake) < ball for r, ball in zip(real, balls, strict=True)]
    return (
        np.mean([any(i) for i in inside]),
        np.mean(recalled),
        np.sum(inside) / k / len(fake),
        np.mean(covered),
    )


def test_by_hand():
    # k = 1: reals' radii 1, 1, 2, 7; fakes' radii 0.5, 0.5, 1, 28. Balls are open: 1 is on the edge of 0's and of 3's.
    # In reals' balls: 0.5 in two; 1.0 in its own only; 2.0 in 3's (1 is on the edge of 1's); 30 in none.
    # Reals in fakes' balls: 0 is on the edge of 0.5's; 1 in 1.0's; 3 and 10 in 30's, 28 wide.
    # Nearest fakes: 0.5 < 1, 0 < 1, 1 < 2, 8 >= 7.
    assert prdc.prdc(REAL, FAKE, k=1) == pytest.approx((3 / 4, 3 / 4, (2 + 1 + 1) / 4, 3 / 4))


@pytest.mark.parametrize('k', [1, 3, 5])
def test_by_brute_force_in_blocks(k, monkeypatch):
    rng = np.random.RandomState(k)
    real = rng.normal(size=(23, 3)).astype(np.float32)
    fake = rng.normal(0.5, 0.8, size=(17, 3)).astype(np.float32)
    expected = brute_force(real, fake, k)
    assert min(expected) > 0
    assert prdc.prdc(real, fake, k) == pytest.approx(expected, rel=1e-6)
    monkeypatch.setattr(distances, 'BLOCK', 100)  # blocks of four or five rows, the last one not full
    prdc._of_fakes.clear_cache()
    assert prdc.prdc(real, fake, k) == pytest.approx(expected, rel=1e-6)
    assert prdc._of_fakes._cache_size() == 1


def test_a_set_and_its_copy():
    """Ties decide: the k-th neighbour of every real has a copy just on the edge of the ball, which must stay outside."""
    x = np.random.RandomState(0).normal(size=(60, 7)).astype(np.float32)
    assert prdc.prdc(x, x.copy()) == (1.0, 1.0, 1.0, 1.0)
    assert prdc.prdc(x + 100, x[::-1] + 100) == (1.0, 1.0, 1.0, 1.0)


def test_equal_distributions():
    real, fake = np.random.RandomState(0).normal(size=(2, 1000, 2)).astype(np.float32)
    found = prdc.prdc(real, fake)
    assert found.density == pytest.approx(1.0, abs=0.05)
    # The k nearest of 2N - 1 others are all reals: 2^-k (Naeem et al., 2020, equation 9, for many samples).
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.02)


def test_what_goes_missing_is_told_apart():
    rng = np.random.RandomState(0)
    real = np.concatenate([rng.normal(size=(100, 2)), rng.normal(20, 1, size=(100, 2))])
    dropped, wild = rng.normal(size=(200, 2)), np.concatenate([real[::2], rng.normal(60, 1, size=(100, 2))])
    found = prdc.prdc(real, dropped)
    assert found.precision > 0.9 > 0.55 > found.coverage
    assert found.recall < 0.55
    found = prdc.prdc(real, wild)
    assert (found.precision, found.coverage) == (0.5, pytest.approx(1.0, abs=0.1))


def test_too_few_are_refused():
    with pytest.raises(GaxError, match='4 real and 4 fake samples with k = 4'):
        prdc.prdc(REAL, FAKE, k=4)
    with pytest.raises(GaxError, match='with k = 0'):
        prdc.prdc(REAL, FAKE, k=0)
