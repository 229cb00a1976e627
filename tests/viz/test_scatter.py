"""Scatter plots: axes that do not jump, and the surface of a discriminator behind them."""

import jax.numpy as jnp
import numpy as np

from gax.core import forward, sample
from gax.viz import scatter
from tests.helpers import toys

RING = np.stack([np.cos(np.arange(8.0)), np.sin(np.arange(8.0))], axis=-1).astype(np.float32)


def pixels(picture):
    return np.asarray(picture.convert('RGB')).astype(int)


def test_the_lattice_is_the_window_row_by_row_from_below():
    points = scatter.lattice(2.0, side=4)
    assert points[:4, 0].tolist() == [-1.5, -0.5, 0.5, 1.5]
    assert points[::4, 1].tolist() == [-1.5, -0.5, 0.5, 1.5]
    assert np.all(points[:4, 1] == -1.5)


def test_shades_are_ranks_whatever_the_scale():
    logits = np.array([3.0, -1.0, 1e6, 0.5])
    np.testing.assert_allclose(scatter.shades(logits), [[2 / 3, 0.0], [1.0, 1 / 3]])
    np.testing.assert_array_equal(scatter.shades(logits), scatter.shades(np.tanh(logits * 1e-7)))


def test_axes_follow_the_reals_and_not_the_fakes():
    """Fakes far away change no pixel of the frame: an animation of scatter plots does not jump."""
    near, far = RING[:1], RING[:1] * 1e4
    frames = [pixels(scatter.scatter(points, RING)) for points in (far, far * -3.0, near)]
    np.testing.assert_array_equal(frames[0], frames[1])
    changed = np.argwhere(np.any(frames[0] != frames[2], axis=-1))
    assert 0 < len(changed) < 100  # one dot
    assert scatter.window(RING) == np.float32(1.3)


def test_the_surface_is_red_where_fakes_are_suspected():
    """Logits that grow with x: the left of the plot is red, the right blue."""
    logits = scatter.lattice(scatter.window(RING))[:, 0]
    left, right = (pixels(scatter.scatter(RING * 1e4, RING, logits))[440, x] for x in (60, 470))
    assert left[0] > left[2] + 20
    assert right[2] > right[0] + 20


def test_the_surface_is_what_d_says_of_points():
    game = toys.game(noise=1.0)  # noise in training only: the surface is drawn in inference mode
    state, points = toys.init(game), jnp.asarray(RING)
    wanted = jnp.tanh(points @ state.params['d']['v']) @ state.params['d']['w']
    toys.close(sample.surface(game, state, points), wanted)


def test_no_surface_where_d_judges_more_than_a_point():
    game = toys.game()
    state, points = toys.init(game), jnp.asarray(RING)
    assert sample.surface(game, state, points, player='critic') is None
    pairs = forward.POINTS._replace(logits=lambda out: out.reshape(-1, 2).sum(axis=-1))
    packed = game.players['d']._replace(forward=forward.score_both(pairs))
    assert sample.surface(game._replace(players={'d': packed}), state, points) is None
    joined = forward.POINTS._replace(inputs=lambda view, batch: (batch['point'] + view.latents['z'],))
    asks = game.players['d']._replace(forward=forward.score_both(joined))
    assert sample.surface(game._replace(players={'d': asks}), state, points) is None
