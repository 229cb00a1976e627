"""The step: closed forms, gradients composed by hand, and what may not change when something else does."""

import itertools
from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gax import data, gans
from gax.config import optimizer
from gax.core import forward, rng, updates
from gax.core import step as steps
from gax.core.types import Game, Net, Player, Term
from gax.errors import GaxError
from gax.objectives import losses, penalties, term_registry, terms
from tests.helpers import toys
from tests.helpers.cases import with_slow
from tests.helpers.toys import close, differ, same


def jitted(game, due=None):
    return jax.jit(steps.make_step(game, due))


def run(game, count, start=None, step=None):
    """`count` steps; -> (state, list of metrics)."""
    state, step, seen = toys.init(game) if start is None else start, step or jitted(game), []
    for i in range(count):
        state, metrics = step(state, toys.batch(6 * updates.batches_per_step(game), seed=i))
        seen.append(metrics)
    return state, seen


# --- the bilinear game: x minimises x y, y maximises it
# ---------------------------------------------------------


def bilinear(simultaneous):
    def scalar(value):
        return Net(
            lambda key: (jnp.float32(value), {}), lambda params, state, *inputs, train, key: (params, state)
        )

    def product(context):
        return context.params['x'] * context.params['y'], context

    def player(name, sign):
        term = terms.stateless(lambda context, out: sign * out)
        return Player((name,), product, {'product': term}, optax.sgd(0.1))

    players = {'x': player('x', 1.0), 'y': player('y', -1.0)}
    return Game({'x': scalar(1.0), 'y': scalar(0.0)}, players, simultaneous=simultaneous)


def orbit(game, count=200):
    def body(state, _):
        state, _ = step(state, {})
        return state, jnp.array([state.params['x'], state.params['y']])

    step = steps.make_step(game)
    return np.asarray(jax.jit(lambda s: jax.lax.scan(body, s, None, count)[1])(toys.init(game)), np.float64)


def test_bilinear_game_with_simultaneous_moves_spirals_out():
    """Each step multiplies the radius by sqrt(1 + lr^2)."""
    radius = np.linalg.norm(orbit(bilinear(True)), axis=-1)
    assert radius[-1] == pytest.approx(2.7048, abs=1e-3)
    np.testing.assert_allclose(radius, 1.01 ** (np.arange(1, 201) / 2), rtol=1e-5)


def test_bilinear_game_with_alternating_moves_stays_on_its_ellipse():
    """x^2 + y^2 - lr x y does not change."""
    x, y = orbit(bilinear(False)).T
    np.testing.assert_allclose(x**2 + y**2 - 0.1 * x * y, 1.0, atol=1e-4)
    assert np.max(np.hypot(x, y)) < 1.06


# --- gradients, by hand
# -----------------------------------------------------------------------------------------


def score(params, x):
    return jnp.tanh(x @ params['v']) @ params['w']


def make_fakes(params, z):
    return z @ params['a'] + params['b']


def descend(objective, params, rate=0.1):
    value, gradient = jax.value_and_grad(objective)(params)
    return value, jax.tree.map(lambda p, g: p - rate * g, params, gradient)


@pytest.mark.parametrize('name', ['non_saturating', 'relativistic'])
@pytest.mark.parametrize('simultaneous', [False, True])
def test_step_equals_plain_gradients_of_the_composed_losses(name, simultaneous):
    game = toys.game(loss=name, latents=toys.given_latents, simultaneous=simultaneous)
    loss, batch, start = losses.make(name), toys.batch(), toys.init(game)
    x, z = batch['point'], batch['z']

    def objective_d(d):
        return jnp.mean(loss.d(score(d, x), score(d, make_fakes(start.params['g'], z))))

    value_d, d = descend(objective_d, start.params['d'])
    seen = start.params['d'] if simultaneous else d  # the opponent that G answers

    def objective_g(g):
        return jnp.mean(loss.g(score(seen, x), score(seen, make_fakes(g, z))))

    value_g, g = descend(objective_g, start.params['g'])
    state, metrics = jitted(game)(start, batch)
    close(state.params, {'g': g, 'd': d})
    close((metrics['d/loss'], metrics['g/loss']), ((value_d, 1.0), (value_g, 1.0)))
    assert differ(state.params['d'], start.params['d'])


