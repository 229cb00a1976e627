"""ADA's pipeline: what every transform does at given draws, how often it is drawn, and the controller."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.core import rng
from gax.errors import GaxError
from gax.objectives.ada import bands, control, draws, geometry, pipeline, resample

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(6, 9, 8, 3)).astype(np.float32)


def given(*rows):
    """Draws of which every row is {value: number}: all others are 1/2, and it gets these transforms alone."""
    uniforms = np.full((len(rows), draws.COLUMNS), 0.5, np.float32)
    for uniform, values in zip(uniforms, rows, strict=True):
        uniform[: len(draws.TRANSFORMS)] = 1.0
        for value, number in values.items():
            uniform[draws.VALUE_COLUMNS[value]] = number
            uniform[draws.CHOICE_COLUMNS[value.removesuffix('_x').removesuffix('_y')]] = 0.0
    return draws.of_uniforms(jnp.asarray(uniforms), rng.key(0))


def shown(x, *rows):
    """Image i as the draws of row i change it."""
    names = {v.removesuffix('_x').removesuffix('_y') for values in rows for v in values}
    names |= {*bands.BANDS} if names & {*bands.BANDS} else set()
    weights = {name: 1.0 for name in draws.TRANSFORMS if name in names}
    x = jnp.asarray(np.broadcast_to(x, (len(rows), *x.shape[1:])))
    run = jax.jit(lambda drawn, x: pipeline.transform(weights, drawn, 1.0, x))
    return np.asarray(run(given(*rows), x))


def matrices(*rows):
    """-> [rows, 2, 3] of the maps of a square image of 8 pixels."""
    sure = {name: jnp.ones(()) for name in geometry.INVERSES}
    a, b, c, d, e, f = map(np.asarray, geometry.inverse(given(*rows), sure, (8, 8)))
    return np.moveaxis(np.array([[a, b, e], [c, d, f]]), -1, 0)


# --- geometry ------------------------------------------------------------------------------------


def test_sym6_is_orthonormal_with_six_vanishing_moments():
    """These equations have 2^4 real solutions; of them the phase of sym6 is nearest to linear."""
    h, k = np.array(resample.SYM6), np.arange(12)
    for shift in range(6):
        assert np.sum(h[2 * shift :] * h[: 12 - 2 * shift]) == pytest.approx(float(shift == 0), abs=1e-13)
    for moment in range(6):
        assert np.sum((-1.0) ** k * (k - 5.5) ** moment * h) == pytest.approx(0.0, abs=1e-10)
    assert np.sum(h) == pytest.approx(np.sqrt(2), abs=1e-14)


@pytest.mark.parametrize('size', [1, 2, 5, 16])
def test_halving_undoes_doubling(size):
    doubled = resample.doubling(size)[1:-1]
    np.testing.assert_allclose(resample.halving(size) @ doubled, np.eye(size), atol=1e-13)


def test_nothing_moves_at_p_0_although_it_is_resampled():
    drawn = draws.drawn(rng.key(0), len(X))
    run = jax.jit(lambda x, p: pipeline.transform(pipeline.PRESETS['bgcfnc'], drawn, p, x))
    np.testing.assert_allclose(run(X, 0.0), X, atol=2e-5)
    assert np.abs(run(X, 1.0) - X).max((1, 2, 3)).min() > 0.1


def test_medians_give_fixed_matrices():
    """Half-way draws are a flip, a half turn, and no other motion: y is mirrored."""
    found = matrices(dict.fromkeys([v for v in draws.VALUES if v.rpartition('_')[0] != 'cutout'], 0.5))
    np.testing.assert_allclose(found[0], [[1, 0, 0], [0, -1, 0]], atol=1e-5)


RAMP = np.stack(np.meshgrid(np.arange(32.0) - 15.5, np.arange(32.0) - 15.5), -1)[None].astype(np.float32)
TURN = np.deg2rad(30)


def turned(x, y):
    return x * np.cos(TURN) + y * np.sin(TURN), y * np.cos(TURN) - x * np.sin(TURN)


ONE = 0.8413447  # the quantile of one standard deviation
PLACES = [
    ({'flip': 0.7}, lambda x, y: (-x, y)),
    ({'flip': 0.3}, lambda x, y: (x, y)),
    ({'quarter_turn': 0.3}, lambda x, y: (y, -x)),
    ({'quarter_turn': 0.6}, lambda x, y: (-x, -y)),
    ({'quarter_turn': 0.8}, lambda x, y: (-y, x)),
    ({'integer_shift_x': 0.88, 'integer_shift_y': 0.24}, lambda x, y: (x - 3, y + 2)),
    ({'scale': ONE}, lambda x, y: (x * 2**-0.2, y * 2**-0.2)),
    ({'stretch': ONE}, lambda x, y: (x * 2**-0.2, y * 2**0.2)),
    ({'shift_x': 0.5, 'shift_y': ONE}, lambda x, y: (x, y - 4)),
    ({'rotation_before': 0.5 + 30 / 360}, turned),
    ({'rotation_after': 0.5 + 30 / 360}, turned),
]


def test_an_image_of_coordinates_shows_where_pixels_come_from():
    """The channels hold x and y. A linear image is resampled without an error, away from the border."""
    found = shown(RAMP, *[values for values, _ in PLACES])[:, 10:-10, 10:-10]
    x, y = RAMP[0, 10:-10, 10:-10, 0], RAMP[0, 10:-10, 10:-10, 1]
    for one, (values, expected) in zip(found, PLACES, strict=True):
        np.testing.assert_allclose(one, np.stack(expected(x, y), -1), atol=1e-3, err_msg=str(values))


def test_two_rotations_with_a_stretch_in_between():
    """In the order of application: the pixel comes from R1^-1 S^-1 R2^-1 of its place."""
    values = {'rotation_before': 0.6, 'stretch': 0.9, 'rotation_after': 0.3}
    found = matrices(values)[0]

    def rotation(u):
        angle = np.pi * (2 * u - 1)
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    factor = 2 ** (0.2 * 1.2815515655446004)
    forward = rotation(0.3) @ np.diag([factor, 1 / factor]) @ rotation(0.6)
    np.testing.assert_allclose(found[:, :2], np.linalg.inv(forward), atol=1e-6)


def test_what_comes_in_is_reflected():
    x = DRAW.normal(size=(1, 16, 16, 1)).astype(np.float32)
    found = shown(x, {'integer_shift_x': 0.999, 'integer_shift_y': 0.5})[0, :, :, 0]
    padded = np.pad(x[0, :, :, 0], ((0, 0), (2, 0)), 'reflect')[:, :16]
    # Doubled images are reflected, whose filter is not symmetric: small errors where the border is near.
    np.testing.assert_allclose(found[:, 6:], padded[:, 6:], atol=1e-5)
    assert np.abs(found - padded).max() < 0.2 * np.abs(padded).max()
    far = shown(RAMP, {'shift_x': 1 - 1e-6, 'shift_y': 1e-6})  # 19 pixels: still within the image's values
    assert np.abs(far).max() < 17


def test_rotations_together_happen_with_probability_p():
    for p in (0.0, 0.3, 1.0, 1.7):
        each = float(geometry.rotation_chance(jnp.asarray(p)))
        assert 1 - (1 - each) ** 2 == pytest.approx(min(p, 1.0), abs=1e-6)


# --- colours -------------------------------------------------------------------------------------


def test_the_colour_map_is_the_product_of_five_matrices():
    """Each one from its definition, 4x4, in order."""
    values = {'brightness': 0.9, 'contrast': 0.2, 'luma_flip': 0.6, 'hue': 0.7, 'saturation': 0.8}
    b, c, s = (
        0.2 * 1.2815515655446004,
        2 ** (0.5 * -0.8416212335729143),
        2**0.8416212335729143,
    )
    v = np.ones(3) / np.sqrt(3)
    angle = 0.4 * np.pi
    k = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    hue = np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k  # Rodrigues
    flip, saturation = np.eye(3) - 2 * np.outer(v, v), np.outer(v, v) + s * (np.eye(3) - np.outer(v, v))
    four = [np.eye(4) for _ in range(5)]
    four[0][:3, 3] = b
    four[1][:3, :3] *= c
    four[2][:3, :3], four[3][:3, :3], four[4][:3, :3] = flip, hue, saturation
    whole = four[4] @ four[3] @ four[2] @ four[1] @ four[0]
    found = shown(X[:1], values)
    np.testing.assert_allclose(found, X[:1] @ whole[:3, :3].T + whole[:3, 3], rtol=1e-4, atol=1e-5)
    grey = X[:1].mean(-1, keepdims=True)
    expected = grey * whole[:3, :3].sum(1).mean() + whole[:3, 3].mean()  # the mean of the rows
    np.testing.assert_allclose(shown(grey, values), expected, rtol=1e-4, atol=1e-5)


def test_colours_that_undo_themselves_and_what_leaves_grey_alone():
    grey = np.repeat(X[:1, ..., :1], 3, axis=-1)
    once = shown(X[:1], {'luma_flip': 0.5}, {'hue': 0.65}, {'hue': 0.9}, {'saturation': 0.9})
    again = shown(once, {'luma_flip': 0.5}, {'hue': 0.35}, {}, {})
    np.testing.assert_allclose(again[:2], np.repeat(X[:1], 2, axis=0), atol=1e-5)
    assert np.abs(once - X[:1]).max((1, 2, 3)).min() > 0.1
    found = shown(grey, {'hue': 0.9}, {'saturation': 0.9})
    np.testing.assert_allclose(found, np.repeat(grey, 2, axis=0), atol=1e-5)
    with pytest.raises(GaxError, match='with 2 channels cannot be changed, only of 1 or 3'):
        shown(X[:1, ..., :2], {'hue': 0.9})


# --- filters, noise, cutout ----------------------------------------------------------------------


def test_the_filter_bank_sums_to_the_identity():
    bank = bands.bank()
    assert bank.shape == (4, 43)
    np.testing.assert_allclose(bank.sum(0), np.eye(43)[21], atol=1e-15)
    np.testing.assert_allclose(bank.sum(1), [1, 0, 0, 0], atol=1e-15)
    np.testing.assert_allclose(bank, bank[:, ::-1], atol=1e-15)
    h = np.pad(bands.SYM2, (0, 2))
    assert [h @ h, h[:4] @ h[2:]] == pytest.approx([1.0, 0.0], abs=1e-15)


@pytest.mark.slow
def test_a_filter_scales_its_band_and_keeps_the_expected_power():
    sure = {name: jnp.ones(()) for name in bands.BANDS}
    rows = [{name: 0.9} for name in bands.BANDS]
    for i, gain in enumerate(np.asarray(bands.gains(given(*rows, {}), sure)).astype(float)[:4]):
        assert gain @ (bands.POWER * gain) == pytest.approx(1.0, rel=1e-6)
        np.testing.assert_allclose(gain[i] / np.delete(gain, i), 2**1.2815515655446004, rtol=1e-5)
    row = {'band_1': 0.8, 'band_3': 0.1}
    gain = np.asarray(bands.gains(given(row, {}), sure)).astype(float)
    np.testing.assert_allclose(gain[1], np.ones(4), atol=1e-6)
    x = np.random.default_rng(1).normal(size=(1, 30, 28, 2)).astype(np.float32)
    padded = np.pad(x[0].astype(float), ((21, 21), (21, 21), (0, 0)), 'reflect')
    taps = gain[0] @ bands.bank()
    expected = np.stack(
        [
            np.apply_along_axis(
                np.convolve, 1, np.apply_along_axis(np.convolve, 0, channel, taps, 'valid'), taps, 'valid'
            )
            for channel in np.moveaxis(padded, -1, 0)
        ],
        -1,
    )
    found = shown(x, row)[0]
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_noise_has_the_drawn_deviation():
    x = np.zeros((1, 64, 64, 3), np.float32)
    found = shown(x, {'noise': 0.05}, {'noise': 0.05})  # 1.645 standard deviations below 0: s = 0.1645
    assert np.std(found, axis=(1, 2, 3)) == pytest.approx([0.1645] * 2, rel=0.02)
    assert not np.array_equal(found[0], found[1])


def test_cutout_is_half_of_each_side_about_its_centre():
    ones = np.ones((1, 8, 12, 2), np.float32)
    hole, corner = shown(ones, {'cutout_y': 0.5, 'cutout_x': 0.25}, {'cutout_y': 0.0, 'cutout_x': 0.0}) == 0
    rows, columns = np.flatnonzero(hole[:, 2, 0]), np.flatnonzero(hole[3, :, 1])
    assert (rows.tolist(), columns.tolist()) == ([2, 3, 4, 5], [0, 1, 2, 3, 4, 5])
    assert hole.sum() == 4 * 6 * 2
    assert corner.sum() == 2 * 3 * 2


# --- together ------------------------------------------------------------------------------------


def test_an_image_gets_a_transform_with_its_probability():
    """Of 4,000 images, by p times the multiplier: within 4 standard deviations (0.032)."""
    drawn = draws.drawn(rng.key(3), 4000)
    x = jnp.asarray([[[[0.3, -0.2, 0.1]]]] * 4000)
    run = jax.jit(lambda weight, p, name: pipeline.transform({name: weight}, drawn, p, x), static_argnums=2)
    for name, share in (('saturation', 1.0), ('luma_flip', 0.5)):
        for multiplier, p in ((1.0, 0.4), (0.5, 0.6), (0.5, 3.0)):
            changed = np.abs(np.asarray(run(multiplier, p, name)) - x).max((1, 2, 3)) > 1e-6
            assert changed.mean() == pytest.approx(share * min(1.0, multiplier * p), abs=0.032)


def test_presets_grow_by_groups():
    sizes = {name: len(pipeline.preset(name)) for name in pipeline.PRESETS}
    assert sizes == {'b': 3, 'bg': 8, 'bgc': 13, 'bgcf': 17, 'bgcfn': 18, 'bgcfnc': 19, 'r3gan': 14}
    halved = pipeline.PRESETS['r3gan']
    assert {halved[name] for name in (*pipeline.BLIT, *pipeline.GENERAL, 'cutout')} == {1.0}
    assert {halved[name] for name in pipeline.COLOR} == {0.5}
    assert not halved.keys() & {*bands.BANDS, 'noise'}
    with pytest.raises(
        GaxError, match=r"unknown preset of config.ada.pipeline 'bcg' .*; valid: b, bg, bgc, bgcf"
    ):
        pipeline.preset('bcg')


@pytest.mark.slow
def test_images_of_a_batch_get_draws_of_their_own_that_presets_share():
    same = jnp.broadcast_to(jnp.asarray(X[:1]), X.shape)
    run = jax.jit(lambda weights, key: pipeline.apply(dict(weights), key, 1.0, same), static_argnums=0)
    wide, narrow = (tuple(pipeline.PRESETS[name].items()) for name in ('bgc', 'bg'))
    found, moved = (np.asarray(run(weights, rng.key(1))) for weights in (wide, narrow))
    assert all(np.abs(found[i] - found[j]).max() > 1e-2 for i in range(6) for j in range(i))
    luma = found.mean(-1), moved.mean(-1)  # hue and saturation leave it, and the rest is affine
    for one, other in zip(*luma, strict=True):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.slow
def test_gradients_go_through_twice():
    """f(x) = sum of (T x)^3 / 6 along a direction, against differences in double precision."""
    with jax.enable_x64(True):
        x, t = (jnp.asarray(DRAW.normal(size=(2, 6, 5, 3))) for _ in range(2))

        def f(h):
            return jnp.sum(pipeline.apply(pipeline.PRESETS['bgcfnc'], rng.key(2), 1.0, x + h * t) ** 3) / 6

        run = jax.jit(lambda h: (f(h), jax.grad(f)(h), jax.grad(jax.grad(f))(h)))
        below, here, above = (jax.device_get(run(h)) for h in (-1e-5, 0.0, 1e-5))
        for order in (0, 1):
            difference = (above[order] - below[order]) / 2e-5
            np.testing.assert_allclose(here[order + 1], difference, rtol=1e-6)


# --- p -------------------------------------------------------------------------------------------


def after(controller, *reals):
    """The state of the term after updates with these logits of reals."""
    term = controller.as_term()
    state = term.init()
    for real in reals:
        value, state = term.fn(None, {'real': jnp.asarray(real)}, state)
        assert float(value) == 0.0
    return state


@pytest.mark.parametrize(('kimg', 'step'), [(500.0, 0.000512), (100.0, 0.00256)])
def test_a_move_of_64_images_every_4_updates(kimg, step):
    controller = control.Controller(64, kimg, every=4)
    up = [np.ones(5, np.float32)] * 9
    found = [float(controller.p(after(controller, *up[:n]))) for n in range(10)]
    np.testing.assert_allclose(found, step * np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2]), rtol=1e-6)


def test_the_mean_of_several_updates_decides():
    """Signs of 1, 1, 0.5 and 0 have the mean 0.625, above 0.6, although the last is below it."""
    controller = control.Controller(1000, 8.0, every=4)
    signs = [[1.0, 2.0], [3.0, 3.0], [1.0, 1.0, 1.0, -1.0], [5.0, -5.0]]
    logits = [np.asarray(s, np.float32) for s in signs]
    assert float(controller.p(after(controller, *logits))) == 0.5
    assert float(control.Controller(1000, 8.0, 0.65, 4).p(after(controller, *logits))) == 0.0  # at least 0
    assert float(controller.p(after(controller, *logits * 3))) == 1.5  # above 1
    down = [np.full(2, -1.0, np.float32)] * 4
    assert float(controller.p(after(controller, *logits * 3, *down))) == 1.0


def test_a_given_p_may_follow_the_step():
    context = SimpleNamespace(step=jnp.asarray(30))
    assert float(control.given(0.25)(context)) == 0.25
    assert float(control.given(lambda step: step / 100)(context)) == pytest.approx(0.3)
