"""Precision, recall, density, coverage: by hand, by brute force, block by block, and what the theory says of
equal sets.
"""

import numpy as np
import pytest

from gax.errors import GaxError
from gax.evals.metrics import distances, nearest_neighbors, prdc
from tests.helpers.cases import with_slow

REAL = np.array([[0.0], [1.0], [3.0], [10.0]], np.float32)
FAKE = np.array([[0.5], [1.0], [2.0], [30.0]], np.float32)


def brute_force(real, fake, k):
    def far(a, b):  # equal to seven digits is equal
        return np.float32(np.sqrt(sum((p - q) ** 2 for p, q in zip(a, b, strict=True))))

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
    # k = 1: reals' radii 1, 1, 2, 7; fakes' radii 0.5, 0.5, 1, 28. Balls are open: 1 is on the edge of 0's
    # and of 3's.
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
    """Ties decide: the k-th neighbour of every real has a copy just on the edge of the ball, which must stay
    outside.
    """
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


def ring(n, seed, dimensions):
    """Points of a ring of eight tight modes, float32, in the first two of so many dimensions."""
    rng = np.random.RandomState(seed)
    angle = 2 * np.pi * rng.randint(0, 8, n) / 8
    points = rng.normal(size=(n, dimensions)) * 0.01
    points[:, 0] += np.cos(angle)
    points[:, 1] += np.sin(angle)
    return points.astype(np.float32)


@pytest.mark.parametrize('dimensions', with_slow([2, 40], 0))  # summed from differences, and by products
def test_no_point_however_far_costs_the_others_their_digits(dimensions):
    real, fake = ring(60, 0, dimensions), ring(50, 1, dimensions)
    far = np.full((1, dimensions), 1e6, np.float32)
    for x in (np.concatenate([far, real]), np.concatenate([real, far])):
        assert prdc.prdc(x, fake) == pytest.approx(brute_force(x, fake, 5), rel=1e-6)
        assert prdc.prdc(fake, x) == pytest.approx(brute_force(fake, x, 5), rel=1e-6)


@pytest.mark.parametrize('dimensions', [2, 40])
def test_tight_clusters_far_apart(dimensions):
    """No one origin is near to all of them."""
    rng = np.random.RandomState(0)
    places = rng.randint(0, 3, (2, 60)) * 1e5
    real, fake = (places[..., None] + 0.1 * rng.normal(size=(2, 60, dimensions))).astype(np.float32)
    expected = brute_force(real, fake, 3)
    assert min(expected) > 0.3
    assert prdc.prdc(real, fake, 3) == pytest.approx(expected, rel=1e-6)
    exact = np.linalg.norm(real[:, None].astype(float) - fake, axis=-1)
    found = nearest_neighbors.neighbours(real, fake, k=3)
    np.testing.assert_array_equal(np.sort(exact, axis=1)[:, :3], found.distances)


def test_products_are_kept_where_they_will_do(monkeypatch):
    """Distances are computed again for pairs that are close for where they lie, and for no others."""
    again = []
    real = distances._exact
    monkeypatch.setattr(distances, '_exact', lambda *a: again.append(len(a[2])) or real(*a))
    x = np.random.RandomState(0).normal(size=(60, 40)).astype(np.float32)
    prdc.prdc(x, x + 1)
    assert again == []
    prdc.prdc(x, np.concatenate([x[:7], x[7:] + 1]))
    assert again == [7, 7]
