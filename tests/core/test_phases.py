"""Static phases: each is a program of its own, players who rest are left alone, and resuming is exact."""

import jax
import numpy as np
import pytest

from gax.core import forward, metrics, sample, updates
from gax.core import step as steps
from gax.core.types import Phase
from gax.distributed import sharding
from gax.errors import GaxError
from gax.training import experiment, fixed_samples, programs
from tests.helpers import tinyruns, toys
from tests.helpers.toys import differ, same

PHASED = 'tests.helpers.recipes.phased'
SMALL = {'g.net.widths': (8,), 'd.net.widths': (8,), 'data.name': 'synthetic:ring'}


class Run:
    def __init__(self):
        config = tinyruns.config(gan=PHASED, **SMALL)
        self.built = experiment.build(config, sharding.mesh(jax.devices()[:1]))
        self.fresh = jax.device_get(experiment.init(self.built))
        self.advance = programs.advancer(self.built)

    def go_on(self, host, start, *counts):
        carry = jax.device_put(jax.tree.map(np.array, host), sharding.replicated(self.built.mesh))
        for count in counts:
            carry = self.advance(carry, start, count)
            start += count
        return jax.device_get(carry)


@pytest.fixture(scope='module')
def run():
    return Run()


def test_players_who_rest_are_left_alone(run):
    three = run.go_on(run.fresh, 0, 3)
    six = run.go_on(three, 3, 3)
    before, middle, after = (carry.state for carry in (run.fresh, three, six))
    same(middle.params['d'], before.params['d'])
    same(middle.opt_state['d'], before.opt_state['d'])
    assert differ(middle.params['g'], before.params['g'])
    same(after.opt_state['first'], middle.opt_state['first'])
    assert differ(after.params['d'], middle.params['d'])
    counts = {name: float(count) for name, (_, count) in six.meter.totals.items()}
    assert (counts['first/distance'], counts['d/loss'], counts['g/loss']) == (3, 3, 3)
    assert 'd/loss' not in metrics.means(three.meter)


def test_resuming_is_exact_within_and_across_phases(run):
    whole = run.go_on(run.fresh, 0, 6)
    for parts in ((1, 5), (2, 2, 2), (3, 3), (4, 2)):
        same(run.go_on(run.fresh, 0, *parts), whole)
    carry, start = run.fresh, 0
    for count in (2, 2, 2):  # through the host, as a checkpoint goes
        carry = run.go_on(carry, start, count)
        start += count
    same(carry, whole)


def test_each_phase_is_one_program(run):
    plan = programs.plan_of(run.built.game, 0, 6)
    assert [(active.phase, count) for active, count in plan] == [('warmup', 3), ('adversarial', 3)]
    fakes = [fixed_samples.sampler(run.built, 4)(run.go_on(run.fresh, 0, n).state)['point'] for n in (1, 4)]
    assert fakes[0].shape == fakes[1].shape == (4, 2)


def test_terms_may_be_of_a_phase():
    game = toys.game(phases=(Phase('a', 0), Phase('b', 5)))
    d = game.players['d']
    d = d._replace(terms={**d.terms, 'adversarial': d.terms['adversarial']._replace(phases=('b',))})
    game = game._replace(players={**game.players, 'd': d})
    state = toys.init(game)
    names = {
        phase: set(jax.eval_shape(steps.make_step(game, None, phase), state, toys.batch())[1])
        for phase in 'ab'
    }
    assert names['b'] - names['a'] == {'d/adversarial'}


def test_what_a_net_sees_of_the_phase():
    seen = []

    def generate(context):
        seen.append((context.phase, context.train))
        return forward.generate('point')(context)

    game = toys.game(phases=(Phase('a', 0), Phase('b', 5)), generate=generate)
    jax.eval_shape(steps.make_step(game, None, 'a'), toys.init(game), toys.batch())
    sample.sample(game, toys.init(game), jax.random.key(0), 2)
    assert seen == [('a', True), ('b', False)]


@pytest.mark.parametrize(
    ('phases', 'message'),
    [
        ((Phase('a', 1),), 'start at step 0'),
        ((Phase('a', 0), Phase('b', 0)), 'each later than the one before'),
        ((Phase('a', 0), Phase('a', 3)), 'a name of its own'),
    ],
)
def test_phases_that_cannot_be(phases, message):
    with pytest.raises(GaxError, match=message):
        updates.check(toys.game(phases=phases))


def test_a_phase_nobody_plays_in_and_one_that_is_not_there():
    game = toys.game(phases=(Phase('warmup', 0), Phase('b', 5)))
    resting = {name: player._replace(phases=('b',)) for name, player in game.players.items()}
    with pytest.raises(GaxError, match="no player moves in phase 'warmup'"):
        updates.check(game._replace(players=resting))
    wrong = game.players['d']._replace(phases=('warm',))
    with pytest.raises(GaxError, match=r"'warm'.*warmup"):
        updates.check(game._replace(players={**game.players, 'd': wrong}))
    with pytest.raises(GaxError, match='phase of training'):
        steps.make_step(game)