def test_a_player_of_two_nets_and_terms_on_its_own_parameters():
    """InfoGAN's shape: G and an encoder in one player; G is reached through the fakes, through `peek` and
    directly.
    """

    def recovered(context, out):
        made, _ = context.apply_and_update('q', context.fakes['point'])
        return jnp.mean((made - context.latents['z']) ** 2)

    def decay(context, out):
        return 0.5 * jnp.sum(context.params['g']['a'] ** 2)

    def size(context, out):
        return jnp.mean(context.apply('g', context.latents['z']) ** 2)

    extra = {
        'info': terms.stateless(recovered, weight=3.0),
        'decay': terms.stateless(decay, weight=0.5),
        'size': terms.stateless(size, weight=0.25),
    }
    game = toys.game(g_terms=extra, g={'nets': ('g', 'q')}, latents=toys.given_latents)
    game = game._replace(nets={**game.nets, 'q': toys.generator()})
    batch, start = toys.batch(), toys.init(game)
    z = batch['z']
    state, metrics = jitted(game)(start, batch)
    d = state.params['d']

    def objective(own):
        fakes = make_fakes(own['g'], z)
        parts = (
            jnp.mean(jax.nn.softplus(-score(d, fakes))),
            3.0 * jnp.mean((make_fakes(own['q'], fakes) - z) ** 2),
            0.25 * jnp.sum(own['g']['a'] ** 2),
            0.25 * jnp.mean(fakes**2),
        )
        return sum(parts)

    value, own = descend(objective, {'g': start.params['g'], 'q': start.params['q']})
    close({n: state.params[n] for n in ('g', 'q')}, own)
    close(metrics['g/loss'][0], value)


def test_a_third_player_moves_its_net_alone():
    def forward_e(context):
        return context.apply_and_update('e', context.batch['point'])

    rebuild = terms.reconstruction(
        lambda context, out: out, lambda context, out: context.batch['point'], 'l2'
    )
    encoder = Player(('e',), forward_e, {'rebuild': rebuild}, optax.sgd(0.1))
    two = toys.game(latents=toys.given_latents)
    three = two._replace(nets={**two.nets, 'e': toys.generator()}, players={**two.players, 'e': encoder})
    batch, start = toys.batch(), toys.init(three)
    state, metrics = jitted(three)(start, batch)
    x = batch['point']
    value, e = descend(lambda p: jnp.mean((make_fakes(p, x) - x) ** 2), start.params['e'])
    close(state.params['e'], e)
    close(metrics['e/rebuild'], (value, 1.0))
    before, _ = jitted(two)(toys.init(two), batch)
    close({n: state.params[n] for n in 'gd'}, before.params)


# --- composition, and what a move leaves alone
# ------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize('updates', [3])
def test_make_step_is_its_updates_and_the_finish(updates):
    game = toys.game(noise=0.5, d={'updates': updates, 'optimizer': optax.adam(0.1)}, ema={'g': 0.9})
    batch = toys.batch(6 * updates)
    whole, metrics = jitted(game)(toys.init(game), batch)
    state, parts = toys.init(game), []
    for turn in range(updates):
        rows = jax.tree.map(lambda x: x[turn::updates], batch)  # noqa: B023
        state, seen = jax.jit(steps.make_update(game, 'd', turn))(state, rows)
        parts.append(seen)
    state, last = jax.jit(steps.make_update(game, 'g'))(state, rows)
    assert int(state.step) == 0
    # By itself every update runs the generator, so its statistics advance more often than in the step.
    state = state.replace(model_state={**state.model_state, 'g': whole.model_state['g']})
    close(steps.finish(game, state), whole)
    for name in parts[0]:
        total, count = jax.tree.map(lambda *x: sum(x), *(p[name] for p in parts))
        close(metrics[name], (total, count))
        assert count == updates
    close(metrics['g/loss'], last['g/loss'])


@pytest.mark.slow
@pytest.mark.parametrize(('mover', 'other'), [('d', 'g'), ('g', 'd')])
def test_a_move_leaves_the_others_bit_for_bit(mover, other):
    adam = {'optimizer': optax.adam(0.1)}
    game = toys.game(d=adam, g=adam, d_terms={'r1': penalties.r1(forward.POINTS)})
    start, _ = run(game, 1)
    state, _ = jax.jit(steps.make_update(game, mover))(start, toys.batch(seed=9))
    same(state.params[other], start.params[other])
    same(state.opt_state[other], start.opt_state[other])
    same(state.key, start.key)
    assert differ(state.params[mover], start.params[mover])
    assert differ(state.opt_state[mover], start.opt_state[mover])


