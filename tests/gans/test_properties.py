"""One table of properties, over every config (and so every recipe): a new file in configs/ is taken up by
itself.

The properties are those of programs. Configs whose steps differ in sizes and constants only share a row,
which is that of the first of them to be tested; the others are traced, and skipped here.
"""

import os
from functools import cache
from importlib import import_module
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gax import gans
from gax.config import defaults as configs
from gax.config import fields, section_fields
from gax.core import metrics, rng, sample, updates
from gax.core import step as steps
from gax.distributed import sharding
from gax.training import experiment, feed, programs
from gax.training.experiment import Carry
from tests.helpers import fingerprints, forget
from tests.helpers.toys import close, differ, same

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(path.stem for path in (ROOT / 'configs').glob('*.py') if path.stem != '__init__')
TEST_CONFIGS = [name for name in CONFIGS if hasattr(import_module(f'configs.{name}'), 'get_test_config')]
STEPS = 6
# `make test` has the rows that between them use every part of a step that is small: batch statistics,
# dropout, labels, critics, codes, encoders, autoencoders, looks ahead, penalties, a sampler of examples,
# series. `make test-slow` has all rows, with spectral norm, pairs, pools, phases and frozen nets, which have
# tests of their own in `make test`.
ROWS = (
    *('began_mnist', 'bigan_mnist', 'cgan_mnist', 'ctgan_adult', 'dcgan_mnist', 'infogan_mnist', 'mlp2d'),
    *('rcgan_sines', 'unrolled_mnist', 'wgan_gp_mnist'),
)
# Of these `make test` compares two on one device and four, and traces the learning rates of five.
ON_FOUR_DEVICES = ('dcgan_mnist', 'wgan_gp_mnist')
TRACED_RATES = ('bigan_mnist', 'cgan_mnist', 'ctgan_adult', 'unrolled_mnist', 'wgan_gp_mnist')


def config_of(name):
    return import_module(f'configs.{name}').get_test_config()


def place(host, mesh):
    """NumPy arrays onto the devices, in buffers that a program may take over."""
    return jax.device_put(jax.tree.map(np.array, host), sharding.replicated(mesh))


def batch_shapes(built):
    """The shapes of what a step reads."""
    rows = jax.ShapeDtypeStruct((built.rows,), jnp.int32)
    return jax.eval_shape(built.source.read, built.arrays.data, rows, jax.random.key(0))


def either(optimizer):
    """The optimizer, or plain gradient descent where its state says so: one program to compile, not two.

    Descent is for comparisons of programs that round differently. Adam and RMSprop divide by the gradient's
    own size: where a gradient is zero but for rounding (a bias before a batch-norm), they make a full step of
    it.
    """
    usual = optax.with_extra_args_support(optimizer)

    def init(params):
        return {'descend': jnp.zeros((), bool), 'usual': usual.init(params)}

    def update(grads, state, params, **extra):
        updates, after = usual.update(grads, state['usual'], params, **extra)
        descend = state['descend']
        updates = jax.tree.map(lambda u, g: jnp.where(descend, -0.01 * g, u), updates, grads)
        return updates, {'descend': descend, 'usual': after}

    return optax.GradientTransformationExtraArgs(init, update)


def build(name, devices=1):
    built = experiment.build(config_of(name), sharding.mesh(jax.devices()[:devices]))
    players = {n: p._replace(optimizer=either(p.optimizer)) for n, p in built.game.players.items()}
    return built._replace(game=built.game._replace(players=players))


class Traced:
    """An experiment and its step, traced once."""

    def __init__(self, name):
        self.experiment = built = build(name)
        state = jax.eval_shape(lambda: steps.init(built.game, rng.root(built.config.seed)))
        rows = jax.ShapeDtypeStruct((built.rows,), jnp.int32)
        totals, keys = {}, []
        owned = {name: player.nets for name, player in built.game.players.items()}
        for phase in updates.phase_names(built.game):
            one_step = experiment.one_step(built, updates.Active(None, phase))
            jaxpr, (_, new) = jax.make_jaxpr(one_step, return_shape=True)(state, built.arrays, rows)
            totals |= new
            plan = updates.moves(built.game, phase), updates.lazy_terms(built.game, phase), owned
            keys.append(fingerprints.fingerprint(jaxpr, *plan))
        self.like = Carry(state, jax.eval_shape(lambda: metrics.empty(totals)))
        self.key = '-'.join(keys)[:200]


