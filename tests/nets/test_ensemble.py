"""Several discriminators as one: what each sees, whose randomness it uses, and what losses make of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import gans
from gax.config import base, choose
from gax.core import rng
from gax.core import step as steps
from gax.core.spec import Field, Spec
from gax.core.types import Net
from gax.errors import GaxError
from gax.nets import registry
from gax.nets.ensemble import committee, multiscale
from gax.nets.layers import halved
from gax.objectives import losses, regularizers, terms
from tests.helpers.toys import close, differ, same

KEY = jax.random.key(0)
SPEC = Spec('x', {'image': Field((8, 8, 1))}, 0, 10)


def member(factor):
    """D(x) = factor * mean(x) (+ noise in training); counts its training calls."""

    def apply(params, state, x, train, key):
        noise = jax.random.normal(key, x.shape[:1]) if train else 0.0
        return params * x.reshape(len(x), -1).mean(1) + noise, {'calls': state['calls'] + train}

    return Net(lambda key: (jnp.float32(factor), {'calls': jnp.int32(0)}), apply)


def test_committee_by_hand():
    net = committee(member(2.0), member(-3.0))
    params, state = net.init(KEY)
    assert list(params) == list(state) == ['member_0', 'member_1']
    x = jnp.arange(4.0).reshape(4, 1, 1, 1)
    logits, after = net.apply(params, state, x, train=False, key=None)
    close(logits, (jnp.arange(4.0) * 2, jnp.arange(4.0) * -3))
    same(after, state)
    # The mean of the members' losses is the loss of the committee.
    loss = losses.make('non_saturating').g
    value, _ = terms.adversarial(loss).fn(None, {'real': None, 'fake': logits}, ())
    apart = [jnp.mean(loss(None, scores)) for scores in logits]
    np.testing.assert_allclose(value, np.mean(apart), rtol=1e-6)


def test_members_draw_apart_and_move_their_own_state():
    net = committee(member(1.0), member(1.0))
    params, state = net.init(KEY)
    logits, after = net.apply(params, state, jnp.zeros((5, 1, 1, 1)), train=True, key=KEY)
    assert [int(after[name]['calls']) for name in after] == [1, 1]
    for i in (0, 1):
        same(logits[i], jax.random.normal(rng.stream(KEY, f'member_{i}'), (5,)))
    assert not np.array_equal(*logits)


def test_halved():
    x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    close(halved(x)[0, :, :, 0], np.float32([[2.5, 4.5], [10.5, 12.5]]))
    with pytest.raises(GaxError, match='images of 6x5 cannot be halved'):
        halved(jnp.ones((1, 6, 5, 1)))


def test_each_scale_sees_a_smaller_image():
    sizes = []

    def watching(i):
        def apply(params, state, x, train, key):
            sizes.append(x.shape[1:])
            return x.reshape(len(x), -1), state  # a logit a pixel, as a patch discriminator has

        return Net(lambda key: ({}, {}), apply)

    net = multiscale(*map(watching, range(3)))
    x = jax.random.normal(KEY, (2, 8, 4, 1))
    logits, _ = net.apply(*net.init(KEY), x, train=False, key=None)
    assert sizes == [(8, 4, 1), (4, 2, 1), (2, 1, 1)]
    assert [scores.shape for scores in logits] == [(2, 32), (2, 8), (2, 2)]
    np.testing.assert_allclose(logits[2], x.reshape(2, 2, 16).mean(2), atol=1e-6)
    # Every scale counts the same, however many logits it has.
    loss = losses.make('wasserstein').g
    value, _ = terms.adversarial(loss).fn(None, {'real': None, 'fake': logits}, ())
    np.testing.assert_allclose(value, np.mean([-np.mean(scores) for scores in logits]), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize('fields', [{'members': 2}, {'scales': 2}])
@pytest.mark.parametrize('kind', ['mlp', 'dcgan'])
def test_families_build_them(kind, fields):
    config = base('vanilla')
    choose(config, 'd.net', kind, widths=(4,))
    config.d.update({**fields, 'spectral_norm': True})
    d = registry.pair(config, SPEC)[0]['d']
    params, state = d.init(KEY)
    x = jax.random.normal(KEY, (4, 8, 8, 1))
    logits, after = d.apply(params, state, x, train=True, key=KEY)
    assert [scores.shape for scores in logits] == [(4,), (4,)]
    first, second = params['member_0'], params['member_1']
    same_shapes = jax.tree.map(jnp.shape, first) == jax.tree.map(jnp.shape, second)
    assert same_shapes == ('members' in fields)
    assert not np.allclose(*logits)
    assert set(after['member_1']) == {'net', 'u'}


def test_families_refuse_what_has_no_meaning():
    config = base('vanilla')
    config.d.update({'members': 2, 'scales': 2})
    with pytest.raises(GaxError, match=r'config.d.members=2 and config.d.scales=2 do not go together'):
        registry.pair(config, SPEC)
    config.d.members = 1
    with pytest.raises(
        GaxError,
        match='several discriminators have no outputs but logits and features, and this game asks for class',
    ):
        registry.pair(config, SPEC, heads={'class': 3})
    with pytest.raises(GaxError, match=r'config.d.scales=2 takes images, and the data are points'):
        registry.pair(config, Spec('x', {'point': Field((2,), 'point')}))
    config.d.scales = 5
    with pytest.raises(
        GaxError, match=r'config.d.scales=5 halves images 4 times: 8x8 must be multiples of 16'
    ):
        registry.pair(config, SPEC)
    config.d.scales = 0
    with pytest.raises(GaxError, match=r'config.d.scales must be at least 1, and is 0'):
        registry.pair(config, SPEC)


@pytest.mark.slow
def test_a_committee_whose_members_return_features():
    """Feature matching is the sum over the members, and every term takes a tuple of logits."""
    config = base('vanilla')
    choose(config, 'd.net', 'mlp', widths=(4,), dropout=0.0)
    config.d.members = 2
    for name in ('feature_matching', 'r1', 'lecam', 'wgan_gp'):
        choose(config, f'terms.{name}', weight=1.0)
    choose(config, 'top_k', fraction=0.5)
    config.batch_size = 6
    game = gans.make(config, SPEC)
    batch = {'image': jax.random.normal(KEY, (6, 8, 8, 1))}
    state = steps.init(game, rng.root(0))
    after, metrics = jax.jit(steps.make_step(game))(state, batch)
    assert all(np.isfinite(total) for total, _ in metrics.values())
    assert differ(after.params['d']['member_0'], after.params['d']['member_1'])

    features = {
        side: (jax.random.normal(rng.stream(KEY, side), (6, 4)), jnp.ones((6, 3)) * i)
        for i, side in enumerate(('real_out', 'fake_out'))
    }
    out = {side: {'features': value} for side, value in features.items()}
    gap, _ = regularizers.feature_matching().fn(None, out, ())
    first = jnp.mean(features['real_out'][0], axis=0) - jnp.mean(features['fake_out'][0], axis=0)
    np.testing.assert_allclose(gap, jnp.sum(jnp.square(first)) + 3.0, rtol=1e-6)