def test_a_move_that_the_game_has_not_is_refused():
    with pytest.raises(GaxError, match="unknown player 'discriminator'; valid: d, g"):
        steps.make_update(toys.game(), 'discriminator')
    with pytest.raises(KeyError):
        steps.make_update(toys.game(), 'd', turn=1)


# --- draws
# ------------------------------------------------------------------------------------------------------


def mean_of_fakes(context, out):
    return {'fakes': jnp.mean(context.fakes['point']), 'reals': jnp.mean(context.batch['point'])}


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        ({}, [('d', 0, 0), ('g', 0, 0)]),
        ({'d': {'updates': 2}}, [('d', 0, 0), ('d', 1, 1), ('g', 0, 1)]),
        ({'g': {'updates': 2}}, [('d', 0, 0), ('g', 0, 0), ('g', 1, 1)]),
        ({'g': {'resample': True}}, [('d', 0, 0), ('g', 0, 1)]),
        ({'d': {'resample': True}}, [('d', 0, 0), ('g', 0, 0)]),
    ],
    ids=str,
)
def test_the_plan_of_a_step(changes, expected):
    game = toys.game(**changes)
    assert updates.moves(game) == expected
    assert updates.batches_per_step(game) == 1 + expected[-1][-1]


def test_every_critic_move_has_fakes_of_its_own():
    game = toys.game(d={'updates': 3, 'summary': mean_of_fakes}, rate=0.0)
    start = toys.init(game)

    @jax.jit
    def means_of_fakes(state):
        moves = [steps.make_update(game, 'd', turn)(state, toys.batch()) for turn in range(3)]
        return jnp.stack([metrics['d/fakes'][0] for _, metrics in moves])

    first, later = means_of_fakes(start), means_of_fakes(start.replace(step=start.step + 1))
    assert len(np.unique(jnp.concatenate([first, later]))) == 6
    np.testing.assert_array_equal(means_of_fakes(start), first)


def test_rows_are_dealt_out_in_turn():
    """An optimizer that appends digits, params <- 10 params + gradient, tells which rows each move saw, in
    order.
    """
    append = optax.GradientTransformation(
        lambda params: (),
        lambda grads, state, params: (jax.tree.map(lambda g, p: 9 * p + g, grads, params), state),
    )
    net = Net(lambda key: (jnp.float32(0.0), {}), lambda params, state, train, key: (params, state))
    term = terms.stateless(lambda context, out: out * jnp.sum(context.batch['point']))
    player = Player(('p',), lambda context: context.apply_and_update('p'), {'sum': term}, append, updates=3)
    game = Game({'p': net}, {'p': player})
    state, _ = jitted(game)(toys.init(game), {'point': jnp.array([1.0, 2, 3, 4, 5, 6])})
    assert float(state.params['p']) == 579  # 1 + 4, 2 + 5, 3 + 6


def test_fresh_fakes_and_shared_fakes():
    watch = {'summary': mean_of_fakes}
    shared = toys.game(d=watch, g=watch, rate=0.0)
    _, metrics = jitted(shared)(toys.init(shared), toys.batch())
    assert metrics['d/fakes'] == metrics['g/fakes']
    assert metrics['d/reals'] == metrics['g/reals']
    fresh = toys.game(d=watch, g={**watch, 'resample': True}, rate=0.0)
    state, metrics = jitted(fresh)(toys.init(fresh), toys.batch(12))
    assert metrics['d/fakes'] != metrics['g/fakes']
    assert metrics['d/reals'] != metrics['g/reals']
    assert state.model_state['g'] == {'calls': 2}


def test_two_generator_moves_are_two_gradients():
    """The second is taken where the first has led, through a pass of its own."""
    game = toys.game(g={'updates': 2}, latents=toys.given_latents)
    batch, start = toys.batch(12), toys.init(game)
    state, metrics = jitted(game)(start, batch)
    d, g = state.params['d'], start.params['g']
    for draw in range(2):
        z = batch['z'][draw::2]
        _, g = descend(lambda p, z=z: jnp.mean(jax.nn.softplus(-score(d, make_fakes(p, z)))), g)
    close(state.params['g'], g)
    assert metrics['g/loss'][1] == 2


