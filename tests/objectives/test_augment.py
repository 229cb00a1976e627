"""Noise and augmentation: what is shown of given images, and who sees it. ADA's pipeline: test_ada.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.config import base, choices
from gax.config import defaults as configs
from gax.core import forward
from gax.errors import GaxError
from gax.objectives import augment, image_transforms
from tests.helpers import toys

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(64, 8, 8, 3)).astype(np.float32)
KEY = jax.random.key(0)


def test_shifts_move_by_whole_pixels_and_bring_in_zeros():
    found = image_transforms.shifted(jnp.asarray(X[:3]), jnp.array([0, 2, -1]), jnp.array([0, -3, 1]))
    np.testing.assert_array_equal(found[0], X[0])
    expected = np.zeros_like(X[1:3])
    expected[0, 2:, :5] = X[1, :6, 3:]
    expected[1, :7, 1:] = X[2, 1:, :7]
    np.testing.assert_array_equal(found[1:], expected)


def test_translation_goes_an_eighth_each_way():
    one = np.zeros((600, 16, 24, 1), np.float32)
    one[:, 8, 12] = 1
    rows, columns = np.nonzero(np.asarray(image_transforms.translation(KEY, one))[..., 0])[1:]
    assert sorted(set(rows - 8)) == [-2, -1, 0, 1, 2]
    assert sorted(set(columns - 12)) == [-3, -2, -1, 0, 1, 2, 3]


def test_cutout_zeroes_at_most_half_of_each_side():
    kept = np.asarray(image_transforms.cutout(KEY, jnp.ones((500, 8, 12, 2)))) == 1
    assert np.array_equal(kept[..., 0], kept[..., 1])
    holes = 8 * 12 - kept[..., 0].sum((1, 2))
    assert holes.max() == 4 * 6  # half of each side
    assert holes.min() == 2 * 3  # centred on a corner, three quarters lie outside
    for image in ~kept[:20, :, :, 0]:
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        assert image.sum() == len(rows) * len(columns)
        assert len(rows) == np.ptp(rows) + 1
        assert len(columns) == np.ptp(columns) + 1


def test_colour_changes_are_affine_about_their_means():
    b = np.asarray(image_transforms.brightness(KEY, X)) - X
    assert np.ptp(b, axis=(1, 2, 3)).max() < 1e-6
    assert -0.5 <= b.min() < -0.4 < 0.4 < b.max() < 0.5
    for change, axis, low, high in (
        (image_transforms.saturation, 3, 0, 2),
        (image_transforms.contrast, (1, 2, 3), 0.5, 1.5),
    ):
        mean = X.mean(axis, keepdims=True)
        found = np.asarray(change(KEY, X))
        scale = np.sum((found - mean) * (X - mean), (1, 2, 3)) / np.sum((X - mean) ** 2, (1, 2, 3))
        np.testing.assert_allclose(found, mean + scale[:, None, None, None] * (X - mean), atol=2e-5)
        assert low <= scale.min() < low + 0.1 * (high - low) < high - 0.1 * (high - low) < scale.max() < high


def kinds(found, made):
    """How often each of the `made` images comes up; every found one must be among them."""
    hits = np.array([[np.array_equal(f, m[i]) for m in made] for i, f in enumerate(np.asarray(found))])
    assert np.array_equal(hits.sum(1), np.ones(len(hits)))
    return hits.sum(0)


def test_flips_and_turns_are_as_likely_as_one_another():
    x = DRAW.normal(size=(400, 3, 3, 1)).astype(np.float32)
    assert kinds(image_transforms.flip(KEY, x), [x, x[:, :, ::-1]]).min() > 160
    assert kinds(image_transforms.rotation(KEY, x), [np.rot90(x, k, (1, 2)) for k in range(4)]).min() > 70
    wide = x.reshape(400, 1, 9, 1)
    assert kinds(image_transforms.rotation(KEY, wide), [wide, np.rot90(wide, 2, (1, 2))]).min() > 160


@pytest.mark.slow
@pytest.mark.parametrize('name', image_transforms.TRANSFORMS)
def test_gradients_go_through_twice(name):
    """f(x) = sum of (T x)^3 / 6 along a direction, against differences in double precision; T is linear
    here, or affine.
    """
    with jax.enable_x64(True):
        x, t = (jnp.asarray(DRAW.normal(size=(3, 4, 4, 3))) for _ in range(2))
        f = lambda h: jnp.sum(image_transforms.apply(name, KEY, x + h * t) ** 3) / 6  # noqa: E731
        first, second = jax.jit(jax.grad(f)), jax.jit(jax.grad(jax.grad(f)))
        np.testing.assert_allclose(first(0.0), (f(1e-5) - f(-1e-5)) / 2e-5, rtol=1e-6)
        np.testing.assert_allclose(second(0.0), (first(1e-5) - first(-1e-5)) / 2e-5, rtol=1e-6)


def test_policies_are_names_in_turn_each_with_its_own_stream():
    both = image_transforms.apply('flip, cutout', KEY, X)
    np.testing.assert_array_equal(
        image_transforms.apply('cutout', KEY, image_transforms.apply('flip', KEY, X)), both
    )
    assert image_transforms.apply('', KEY, X) is X
    with pytest.raises(GaxError, match="unknown image transform 'colour' \\(nearest: 'color'\\)"):
        image_transforms.parse('colour,cutout')


# --- around a critic
# --------------------------------------------------------------------------------------------

MEAN = toys.net(None, lambda p, x: p * jnp.mean(x, axis=(1, 2, 3)))


def view(step=0, p=0.0, seed=0):
    made = toys.view({'d': MEAN}, {'d': jnp.ones(())}, {'image': X}, {'image': X}, seed)
    state = {'p': jnp.asarray(p, jnp.float32), 'signs': jnp.zeros(()), 'updates': jnp.zeros(())}
    return made._replace(step=jnp.asarray(step), term_state={'d': {'ada': state}})


def shown(scorer, context, stream=''):
    return np.asarray(scorer.inputs(context.with_stream(stream), context.batch)[0])


def config(**sections):
    made = base('dcgan')
    for name, values in sections.items():
        choices.set_all(
            made,
            {f'{name}.{k}': v for k, v in values.items()} if isinstance(values, dict) else {name: values},
        )
    return made


def test_nothing_is_wrapped_where_nothing_is_on():
    assert augment.from_config(config(), forward.IMAGES) is forward.IMAGES
    assert augment.controller(config()) == {}


@pytest.mark.parametrize(('step', 'left'), [(0, 1.0), (5, 0.5), (10, 0.0), (15, 0.0)])
def test_instance_noise_fades(step, left):
    scorer = augment.from_config(config(instance_noise={'std': 0.4, 'steps': 10}), forward.IMAGES)
    noise = shown(scorer, view(step)) - X
    assert np.std(noise) == pytest.approx(0.4 * left, rel=0.03)
    forever = augment.from_config(config(instance_noise={'std': 0.4}), forward.IMAGES)
    assert np.std(shown(forever, view(step)) - X) == pytest.approx(0.4, rel=0.03)


def test_reals_and_fakes_are_changed_apart_and_a_penalty_sees_it_too():
    scorer = augment.from_config(config(augment='color,translation'), forward.IMAGES)
    out, _ = forward.score_both(scorer)(view())
    assert not np.any(np.asarray(out['real']) == np.asarray(out['fake']))
    plain = np.mean(X, (1, 2, 3))
    assert not np.any(np.isclose(out['real'], plain, atol=1e-6))
    assert not np.allclose(scorer.score(view(), view().batch), plain, atol=1e-3)
    again, _ = forward.score_both(scorer)(view())
    np.testing.assert_array_equal(out['real'], again['real'])


def untouched(scorer, p, seeds=1):
    """The share of images that the discriminator sees as they are."""

    @jax.jit
    def run(seed):
        context = view(p=p, seed=seed)
        return jnp.max(jnp.abs(scorer.inputs(context, context.batch)[0] - X), axis=(1, 2, 3)) < 1e-4

    return np.mean([run(seed) for seed in range(seeds)])


def test_adaptive_strength_is_that_of_the_term():
    scorer = augment.from_config(config(ada={'pipeline': 'b'}), forward.IMAGES)
    assert untouched(scorer, 0.0) == 1.0
    # A flip does nothing in 1/2 of its cases, turns in 1/4, shifts by up to one pixel in 1/4.
    expected = (1 - 0.5 / 2) * (1 - 0.5 * 3 / 4) * (1 - 0.5 * 3 / 4)
    assert untouched(scorer, 0.5, seeds=8) == pytest.approx(expected, abs=0.09)


def test_a_fixed_strength_needs_no_term():
    made = config(ada={'pipeline': 'b', 'control': 'fixed', 'p': 0.95})
    assert augment.controller(made) == {}
    scorer = augment.from_config(made, forward.IMAGES)
    assert untouched(scorer, 0.0) < 0.2  # of the term, which is not read
    assert float(augment.summary(made)(view(), {})['ada_p']) == pytest.approx(0.95)
    off = config(ada={'control': 'fixed', 'p': 0.0})
    assert augment.from_config(off, forward.IMAGES) is forward.IMAGES
    assert augment.summary(off)(view(), {}) == {}


def test_fields_that_another_control_reads_are_refused():
    with pytest.raises(GaxError, match=r'config\.ada\.p=0\.5 is read by nobody: .*ada\.control=fixed'):
        configs.check(config(ada={'p': 0.5}))
    with pytest.raises(GaxError, match=r'config\.ada\.kimg=100\.0 is read by nobody'):
        configs.check(config(ada={'control': 'fixed', 'kimg': 100.0}))
    assert config(ada={'kimg': 100.0, 'control': 'fixed'}).ada.kimg in (100.0, 500.0)
    configs.check(config(ada={'control': 'fixed'}))
    with pytest.raises(GaxError, match=r'config\.ada\.pipeline'):
        configs.check(config(ada={'pipeline': 'bcg'}))


@pytest.mark.parametrize('section', [{'augment': 'flip'}, {'ada': {'kimg': 1.0}}])
def test_points_are_not_augmented_but_may_be_noised(section):
    with pytest.raises(GaxError, match="transforms images, and the data are of kind 'point'"):
        augment.from_config(config(**section), forward.POINTS)
    scorer = augment.from_config(config(instance_noise={'std': 1.0}), forward.POINTS)
    assert scorer.inputs(view(), {'point': jnp.zeros((3, 2))})[0].shape == (3, 2)
