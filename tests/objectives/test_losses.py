"""Losses against the numbers of shared/design.md, which were derived with numpy, and against formulas
written out.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.errors import GaxError
from gax.objectives import losses

REAL, FAKE = np.array([-5, 1.4, 12.5, 2.7]), np.array([10, 4.4, -5.5, 3.6])
NUMBERS = {
    'non_saturating': (5.833866, 1.385821),
    'minimax': (5.833866, -4.510821),
    'least_squares': (41.73375, 17.69625),
    'wasserstein': (0.225, -3.125),
    'hinge': (6.75, -3.125),
    'relativistic': (4.822435, 4.597435),
}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def means(loss, real=REAL, fake=FAKE):
    real, fake = jnp.asarray(real, jnp.float32), jnp.asarray(fake, jnp.float32)
    return float(jnp.mean(loss.d(real, fake))), float(jnp.mean(loss.g(real, fake)))


@pytest.mark.parametrize('name', NUMBERS)
def test_numbers_of_the_design(name):
    np.testing.assert_allclose(means(losses.make(name)), NUMBERS[name], rtol=1e-6)


def test_relativistic_average():
    real, fake = sigmoid(REAL - FAKE.mean()), sigmoid(FAKE - REAL.mean())
    d = -np.log(real) - np.log(1 - fake)
    g = -np.log(fake) - np.log(1 - real)
    np.testing.assert_allclose(means(losses.make('relativistic_average')), (d.mean(), g.mean()), rtol=1e-5)


def test_every_loss_is_tested():
    assert {*NUMBERS, 'relativistic_average'} == set(losses.LOSSES)


@pytest.mark.parametrize('name', ['minimax', 'non_saturating'])
@pytest.mark.parametrize('smoothing', [0.0, 0.1, 0.3])
def test_smoothing_is_cross_entropy_against_a_smaller_target(name, smoothing):
    target = 1 - smoothing
    d = (
        -target * np.log(sigmoid(REAL))
        - (1 - target) * np.log(1 - sigmoid(REAL))
        - np.log(1 - sigmoid(FAKE))  # one-sided: fakes keep the target 0
    )
    smooth, plain = means(losses.make(name, smoothing)), means(losses.make(name))
    assert smooth[0] == pytest.approx(d.mean(), rel=1e-5)
    assert smooth[1] == plain[1]


def test_smoothing_of_least_squares_moves_its_target():
    expected = np.mean(0.5 * (REAL - 0.8) ** 2 + 0.5 * FAKE**2)
    assert means(losses.make('least_squares', 0.2))[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize('name', sorted(set(losses.LOSSES) - set(losses.SMOOTHABLE)))
def test_smoothing_is_refused_where_there_is_no_label(name):
    with pytest.raises(GaxError, match=f'loss {name!r} has no label to smooth') as info:
        losses.make(name, 0.1)
    assert '\n' not in str(info.value)


def test_unknown_name_lists_all_and_the_nearest():
    with pytest.raises(GaxError, match="unknown loss 'hing' \\(nearest: 'hinge'\\)") as info:
        losses.make('hing')
    assert all(name in str(info.value) for name in losses.LOSSES)


@pytest.mark.parametrize('name', losses.LOSSES)
def test_values_and_gradients_are_finite_at_huge_logits(name):
    loss, huge = losses.make(name), jnp.array([-1e4, 1e4, 0.0, 300.0])
    for side in (loss.d, loss.g):
        total = lambda r, f, side=side: jnp.sum(side(r, f))  # noqa: E731
        assert all(bool(jnp.all(jnp.isfinite(x))) for x in (side(huge, -huge), side(huge, huge)))
        assert all(bool(jnp.all(jnp.isfinite(x))) for x in jax.grad(total, (0, 1))(huge, -huge))


@pytest.mark.parametrize('name', losses.LOSSES)
def test_element_wise_in_any_shape(name):
    """Patch discriminators: [B, H, W] logits give what the flattened ones give, in the same shape."""
    loss = losses.make(name)
    real, fake = jnp.asarray(REAL, jnp.float32), jnp.asarray(FAKE, jnp.float32)
    for side in (loss.d, loss.g):
        flat, square = side(real, fake), side(real.reshape(2, 2, 1), fake.reshape(2, 2, 1))
        assert square.shape == (2, 2, 1)
        np.testing.assert_allclose(square.reshape(-1), flat, rtol=1e-6)


@pytest.mark.parametrize('name', losses.LOSSES)
def test_only_relativistic_losses_read_reals_on_the_generators_side(name):
    loss, fake = losses.make(name), jnp.asarray(FAKE, jnp.float32)
    assert loss.relativistic == ('relativistic' in name)
    if loss.relativistic:
        pulled = jax.grad(lambda r: jnp.sum(loss.g(r, fake)))(jnp.asarray(REAL, jnp.float32))
        assert float(jnp.max(jnp.abs(pulled))) > 0
    else:
        assert loss.g(None, fake).shape == fake.shape
