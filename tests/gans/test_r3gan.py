"""R3GAN: the parameter counts of the authors' networks, its schedules, and G's update on draws of its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import r3gan as presets
from gax import errors, gans
from gax.config import base, choose
from gax.config import defaults as configs
from gax.core import rng, schedules, updates
from gax.core import step as steps
from gax.core.spec import Field, Spec
from gax.nets import r3gan
from tests.helpers import toys
from tests.helpers.cases import with_slow


def spec(size, classes=0):
    return Spec('random', {'image': Field((size, size, 3))}, classes, 100)


def counts(config, spec):
    """The parameters of G and D."""
    nets = gans.make(config, spec).nets
    shapes = jax.eval_shape(lambda key: {name: net.init(key)[0] for name, net in nets.items()}, rng.key(0))
    return [sum(x.size for x in jax.tree.leaves(shapes[name])) for name in 'gd']


@pytest.mark.parametrize(
    ('preset', 'size', 'classes', 'g', 'd'),
    with_slow(
        [
            ('cifar', 32, 10, 20_781_952, 21_280_512),
            ('cifar', 32, 0, 20_732_160, 20_683_776),
            ('ffhq64', 64, 0, 22_429_824, 22_381_440),
            ('ffhq256', 256, 0, 23_057_952, 23_009_568),
            ('imagenet32', 32, 1000, 82_914_304, 86_548_992),
            ('imagenet64', 64, 1000, 103_570_432, 107_205_120),
        ],
        0,
        2,
    ),
)
def test_parameters_of_the_authors_networks(preset, size, classes, g, d):
    config = presets.get_config(preset)
    config.conditional = bool(classes)
    configs.check(config)
    assert counts(config, spec(size, classes)) == [g, d]


def test_the_numbers_of_cifar_halfway():
    """10 of 20 million images, 512 a step: the means of the ends."""
    config = schedules.resolved(presets.get_config('cifar'))
    found = [
        config.terms.r1.weight,
        config.terms.r2.weight,
        config.d.optimizer.learning_rate,
        config.g.optimizer.b2,
        config.ada.p,
        config.ema.kimg,
    ]
    values = [float(fn(10e6 / 512)) for fn in found]
    np.testing.assert_allclose(values, [0.0275, 0.0275, 1.25e-4, 0.945, 0.275, 2500.0], rtol=1e-6)
    assert config.steps == 488_281


def test_an_unknown_preset():
    with pytest.raises(errors.GaxError, match=r"^unknown preset 'cifra' \(nearest: 'cifar'\)"):
        presets.get_config('cifra')


@pytest.mark.slow
@pytest.mark.parametrize(('resample', 'draws'), [(False, 1), (True, 2)])
def test_draws_of_the_generator(resample, draws):
    """With `resample`, G's update has other latents and other reals, or else those of D's."""
    config = base('r3gan')
    for name in 'gd':
        choose(config, f'{name}.net', 'mlp', widths=(4,))
    config.terms.r1.weight = config.terms.r2.weight = 0.0
    config.g.resample = resample
    game = gans.make(config, Spec('points', {'point': Field((2,), 'point')}))
    assert [(move.player, move.draw) for move in updates.moves(game)] == [('d', 0), ('g', draws - 1)]
    assert updates.batches_per_step(game) == draws

    def noting(name):
        player = game.players[name]

        def summary(context, out):
            point, z = context.batch['point'], context.latents['z']
            return {'reals': jnp.mean(point), 'latents': jnp.mean(z)}

        return player._replace(summary=summary)

    game = game._replace(players={name: noting(name) for name in 'dg'})
    rows = jnp.arange(2.0 * draws)[:, None] * jnp.ones((1, 2))
    _, metrics = jax.jit(steps.make_step(game))(toys.init(game), {'point': rows})
    told = {name: float(metrics[name][0]) for name in metrics if name.endswith(('reals', 'latents'))}
    assert (told['d/latents'] == told['g/latents']) == (not resample)
    # Draw i has examples i, i + draws, ...
    expected = (1.0, 2.0) if resample else (0.5, 0.5)
    np.testing.assert_allclose((told['d/reals'], told['g/reals']), expected)


@pytest.mark.slow
def test_at_the_start_blocks_are_identities():
    """G(z) is its basis, smoothly doubled and mapped to colours; D's logit is linear in the image."""
    g, d = r3gan.Generator((4, 4, 3), (4, 4), blocks=1), r3gan.Discriminator((4, 4), blocks=1)

    @jax.jit
    def run(key):
        z, x = jax.random.normal(key, (2, 5)), jax.random.normal(key, (3, 4, 4, 3))
        params, weights = g.init(key, z, train=True), d.init(key, x, train=True)
        kernels = params['params']
        basis = (z @ kernels['Dense_0']['kernel'])[:, None, None] * kernels['basis'][None]
        colors = r3gan.smooth_doubled(basis) @ kernels['Conv_0']['kernel'][0, 0]
        both = jnp.concatenate([x[:2], 2 * x[:1] - 3 * x[1:2]])
        return g.apply(params, z, train=True), colors, d.apply(weights, both, train=True)

    images, colors, (one, two, sum_of_both) = run(rng.key(0))
    np.testing.assert_allclose(images, colors, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(sum_of_both, 2 * one - 3 * two, rtol=1e-3, atol=1e-5)