@pytest.mark.parametrize('order', with_slow(['dg', 'gd'], 1))
def test_simultaneous_moves_do_not_depend_on_their_order(order):
    """Also where the second player draws fakes of its own, after the first has moved."""
    game = toys.game(
        latents=toys.given_latents, simultaneous=True, d={'resample': True}, g={'resample': True}
    )
    game = game._replace(players={name: game.players[name] for name in order})
    half = toys.batch()
    batch = jax.tree.map(lambda x: jnp.repeat(x, 2, axis=0), half)  # both draws have the same rows
    start = toys.init(game)
    state, _ = jitted(game)(start, batch)
    alone, _ = jitted(toys.game(latents=toys.given_latents, simultaneous=True))(start, half)
    close(state.params, alone.params)


# --- terms
# ------------------------------------------------------------------------------------------------------


def boom(context, out, state):
    raise AssertionError('a term of weight 0 was traced')


def uniform(context, out):
    return jax.random.uniform(context.rng('u'))


def test_weight_zero_removes_a_term():
    removed = {'off': Term(boom, weight=0.0, init=lambda: jnp.ones(3)), 'int': Term(boom, weight=0)}
    plain, with_removed = toys.game(noise=1.0), toys.game(removed, removed, noise=1.0)
    left, right = run(plain, 3), run(with_removed, 3)
    same(left, right)
    with pytest.raises(AssertionError, match='was traced'):
        run(toys.game({'on': Term(boom, weight=1e-9)}), 1)


def test_a_term_changes_nobody_elses_random_draws():
    """D's own noise, the latents, and the draws of another term stay what they are."""
    lone = toys.game({'random': terms.stateless(uniform)}, noise=1.0, d={'summary': mean_of_fakes})
    more = toys.game(
        {
            'first': terms.stateless(uniform),
            'random': terms.stateless(uniform),
            'gp': penalties.wgan_gp(forward.POINTS),
        },
        {'last': terms.stateless(uniform)},
        noise=1.0,
        d={'summary': mean_of_fakes},
    )
    _, alone = jitted(lone)(toys.init(lone), toys.batch())
    _, together = jitted(more)(toys.init(more), toys.batch())
    for name in ('d/random', 'd/adversarial', 'd/fakes'):
        same(together[name], alone[name])
    streams = [float(together[name][0]) for name in ('d/first', 'd/random', 'g/last')]
    assert len(set(streams)) == 3
    _, (first, second) = run(lone, 2)
    assert first['d/random'] != second['d/random']


@pytest.mark.slow
def test_a_player_changes_nobody_elses_random_draws():
    game = toys.game({'random': terms.stateless(uniform)}, noise=1.0)
    extra = Player(('e',), lambda context: (None, context), {'r': terms.stateless(uniform)}, optax.sgd(0.1))
    larger = game._replace(nets={**game.nets, 'e': toys.generator()}, players={'e': extra, **game.players})
    small, large = (jitted(g)(toys.init(g), toys.batch()) for g in (game, larger))
    for name in small[1]:
        close(large[1][name], small[1][name])


def test_weights_scale_the_gradient_and_may_be_schedules():
    start, batch, plain = toys.init(toys.game()), toys.batch(), jitted(toys.game())
    decay = terms.stateless(lambda context, out: 0.5 * jnp.sum(context.params['d']['w'] ** 2))
    without, _ = plain(start, batch)
    reference, _ = plain(start.replace(step=jnp.int32(4)), batch)
    for weight in (0.5, lambda step: step / 8):
        game = toys.game({'decay': decay._replace(weight=weight)})
        begin = toys.init(game).replace(step=jnp.int32(4))
        state, metrics = jitted(game)(begin, batch)
        w = start.params['d']['w']
        close(state.params['d']['w'], reference.params['d']['w'] - 0.1 * 0.5 * w, 1e-5)
        close(metrics['d/decay'], (0.5 * jnp.sum(w**2), 1.0))
        close(metrics['d/loss'][0], metrics['d/adversarial'][0] + 0.25 * jnp.sum(w**2))
    assert differ(without.params, reference.params)  # other latents at step 4


# --- lazy terms
# -------------------------------------------------------------------------------------------------


def counter(**fields):
    """Counts its own evaluations; its value is the number of those before."""
    return Term(lambda context, out, state: (state, state + 1), init=lambda: jnp.zeros(()), **fields)


def lazy_game(every=3):
    return toys.game(
        {
            'r1': penalties.r1(forward.POINTS, weight=2.0, every=every),
            'count': counter(every=2),
            'always': counter(),
        },
        noise=0.3,
    )


