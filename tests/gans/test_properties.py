"""One table of properties, over every config (and so every recipe): a new file in configs/ is taken up by
itself.
"""

from functools import cache
from importlib import import_module
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gax import gans
from gax.core import metrics, rng
from gax.core import step as steps
from gax.distributed import sharding
from gax.training import experiment
from gax.training.experiment import Carry
from tests.helpers import forget
from tests.helpers.toys import close, differ, same

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(path.stem for path in (ROOT / 'configs').glob('*.py') if path.stem != '__init__')
TEST_CONFIGS = [name for name in CONFIGS if hasattr(import_module(f'configs.{name}'), 'get_test_config')]


def config_of(name):
    return import_module(f'configs.{name}').get_test_config()


def build(config, devices=1):
    return experiment.build(config, sharding.mesh(jax.devices()[:devices]))


def place(host, mesh):
    """NumPy arrays onto the devices, in buffers that a program may take over."""
    return jax.device_put(jax.tree.map(np.array, host), sharding.replicated(mesh))


def one_batch(built, draws=1):
    """The first rows of the data, as many as `draws` moves see."""
    indices = jnp.arange(draws * built.config.batch_size, dtype=jnp.int32)
    return built.source.read(built.arrays, indices, jax.random.key(0))


class Traced:
    """An experiment that counts how often its step is traced, its programs, and its first steps."""

    def __init__(self, name):
        self.traces = 0
        built = build(config_of(name))
        read = built.source.read

        def counting(*arguments):
            self.traces += 1
            return read(*arguments)

        self.experiment = built._replace(source=built.source._replace(read=counting))
        self.fresh = jax.device_get(experiment.init(self.experiment))
        self.traces = 0  # init asks for the metrics' shapes
        self.advance = experiment.advancer(self.experiment)
        self.three = self.go_on(self.fresh, 0, 3)
        self.six = self.go_on(self.fresh, 0, 6)

    def go_on(self, host, start, count):
        carry = place(host, self.experiment.mesh)
        for step in range(start, start + count):
            carry = self.advance(carry, step, 1)
        return jax.device_get(carry)


traced = cache(Traced)


@pytest.fixture(scope='module', params=TEST_CONFIGS)
def name(request):
    yield request.param
    forget.compiled(request.module)


def test_every_config_has_a_test_variant_and_every_recipe_a_config():
    assert TEST_CONFIGS == CONFIGS
    used = {config_of(name).gan for name in CONFIGS}
    assert used == set(gans.names())


def test_a_few_steps_are_finite_and_move_every_player(name):
    run = traced(name)
    assert int(run.six.state.step) == 6
    for leaf in jax.tree.leaves(run.six.state):
        assert np.all(np.isfinite(leaf))
    assert metrics.first_bad(run.six.meter) is None
    for player in run.experiment.game.players.values():
        for net in player.nets:
            assert differ(run.six.state.params[net], run.fresh.state.params[net]), net
    for net in run.experiment.game.ema:
        assert differ(run.six.state.ema[net]['params'], run.six.state.params[net]), net


def test_metrics_are_named_and_counted(name):
    run = traced(name)
    found = metrics.means(run.six.meter)
    for player, record in run.experiment.game.players.items():
        total, count = run.six.meter.totals[f'{player}/loss']
        assert count == 6 * record.updates
        assert np.isclose(found[f'{player}/loss'], total / count)
        for term in record.live_terms:
            assert f'{player}/{term}' in found
    # Sums of shares of 8 or 16 reals and as many fakes, of 4 packs, or of 64 pairs (ties by halves): whole in
    # 128ths.
    total, moves = run.six.meter.totals['d/accuracy']
    assert moves == 6 * run.experiment.game.players['d'].updates
    assert 128 * total == pytest.approx(round(128 * float(total)), abs=1e-3)


def test_each_program_is_traced_once(name):
    run = traced(name)
    programs = {steps.due_terms(run.experiment.game, step) for step in range(6)}
    assert run.traces == len(programs) <= 6


