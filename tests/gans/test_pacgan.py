"""Packs: their layout, their logits, and what is as it was without them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import errors, gans
from gax.config import base, choose
from gax.core import forward
from gax.core import step as steps
from gax.core.spec import Field, Spec
from gax.gans.pacgan import in_packs, pack
from gax.objectives import losses, penalties
from tests.helpers import toys

POINTS = Spec('points', {'point': Field((2,), 'point')})
W = jnp.array([3.0, -4.0, 1.0, 2.0])  # D of a pack of two points


def config_of(gan='pacgan', **fields):
    config = base(gan)
    config.batch_size, config.latent_dim = 6, 2
    config.g.net.widths = config.d.net.widths = (4,)
    config.update(fields)
    return config


def test_neighbours_share_a_pack_in_their_order():
    points = jnp.arange(8).reshape(4, 2)
    assert pack(points, 2).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert pack(points, 4).tolist() == [[0, 1, 2, 3, 4, 5, 6, 7]]
    assert pack(points, 1).tolist() == points.tolist()
    with pytest.raises(TypeError):
        pack(points, 3)


def test_images_are_joined_along_the_channels():
    """Two images of 1 x 2 pixels, two channels each: a pixel of the pack has the channels of the first, then
    the second.
    """
    first, second = [[[1, 2], [3, 4]]], [[[5, 6], [7, 8]]]
    assert pack(jnp.array([first, second]), 2).tolist() == [[[[1, 2, 5, 6], [3, 4, 7, 8]]]]


def test_a_pack_has_one_logit_and_penalties_are_per_example():
    """D(x1, x2) = w1 x1 + w2 x2: R1 is the mean over examples of |w_i|^2, times one half: (25 + 5) / 2 /
    2.
    """
    scorer = in_packs(forward.POINTS, 2)
    real = {'point': jnp.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 0.5]])}
    context = toys.view({'d': toys.net(None, lambda w, x: x @ w)}, {'d': W}, real, real)
    np.testing.assert_allclose(scorer.score(context, real), [3 + 2, -1 + 2 + 1], rtol=1e-6)
    assert float(penalties.r1(scorer).fn(context, None, ())[0]) == pytest.approx(7.5, rel=1e-6)


@pytest.mark.slow
def test_packs_of_one_are_the_usual_gan():
    def run(config):
        game = gans.make(config, POINTS)
        batch = {'point': toys.batch()['point']}
        return jax.jit(steps.make_step(game))(toys.init(game), batch)[0]

    plain = base('vanilla')
    plain.batch_size, plain.latent_dim = 6, 2
    plain.g.net.widths = plain.d.net.widths = (4,)
    toys.same(run(config_of(pack=1)), run(plain))


@pytest.mark.slow
@pytest.mark.parametrize('loss', ['relativistic', 'relativistic_average', 'hinge'])
def test_losses_see_the_logits_of_packs(loss):
    """Both adversarial losses, from the networks by hand: six examples, two logits a side."""
    config = config_of(pack=3, loss=loss)
    config.d.net.dropout = 0.0
    game = gans.make(config, POINTS)._replace(latents=toys.given_latents)
    state, batch = toys.init(game), toys.batch()
    g, d = game.nets['g'], game.nets['d']
    fake, _ = g.apply(
        state.params['g'], state.model_state['g'], batch['z'], train=True, key=jax.random.key(0)
    )
    r, f = (
        d.apply(
            state.params['d'], state.model_state['d'], x.reshape(2, 6), train=True, key=jax.random.key(0)
        )[0]
        for x in (batch['point'], fake)
    )
    assert r.shape == f.shape == (2,)
    for player, side in losses.make(loss)._asdict().items():
        if player in game.players:
            _, metrics = steps.make_update(game, player)(state, batch)
            expected = float(jnp.mean(side(r, f)))
            assert float(metrics[f'{player}/adversarial'][0]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(('pack', 'accumulate'), [(4, 1), (0, 1), (-2, 1), (2, 2)])
def test_packs_must_divide_the_batch(pack, accumulate):
    config = config_of(pack=pack, accumulate=accumulate)
    with pytest.raises(errors.GaxError, match=rf'config.pack={pack} must'):
        gans.make(config, POINTS)


@pytest.mark.slow
def test_convolutions_see_the_channels_of_all():
    config = base('pacgan')
    config.update({'batch_size': 6, 'pack': 3, 'loss': 'relativistic'})
    choose(config, 'g.net', 'dcgan', widths=(4, 4), strides=(2, 2))
    choose(config, 'd.net', 'dcgan', widths=(4, 4))
    game = gans.make(config, Spec('images', {'image': Field((8, 8, 2))}))
    state = jax.eval_shape(lambda: toys.init(game))
    kernels = [x.shape for x in jax.tree.leaves(state.params['d']) if x.ndim == 4]
    assert (5, 5, 3 * 2, 4) in kernels
    batch = {'image': jax.ShapeDtypeStruct((6, 8, 8, 2), jnp.float32)}
    jax.eval_shape(steps.make_step(game), state, batch)
