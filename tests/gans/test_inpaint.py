"""Inpainting: what is composed, the means of the terms, LaMa's rule, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import inpaint_emoji
from gax import gans
from gax.core import sample
from gax.core.spec import Field, Spec
from gax.core.types import Context
from gax.errors import GaxError
from gax.gans import inpaint
from gax.objectives import losses
from tests.helpers import toys

SPEC = Spec(
    'images',
    {'image': Field((8, 8, 3)), 'condition': Field((8, 8, 3)), 'mask': Field((8, 8, 1))},
    size=16,
)


def tiny(**changes):
    config = inpaint_emoji.get_test_config()
    config.g.net.widths = (4,)
    config.update_from_flattened_dict({name.replace('__', '.'): value for name, value in changes.items()})
    return config


def context(mask, raw, target):
    return Context(
        {},
        {},
        {},
        {'mask': mask, 'image': target},
        {},
        {'raw': raw},
        jax.random.key(0),
        jnp.zeros((), jnp.int32),
    )


def value(term, *arguments):
    return float(term.fn(*arguments, ())[0])


@pytest.mark.slow
def test_known_pixels_are_those_of_the_condition():
    game = gans.make(tiny(), SPEC)
    state = toys.init(game)
    holed = jax.random.uniform(jax.random.key(1), (3, 8, 8, 3))
    mask = jnp.zeros((3, 8, 8, 1)).at[:, 2:6, 2:6].set(1.0)
    fakes = sample.sample(
        game, state, jax.random.key(2), 3, {'condition': holed, 'mask': mask}, averaged=False
    )
    assert list(fakes) == ['image']
    outside = np.broadcast_to(np.asarray(mask) == 0, holed.shape)
    np.testing.assert_array_equal(fakes['image'][outside], np.asarray(holed)[outside])
    assert not np.any(fakes['image'][~outside] == np.asarray(holed)[~outside])


def test_means_are_over_the_hole_and_over_the_rest():
    mask = jnp.zeros((2, 2, 2, 1)).at[0, 0, 0, 0].set(1.0).at[1, :, 0, 0].set(1.0)  # 3 pixels of 8
    target = jnp.zeros((2, 2, 2, 2))
    raw = jnp.where(mask > 0, 3.0, 0.0) * jnp.array([1.0, 2.0]) + jnp.where(mask > 0, 0.0, -1.0)
    made = context(mask, raw, target)
    assert value(inpaint.absolute('image', 1), made, {}) == pytest.approx(4.5)  # of 3 and 6
    assert value(inpaint.absolute('image', 0), made, {}) == pytest.approx(1.0)
    none = context(jnp.zeros_like(mask), raw, target)
    assert value(inpaint.absolute('image', 1), none, {}) == 0.0


def test_patches_that_touch_the_hole():
    mask = jnp.zeros((1, 8, 8, 1)).at[0, 3, 3, 0].set(1.0)
    hits = inpaint.patches_in(mask, (4, 4))
    assert hits.sum() == 1
    assert hits[0, 1, 1]
    # 3 patches of 8 / 3 pixels: pixel 2 belongs to the first two, pixel 3 to the second.
    np.testing.assert_array_equal(
        inpaint.covers(3, 8), [[1, 1, 1, 0, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 1, 1, 1]]
    )
    np.testing.assert_array_equal(inpaint.patches_in(jnp.stack([mask[0], 0 * mask[0]]), ()), [True, False])


def test_lama_s_rule():
    """Non-saturating loss: of two patches the left one touches the hole."""
    mask = jnp.zeros((1, 2, 4, 1)).at[0, 0, 0, 0].set(1.0)
    real, fake = jnp.array([[[1.0, 2.0]]]), jnp.array([[[3.0, 4.0]]])
    softplus = lambda x: np.log1p(np.exp(x))  # noqa: E731
    left = softplus(-1.0) + softplus(3.0)
    right = softplus(-2.0) + softplus(-4.0)
    found = value(
        inpaint.touching(losses.make('non_saturating')),
        context(mask, None, None),
        {'real': real, 'fake': fake},
    )
    assert found == pytest.approx((left + right) / 2, rel=1e-5)


def test_l1_alone_has_no_discriminator_that_is_trained():
    game = gans.make(tiny(adversarial_weight=0.0, perceptual__weight=0.0), SPEC)
    assert list(game.players) == ['g']
    assert list(game.players['g'].live_terms) == ['hole', 'known']


def test_what_is_refused():
    with pytest.raises(GaxError, match='needs images with holes'):
        gans.make(tiny(), SPEC._replace(fields={'image': Field((8, 8, 3)), 'condition': Field((8, 8, 3))}))
    with pytest.raises(GaxError, match=r"unknown config\.fake_patches 'holes'"):
        gans.make(tiny(fake_patches='holes'), SPEC)
    with pytest.raises(GaxError, match=r"config\.loss='relativistic' compares fakes with reals"):
        gans.make(tiny(loss='relativistic'), SPEC)
    with pytest.raises(GaxError, match='are all 0: nothing trains g'):
        gans.make(tiny(hole_weight=0.0, known_weight=0.0, adversarial_weight=0.0), SPEC)
