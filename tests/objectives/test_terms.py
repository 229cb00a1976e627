"""Terms that are no penalties, and what is watched of a discriminator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.core import metrics
from gax.errors import GaxError
from gax.objectives import losses, terms
from tests.helpers import toys

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
    term = terms.reconstruction(lambda context, out: out, lambda context, out: wanted, distance, weight=10.0)
    assert value(term, made) == pytest.approx(expected, rel=1e-6)
    assert term.weight == 10.0


def test_unknown_distance():
    with pytest.raises(GaxError, match="unknown distance 'l3'"):
        terms.reconstruction(None, None, 'l3')


@pytest.mark.parametrize(
    ('step', 'k', 'expected'),
    # Of the scores 10, 4.4, 3.6, -5.5 the best k; the loss is minus the score.
    [(0, 4, 3.125), (2, 3, 6.0), (4, 2, 7.2), (9, 2, 7.2)],
)
def test_top_k_is_the_mean_of_the_best_scored_fakes(step, k, expected):
    """k falls from 4 to 2 over 4 steps."""
    wasserstein = losses.make('wasserstein').g
    context = toys.view({}, {}, {})._replace(step=jnp.asarray(step))
    term = terms.top_k(wasserstein, fraction=0.5, steps=4)
    loss = lambda fake: term.fn(context, {'real': None, 'fake': fake}, ())[0]  # noqa: E731
    assert float(loss(FAKE)) == pytest.approx(-expected, rel=1e-6)
    slope = np.asarray(jax.grad(loss)(FAKE))
    assert sorted(slope) == pytest.approx([-1 / k] * k + [0.0] * (4 - k))
    assert slope[0] < 0  # the best one of all
    # Patches: [4, 2] logits, one score an example.
    assert float(loss(jnp.stack([FAKE + 1, FAKE - 1], axis=1))) == pytest.approx(-expected, rel=1e-6)


def test_top_k_at_once_and_not_at_all():
    wasserstein = losses.make('wasserstein').g
    one = terms.top_k(wasserstein, fraction=0.01)
    assert float(one.fn(None, {'real': None, 'fake': FAKE}, ())[0]) == -10.0
    ties = terms.top_k(wasserstein, fraction=0.5)
    slope = jax.grad(lambda f: ties.fn(None, {'real': None, 'fake': f}, ())[0])(jnp.zeros(4))
    np.testing.assert_array_equal(slope, [-0.5, -0.5, 0, 0])
    assert value(terms.top_k(wasserstein), {'real': None, 'fake': FAKE}) == pytest.approx(-3.125)


def test_diversity_is_that_of_fakes_over_that_of_reals():
    """Neighbours of the reals, round the end, are 3-4-5 triangles: 5, 5, 0, 0; of the fakes half of that."""
    real = jnp.array([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0], [0.0, 0.0]])
    summary = terms.diversity_summary('point')
    context = toys.view({}, {}, {'point': real}, {'point': real / 2 + 7})
    assert summary(context, None)['diversity'] == (pytest.approx(0.5), 1.0)
    collapsed = context._replace(fakes={'point': jnp.ones((4, 2))})
    both = terms.summaries(summary, lambda context, out: {'other': out})
    assert both(collapsed, 3) == {'diversity': (0.0, 1.0), 'other': 3}


def test_the_diversity_of_one_example_or_of_equal_reals_does_not_exist():
    """It is not counted, so that it stands in no row: 0 would be a collapse, and |fakes| / 1e-12 is 2e13."""
    summary = terms.diversity_summary('point')
    for rows in (1, 4):
        equal, fakes = jnp.ones((rows, 2)), jnp.arange(2.0 * rows).reshape(rows, 2)
        found = summary(toys.view({}, {}, {'point': equal}, {'point': fakes}), None)['diversity']
        assert found == (0.0, 0.0)
        kept = metrics.add(metrics.empty(['diversity']), {'diversity': found}, jnp.int32(0))
        assert metrics.means(kept) == {}


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
