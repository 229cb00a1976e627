"""Every optimizer of optax by its name: a run with it steps, is saved, restored, and goes on bit for bit."""

import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.config import optimizer, schedule
from gax.core import ema, optax_functions, optimizers, rng, wrappers
from gax.core import step as steps
from gax.core.types import Game, Net, Player, Term
from gax.errors import GaxError
from gax.training.checkpoints import Checkpoints
from tests.helpers import toys

WITHOUT_SCHEDULE = ['optimistic_adam', 'rprop', 'sm3']
SCHEDULE = {'name': 'linear_schedule', 'end_value': 0.0, 'transition_steps': 100}


def chain(name, scheduled=False):
    section = optimizer(name, 0.01)
    if scheduled:
        section.schedule = schedule(**SCHEDULE)
    return optimizers.make(section)


def alone(made):
    """A game of one player, who pulls a matrix and a vector to the data."""

    def init(key):
        return {'w': jax.random.normal(key, (2, 2)), 'b': jnp.ones((2,))}, ()

    net = Net(init, lambda params, state, x, train, key: (x @ params['w'] + params['b'], state))
    fit = Term(lambda context, out, state: (jnp.mean((out - context.batch['point']) ** 2), state))
    return Game(
        {'f': net}, {'p': Player(('f',), lambda v: v.apply_and_update('f', v.batch['z']), {'fit': fit}, made)}
    )


def saved_and_restored(state, folder: Path):
    """What a run that stopped here would go on from."""
    like = jax.eval_shape(lambda: state)
    checkpoints = Checkpoints(folder / 'checkpoints')
    checkpoints.save(1, state)
    restored = checkpoints.restore(like)
    assert restored is not None
    checkpoints.close()
    return restored[1]


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore:.optimistic_adam. is deprecated')
@pytest.mark.parametrize('name', sorted(optax_functions.optimizers()))
def test_steps_is_saved_and_goes_on(name, tmp_path):
    """With a schedule, where it takes one; where not, it is refused in one line that says which do."""
    scheduled = name not in WITHOUT_SCHEDULE
    if not scheduled:
        with pytest.raises(
            GaxError, match=f'{name!r} of optax takes a number .* those that take one: ada'
        ) as info:
            chain(name, scheduled=True)
        assert '\n' not in str(info.value)
    game, rows = alone(chain(name, scheduled)), toys.batch()
    step = jax.jit(steps.make_step(game))
    before = toys.init(game)
    after, metrics = step(step(before, rows)[0], rows)  # rprop's first update is 0
    assert toys.differ(before.params, after.params)
    assert all(np.isfinite(total) for total, _ in metrics.values())
    restored = saved_and_restored(after, tmp_path)
    toys.same(restored, after)
    toys.same(step(restored, rows)[0], step(after, rows)[0])


def test_an_optimizer_makes_its_noise_from_a_key_of_a_named_kind(monkeypatch):
    """Whatever JAX_DEFAULT_PRNG_IMPL says, and without optax's warning that it has been given none."""
    made = chain('noisy_sgd')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        keys = [x for x in jax.tree.leaves(made.init({'w': jnp.ones(2)})) if rng.is_key(x)]
    assert [jax.random.key_impl(key) for key in keys] == ['threefry2x32']


def keyed_game(wrap=False, **fields):
    """Typed keys wherever a state may hold them: of an optimizer, of a network, of a term, and of an
    average.
    """

    def apply(params, state, x, train, key):
        noise = jax.random.normal(state['key'], x.shape)
        return x @ params['a'] + noise, {'key': jax.random.split(state['key'], 1)[0]} if train else state

    g = Net(lambda key: ({'a': jnp.eye(2)}, {'key': key}), apply)

    def fn(context, out, key):
        return jax.random.uniform(key), jax.random.split(key, 1)[0]

    noise = Term(fn, init=lambda: jax.random.key(5, impl='threefry2x32'), every=2)
    game = toys.game(d_terms={'noise': noise}, g={'optimizer': chain('noisy_sgd')}, ema={'g': 0.9}, **fields)
    game = game._replace(nets={**game.nets, 'g': g})
    return game._replace(wrap=wrappers.extragradient(game)) if wrap else game


@pytest.mark.slow
@pytest.mark.parametrize('how', ['plain', 'scan', 'extragradient', 'bfloat16', 'accumulate', 'vmap'])
def test_typed_keys_anywhere_in_a_state(how, tmp_path):
    game = keyed_game(how == 'extragradient')
    if how == 'bfloat16':
        game = game._replace(
            nets={n: wrappers.computing_in(jnp.bfloat16, net) for n, net in game.nets.items()}
        )
    if how == 'accumulate':
        players = {n: p._replace(grad=wrappers.accumulate(2)) for n, p in game.players.items()}
        game = game._replace(players=players)
    step, rows = steps.make_step(game), toys.batch()

    def two(state):
        if how == 'scan':
            return jax.lax.scan(lambda s, _: (step(s, rows)[0], None), state, length=2)[0]
        return step(step(state, rows)[0], rows)[0]

    first = toys.init(game)
    run = jax.jit(two)
    if how == 'vmap':
        first = jax.tree.map(lambda x: jnp.stack([x, x]), first)
        run = jax.jit(jax.vmap(two))
    assert not [x for x in jax.tree.leaves(first) if rng.is_key(x)]
    after = run(first)
    toys.same(jax.tree.map(jnp.shape, first), jax.tree.map(jnp.shape, after))
    keys = lambda state: (state.opt_state['g'], state.model_state['g'], state.term_state['d'], state.ema['g'])  # noqa: E731
    for old, new in zip(keys(first), keys(after), strict=True):
        assert toys.differ(old, new)
    restored = saved_and_restored(after, tmp_path)
    toys.same(restored, after)
    toys.same(run(restored), run(after))


def test_data_and_keys_are_inverse():
    tree = {'a': jax.random.split(jax.random.key(1, impl='rbg'), 3), 'b': jnp.ones(2), 'c': (None, ())}
    data = rng.as_data(tree)
    assert data['a'].data.dtype == jnp.uint32
    back = rng.as_keys(data)
    assert jax.tree.structure(back) == jax.tree.structure(tree)
    assert jax.random.key_impl(back['a']) == 'rbg'
    np.testing.assert_array_equal(jax.random.key_data(back['a']), jax.random.key_data(tree['a']))
    assert ema.update(data, data, 0.5)['a'].data is data['a'].data


def test_those_that_need_more_than_gradients_are_refused_with_the_reason():
    for name in ('lbfgs', 'polyak_sgd'):
        assert name not in optax_functions.optimizers()
        with pytest.raises(
            GaxError, match=f'{name!r} of optax needs the value of the loss.*; those that work: ada'
        ):
            chain(name)