class Run:
    """A traced experiment's first steps. Counts how often its programs are traced."""

    def __init__(self, traced):
        self.traces = 0
        built = traced.experiment

        def counting(*arguments):
            self.traces += 1
            return built.source.read(*arguments)

        self.experiment = built._replace(source=built.source._replace(read=counting))
        self.fresh = jax.device_get(experiment.init(built, traced.like))
        self.advance = programs.advancer(self.experiment)
        self.three = self.go_on(self.fresh, 0, 3)
        self.six = self.go_on(self.fresh, 0, STEPS)

    def go_on(self, host, start, count):
        carry = place(host, self.experiment.mesh)
        for step in range(start, start + count):
            carry = self.advance(carry, step, 1)
        return jax.device_get(carry)

    def descending(self):
        """The first carry, with plain descent in place of the optimizers."""
        opt_state = {
            player: {**state, 'descend': np.ones((), bool)}
            for player, state in self.fresh.state.opt_state.items()
        }
        return self.fresh._replace(state=self.fresh.state.replace(opt_state=opt_state))


traced = cache(Traced)
run_of = cache(lambda name: Run(traced(name)))


def rows(usual):
    """Every config; `make test` has those of `usual`."""
    return [pytest.param(name, marks=[pytest.mark.slow] * (name not in usual)) for name in TEST_CONFIGS]


@pytest.fixture(scope='module', params=rows(ROWS))
def name(request):
    yield request.param
    forget.compiled(request.module)