@pytest.mark.parametrize('every', [2, pytest.param(3, marks=pytest.mark.slow)])
def test_programs_of_due_terms_equal_the_masked_program(every):
    """R1 every second step, as another term is: two programs; every third: four."""
    game = lazy_game(every)
    masked, masked_metrics = run(game, 6)
    assert updates.lazy_terms(game) == {'d/r1': every, 'd/count': 2}
    programs, state, seen = {}, toys.init(game), []
    for i in range(6):
        due = updates.due_terms(game, i)
        step = programs.setdefault(due, jitted(game, due))
        state, metrics = step(state, toys.batch(seed=i))
        seen.append(metrics)
    close(state, masked)
    assert len(programs) == {2: 2, 3: 4}[every]
    counts = [int(m['d/r1'][1]) for m in seen]
    assert counts == {2: [1, 0, 1, 0, 1, 0], 3: [1, 0, 0, 1, 0, 0]}[every]
    assert [float(m['d/count'][1]) for m in seen] == [1, 0, 1, 0, 1, 0]
    for due_metrics, expected in zip(seen, masked_metrics, strict=True):
        close(due_metrics, expected)
    assert state.term_state['d']['count'] == 3  # evaluated at 0, 2, 4
    assert state.term_state['d']['always'] == 6
    assert [float(m['d/always'][0]) for m in seen] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize('masked', [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_due_lazy_term_counts_k_times_in_the_loss_and_once_in_its_metric(masked):
    game = lazy_game(every=4)
    for step, scale in ((4, 4), (5, 0)):
        due = None if masked else updates.due_terms(game, step)
        start = toys.init(game).replace(step=jnp.int32(step))
        _, metrics = jitted(game, due)(start, toys.batch())
        value, count = metrics['d/r1']
        assert count == (scale > 0)
        assert (float(value) > 0) == (scale > 0)
        rest = metrics['d/loss'][0] - metrics['d/adversarial'][0]
        close(rest, scale * 2.0 * value, 1e-5)


def test_a_lazy_term_is_not_in_the_program_of_other_steps():
    game = toys.game({'off': Term(boom, every=5)})
    jitted(game, frozenset())(toys.init(game), toys.batch())
    with pytest.raises(AssertionError, match='was traced'):
        jitted(game, frozenset({'d/off'}))(toys.init(game), toys.batch())


# --- several updates of a player are traced once
# ----------------------------------------------------------------


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        ({}, [[0], [1]]),
        ({'d': {'updates': 2}}, [[0], [1], [2]]),
        ({'d': {'updates': 5}}, [[0, 1, 2, 3], [4], [5]]),
        ({'g': {'updates': 4}}, [[0], [1], [2, 3, 4]]),
        ({'g': {'updates': 4, 'resample': True}}, [[0], [1, 2, 3, 4]]),
        ({'d': {'updates': 3}, 'g': {'updates': 3}}, [[0, 1], [2], [3], [4, 5]]),
    ],
    ids=str,
)
def test_which_updates_are_traced_together(changes, expected):
    """Consecutive updates of one player, on draws that no other update uses."""
    plan = updates.moves(toys.game(**changes))
    assert [[plan.index(move) for move in group] for group in updates.groups(plan)] == expected
    assert updates.groups(plan, unroll=True) == [[move] for move in plan]


def watched(traces, player):
    """A term that notes each time it is traced."""

    def fn(context, out):
        traces.append(player)
        return jnp.zeros(())

    return {'watched': terms.stateless(fn)}


DUE = frozenset({'d/r1'})


@pytest.mark.parametrize(
    ('simultaneous', 'due'),
    [
        (False, DUE),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in ((False, None), (True, None), (True, DUE))),
    ],
)
def test_updates_that_are_traced_together_compute_what_they_compute_one_by_one(simultaneous, due):
    """Statistics, noise, terms with a state, lazy terms and moving averages: the same state, bit for bit.

    Metrics are sums over the updates, added in another order.
    """
    traces = []
    player = {'updates': 3, 'optimizer': optax.adam(0.05), 'summary': mean_of_fakes}
    d_terms = {
        'r1': penalties.r1(forward.POINTS, every=2),
        'count': counter(weight=0.1),
        **watched(traces, 'd'),
    }
    game = toys.game(
        d_terms,
        watched(traces, 'g'),
        noise=0.5,
        d=player,
        g={**player, 'resample': True},
        simultaneous=simultaneous,
        ema={'g': 0.9},
    )
    scanned, seen = run(game, 2, step=jax.jit(steps.make_step(game, due)))
    assert (traces.count('d'), traces.count('g')) == (1, 1)
    unrolled, expected = run(game, 2, step=jax.jit(steps.make_step(game, due, unroll=True)))
    assert (traces.count('d'), traces.count('g')) == (1 + 3, 1 + 3)
    same(scanned, unrolled)
    assert [list(metrics) for metrics in seen] == [list(metrics) for metrics in expected]
    close(seen, expected)


