"""Nets whose state is a buffer, nets that nobody trains, and random streams of modules."""

import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gax.core import rng, sample, updates
from gax.core import step as steps
from gax.core.types import Frozen, Net
from gax.distributed import sharding
from gax.errors import GaxError
from gax.nets.linen import from_linen
from gax.training import experiment, programs
from tests.helpers import tinyruns, toys
from tests.helpers.toys import close, differ, same

SIZE = 4  # of the pool


def pool():
    """The newest SIZE fakes. Returns half of the batch from before, and half as it came (Shrivastava et al.,
    "Learning from Simulated and Unsupervised Images through Adversarial Training", 2017).
    """

    def apply(params, model_state, x, *, train, key):
        if not train:
            return x, model_state
        half = len(x) // 2
        mixed = jnp.concatenate([model_state['kept'][:half], x[half:]])
        kept = jnp.concatenate([model_state['kept'][half:], x[:half]])
        return mixed, {'kept': jax.lax.stop_gradient(kept)}

    return Net(lambda key: ({}, {'kept': jnp.zeros((SIZE, 2))}), apply, average_state=False)


def pooled(game):
    """The game whose discriminator sees fakes through the pool."""
    d = game.players['d']

    def forward(context):
        old, context = context.apply_and_update('pool', context.fakes['point'])
        return d.forward(context._replace(fakes={'point': old}))

    return game._replace(
        nets={**game.nets, 'pool': pool()}, players={**game.players, 'd': d._replace(forward=forward)}
    )


def test_a_pool_is_filled_by_the_main_pass_and_carried_in_the_state():
    game = pooled(toys.game(latents=toys.given_latents))
    state, step = toys.init(game), jax.jit(steps.make_step(game))
    assert float(jnp.abs(state.model_state['pool']['kept']).sum()) == 0
    batches = [toys.batch(4, seed=i) for i in range(2)]
    expected = []
    for batch in batches:
        fakes = batch['z'] @ state.params['g']['a'] + state.params['g']['b']
        expected.append(fakes[:2])
        state, _ = step(state, batch)
    close(state.model_state['pool']['kept'], jnp.concatenate(expected), 1e-6)


def test_a_pool_is_not_averaged():
    game, mesh = pooled(toys.game()), sharding.mesh(jax.devices()[:2])
    with pytest.raises(
        GaxError, match=r'state of net pool must not be averaged over replicas: use config.parallel=jit'
    ):
        sharding.of_replicas(game, mesh)
    with pytest.raises(GaxError, match=r'net pool .* use config.accumulate=1'):
        sharding.check_states(game, 2)
    sharding.check_states(game, 1)


def test_a_term_whose_state_is_no_mean_is_refused_too():
    game = toys.game()
    d = game.players['d']
    term = d.terms['adversarial']._replace(average_state=False)
    game = game._replace(players={**game.players, 'd': d._replace(terms={'adversarial': term})})
    with pytest.raises(GaxError, match='state of term d/adversarial'):
        sharding.of_replicas(game, sharding.mesh(jax.devices()[:2]))


# --- frozen nets


def judged(weights):
    """A game whose generator is also judged by a net that nobody trains."""
    game = toys.game()
    g = game.players['g']

    def distance(context, out):
        return jnp.mean(jnp.square(context.apply('eye', context.fakes['point'])))

    from gax.objectives import terms

    eye = toys.net(None, lambda p, x: x @ p)
    return game._replace(
        nets={**game.nets, 'eye': eye},
        players={**game.players, 'g': g._replace(terms={**g.terms, 'eye': terms.stateless(distance)})},
        frozen={'eye': Frozen(weights, {'calls': jnp.zeros((), jnp.int32)})},
    )


def test_frozen_nets_are_used_and_not_kept():
    weights = 3.0 * jnp.eye(2)
    game = judged(weights)
    state = toys.init(game)
    assert 'eye' not in state.params
    assert 'eye' not in state.model_state
    after, metrics = jax.jit(steps.make_step(game))(state, toys.batch())
    assert set(after.params) == {'g', 'd'}
    other, _ = jax.jit(steps.make_step(judged(0.0 * weights)))(state, toys.batch())
    assert float(metrics['g/eye'][0]) > 0
    assert differ(after.params['g'], other.params['g'])
    same(after.params['d'], other.params['d'])
    assert sample.sample(game, after, jax.random.key(0), 3)['point'].shape == (3, 2)


def test_a_frozen_net_has_no_owner():
    game = judged(jnp.eye(2))
    players = {**game.players, 'g': game.players['g']._replace(nets=('g', 'eye'))}
    with pytest.raises(GaxError, match="player g trains the net 'eye', which is frozen"):
        updates.check(game._replace(players=players))


def test_the_arrays_of_frozen_nets_are_arguments_of_the_program(monkeypatch):
    """Closed over, they would be constants in it: of a VGG-16 half a gigabyte of text."""
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(2, 300)), jnp.float32)
    monkeypatch.setattr('gax.gans.make', lambda config, spec: judged(weights))
    made = experiment.build(
        tinyruns.config(**{'data.name': 'synthetic:ring'}), sharding.mesh(jax.devices()[:1])
    )
    like, rows = experiment.shapes(made), experiment.row_shapes(made)
    text = programs.program(made).lower(like, made.arrays, rows).as_text()
    assert re.search(r'public @main\(.*%arg\d+: tensor<2x300xf32>', text)
    assert 'constant dense<"0x' not in text
    carry = programs.advancer(made)(experiment.init(made), 0, 2)
    assert set(carry.state.params) == {'g', 'd'}


# --- random streams


class Noisy(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = x + jax.random.normal(self.make_rng('noise'), x.shape)
        return nn.Dropout(0.5, deterministic=not train)(x)


def test_modules_have_a_stream_of_noise_in_training_and_outside_of_it():
    net = from_linen(Noisy(), jax.ShapeDtypeStruct((2, 3), jnp.float32))
    params, state = net.init(rng.key(0))
    x = jnp.zeros((500, 3))
    for train in (True, False):
        first, again, other = (
            net.apply(params, state, x, train=train, key=jax.random.key(seed))[0] for seed in (0, 0, 1)
        )
        same(first, again)
        assert differ(first, other)
        assert float(jnp.mean(first == 0)) == pytest.approx(0.5 * train, abs=0.05)


# --- noise behind the mean


@pytest.mark.slow
def test_noise_of_the_optimizer_is_the_same_on_every_replica():
    """Of privacy's sort: drawn in Player.grad, the noise of 4 replicas would be averaged to half its size."""

    def moved(parallel):
        noisy = optax.chain(optax.add_noise(1.0, 0.0, 7), optax.sgd(1.0))
        config = tinyruns.config(
            parallel=parallel, **{'data.name': 'synthetic:ring', 'g.net.widths': (8,), 'd.net.widths': (8,)}
        )
        made = experiment.build(config, sharding.mesh(jax.devices()[:4]))
        players = {name: player._replace(optimizer=noisy) for name, player in made.game.players.items()}
        made = made._replace(game=made.game._replace(players=players))
        fresh = experiment.init(made)
        start = jax.device_get(fresh.state.params)
        after = jax.device_get(programs.advancer(made)(fresh, 0, 1).state.params)
        return jax.tree.map(lambda a, b: b - a, start, after)

    one, four = moved('jit'), moved('shard_map')
    close(four, one, 1e-4)
    numbers = np.concatenate([leaf.ravel() for leaf in jax.tree.leaves(four['d'])])
    assert np.std(numbers) == pytest.approx(1.0, abs=0.35)
