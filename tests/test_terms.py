"""Terms that are no penalties, and what is watched of a discriminator."""

import jax.numpy as jnp
import numpy as np
import pytest

from gax import losses, terms
from gax.errors import GaxError

REAL, FAKE = jnp.array([-5, 1.4, 12.5, 2.7]), jnp.array([10, 4.4, -5.5, 3.6])


def value(term, out=None):
    return float(term.fn(None, out, ())[0])


def test_adversarial_is_the_mean_loss():
    out = {'real': REAL, 'fake': FAKE}
    assert value(terms.adversarial(losses.make('hinge').d), out) == pytest.approx(6.75)
    assert value(terms.adversarial(losses.make('hinge').g), {'real': None, 'fake': FAKE}) == pytest.approx(
        -3.125
    )
    assert terms.adversarial(losses.make('hinge').d, weight=2.0, every=3)[1:3] == (2.0, 3)


@pytest.mark.parametrize(
    ('distance', 'expected'),
    # Differences 0.5, -2, 4, 0: mean magnitude, mean square, and Huber: 0.125, 1.5, 3.5, 0.
    [('l1', 6.5 / 4), ('l2', 20.25 / 4), ('huber', 5.125 / 4)],
)
def test_reconstruction_is_a_mean_over_everything(distance, expected):
    made, wanted = jnp.array([[1.5, 0.0], [4.0, 1.0]]), jnp.array([[1.0, 2.0], [0.0, 1.0]])
    term = terms.reconstruction(lambda view, out: out, lambda view, out: wanted, distance, weight=10.0)
    assert value(term, made) == pytest.approx(expected, rel=1e-6)
    assert term.weight == 10.0


def test_unknown_distance():
    with pytest.raises(GaxError, match="unknown distance 'l3'"):
        terms.reconstruction(None, None, 'l3')


def test_summary():
    found = terms.logit_summary(None, {'real': REAL, 'fake': FAKE})
    # Three of four reals above 0, one of four fakes below.
    expected = {'accuracy': 0.5, 'logits_real': 2.9, 'logits_fake': 3.125, 'logits_max': 12.5}
    assert {k: pytest.approx(float(v), rel=1e-6) for k, v in found.items()} == expected
    low = terms.logit_summary(None, {'real': -REAL * 10, 'fake': FAKE})
    assert float(low['logits_max']) == pytest.approx(125)
    assert np.shape(found['accuracy']) == ()


def test_weight_zero_is_removed_and_only_that():
    assert [
        terms.stateless(None, weight=w).removed for w in (0, 0.0, 1e-9, jnp.zeros(()), lambda s: 0.0)
    ] == [*(True, True, False, False, False)]
