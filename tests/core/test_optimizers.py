"""Optimizers from configs: one update of each kind by hand, and what is refused."""

from dataclasses import replace
from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict

from gax.config import base, optimizer
from gax.core import learning_rates, optax_functions, optimizers, updates, wrappers
from gax.core import step as steps
from gax.errors import GaxError
from tests.helpers import toys
from tests.helpers.toys import close

PARAMS = {'w': jnp.array([1.0, -2.0, 3.0])}
GRADS = {'w': jnp.array([3.0, -4.0, 0.0])}  # norm 5


def after(config, steps=1, grads=GRADS, params=PARAMS):
    """The parameters after `steps` equal gradients."""
    chain = optimizers.make(config)
    state = chain.init(params)
    for _ in range(steps):
        updates, state = chain.update(grads, state, params)
        params = optax.apply_updates(params, updates)
    return np.asarray(params['w'])


def config(name='sgd', rate=0.1, schedule=None, **fields):
    made = ConfigDict({'name': name, 'learning_rate': rate, **fields})
    if schedule:
        made.schedule = schedule
    return made


def test_gradient_descent():
    np.testing.assert_allclose(after(config(), 2), [1 - 0.6, -2 + 0.8, 3], rtol=1e-6)
    np.testing.assert_allclose(after({'name': 'sgd', 'learning_rate': 0.1}), [0.7, -1.6, 3], rtol=1e-6)


def test_arguments_reach_the_optax_function():
    """Momentum 0.5: the second step is 1.5 times the first.

    Adam's first step is the learning rate, whatever b1.
    """
    np.testing.assert_allclose(after(config(momentum=0.5), 2), [1 - 0.75, -2 + 1.0, 3], rtol=1e-6)
    np.testing.assert_allclose(after(config('adam', 0.1, b1=0.5)), [0.9, -1.9, 3], rtol=1e-5)
    np.testing.assert_allclose(
        after(config('rmsprop', 0.1, decay=0.75, eps=0.0), grads={'w': GRADS['w'].at[2].set(1.0)}),
        [1 - 0.2, -2 + 0.2, 3 - 0.2],  # g / sqrt(g^2 / 4)
        rtol=1e-5,
    )


def test_weight_decay():
    decayed, plain = (
        after(config('adamw', 0.1, weight_decay=0.5)),
        after(config('adamw', 0.1, weight_decay=0.0)),
    )
    np.testing.assert_allclose(decayed, plain - 0.1 * 0.5 * np.asarray(PARAMS['w']), rtol=1e-5)


def test_clip_norm_scales_long_gradients_only():
    np.testing.assert_allclose(after(config(clip_norm=1.0)), [1 - 0.06, -2 + 0.08, 3], rtol=1e-6)
    np.testing.assert_array_equal(after(config(clip_norm=6.0)), after(config()))


def test_clip_weights_projects_after_the_update():
    """WGAN: parameters are clipped, not gradients: 0.7, -1.6, 3.0 become 0.7, -1.5, 1.5."""
    np.testing.assert_allclose(after(config(clip_weights=1.5)), [0.7, -1.5, 1.5], rtol=1e-6)
    assert np.abs(after(config('adam', 0.1, clip_weights=0.01), 3)).max() <= 0.01 + 1e-7


