"""Latents that are chosen: axes, great circles, truncation. Closed forms."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import errors
from gax.core.types import Game
from gax.sampling import latents

LABELS = {'label': jnp.arange(3, dtype=jnp.int32)}


def draws(key, num, batch):
    made = {'z': jax.random.normal(key, (num, 3)), 'category': jax.random.randint(key, (num,), 0, 4)}
    return {**made, **batch, 'picture': jnp.zeros((num, 2, 2, 1))}


GAME = Game({}, {}, draws)


def values(axis: str, span: float = 2.0):
    return latents.axis_values(GAME, axis, span, LABELS)


def test_the_values_of_an_axis() -> None:
    np.testing.assert_allclose(values('z:2', span=9.0), [-9, -7, -5, -3, -1, 1, 3, 5, 7, 9], rtol=1e-6)
    np.testing.assert_array_equal(values('category'), [0, 1, 2, 3])
    np.testing.assert_array_equal(values('label'), [0, 1, 2])
    np.testing.assert_allclose(latents.axis_values(GAME, 'z:0', 1.0, {}, 3), [-1, 0, 1])


@pytest.mark.parametrize(
    ('axis', 'says'),
    [
        ('zz:0', r"unknown latent of --traverse 'zz' \(nearest: 'z'\); valid: category, label, picture, z"),
        ('z', 'say which dimension, z:0 to z:2'),
        ('z:3', 'say which dimension, z:0 to z:2'),
        ('z:-1', 'say which dimension, z:0 to z:2'),
        ('category:0', 'category has no dimensions; give --traverse=category'),
        ('picture', 'picture is no vector of numbers'),
    ],
)
def test_an_axis_that_is_not_there_is_said(axis: str, says: str) -> None:
    with pytest.raises(errors.GaxError, match=says):
        values(axis)


@pytest.mark.parametrize('span', [0.0, -1.0, float('nan'), float('inf')])
def test_a_span_that_is_none_is_said(span: float) -> None:
    with pytest.raises(errors.GaxError, match='--span must be positive'):
        values('z:0', span=span)


def test_along_a_row_only_the_axis_varies() -> None:
    given = {'z': jnp.array([[1.0, 2.0], [3.0, 4.0]]), 'label': jnp.array([5, 6], jnp.int32)}
    along_z = latents.varied(given, 'z:1', np.array([-1.0, 0.0, 1.0], np.float32))
    expected = [[1, -1], [1, 0], [1, 1], [3, -1], [3, 0], [3, 1]]
    np.testing.assert_array_equal(along_z['z'], expected)
    np.testing.assert_array_equal(along_z['label'], [5, 5, 5, 6, 6, 6])
    along_label = latents.varied(given, 'label', np.array([0, 1]))
    np.testing.assert_array_equal(along_label['label'], [0, 1, 0, 1])
    np.testing.assert_array_equal(along_label['z'], [[1, 2], [1, 2], [3, 4], [3, 4]])


def test_great_circles() -> None:
    """From (1, 0) to (0, 3) by thirds: 30 and 60 degrees, at lengths 1 + 2t."""
    a, b = jnp.array([1.0, 0.0]), jnp.array([0.0, 3.0])
    t = jnp.array([0.0, 1 / 3, 2 / 3, 1.0])
    made = latents.slerp(jnp.tile(a, (4, 1)), jnp.tile(b, (4, 1)), t)
    root = math.sqrt(3) / 2
    expected = [[1, 0], [root * 5 / 3, 0.5 * 5 / 3], [0.5 * 7 / 3, root * 7 / 3], [0, 3]]
    np.testing.assert_allclose(made, expected, atol=1e-6)


def test_the_way_does_not_lead_through_the_middle() -> None:
    """Straight lines between normal vectors do: half-way they have 1/sqrt(2) of the length."""
    a, b = jax.random.normal(jax.random.key(0), (2, 50, 512))
    half = jnp.full((50,), 0.5)
    lengths = jnp.linalg.norm(latents.slerp(a, b, half), axis=-1) / math.sqrt(512)
    assert np.abs(lengths - 1).max() < 0.1
    assert np.linalg.norm((a + b) / 2, axis=-1).max() / math.sqrt(512) < 0.8


def test_directions_without_a_great_circle_are_joined_straight() -> None:
    a = jnp.array([[2.0, 0.0], [2.0, 0.0], [0.0, 0.0]])
    b = jnp.array([[4.0, 0.0], [-2.0, 0.0], [0.0, 1.0]])
    made = latents.slerp(a, b, jnp.full((3,), 0.25))
    np.testing.assert_allclose(made[:2], [[2.5, 0], [1.0, 0]], atol=1e-6)
    assert np.isfinite(np.asarray(made)).all()
    np.testing.assert_array_equal(latents.slerp(a, a, jnp.full((3,), 0.5)), a)


def test_rows_lead_through_their_keys() -> None:
    """Two rows of three keys, two frames apart; labels and categories stay those of the row."""
    z = jnp.array([[1.0, 0], [0, 1], [-1, 0], [0, 2], [2, 0], [0, -2]])
    keys = {'z': z, 'code': z[:, :1], 'label': jnp.array([3, 3, 3, 4, 4, 4])}
    made = latents.between(keys, 3, 2)
    assert made['z'].shape == (10, 2)
    np.testing.assert_allclose(made['z'][jnp.array([0, 2, 4, 5, 7, 9])], z, atol=1e-6)
    root = math.sqrt(0.5)
    np.testing.assert_allclose(made['z'][1], [root, root], atol=1e-6)
    np.testing.assert_allclose(made['code'][:5, 0], [1, 0.5, 0, -0.5, -1], atol=1e-6)
    np.testing.assert_array_equal(made['label'], [3] * 5 + [4] * 5)


def test_a_closed_way_ends_before_its_beginning() -> None:
    z = jnp.array([[1.0, 0], [0, 1], [-1, 0]])
    made = latents.between({'z': z}, 3, 4, closed=True)['z']
    assert made.shape == (12, 2)
    np.testing.assert_allclose(made[::4], z, atol=1e-6)
    np.testing.assert_allclose(
        made[11], [0.5, 0.0], atol=1e-6
    )  # opposite directions: straight, back to (1, 0)
    np.testing.assert_allclose(made[1], [math.cos(math.pi / 8), math.sin(math.pi / 8)], atol=1e-6)


def test_truncated_latents_have_the_truncated_variance() -> None:
    """Of a normal variable within +-t it is 1 - 2 t phi(t) / (2 Phi(t) - 1)."""
    t, key = 0.7, jax.random.key(1)
    plain, near = (game.latents(key, 30_000, {}) for game in (GAME, latents.truncated(GAME, t)))
    z, old = np.asarray(near['z'], np.float64), np.asarray(plain['z'])
    assert np.abs(z).max() <= t
    variance = 1 - 2 * t * math.exp(-t * t / 2) / math.sqrt(2 * math.pi) / math.erf(t / math.sqrt(2))
    assert abs(z.var() / variance - 1) < 0.01  # 90,000 numbers: about four standard errors
    assert abs(z.mean()) < 0.006
    inside = np.abs(old) <= t
    np.testing.assert_array_equal(z[inside].astype(np.float32), old[inside])
    np.testing.assert_array_equal(near['category'], plain['category'])


def test_truncation_compiles_and_repeats() -> None:
    game = latents.truncated(GAME, 0.5)
    made = [jax.jit(lambda key: game.latents(key, 100, {})['z'])(jax.random.key(i)) for i in (3, 3, 4)]
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] != made[2]).any()


@pytest.mark.parametrize(
    ('threshold', 'says'),
    [
        (-1.0, '--truncation must be positive, and is -1'),
        (float('nan'), '--truncation must be positive'),
        (1e-4, r'--truncation 0.0001: of the latents 0.\d+ % lie within, too few to draw'),
    ],
)
def test_a_truncation_that_cannot_be_is_said(threshold: float, says: str) -> None:
    with pytest.raises(errors.GaxError, match=says):
        latents.check_truncation(GAME, threshold, {})


def test_latents_without_z_are_not_truncated() -> None:
    other = Game({}, {}, lambda key, num, batch: {'noise': jnp.zeros((num, 2))})
    with pytest.raises(errors.GaxError, match="have no 'z', but noise"):
        latents.check_truncation(other, 1.0, {})
