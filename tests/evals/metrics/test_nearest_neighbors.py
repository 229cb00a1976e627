"""Nearest neighbours by brute force, and what the two-sample test makes of equal, apart, copied and
collapsed sets.
"""

import numpy as np
import pytest

from gax.errors import GaxError
from gax.evals.metrics import distances, nearest_neighbors


@pytest.mark.parametrize('block', [2**24, 50])
def test_neighbours_by_brute_force(block, monkeypatch):
    monkeypatch.setattr(distances, 'BLOCK', block)
    rng = np.random.RandomState(0)
    queries, data = (rng.normal(1e3, 1, size=(n, 4)).astype(np.float32) for n in (7, 20))
    exact = np.linalg.norm(queries[:, None].astype(float) - data, axis=-1)
    found = nearest_neighbors.neighbours(queries, data, k=3)
    np.testing.assert_array_equal(found.indices, np.argsort(exact, axis=1)[:, :3])
    np.testing.assert_allclose(found.distances, np.sort(exact, axis=1)[:, :3], rtol=1e-12)


def test_no_point_is_its_own_neighbour():
    x = np.array([[0.0], [1.0], [3.0], [3.0]], np.float32)
    assert nearest_neighbors.neighbours(x, x).distances[:, 0].tolist() == [0, 0, 0, 0]
    found = nearest_neighbors.neighbours(x, x, k=2, others=True)
    assert found.indices.tolist() == [[1, 2], [0, 2], [3, 1], [2, 1]]
    assert found.distances.tolist() == [[1, 3], [1, 2], [0, 2], [0, 2]]


def test_a_copy_is_found_among_near_ones():
    data = 1e4 + np.random.RandomState(0).normal(size=(50, 30)).astype(np.float32)
    found = nearest_neighbors.neighbours(data[[17, 3]], data, k=2)
    assert found.indices[:, 0].tolist() == [17, 3]
    assert found.distances[:, 0].tolist() == [0.0, 0.0]
    assert (found.distances[:, 1] > 1).all()


def test_equal_distributions_are_a_coin_toss():
    real, fake = np.random.RandomState(0).normal(size=(2, 1000, 3))
    found = nearest_neighbors.two_sample(real, fake)
    assert found.accuracy == pytest.approx(0.5, abs=0.035)  # three standard deviations of a fair coin
    assert found.accuracy == pytest.approx((found.real + found.fake) / 2)


def test_two_samples_by_hand():
    # 0 and 1 have one another, so have 12 and 12.5; 9 and 10 of the two sets have one another.
    found = nearest_neighbors.two_sample(np.array([[0.0], [1.0], [9.0]]), np.array([[10.0], [12.0], [12.5]]))
    assert found == pytest.approx(((2 / 3 + 2 / 3) / 2, 2 / 3, 2 / 3))
    assert nearest_neighbors.two_sample(np.array([[0.0], [1.0]]), np.array([[10.0], [11.0]])) == (
        1.0,
        1.0,
        1.0,
    )


def test_sets_apart_and_sets_copied():
    x = np.random.RandomState(0).normal(size=(50, 3)).astype(np.float32)
    assert nearest_neighbors.two_sample(x, x + 100) == (1.0, 1.0, 1.0)
    assert nearest_neighbors.two_sample(x, x[::-1]) == (0.0, 0.0, 0.0)


def test_collapse_shows_in_the_fakes():
    rng = np.random.RandomState(0)
    real = rng.normal(size=(300, 2))
    fake = real[:5][np.arange(300) % 5] + 0.01 * rng.normal(size=(300, 2))
    found = nearest_neighbors.two_sample(real, fake)
    assert found.fake > 0.95
    assert found.real < found.fake


def test_what_is_refused():
    x = np.ones((4, 2), np.float32)
    with pytest.raises(GaxError, match='5 neighbours among 4 points; between 1 and 4'):
        nearest_neighbors.neighbours(x, x, 5)
    with pytest.raises(GaxError, match='4 neighbours among 3 points'):
        nearest_neighbors.neighbours(x, x, 4, others=True)
    with pytest.raises(GaxError, match='4 real and 3 fake samples'):
        nearest_neighbors.two_sample(x, x[:3])
    with pytest.raises(GaxError, match='query samples have 1 dimensions, data samples 2'):
        nearest_neighbors.neighbours(x[:, :1], x)