# --- model state
# ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('penalty', [False, True])
def test_statistics_advance_once_per_main_pass_and_never_from_penalties(penalty):
    found = {name: make(forward.POINTS) for name, make in penalties.PENALTIES.items()}
    game = toys.game(
        found if penalty else {}, d={'forward': forward.score_both(forward.POINTS), 'updates': 2}
    )
    state, _ = run(game, 3)
    # Per step: two moves of D, each over reals and over fakes, and one pass in G's move; a generator pass a
    # draw.
    assert state.model_state == {'d': {'calls': 3 * 5}, 'g': {'calls': 3 * 2}}


def test_terms_see_the_statistics_of_after_the_main_pass():
    look = terms.stateless(
        lambda context, out: context.model_state['d']['calls'].astype(jnp.float32), weight=1e-9
    )
    _, (metrics, *_) = run(toys.game({'look': look}), 1)
    assert metrics['d/look'][0] == 2


# --- swapped gradients, traced hyperparameters
# ------------------------------------------------------------------


def clipped(limit):
    """Per-example gradients, each scaled down to norm `limit`, averaged: differentially private but for the
    noise.
    """

    def grad(loss, argnums, has_aux):
        def one(own, fakes, data, key):
            row = lambda tree: jax.tree.map(lambda x: x[None], tree)  # noqa: E731
            value, gradient = jax.value_and_grad(loss, argnums, has_aux=has_aux)(
                own, row(fakes), row(data), key
            )
            scale = jnp.minimum(1.0, limit / optax.tree.norm(gradient))
            return value, jax.tree.map(lambda g: g * scale, gradient)

        def mean(own, fakes, data, key):
            rows = jax.vmap(one, (None, 0, 0, None))(own, fakes, data, key)
            return jax.tree.map(lambda x: jnp.mean(x, axis=0), rows)

        return mean

    return grad


def tiny(rate=0.1, weight=0.0):
    """The config of an MLP GAN on a ring, built from numbers that may be tracers."""
    config = import_module('configs.mlp2d').get_test_config()
    config.g.net.widths = config.d.net.widths = (8,)
    config.d.optimizer = optimizer('sgd', 0.1)
    with config.ignore_type():
        config.d.optimizer.learning_rate = rate
        config.terms.r1 = term_registry.section('r1', weight=weight)
    return config


def test_sizes_of_gradient_update_and_parameters_by_hand():
    """A player of two nets, x = 3 and y = (1, 2): of x^2 + 2 y.y the gradient is (6, 4, 8), of norm sqrt 116;
    an update of gradient descent is a tenth of it; the parameters, before the move, are of norm sqrt 14. Two
    moves are two entries.
    """
    nets = {
        'x': toys.net(lambda key: jnp.array(3.0), None),
        'y': toys.net(lambda key: {'a': jnp.array([1.0]), 'b': jnp.array([2.0])}, None),
    }

    def value(context, out):
        y = context.params['y']
        return context.params['x'] ** 2 + 2 * jnp.sum(y['a'] ** 2 + y['b'] ** 2)

    player = Player(
        ('x', 'y'), lambda context: ({}, context), {'value': terms.stateless(value)}, optax.sgd(0.1)
    )
    game = Game(nets, {'one': player})
    _, metrics = jax.jit(steps.make_step(game))(toys.init(game), {})
    expected = {'grad_norm': 116**0.5, 'update_norm': 0.1 * 116**0.5, 'param_norm': 14**0.5}
    for name, size in expected.items():
        toys.close(metrics[f'one/{name}'], (np.float32(size), np.float32(1.0)), 1e-6)
    # After the first move x = 2.4, y = (0.6, 1.2).
    game = game._replace(players={'one': player._replace(updates=2)})
    _, metrics = jax.jit(steps.make_step(game))(toys.init(game), {})
    second = {'grad_norm': (4.8**2 + 2.4**2 + 4.8**2) ** 0.5, 'param_norm': (2.4**2 + 0.6**2 + 1.2**2) ** 0.5}
    for name, size in second.items():
        toys.close(metrics[f'one/{name}'], (np.float32(expected[name] + size), np.float32(2.0)), 1e-6)


