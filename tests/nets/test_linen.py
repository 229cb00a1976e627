"""Networks that compare the examples of a batch need more than one: refused when traced, before anything is
done.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from gax.core.wrappers import accumulate
from gax.distributed import sharding
from gax.errors import GaxError
from gax.gans import ebgan
from gax.nets.linen import from_linen
from gax.nets.minibatch import MinibatchDiscrimination, MinibatchStd
from gax.training import experiment
from tests.helpers import tinyruns
from tests.helpers.cases import with_slow

RING = {'data.name': 'synthetic:ring', 'g.net.widths': (8,), 'd.net.widths': (8,)}
NORMED = {**RING, 'g.net.batch_norm_first': True}


class Layer(nn.Module):
    layer: type
    options: tuple = ()

    @nn.compact
    def __call__(self, x, train):
        options = {'use_running_average': not train} if self.layer is nn.BatchNorm else {}
        return self.layer(**dict(self.options))(x, **options)


def gradient(net, x, grad=jax.value_and_grad):
    """Of a sum of squares, in training."""
    params, state = net.init(jax.random.key(0))

    def loss(own, fakes, data, key):
        out, new = net.apply(params, state, fakes, train=True, key=jax.random.key(1))
        return jnp.sum(jnp.square(out)), (new, {})

    return grad(loss, argnums=(0, 1), has_aux=True)({}, x, {}, jax.random.key(2))[1][1]


@pytest.mark.parametrize('layer', with_slow([nn.BatchNorm, MinibatchStd, MinibatchDiscrimination], 0))
def test_a_layer_that_compares_examples_refuses_a_batch_of_one_in_training(layer):
    x = jax.random.normal(jax.random.key(3), (8, 3))
    net = from_linen(Layer(layer), jax.ShapeDtypeStruct((1, 3), jnp.float32))
    assert jnp.isfinite(gradient(net, x)).all()
    for rows, grad in ((x[:1], accumulate(1)), (x, accumulate(8))):
        with pytest.raises(GaxError, match=rf'^{layer.__name__} .* has 1 example at a time, \[1, 3\]'):
            gradient(net, rows, grad)
    params, state = net.init(jax.random.key(0))
    assert net.apply(params, state, x[:1], train=False, key=jax.random.key(1))[0].shape[0] == 1


@pytest.mark.slow
def test_pixels_are_many_numbers_of_a_channel_and_averages_of_devices_are_not_of_one():
    images = jax.random.normal(jax.random.key(3), (1, 4, 4, 2))
    net = from_linen(Layer(nn.BatchNorm), jax.ShapeDtypeStruct(images.shape, jnp.float32))
    assert jnp.any(gradient(net, images) != 0)
    pooled = from_linen(
        Layer(nn.BatchNorm, (('axis_name', 'data'),)), jax.ShapeDtypeStruct((1, 2), jnp.float32)
    )
    params, state = pooled.init(jax.random.key(0))
    apply = jax.vmap(
        lambda x: pooled.apply(params, state, x, train=True, key=jax.random.key(1))[0], axis_name='data'
    )
    assert apply(jnp.ones((3, 1, 2))).shape == (3, 1, 2)


@pytest.mark.parametrize(
    ('changes', 'devices', 'refused'),
    [
        ({'batch_size': 1}, 1, True),
        ({'batch_size': 4}, 4, False),  # jit: the batch of all devices
        ({'batch_size': 4, 'parallel': 'shard_map'}, 4, True),
        ({'batch_size': 8, 'parallel': 'shard_map'}, 4, False),
        ({'batch_size': 4, 'parallel': 'pmap'}, 4, True),
        ({'batch_size': 1, 'g.net.batch_norm': False}, 1, False),
    ],
)
def test_what_a_generator_sees_at_a_time(changes, devices, refused):
    made = experiment.build(tinyruns.config(**{**NORMED, **changes}), sharding.mesh(jax.devices()[:devices]))
    if refused:
        with pytest.raises(GaxError, match=r'BatchNorm .* has 1 example at a time.*batch_size'):
            experiment.shapes(made)
    else:
        experiment.shapes(made)


def test_pulling_away_needs_two():
    with pytest.raises(GaxError, match='at least 2'):
        ebgan.pulling_away(jnp.ones((1, 3)))
