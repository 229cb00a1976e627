"""Microbatches against the whole batch, and extragradient and optimism on the game xy, whose paths are
known.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gax.config import optimizer
from gax.core import forward, optimizers, wrappers
from gax.core import step as steps
from gax.core.types import Game, Player
from gax.errors import GaxError
from gax.objectives import penalties, term_registry, terms
from tests.helpers import toys
from tests.helpers.cases import with_slow


def bilinear(opt, simultaneous=True, **fields):
    """min over x, max over y of x y, from (1, 1)."""
    one = toys.net(lambda key: jnp.ones(()), None)
    value = lambda context, out: context.params['x'] * context.params['y']  # noqa: E731
    players = {
        name: Player(
            (name,), lambda context: ({}, context), {'value': terms.stateless(value, weight=sign)}, opt
        )
        for name, sign in (('x', 1.0), ('y', -1.0))
    }
    return Game({'x': one, 'y': one}, players, simultaneous=simultaneous, **fields)


def radius(game, count):
    """The distance from the solution (0, 0) after `count` steps, over that at the start."""
    step = jax.jit(lambda s: jax.lax.fori_loop(0, count, lambda i, s: steps.make_step(game)(s, {})[0], s))
    state = step(toys.init(game))
    assert int(state.step) == count
    return float(optax.tree.norm(state.params)) / np.sqrt(2), state


def looking_ahead(game):
    return game._replace(wrap=wrappers.extragradient(game))


def test_extragradient_on_the_bilinear_game():
    """Per step the radius is multiplied by |1 - h^2 + i h| = sqrt(1 - h^2 + h^4); plain descent by sqrt(1 +
    h^2).
    """
    sgd = bilinear(optax.sgd(0.1))
    assert radius(sgd, 200)[0] == pytest.approx(1.01**100, rel=1e-4)  # 2.7048
    assert radius(looking_ahead(sgd), 200)[0] == pytest.approx((1 - 0.01 + 0.0001) ** 100, rel=1e-4)


@pytest.mark.parametrize(
    ('name', 'plain', 'rate', 'given', 'count', 'leaves', 'ends'),
    [
        ('optimistic_gradient_descent', 'sgd', 0.1, {}, 1000, 1.0, 0.1),
        # Without momentum: with it, see below.
        ('optimistic_adam_v2', 'adam', 0.01, {'b1': 0.0}, 10_000, 0.6, 0.01),
    ],
)
def test_optimism_converges_where_its_plain_namesake_does_not(name, plain, rate, given, count, leaves, ends):
    """Chosen by their optax names. Daskalakis et al., "Training GANs with Optimism", 2018."""
    far, near = (
        radius(bilinear(optimizers.make(optimizer(n, rate, **given))), count)[0] for n in (plain, name)
    )
    assert far > leaves
    assert near < ends


def test_with_momentum_optimistic_adam_runs_away_as_adam_does():
    """b1 = 0.9: 2.6 and 2.7 times as far from the solution after 20,000 steps."""
    for name in ('optimistic_adam_v2', 'adam'):
        assert 2.3 < radius(bilinear(optimizers.make(optimizer(name, 0.01, b1=0.9))), 20_000)[0] < 3.0


def test_extragradient_counts_once_and_averages_the_final_parameters():
    """By hand: p' = p + u(p), then p + u(p'), with one pass of statistics; the average of decay 0.5 is
    halfway.
    """
    adam = optax.adam(0.1)
    game = toys.game(d={'optimizer': adam}, g={'optimizer': adam}, ema={'g': 0.5})
    start, batch = toys.init(game), toys.batch()
    after, metrics = jax.jit(steps.make_step(looking_ahead(game)))(start, batch)
    step = jax.jit(steps.make_step(game))
    once, _ = step(start, batch)
    there, expected = step(start.replace(params=once.params), batch)
    toys.close(after.params, jax.tree.map(lambda p, a, b: p + b - a, start.params, once.params, there.params))
    assert toys.differ(after.params, once.params)
    toys.same(after.model_state, once.model_state)
    assert (int(after.step), int(after.opt_state['d'][0].count)) == (1, 1)
    toys.close(
        after.ema['g']['params'], jax.tree.map(lambda p, q: (p + q) / 2, start.params['g'], after.params['g'])
    )
    toys.close(metrics, expected)


def test_extragradient_wraps_around_a_game_s_own_wrapper():
    def frozen(step):
        return lambda state, batch: (state.replace(params=step(state, batch)[0].params), {})

    game = bilinear(optax.sgd(0.1), wrap=frozen)
    after, _ = steps.make_step(looking_ahead(game))(toys.init(game), {})
    assert float(after.params['x']) == pytest.approx(1 - 0.1 * 1.1)  # x - h (y + h x)


def test_from_config():
    game = bilinear(optax.sgd(0.1))
    assert wrappers.from_config(config(False), game) == game
    assert wrappers.from_config(config(True), game).wrap is not game.wrap


def config(value):
    made = optimizer()
    made.update({'extragradient': value, 'precision': 'float32', 'remat': ''})
    return made


LOSSES = ('d/loss', 'd/r1', 'd/adversarial', 'g/loss', 'g/adversarial')


@pytest.mark.parametrize(('count', 'loss'), with_slow([(2, 'non_saturating'), (4, 'relativistic')], 1))
def test_microbatches_are_the_large_batch(count, loss):
    """Every player's step, its metrics, and a term's state, for means over examples that do not see one
    another.
    """
    extra = {'r1': penalties.r1(forward.POINTS, weight=0.5), 'lecam': term_registry.D_TERMS['lecam'](start=5)}
    whole = toys.game(extra, loss=loss)
    game = toys.game(
        extra, loss=loss, d={'grad': wrappers.accumulate(count)}, g={'grad': wrappers.accumulate(count)}
    )
    batch = toys.batch(8)
    (one, seen), (parts, also) = (jax.jit(steps.make_step(g))(toys.init(g), batch) for g in (whole, game))
    toys.close(parts.params, one.params, 2e-6)
    toys.same(parts.model_state, one.model_state)
    toys.close({n: also[n] for n in LOSSES}, {n: seen[n] for n in LOSSES}, 2e-6)
    toys.close(parts.term_state, one.term_state, 2e-6)


def test_microbatches_by_count():
    assert wrappers.accumulate(1) is jax.value_and_grad
    game = toys.game(d={'grad': wrappers.accumulate(4)})
    with pytest.raises(GaxError, match=r'config\.accumulate=4 must divide the 6 rows'):
        steps.make_step(game)(toys.init(game), toys.batch(6))


def test_microbatches_draw_their_own_random_numbers():
    """Four rows alike, with noise of deviation 5 on each logit: two draws of two rows are not one draw of
    four.
    """
    batch = jax.tree.map(lambda x: jnp.repeat(x[:1], 4, axis=0), toys.batch(4))
    game = toys.game(noise=5.0, loss='wasserstein')
    player = game.players['d']

    def loss(player):
        made = game._replace(players={**game.players, 'd': player})
        update = jax.jit(steps.make_update(made, 'd'))
        return float(update(toys.init(made), batch)[1]['d/adversarial'][0])

    found = [loss(player._replace(grad=wrappers.accumulate(count))) for count in (1, 2, 4)]
    assert len(set(found)) == 3


def test_nets_are_named_by_themselves_or_by_their_player():
    """A net goes before a player of the same name, and each net is named once."""
    player = Player((), None, {}, None)
    nets = dict.fromkeys(('mapping', 'synthesis', 'd'))
    game = Game(
        nets, {'g': player._replace(nets=('mapping', 'synthesis')), 'd': player._replace(nets=('d',))}
    )
    assert wrappers.named('config.remat', 'g,d', game) == ['mapping', 'synthesis', 'd']
    assert wrappers.named('config.remat', 'synthesis, g', game) == ['synthesis', 'mapping']
    assert wrappers.named('config.remat', '', game) == []
    with pytest.raises(
        GaxError, match=r"^unknown network in config\.remat 'e'.*; valid: d, g, mapping, synthesis$"
    ):
        wrappers.named('config.remat', 'e', game)