@pytest.mark.parametrize(
    ('schedule', 'factors'),
    [
        ({'name': 'linear_schedule', 'end_value': 0.0, 'transition_steps': 4}, [1, 0.75, 0.5, 0.25, 0, 0]),
        ({'name': 'cosine_decay_schedule', 'decay_steps': 2}, [1, 0.5, 0, 0]),
        ({'name': 'constant_schedule'}, [1, 1, 1]),
        ({'name': 'exponential_decay', 'transition_steps': 1, 'decay_rate': 0.5}, [1, 0.5, 0.25]),
        ({'name': 'warmup_constant_schedule', 'warmup_steps': 2}, [0, 0.5, 1, 1]),
        ({'name': 'warmup_constant_schedule', 'warmup_steps': 2, 'peak_value': 3.0}, [0, 1.5, 3, 3]),
        ({'name': 'warmup_constant_schedule', 'warmup_steps': 2, 'init_value': 0.5}, [0.5, 0.75, 1]),
    ],
    ids=str,
)
def test_schedules_multiply_the_learning_rate(schedule, factors):
    """The learning rate at 0, 1, 2, ... updates is rate * factor: a sum of them after n equal gradients."""
    ones = {'w': jnp.ones(1)}
    total = after(config(rate=0.1, schedule=schedule), len(factors), ones, {'w': jnp.zeros(1)})
    np.testing.assert_allclose(-total, 0.1 * sum(factors), rtol=1e-5)


HALVED = {'name': 'linear_schedule', 'end_value': 0.0, 'transition_steps': 100}


@pytest.mark.parametrize(
    'how',
    [
        'in turn',
        'vmap',
        *(
            pytest.param(how, marks=pytest.mark.slow)
            for how in ('simultaneous', 'accumulate', 'extragradient')
        ),
    ],
)
def test_a_schedule_follows_the_training_step_however_often_a_player_moves(how):
    """Five moves of D a step, from 1 to 0 in 100 steps: at step 50 all five have half the rate; G's rate is
    the same.
    """
    grad = {'grad': wrappers.accumulate(2 if how == 'accumulate' else 1)}

    players = ({**grad, 'optimizer': optimizers.make(config(rate=0.1, schedule=HALVED))} for _ in range(2))
    game = toys.game(simultaneous=how == 'simultaneous', d=next(players) | {'updates': 5}, g=next(players))
    if how == 'extragradient':
        game = game._replace(wrap=wrappers.extragradient(game))
    rows = toys.batch(6 * updates.batches_per_step(game))

    def ratios(state):
        metrics = steps.make_step(game)(state, rows)[1]
        # Sums over the moves of a step, as sgd's updates are the gradients times the rate.
        return jnp.stack([metrics[f'{p}/update_norm'][0] / metrics[f'{p}/grad_norm'][0] for p in 'dg'])

    at = {0: 1.0, 50: 0.5, 75: 0.25, 99: 0.01, 100: 0.0}
    first = toys.init(game)
    starts = [replace(first, step=jnp.asarray(step, jnp.int32)) for step in at]
    if how == 'vmap':
        many = jax.jit(jax.vmap(ratios))(jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts))
    else:
        run = jax.jit(ratios)
        many = [run(start) for start in starts]
    for ratio, factor in zip(many, at.values(), strict=True):
        np.testing.assert_allclose(ratio, np.full(2, 0.1 * factor), rtol=1e-5, atol=1e-8)


def test_adam_counts_the_moves_of_its_player_while_its_schedule_follows_the_training_step():
    """Two moves in a step: the second is corrected for two, not one; both have the rate of the step."""
    schedule = {'name': 'linear_schedule', 'end_value': 0.0, 'transition_steps': 4}
    chain, plain = optimizers.make(config('adam', 0.1, schedule=schedule)), optax.adam(0.1)
    state, by_hand = chain.init(PARAMS), plain.init(PARAMS)
    for move, g in enumerate([[3.0, -4.0, 1.0], [1.0, 1.0, 1.0], [-2.0, 0.5, 1.0], [1.0, 2.0, 0.0]]):
        step = move // 2
        updates, state = chain.update({'w': jnp.array(g)}, state, PARAMS, step=jnp.asarray(step))
        expected, by_hand = plain.update({'w': jnp.array(g)}, by_hand, PARAMS)
        close(updates, jax.tree.map(lambda u: u * (1 - step / 4), expected))  # noqa: B023
    assert jax.tree.structure(state) == jax.tree.structure(
        optax.adam(optax.linear_schedule(0.1, 0, 4)).init(PARAMS)
    )


