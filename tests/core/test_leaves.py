"""Fakes with leaves that are no floats: tokens ride along, and a policy gradient goes through their
log-probabilities.
"""

import jax
import jax.numpy as jnp
import optax
import pytest

from gax.core import step as steps
from gax.core.types import Game, Player
from gax.objectives import terms
from tests.helpers import toys
from tests.helpers.toys import close

LENGTH, VOCABULARY = 3, 4


def policy():
    """Independent logits for each place: [LENGTH, VOCABULARY]."""
    return toys.net(
        lambda key: jax.random.normal(key, (LENGTH, VOCABULARY)),
        lambda p, z: jnp.broadcast_to(p, (len(z), *p.shape)),
    )


def reward_net():
    return toys.net(
        lambda key: jnp.arange(VOCABULARY, dtype=jnp.float32),
        lambda p, one_hot: jnp.sum(one_hot @ p, axis=-1),
    )


def generate(context):
    logits, context = context.apply_and_update('g', context.latents['z'])
    tokens = jax.random.categorical(context.rng('tokens'), logits)
    logp = jnp.take_along_axis(jax.nn.log_softmax(logits), tokens[..., None], axis=-1)[..., 0]
    return {'tokens': tokens, 'logp': jnp.sum(logp, axis=-1)}, context


def score(context):
    one_hot = jax.nn.one_hot(context.fakes['tokens'], VOCABULARY)
    reward, context = context.apply_and_update('d', one_hot)
    return {'reward': jax.lax.stop_gradient(reward), 'tokens': context.fakes['tokens']}, context


def reinforce(context, out):
    return jnp.mean(-out['reward'] * context.fakes['logp'])


def game():
    player = Player(
        ('g',),
        score,
        {'reinforce': terms.stateless(reinforce)},
        optax.sgd(1.0),
        summary=lambda context, out: {'sum': jnp.sum(out['tokens']) * 1.0},
    )
    return Game(
        {'g': policy(), 'd': reward_net()},
        {'g': player},
        latents=lambda key, num, batch: {'z': jnp.zeros((num, 1))},
        generate=generate,
        generator=('g',),
    )


@pytest.mark.slow
def test_the_policy_gradient_is_that_of_the_score_function():
    made = game()
    state, batch = toys.init(made), {'tokens': jnp.zeros((6, LENGTH), jnp.int32)}
    after, metrics = jax.jit(steps.make_step(made))(state, batch)
    fakes = drawn(made, state, batch)
    one_hot = jax.nn.one_hot(fakes['tokens'], VOCABULARY)
    reward = jnp.sum(one_hot @ state.params['d'], axis=-1)
    # d(-r log p) / d logits = -r (one_hot - softmax), the mean over the batch
    expected = -jnp.mean(reward[:, None, None] * (one_hot - jax.nn.softmax(state.params['g'])), axis=0)
    close(state.params['g'] - after.params['g'], expected, 1e-5)
    assert float(metrics['g/sum'][0]) == float(jnp.sum(fakes['tokens']))
    assert fakes['tokens'].dtype == jnp.int32


def drawn(made, state, batch):
    """The fakes of the step, as its players saw them."""
    kept = []

    def watching(context):
        kept.append(context.fakes)
        return score(context)

    watched = made._replace(players={'g': made.players['g']._replace(forward=watching)})
    with jax.disable_jit():
        steps.make_step(watched)(state, batch)
    return jax.tree.map(lambda x: jnp.asarray(x.primal) if hasattr(x, 'primal') else x, kept[0])
