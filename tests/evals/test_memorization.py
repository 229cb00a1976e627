"""The memorisation check: against brute force, on copies, near-copies and new examples; from the device and
streamed.
"""

from __future__ import annotations

import jax
import numpy as np
import pytest

from gax import errors
from gax.core.spec import Field, Spec
from gax.data import synthetic
from gax.data.resident import streamed
from gax.data.source import Source, read_resident
from gax.distributed import sharding
from gax.evals import memorization
from gax.evals.features import extractors
from gax.evals.memorization import Memorised, Reals, memorised

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 3, 4, 1), np.uint8)
MESH = sharding.mesh(jax.devices()[:1])
RAW = extractors.make('raw', (3, 4, 1))


def points(count: int, seed: int, dimensions: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)


def reals_of(x: np.ndarray, chunk: int = 7) -> Reals:
    def read(indices: np.ndarray):
        for i in range(0, len(indices), chunk):
            yield x[indices[i : i + chunk]]

    return Reals(len(x), len(x), read)


def brute(queries: np.ndarray, data: np.ndarray, banned: list[set[int]]) -> tuple[np.ndarray, np.ndarray]:
    """All distances to what is not banned, sorted, in float64: (indices, distances)."""
    gaps = np.linalg.norm(queries[:, None].astype(np.float64) - data[None], axis=-1)
    for row, out in enumerate(banned):
        gaps[row, list(out)] = np.inf
    ranked = np.argsort(gaps, axis=1)
    return ranked, np.take_along_axis(gaps, ranked, 1)


@pytest.mark.parametrize('floats', [10, 2**20])  # the training set in many pieces, and in one
def test_as_by_brute_force(floats: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memorization, 'FLOATS', floats)
    data, samples = points(50, 1), points(20, 2)
    found = memorised(samples, reals_of(data), k=3)
    near, gaps = brute(samples, data, [set()] * 20)
    np.testing.assert_array_equal(found.neighbours.indices, near[:, :3])
    np.testing.assert_allclose(found.neighbours.distances, gaps[:, :3], rtol=1e-6)
    own = brute(data[near[:, 0]], data, [{i} for i in near[:, 0]])[1][:, 0]
    np.testing.assert_allclose(found.next_distances, own, rtol=1e-6)
    assert found.closer == (gaps[:, 0] < own).mean()
    assert found.median == pytest.approx(np.median(gaps[:, 0]))
    np.testing.assert_array_equal(found.suspicious, np.argsort(gaps[:, 0] / own))


def test_the_floor_takes_the_player_out_of_the_training_set() -> None:
    """All training images are chosen where there are as many samples."""
    data = points(30, 3)
    found = memorised(points(30, 4), reals_of(data), k=1)
    near, gaps = brute(data, data, [{i} for i in range(30)])
    own = brute(data[near[:, 0]], data, [{i, j} for i, j in enumerate(near[:, 0])])[1][:, 0]
    assert found.floor == (gaps[:, 0] < own).mean()
    assert found.real_median == pytest.approx(np.median(gaps[:, 0]))


def check(samples: np.ndarray, data: np.ndarray) -> Memorised:
    return memorised(samples, reals_of(data), k=1)


def test_copies_and_near_copies_are_told_from_new_examples() -> None:
    data = points(400, 5, 16)
    copied, near = check(data[:100], data), check(data[:100] + 0.01 * points(100, 6, 16), data)
    assert (copied.closer, copied.copies, copied.median) == (1.0, 100, 0.0)
    assert (near.closer, near.copies) == (1.0, 0)
    new = check(points(400, 7, 16), data)
    assert new.copies == 0
    assert 0.2 < new.floor < 0.7
    assert abs(new.closer - new.floor) < 0.12  # both are of new examples: three standard errors
    far = check(5 + points(100, 8, 16), data)
    assert far.closer == 0.0
    assert far.median > 2 * far.real_median


def test_too_few_to_show_is_said() -> None:
    with pytest.raises(
        errors.GaxError, match='--neighbours 4: from 1 to 3 can be shown of a training set of 5'
    ):
        memorised(points(2, 0), reals_of(points(5, 1)), k=4)
    assert memorised(points(2, 0), reals_of(points(5, 1)), k=3).neighbours.indices.shape == (2, 3)


def source() -> Source:
    labels = np.zeros(len(IMAGES), np.int32)
    return Source(
        Spec('test', {'image': Field(IMAGES.shape[1:])}, 1, len(IMAGES)),
        {'image': IMAGES, 'label': labels},
        read_resident,
    )


@pytest.mark.parametrize('streams', [False, True])
def test_training_sets_on_the_device_and_streamed(streams: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memorization, 'BATCH', 16)
    made = streamed(source()) if streams else source()
    reals = memorization.training_set(made, made.arrays, MESH, RAW, mirrored=False)
    assert (reals.size, reals.total) == (40, 40)
    order = np.array([3, 39, 0, 3] * 9)
    read = np.concatenate(list(reals.read(order)))
    np.testing.assert_allclose(read, IMAGES.reshape(40, -1)[order] / 255, rtol=1e-6)


def test_mirror_images_are_training_images_where_training_mirrors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirrored image is found at size + its index; an image's own mirror image is no neighbour of it."""
    monkeypatch.setattr(memorization, 'BATCH', 16)
    made, samples = source(), memorization.features_of(jax.jit(RAW.apply), RAW, IMAGES[:5, :, ::-1])
    plain, mirrored = (
        memorised(samples, memorization.training_set(made, made.arrays, MESH, RAW, flip), k=2)
        for flip in (False, True)
    )
    assert (plain.copies, mirrored.copies) == (0, 5)
    np.testing.assert_array_equal(mirrored.neighbours.indices[:, 0], 40 + np.arange(5))
    both = np.concatenate([IMAGES, IMAGES[:, :, ::-1]]).reshape(80, -1) / np.float32(255)
    own = brute(both[40:45], both, [{i, 40 + i} for i in range(5)])[1][:, 0]
    np.testing.assert_allclose(mirrored.next_distances, own, rtol=1e-5)
    shown = np.concatenate(list(memorization.images_of(made, made.arrays, MESH, np.array([2, 42]))))
    np.testing.assert_array_equal(shown, [IMAGES[2], IMAGES[2, :, ::-1]])


def test_what_cannot_be_copied_is_said() -> None:
    endless = source()._replace(spec=source().spec._replace(size=0))
    for made, name in ((synthetic.named('ring'), 'synthetic:ring'), (endless, 'test')):
        with pytest.raises(errors.GaxError, match=f'--neighbours: {name} is no finite set of images'):
            memorization.training_set(made, made.arrays, MESH, RAW, False)