@pytest.mark.slow
def test_a_swapped_gradient_clips_per_example():
    config = tiny(rate=1.0)
    source = data.load(config)
    plain = gans.make(config, source.spec)
    batch = source.read(source.arrays, jnp.zeros(16, jnp.int32), jax.random.key(0))
    start = jax.jit(lambda: toys.init(plain))()
    reference, _ = jitted(plain)(start, batch)

    @jax.jit
    def moved(limit):
        player = plain.players['d']._replace(grad=clipped(limit))
        game = plain._replace(players={**plain.players, 'd': player})
        state, metrics = steps.make_step(game)(start, batch)
        change = jax.tree.map(lambda a, b: a - b, state.params['d'], start.params['d'])
        return state, metrics, optax.tree.norm(change)

    state, metrics, _ = moved(1e9)
    close(state, reference, 1e-5)
    _, _, length = moved(1e-3)
    assert 1e-4 < length <= 1e-3 * 1.001
    assert metrics['d/loss'][1] == 1


def test_hyperparameters_may_be_traced():
    """vmap over (learning rate, penalty weight, seed) of making, initialising and training a game."""

    def train(rate, weight, seed):
        config = tiny(rate, weight)
        source = data.load(config)
        game = gans.make(config, source.spec)
        step = steps.make_step(game)

        def body(state, _):
            key = rng.at_step(state.key, state.step)
            return step(state, source.read(source.arrays, jnp.zeros(16, jnp.int32), key))

        state, metrics = jax.lax.scan(body, steps.init(game, rng.root(seed)), None, 2)
        return state.params, metrics['d/r1']

    settings = [(0.1, 0.5, 0), (0.02, 3.0, 1), (0.3, 0.1, 7)]
    columns = [jnp.asarray(column) for column in zip(*settings, strict=True)]
    many = jax.jit(jax.vmap(train))(*columns)
    results = [jax.tree.map(lambda x, i=i: x[i], many) for i in range(len(settings))]
    alone = jax.jit(lambda: train(*settings[1]))()  # its numbers are Python's
    close(results[1], alone, 1e-5)
    for left, right in itertools.combinations(results, 2):
        assert differ(left, right)


# --- the state
# --------------------------------------------------------------------------------------------------


def test_a_fresh_state_can_be_donated():
    """No two leaves share a buffer, and none is the caller's."""
    game = toys.game(d={'optimizer': optax.adam(0.1)}, ema={'g': 0.9, 'd': 0.5})
    key = rng.root(0)
    step = jax.jit(steps.make_step(game), donate_argnums=0)
    for wrap in (lambda fn: fn, jax.jit):
        state = wrap(lambda key: steps.init(game, key))(key)
        step(state, toys.batch())
        assert state.step.is_deleted()
        np.asarray(key)  # would raise if it had gone with the state


def test_init_is_a_function_of_the_seed_and_of_each_nets_name():
    game = toys.game(ema={'g': 0.9})
    same(toys.init(game), toys.init(game))
    assert differ(toys.init(game, 1).params, toys.init(game, 0).params)
    with_more = game._replace(nets={'a': toys.discriminator(), **game.nets})
    same(toys.init(with_more).params['d'], toys.init(game).params['d'])
    assert differ(toys.init(with_more).params['a'], toys.init(game).params['d'])
    state = toys.init(game)
    same(state.ema['g'], {'params': state.params['g'], 'model_state': state.model_state['g']})


def test_finish_moves_averages_and_counts():
    game = toys.game(ema={'g': lambda step: jnp.where(step == 4, 0.75, 0.0)})
    state = toys.init(game).replace(step=jnp.int32(4))
    state = state.replace(params={**state.params, 'g': jax.tree.map(lambda x: x + 4.0, state.params['g'])})
    after = jax.jit(lambda s: steps.finish(game, s))(state)
    close(after.ema['g']['params'], jax.tree.map(lambda x: x - 3.0, state.params['g']))
    assert after.step == 5
    same(after.params, state.params)
