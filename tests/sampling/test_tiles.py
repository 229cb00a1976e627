"""Images in overlapping tiles: any size, no pixel lost, no seam where the tiles agree."""

import itertools

import numpy as np
import pytest

from gax.sampling import tiles


def through(image, plan, scale=1, work=lambda tile, place: tile):
    canvas = tiles.Canvas(plan, (scale, scale), image.shape[-1])
    cut = tiles.cut(tiles.padded(image, plan.padded), plan)
    for place, tile in zip(plan.places, cut, strict=True):
        canvas.add(place, work(tile, place).repeat(scale, axis=0).repeat(scale, axis=1))
    return canvas.image(image.shape[:2])


@pytest.mark.parametrize('size', [(1, 1), (5, 40), (16, 16), (17, 16), (33, 47), (100, 9)])
@pytest.mark.parametrize('overlap', [0, 4, 15])
def test_what_is_left_as_it_is_comes_back(size, overlap):
    image = np.random.default_rng(0).uniform(-1, 1, (*size, 3)).astype(np.float32)
    plan = tiles.layout(size, (16, 16), 0, overlap)
    assert plan.tile == (16, 16)
    np.testing.assert_allclose(through(image, plan), image, atol=1e-5)
    doubled = image.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_allclose(through(image, plan, scale=2), doubled, atol=1e-5)


def test_neighbours_overlap_at_least_as_asked_and_reach_both_ends():
    for length in range(16, 80):
        found = tiles.starts(length, 16, 6)
        assert (found[0], found[-1]) == (0, length - 16)
        assert all(later - first <= 10 for first, later in itertools.pairwise(found))
        assert len(found) == 1 + -(-(length - 16) // 10)


def test_between_two_tiles_that_differ_the_output_is_a_ramp():
    plan = tiles.layout((8, 24), (8, 16), 0, 8)
    assert plan.columns == [0, 8]
    image = np.zeros((8, 24, 1), np.float32)
    made = through(image, plan, work=lambda tile, place: tile + float(place[1] == 8))
    steps = np.diff(made[4, :, 0])
    assert made[4, 0, 0] == 0
    assert made[4, -1, 0] == 1
    assert (steps >= -1e-6).all()
    assert steps.max() == pytest.approx(1 / 4, abs=1e-2)  # over half the overlap; a sudden step would be 1
    assert made[4, 9, 0] < 1e-2  # where a tile ends, the other one counts
    assert made[4, 14, 0] > 0.99


def test_sides_between_the_training_size_and_the_largest_tile_are_one_tile():
    plan = tiles.layout((40, 70), (16, 16), 64, 4)
    assert (plan.tile, plan.rows) == ((40, 64), [0])
    assert plan.columns == [0, 6]
    assert tiles.layout((40, 70), (16, 16), 8, 4).tile == (16, 16)  # not below the training size
