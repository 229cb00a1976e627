"""Standing statistics: means of the statistics of batches, in the net that is sampled, and nothing else."""

from dataclasses import replace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import nets
from gax.core import sample
from gax.core.standing import standing_statistics
from gax.core.types import Game
from gax.errors import GaxError
from gax.nets.spectral_norm import spectral_norm
from tests.helpers import toys
from tests.helpers.cases import with_slow
from tests.helpers.toys import same

KEY = jax.random.key(0)
# Two batches of two: means 1 and 12, variances 1 and 4.
X = jnp.array([[0.0], [2.0], [10.0], [14.0]])


class Normalised(nn.Module):
    """Batch-norm of its input, beside a map that has no statistics."""

    momentum: float = 0.9

    @nn.compact
    def __call__(self, x, train):
        y = nn.BatchNorm(not train, momentum=self.momentum, epsilon=0.0)(x)
        return y + 0.0 * nn.Dense(1)(x)


def game(momentum=0.9, wrap=lambda net: net, averaged=True):
    """A game without players, whose fakes are the net's output for the condition x."""
    net = wrap(nets.from_linen(Normalised(momentum), jax.ShapeDtypeStruct((2, 1), jnp.float32)))

    def generate(context):
        out, context = context.apply_and_update('g', context.latents['x'])
        return {'point': out}, context

    return Game(
        {'g': net},
        {},
        generate=generate,
        generator=('g',),
        conditions=('x',),
        ema={'g': 0.5} if averaged else {},
    )


def stats(tree):
    (numbers,) = tree['batch_stats'].values()
    return numbers['mean'].item(), numbers['var'].item()


@pytest.mark.parametrize('momentum', with_slow([0.0, 0.9, 0.99], 0))
def test_they_are_the_means_over_batches_whatever_the_momentum(momentum):
    """(1 + 12) / 2 and (1 + 4) / 2, where all four together have a variance of 32.75."""
    toy = game(momentum)
    state = toys.init(toy)
    after = standing_statistics(toy, state, KEY, 2, 2, {'x': X})
    np.testing.assert_allclose(stats(after.ema['g']['model_state']), (6.5, 2.5), rtol=1e-5)
    same(after.model_state, state.model_state)
    same(after.params, state.params)


def test_samples_are_normalised_by_them():
    toy = game()
    after = standing_statistics(toy, toys.init(toy), KEY, 2, 2, {'x': X})
    fakes = sample.sample(toy, after, KEY, 4, {'x': X})['point']
    np.testing.assert_allclose(fakes, (X - 6.5) / np.sqrt(2.5), rtol=1e-5)


@pytest.mark.parametrize('averaged', [True, False])
def test_of_the_net_itself_and_beside_the_vectors_of_spectral_norm(averaged):
    toy = game(wrap=spectral_norm, averaged=averaged)
    state = toys.init(toy)
    after = standing_statistics(toy, state, KEY, 2, 2, {'x': X}, averaged=False)
    same(after.ema, state.ema)
    same(after.model_state['g']['u'], state.model_state['g']['u'])
    np.testing.assert_allclose(stats(after.model_state['g']['net']), (6.5, 2.5), rtol=1e-5)


def test_what_was_there_before_does_not_matter():
    toy = game()
    state = toys.init(toy)
    moved = jax.tree.map(lambda x: x + 100.0, state.ema['g']['model_state'])
    later = replace(state, ema={'g': {**state.ema['g'], 'model_state': moved}})
    given = standing_statistics(toy, later, KEY, 2, 2, {'x': X})
    assert stats(given.ema['g']['model_state']) == stats(
        standing_statistics(toy, state, KEY, 2, 2, {'x': X}).ema['g']['model_state']
    )


def test_a_generator_without_batch_norm_is_refused():
    toy = toys.game()
    with pytest.raises(GaxError, match='standing statistics are of batch-norms'):
        standing_statistics(toy, toys.init(toy), KEY, 2, 2, {'z': jnp.zeros((4, 2))})