# What the schedules were before they followed config.steps: (begin, length) at the steps of the config
# itself.
LENGTHS = {
    'acgan_mnist': (5000, 5000),
    'cgan_mnist': (3000, 3000),
    'mnist': (7000, 7000),
    'projection_mnist': (2500, 2500),
    'sngan_mnist': (None, 5000),
    'ring:ns_r1_r2': (None, 8000),
    'ring:ls_r1_r2_long': (None, 16_000),
    'grid:rp_r1_r2': (None, 20_000),
    'swiss_roll': (None, 8000),
    'stacked_mnist:ns_r1_r2': (5000, 5000),
    'stacked_mnist:rp_r1_r2': (10_000, 10_000),
}


@pytest.mark.parametrize('name', LENGTHS)
def test_schedules_of_configs_follow_the_steps(name):
    """At the steps of the config they are what they always were; with half the steps half as long."""
    file, _, row = name.partition(':')
    made = import_module(f'configs.{file}').get_config(*[row] * bool(row))
    for player in (made.g, made.d):
        schedule = player.optimizer.schedule
        for part in (1, 2):
            found = learning_rates.lengths(schedule, made.steps // part)
            length = found.get('transition_steps', found.get('decay_steps'))
            expected = tuple(n and n // part for n in LENGTHS[name])
            assert (found.get('transition_begin'), length) == expected
    assert learning_rates.idle(made) == []


def test_lengths_are_steps_or_shares_of_them():
    lengths = {'transition_begin': 0.25, 'transition_steps': 1, 'decay_steps': 1.0, 'warmup_steps': 0.0}
    assert learning_rates.lengths(lengths, 400) == {
        'transition_begin': 100,
        'transition_steps': 1,
        'decay_steps': 400,
        'warmup_steps': 0,
    }
    assert learning_rates.lengths({'decay_steps': 0.1}, 1) == {'decay_steps': 1}
    for bad in (-1, 1.5, 7000.0, -0.5, True, 'half', float('nan')):
        with pytest.raises(GaxError, match='a whole number of steps, or a share of'):
            learning_rates.lengths({'decay_steps': bad}, 400)

    with pytest.raises(GaxError, match='a share of config'):
        optimizers.make(config(schedule={'name': 'cosine_decay_schedule', 'decay_steps': 0.5}))


def test_an_idle_learning_rate_is_told():
    """Linear to 0 in 5,000 of 14,000 steps: nothing is learnt from step 5,000 on.

    One step of 0 is no stretch.
    """
    made = base('vanilla')
    made.steps = 14_000
    made.g.optimizer.schedule = learning_rates.schedule(
        'linear_schedule', end_value=0.0, transition_steps=5000
    )
    made.d.optimizer.schedule = learning_rates.schedule('warmup_constant_schedule', warmup_steps=0.5)
    assert learning_rates.idle(made) == [
        'config.g.optimizer.schedule: the learning rate is 0 at 0.643 of all steps, '
        'from step 5000 to 13999: g learns nothing there'
    ]
    made.g.optimizer.schedule.transition_steps = 1.0
    assert learning_rates.idle(made) == []


def test_lazy_interval_shortens_the_update_and_the_memory():
    """k = 3: rate and betas to the power or the multiple of 3/4; Adam's second step has the betas in it."""
    ratio = 3 / 4
    by_hand = optax.adam(0.1 * ratio, b1=0.5**ratio, b2=0.999**ratio)
    grads = [{'w': jnp.array(g)} for g in ([3.0, -4.0, 1.0], [1.0, 1.0, 1.0], [-2.0, 0.5, 1.0])]

    def path(chain):
        params, state = PARAMS, chain.init(PARAMS)
        for g in grads:
            updates, state = chain.update(g, state, params)
            params = optax.apply_updates(params, updates)
        return params

    close(path(optimizers.make(config('adam', 0.1, b1=0.5, lazy_interval=3))), path(by_hand))
    np.testing.assert_allclose(after(config(lazy_interval=1)), [1 - 0.15, -2 + 0.2, 3], rtol=1e-6)
    half = {'name': 'constant_schedule', 'value': 0.5}
    np.testing.assert_allclose(
        after(config(lazy_interval=1, schedule=half)), [1 - 0.075, -2 + 0.1, 3], rtol=1e-6
    )


def test_optimistic_adam_is_that_of_the_paper():
    """Algorithm 1: r = m / (sqrt(v) + eps), both corrected, and steps of -h (2 r - the r before); the first
    is -h r.

    optax looks ahead by Nesterov's momentum unless told otherwise; a config still can.
    """
    grads, b1, b2, h = (3.0, 1.0, -2.0), 0.5, 0.9, 0.1
    p, m, v, before = 1.0, 0.0, 0.0, None
    for t, g in enumerate(grads, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        r = (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + 1e-8)
        p, before = p - h * (2 * r - (r if before is None else before)), r

    def path(**fields):
        chain, params = (
            optimizers.make(config('optimistic_adam_v2', h, b1=b1, b2=b2, **fields)),
            {'w': jnp.ones(1)},
        )
        state = chain.init(params)
        for g in grads:
            updates, state = chain.update({'w': jnp.full(1, g)}, state, params)
            params = optax.apply_updates(params, updates)
        return float(params['w'][0])

    assert path() == pytest.approx(p, rel=1e-5)
    assert abs(path(nesterov=True) - p) > 1e-3


def test_historical_averaging_pulls_to_the_mean_of_all_before():
    """Descent of rate 0.1 from 1 with gradient 1: 1, 0.9; then the mean of 1 and 0.9 is 0.95 and the pull 2
    w (-0.05).
    """
    ones, start = {'w': jnp.ones(1)}, {'w': jnp.ones(1)}
    made = config(historical=3.0)
    found = [float(after(made, n, ones, start)[0]) for n in (1, 2, 3)]
    third = 0.9 - 0.1 * (1 - 6 * 0.05)
    mean = (1 + 0.9 + third) / 3
    np.testing.assert_allclose(found, [0.9, third, third - 0.1 * (1 + 6 * (third - mean))], rtol=1e-6)


def test_numbers_may_be_traced():
    def one(rate, clip):
        with (made := optimizer('sgd', 0.1)).ignore_type():
            made.learning_rate, made.clip_norm = rate, clip
        chain = optimizers.make(made)
        return optax.apply_updates(PARAMS, chain.update(GRADS, chain.init(PARAMS), PARAMS)[0])

    found = jax.jit(jax.vmap(one))(jnp.array([0.1, 0.2]), jnp.array([1.0, 10.0]))
    close(found, {'w': np.stack([after(config(clip_norm=1.0)), after(config(rate=0.2))])})


@pytest.mark.parametrize(
    ('made', 'message'),
    [
        (config('adm'), "unknown optimizer 'adm' (nearest: 'adam')"),
        (config('sgd', b1=0.5), "unknown argument of optimizer 'sgd': 'b1'"),
        (config(schedule={'name': 'cosine'}), "unknown schedule 'cosine'"),
        (
            config(schedule={'name': 'constant_schedule', 'alpha': 0.5}),
            "unknown argument of schedule 'constant_schedule': 'alpha'",
        ),
        (
            config(schedule={'name': 'cosine_decay_schedule'}),
            "schedule 'cosine_decay_schedule' needs decay_steps",
        ),
    ],
)
def test_mistakes_are_named(made, message):
    with pytest.raises(GaxError) as info:
        optimizers.make(made)
    assert message in str(info.value)
    assert '\n' not in str(info.value)


def test_tables_hold_optax_names():
    assert {'adam', 'adamw', 'rmsprop', 'sgd', 'lion', 'adabelief'} <= set(optax_functions.optimizers())
    assert {'cosine_decay_schedule', 'linear_schedule', 'exponential_decay'} <= set(
        optax_functions.schedules()
    )
    assert 'scale_by_learning_rate' not in optax_functions.optimizers()