@pytest.fixture(scope='module')
def run(name, tmp_path_factory):
    """The first steps of the config; skips where another config has the same program, in any worker."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if 'PYTEST_XDIST_WORKER' in os.environ else folder) / 'programs'
    folder.mkdir(exist_ok=True)
    row = folder / traced(name).key
    try:
        with row.open('x') as file:
            file.write(name)
    except FileExistsError:
        if row.read_text() != name:
            pytest.skip(f'the program of configs/{row.read_text()}.py, but for sizes and constants')
    return run_of(name)


def test_every_config_has_a_test_variant_and_every_recipe_a_config():
    assert TEST_CONFIGS == CONFIGS
    used = {config_of(name).gan for name in CONFIGS}
    assert used == set(gans.names())
    assert {*ON_FOUR_DEVICES, *TRACED_RATES} <= set(ROWS) <= set(CONFIGS)


@pytest.mark.parametrize('config', CONFIGS)
def test_every_test_variant_is_valid(config):
    configs.check(config_of(config))


def test_every_config_is_traced_with_a_loss_for_each_player(name):
    totals = traced(name).like.meter.totals
    players = traced(name).experiment.game.players
    assert {f'{player}/loss' for player in players} <= set(totals)
    assert {label.split('/')[0] for label in totals} == set(players)


def test_a_few_steps_are_finite_and_move_every_player(run):
    assert int(run.six.state.step) == STEPS
    for leaf in jax.tree.leaves(run.six.state):
        assert np.all(np.isfinite(leaf))
    assert metrics.first_bad(run.six.meter) is None
    for player in run.experiment.game.players.values():
        for net in player.nets:
            assert differ(run.six.state.params[net], run.fresh.state.params[net]), net
    for net in run.experiment.game.ema:
        assert differ(run.six.state.ema[net]['params'], run.six.state.params[net]), net


def test_metrics_are_named_and_counted(run):
    means = metrics.means(run.six.meter)
    game = run.experiment.game
    for player, record in game.players.items():
        total, count = run.six.meter.totals[f'{player}/loss']
        moves = [step for step in range(STEPS) if updates.active(record, game.phase_at(step))]
        assert count == len(moves) * record.updates > 0
        assert np.isclose(means[f'{player}/loss'], total / count)
        for label, term in record.live_terms.items():
            due = sum(step % term.every == 0 for step in moves if updates.active(term, game.phase_at(step)))
            assert run.six.meter.totals[f'{player}/{label}'][1] == due * record.updates


def test_each_program_is_traced_once(run):
    programs_needed = {updates.active_at(run.experiment.game, step) for step in range(STEPS)}
    assert run.traces == len(programs_needed) <= STEPS


def test_resume_is_exact(run):
    """Three steps, through NumPy arrays on the host as a checkpoint goes, three steps: bit for bit six
    steps.
    """
    same(run.go_on(run.three, 3, 3), run.six)
    assert differ(run.three.state.params, run.six.state.params)


def test_steps_may_be_put_together_in_any_way(run):
    """Calls of one, four and one steps: bit for bit six calls, by the same programs."""
    before, carry = run.traces, place(run.fresh, run.experiment.mesh)
    for step, count in ((0, 1), (1, 4), (5, 1)):
        carry = run.advance(carry, step, count)
    same(jax.device_get(carry), run.six)
    assert run.traces == before


def test_a_move_leaves_the_others(run):
    """Of the traced update: what belongs to the others comes out as the very arrays that went in."""
    game, state = run.experiment.game, traced_state(run)
    batch = batch_shapes(run.experiment)
    for mover, record in game.players.items():
        phase = next(p for p in updates.phase_names(game) if updates.active(record, p))
        update = steps.make_update(game, mover, phase=phase)
        closed, (after, _) = jax.make_jaxpr(update, return_shape=True)(state, batch)
        variables = jax.tree.unflatten(jax.tree.structure(state), closed.jaxpr.invars[: leaves(state)])
        results = jax.tree.unflatten(jax.tree.structure(after), closed.jaxpr.outvars[: leaves(after)])

        def moved(results, variables, closed=closed):
            pairs = zip(jax.tree.leaves(results), jax.tree.leaves(variables), strict=True)
            return any(
                fingerprints.origin(closed.jaxpr, result) is not variable for result, variable in pairs
            )

        for net in game.nets:
            assert moved(results.params[net], variables.params[net]) == (net in record.nets), net
        for player in game.players:
            states = results.opt_state[player], variables.opt_state[player]
            has_state = leaves(states[0]) > 1  # gradient descent has none, but `descend`
            assert moved(*states) == (player == mover and has_state), player


def leaves(tree):
    return len(jax.tree.leaves(tree))


def traced_state(run):
    return jax.eval_shape(lambda: run.fresh.state)


def descended(name, run, devices=1):
    """Three steps of gradient descent, by a program of three steps; of a game with phases, one by one."""
    built = build(name, devices)
    carry = place(run.descending(), built.mesh)
    if built.game.phases:
        advance = programs.advancer(built)
        for step in range(3):
            carry = advance(carry, step, 1)
        return jax.device_get(carry)
    return jax.device_get(programs.program(built, count=3)(carry, built.arrays, feed.indices(built, 0, 3)))


def check_devices_and_calls(name, run):
    """Three calls on one device, against one call of three steps on four."""
    one, four = run.go_on(run.descending(), 0, 3), descended(name, run, devices=4)
    assert differ(one.state.params, run.fresh.state.params)
    close(four.state, one.state, 1e-4)
    close(four.meter.totals, one.meter.totals, 1e-4)


@pytest.mark.slow
def test_neither_devices_nor_steps_per_call_change_anything(name, run):
    check_devices_and_calls(name, run)


# Each is a program for four devices, as dear as all else in its row: of the others `make test-slow` has them.
@pytest.mark.parametrize('name', ON_FOUR_DEVICES, indirect=True)
def test_neither_devices_nor_steps_per_call_change_these(name, run):
    check_devices_and_calls(name, run)


@pytest.mark.slow
def test_a_call_of_many_steps_is_as_many_single_steps(name, run):
    close(descended(name, run), run.go_on(run.descending(), 0, 3), 1e-5)


@pytest.mark.parametrize('name', rows(TRACED_RATES), indirect=True)
def test_learning_rates_may_be_traced(name, run):
    """Making, initialising and stepping, with the learning rates and the seed as tracers."""
    batch = batch_shapes(run.experiment)
    rates = [path for path in section_fields.paths(config_of(name)) if path.endswith('optimizer')]
    assert rates

    def train(rate, seed, batch):
        config = config_of(name)
        with config.ignore_type():
            for path in rates:
                fields.get(config, path).learning_rate = rate
        game = gans.make(config, run.experiment.source.spec)
        step = steps.make_step(game, phase=sample.last_phase(game))
        return step(steps.init(game, rng.root(seed)), batch)[0]

    result = jax.eval_shape(train, 1e-3, 0, batch)
    assert jax.tree.map(kind, result.params) == jax.tree.map(kind, run.fresh.state.params)


def kind(leaf):
    return leaf.shape, leaf.dtype


def test_a_carry_is_state_and_meter_and_only_arrays(run):
    assert isinstance(run.six, Carry)
    for leaf in jax.tree.leaves(run.six):
        assert isinstance(leaf, np.ndarray)
        assert leaf.dtype in (np.float32, np.int32, np.uint32, np.bool_)