def test_resume_is_exact(name):
    """Three steps, through NumPy arrays on the host as a checkpoint goes, three steps: bit for bit six
    steps.
    """
    run = traced(name)
    same(run.go_on(run.three, 3, 3), run.six)
    assert differ(run.three.state.params, run.six.state.params)


def test_steps_may_be_put_together_in_any_way(name):
    """Calls of one, four and one steps: bit for bit six calls, by the same programs."""
    run = traced(name)
    before, carry = run.traces, place(run.fresh, run.experiment.mesh)
    for step, count in ((0, 1), (1, 4), (5, 1)):
        carry = run.advance(carry, step, count)
    same(jax.device_get(carry), run.six)
    assert run.traces == before


def test_a_move_leaves_the_others(name):
    run = traced(name)
    game, state = run.experiment.game, run.three.state
    batch = one_batch(run.experiment)

    @jax.jit
    def moves(state, batch):
        return {player: steps.make_update(game, player)(state, batch)[0] for player in game.players}

    for mover, after in moves(state, batch).items():
        own = game.players[mover].nets
        for net in game.nets:
            assert differ(after.params[net], state.params[net]) == (net in own)
        for player in game.players:
            assert differ(after.opt_state[player], state.opt_state[player]) == (player == mover)


def plain(built):
    """The experiment with gradient descent, for comparisons of programs that round differently.

    Adam and RMSprop divide by the gradient's own size: where a gradient is zero but for rounding (a bias
    before a batch-norm), they make a full step of it.
    """
    players = {name: p._replace(optimizer=optax.sgd(1e-2)) for name, p in built.game.players.items()}
    return built._replace(game=built.game._replace(players=players))


@cache
def plain_start(name):
    """What `plain` starts from: the same networks, and the state of its optimizers."""
    fresh = traced(name).fresh
    players = plain(traced(name).experiment).game.players
    opt_state = {n: p.optimizer.init({w: fresh.state.params[w] for w in p.nets}) for n, p in players.items()}
    return fresh._replace(state=fresh.state.replace(opt_state=opt_state))


def plain_run(name, devices=1, count=1, calls=3):
    """`calls` calls of `count` steps each of gradient descent."""
    built = plain(build(config_of(name), devices))
    program = experiment.program(built, count=count)
    carry = place(plain_start(name), built.mesh)
    for call in range(calls):
        carry = program(carry, built.arrays, experiment.indices(built, call * count, count))
    return jax.device_get(carry)


single_steps = cache(plain_run)


def test_neither_devices_nor_steps_per_call_change_anything(name):
    """Three calls on one device, against one call of three steps on four: one program fewer to compile than
    apart.
    """
    one, four = single_steps(name), plain_run(name, devices=4, count=3, calls=1)
    assert differ(one.state.params, plain_start(name).state.params)
    close(four.state, one.state, 1e-4)
    close(four.meter.totals, one.meter.totals, 1e-4)


@pytest.mark.slow
def test_a_call_of_many_steps_is_as_many_single_steps(name):
    close(plain_run(name, count=3, calls=1), single_steps(name), 1e-5)


def test_learning_rates_may_be_traced(name):
    """Making, initialising and stepping, with the learning rates and the seed as tracers."""
    run = traced(name)
    batch = one_batch(run.experiment, steps.batches_per_step(run.experiment.game))

    def train(rate_d, rate_g, seed):
        config = config_of(name)
        with config.ignore_type():
            config.d.optimizer.learning_rate, config.g.optimizer.learning_rate = rate_d, rate_g
        game = gans.make(config, run.experiment.source.spec)
        return steps.make_step(game)(steps.init(game, rng.root(seed)), batch)[0]

    found = jax.eval_shape(train, 1e-3, 1e-3, 0)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), found) == jax.tree.map(
        lambda x: (x.shape, x.dtype), run.fresh.state
    )


def test_a_carry_is_state_and_meter_and_only_arrays(name):
    run = traced(name)
    assert isinstance(run.six, Carry)
    for leaf in jax.tree.leaves(run.six):
        assert isinstance(leaf, np.ndarray)
        assert leaf.dtype in (np.float32, np.int32, np.uint32, np.bool_)
