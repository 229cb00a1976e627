"""Pictures: what stands where in them, and that they do not jump.

(Grids are looked at; their pixels are checked here.)
"""

import jax.numpy as jnp
import numpy as np
from PIL import Image

from gax.core import forward, sample
from gax.training import progress
from gax.viz import curves, scatter
from gax.viz import images as pictures
from tests.helpers import toys

RING = np.stack([np.cos(np.arange(8.0)), np.sin(np.arange(8.0))], axis=-1).astype(np.float32)


def pixels(picture):
    return np.asarray(picture.convert('RGB')).astype(int)


def test_a_grid_has_every_image_in_its_cell():
    images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1) * 40 + np.zeros((6, 2, 3, 1), np.uint8)
    picture = np.asarray(pictures.grid(images, columns=4, scale=1, border=1))
    assert picture.shape == (2 * 3 + 1, 4 * 4 + 1)
    assert [picture[1, 1 + 4 * i] for i in range(4)] == [0, 40, 80, 120]
    assert [picture[4, 1 + 4 * i] for i in range(4)] == [160, 200, 64, 64]


def test_unit_range_to_bytes():
    values = np.array([-2.0, -1.0, 0.0, 1.0 / 127.5, 1.0, 3.0])
    assert pictures.to_uint8(values).tolist() == [0, 0, 128, 128, 255, 255]  # 127.5 is rounded to even


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


def test_metrics_have_their_panels():
    names = [
        'd/loss',
        'g/loss',
        'd/adversarial',
        'd/accuracy',
        'd/r1',
        'g/grad_norm',
        'd/logits_max',
        'step',
        'seconds',
    ]
    found = curves.panels(names)
    assert list(found.values()) == [
        *(['d/loss', 'g/loss'], ['d/accuracy'], ['d/logits_max'], ['g/grad_norm'], ['d/r1']),
    ]


def test_curves_of_any_rows(tmp_path):
    """Metrics that come and go, a norm that is zero, a player of another name; rows with no metric at all."""
    rows = [
        {'step': 1, 'd/loss': 1.0, 'd/grad_norm': 0.0, 'e/grad_norm': 1e9, 'd/diversity': 7.0},
        {'step': 2, 'd/loss': -1e9, 'g/path_length': 0.5, 'e/grad_norm': 1e-9, 'e/update_norm': 1.0},
    ]
    sizes = {}
    for name, some in (('a.png', rows), ('b.png', [{'step': 1}])):
        curves.curves(some, tmp_path / name)
        with Image.open(tmp_path / name) as picture:
            sizes[name] = picture.size
    assert sizes == {'a.png': (1200, 900), 'b.png': (1200, 300)}  # five panels in three rows; none
    assert len(list(tmp_path.iterdir())) == 2


def test_an_animation_holds_every_frame_and_at_most_eighty(tmp_path):
    frames = []
    for i in range(100):
        frames.append(tmp_path / f'{i:03d}.png')
        Image.new('RGB', (8, 8), (2 * i, 0, 0)).save(frames[-1])
    pictures.animation(frames, tmp_path / 'out.gif')
    with Image.open(tmp_path / 'out.gif') as made:
        assert made.n_frames == 80
        assert made.convert('RGB').getpixel((0, 0)) == (0, 0, 0)
        made.seek(79)
        assert made.convert('RGB').getpixel((0, 0)) == (198, 0, 0)
        assert made.info['duration'] == 2000


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


def test_the_telling_numbers_come_in_order():
    row = {'d/accuracy': 0.5, 'd/diversity': 0.9, 'd/grad_norm': 1.0, 'd/loss': 2.0, 'g/loss': 3.0, 'step': 1}
    assert list(progress.telling(row)) == ['d/loss', 'g/loss', 'd/accuracy', 'd/diversity']


def test_rows_of_inputs_outputs_and_targets():
    """A smaller gray input is enlarged by repeating pixels; every example stays beside its own."""
    draw = np.random.default_rng(0)
    gray = draw.integers(0, 256, (3, 4, 4, 1), np.uint8)
    output, target = (draw.integers(0, 256, (3, 8, 8, 3), np.uint8) for _ in range(2))
    picture = np.asarray(pictures.rows([gray, output, target]))[::2, ::2]  # small pictures are doubled
    assert picture.shape == (3 * 9 + 1, 3 * 9 + 1, 3)
    for i in range(3):
        row = picture[i * 9 + 1 : i * 9 + 9]
        cells = [row[:, 1 + 9 * k : 9 + 9 * k] for k in range(3)]
        np.testing.assert_array_equal(
            cells[0], gray[i].repeat(2, axis=0).repeat(2, axis=1).repeat(3, axis=-1)
        )
        np.testing.assert_array_equal(cells[1], output[i])
        np.testing.assert_array_equal(cells[2], target[i])
    wide = np.asarray(pictures.rows([np.repeat(output, 20, axis=0)] * 2, most=30))
    assert wide.shape == (2 * (4 * 9 + 1), 2 * (16 * 9 + 1), 3)  # 8 blocks of 2, 30 examples in 4 lines
