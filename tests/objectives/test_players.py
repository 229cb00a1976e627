"""The usual two players with everything on, and what may not be on together."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import gans
from gax.config import base, choices, choose, optimizer
from gax.config import defaults as configs
from gax.core import rng
from gax.core import step as steps
from gax.core.spec import Field, Spec
from gax.errors import GaxError
from gax.objectives import augment

SPEC = Spec('images', {'image': Field((8, 8, 3))}, 16, 0)
D_TERMS = ('wgan_gp', 'lecam', 'orthogonal')
G_TERMS = ('path_length', 'orthogonal_g')


def everything():
    config = base('vanilla')
    config.batch_size, config.latent_dim = 8, 3
    config.g.net.widths = config.d.net.widths = (4,)
    config.loss = 'hinge'
    for name in (*D_TERMS, *G_TERMS):
        choose(config, f'terms.{name}', weight=0.01)
    config.terms.path_length.every = 2
    config.augment = 'flip'
    choose(config, 'ada', pipeline='b', kimg=0.1, target=-1.0, every=1)
    choose(config, 'instance_noise', std=0.1, steps=100)
    choose(config, 'top_k', fraction=0.5, steps=3)
    config.accumulate = 2
    for player in (config.d, config.g):
        player.optimizer = optimizer('adam', 1e-3, b1=0.5, lazy_interval=4, historical=0.1)
    return config


@pytest.mark.slow
def test_everything_at_once_is_one_finite_step():
    """Every term is counted, every state moves, and the controller's p is in reach of both players."""
    config = everything()
    configs.check(config)
    game = gans.make(config, SPEC)
    batch = {'image': jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (8, 8, 8, 3)), jnp.float32)}
    step = jax.jit(steps.make_step(game))
    start = jax.jit(lambda: steps.init(game, rng.root(0)))()
    state, metrics = step(start, batch)
    state, _ = step(state, batch)
    assert all(bool(jnp.all(jnp.isfinite(x))) for x in jax.tree.leaves((state, metrics)))
    assert {name for name, (_, count) in metrics.items() if count == 1} >= {
        *(f'd/{name}' for name in (*D_TERMS, 'adversarial', 'ada', 'accuracy', 'diversity')),
        *(f'g/{name}' for name in (*G_TERMS, 'adversarial')),
    }
    assert int(state.step) == 2
    for before, after in zip(
        jax.tree.leaves(start.term_state), jax.tree.leaves(state.term_state), strict=True
    ):
        assert before == 0 != after
    # Two moves up by 8 / 100: some logit of a real is above 0, so the mean of signs is above the target, -1.
    # The second one is made when it is read.
    assert float(state.term_state['d']['ada']['p']) == pytest.approx(0.08)
    assert float(augment.controller_of(config).p(state.term_state['d']['ada'])) == pytest.approx(0.16)
    assert float(metrics['d/ada_p'][0]) == 0.0  # of the first step, before any move
    assert float(state.term_state['g']['path_length']['mean']) > 0
    assert float(state.opt_state['d'][0].seen) == 2


def changed(path, value, config=None):
    config = config or base('vanilla')
    choices.set_all(config, {path: value})
    return config


@pytest.mark.parametrize(
    ('path', 'value', 'said'),
    [
        ('top_k.fraction', 0.0, 'config.top_k.fraction must be above 0, up to 1, and is 0.0'),
        ('accumulate', 0, 'config.accumulate must be positive'),
        ('accumulate', 3, 'config.accumulate=3 must divide config.batch_size=64'),
        ('augment', 'colour', "unknown image transform 'colour' (nearest: 'color')"),
        ('instance_noise.std', -1.0, 'config.instance_noise.std must be at least 0.0'),
        ('ada.target', 1.5, 'config.ada.target must be from -1.0 to 1.0'),
        ('terms.lecam.decay', 1.5, 'config.terms.lecam.decay must be from 0.0 to 1.0'),
        ('terms.path_length.shrink', 0, 'config.terms.path_length.shrink must be at least 1'),
        ('terms.bcr.weight', -1.0, 'config.terms.bcr.weight must be at least 0.0, and is -1.0'),
        ('d.optimizer.lazy_interval', -1, 'config.d.optimizer.lazy_interval must be'),
    ],
)
def test_values_that_cannot_be_meant(path, value, said):
    with pytest.raises(GaxError) as info:
        configs.check(changed(path, value))
    assert said in str(info.value)
    assert '\n' not in str(info.value)


def test_pairs_that_have_no_meaning_together():
    coupled = changed('d.net.minibatch', 'discrimination')
    configs.check(changed('terms.lecam.weight', 0.3, coupled))
    with pytest.raises(
        GaxError,
        match=r'terms\.r1 penalises the gradient of each example .* config\.d\.net\.minibatch=discrimination',
    ):
        configs.check(changed('terms.r1.weight', 1.0, coupled))
    clipped = changed('d.optimizer.clip_weights', 0.01)
    with pytest.raises(
        GaxError, match=r'config\.extragradient would undo .* config\.d\.optimizer\.clip_weights'
    ):
        configs.check(changed('extragradient', True, clipped))
