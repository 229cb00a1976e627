"""Encoders, and discriminators with features."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import errors
from gax.nets import encoder, families, registry


def trunk(shape=(8, 8, 1), kind='dcgan', **fields):
    section = families.section(kind, 'Trunk')
    section.update({'widths': (4, 6), **fields})
    return families.build(section, 'Trunk', shape)


def judge(module, *codes, **fields):
    examples = [registry.example(*shape) for shape in ((8, 8, 1), *codes)]
    return registry.lifted(encoder.TrunkDiscriminator(module, **fields), *examples)


def run(net, *inputs):
    params, state = net.init(jax.random.key(0))
    return net.apply(params, state, *inputs, train=True, key=jax.random.key(1))[0], params


@pytest.mark.slow
@pytest.mark.parametrize(('kind', 'shape'), [('dcgan', (8, 8, 1)), ('mlp', (8, 8, 1)), ('mlp', (3,))])
def test_outputs(kind, shape):
    module = encoder.Encoder(trunk(shape, kind), {'mean': 5, 'log_variance': 5})
    out, _ = run(registry.lifted(module, registry.example(*shape)), jnp.ones((3, *shape)))
    assert {name: x.shape for name, x in out.items()} == {'mean': (3, 5), 'log_variance': (3, 5)}


@pytest.mark.slow
def test_a_discriminator_of_pairs_sees_both():
    x, z = jax.random.normal(jax.random.key(2), (2, 8, 8, 1)), jnp.zeros((2, 5))
    net = judge(trunk(), (5,), widths=(7,), heads={})
    one, params = run(net, x, z)
    assert one['features'].shape == (2, 2 * 2 * 6)
    assert params['Dense_0']['kernel'].shape == (24 + 5, 7)
    other, _ = run(net, x, z + 1)
    assert (one['logits'] != other['logits']).all()
    np.testing.assert_array_equal(one['features'], other['features'])
    assert run(judge(trunk()), x)[1]['Dense_0']['kernel'].shape == (24, 1)


def test_divergence_from_the_unit_normal():
    """Mean 1 costs 1/2 a dimension; variance 4 costs (4 - 1 - log 4) / 2."""
    out = {
        'mean': jnp.array([[0.0, 0.0], [1.0, 0.0]]),
        'log_variance': jnp.log(jnp.array([[1.0, 1.0], [1.0, 4.0]])),
    }
    expected = [0.0, 0.5 + 0.5 * (3.0 - np.log(4.0))]
    np.testing.assert_allclose(encoder.divergence(out), expected, atol=1e-6)


def test_noisy():
    out = {'mean': jnp.full((4000, 2), 3.0), 'log_variance': jnp.full((4000, 2), np.log(4.0))}
    drawn = encoder.noisy(out, jax.random.key(0))
    assert float(drawn.mean()) == pytest.approx(3.0, abs=0.1)
    assert float(drawn.std()) == pytest.approx(2.0, rel=0.05)
    np.testing.assert_array_equal(encoder.noisy({'mean': out['mean']}, jax.random.key(0)), out['mean'])


def test_what_cannot_be_read_is_refused():
    with pytest.raises(
        errors.GaxError, match="kind 'dcgan' are for images, and the data are points: choose mlp"
    ):
        trunk((2,))
    with pytest.raises(errors.GaxError, match="unknown kind of trunk 'resnet'; valid: dcgan, mlp"):
        trunk(kind='resnet')


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['dcgan', 'mlp'])
def test_the_activation_is_that_asked_for(kind):
    """ReLU's features are never negative, leaky ReLU's are about half of the time."""
    x = jax.random.normal(jax.random.key(2), (4, 8, 8, 1))
    leaky, _ = run(judge(trunk(kind=kind), heads={}), x)
    relu, _ = run(judge(trunk(kind=kind, activation='relu'), heads={}), x)
    assert (leaky['features'] < 0).any()
    assert (relu['features'] >= 0).all()
    assert (relu['features'] > 0).any()
    with pytest.raises(errors.GaxError, match="unknown activation 'sigmoid'"):
        judge(trunk(kind=kind, activation='sigmoid'))
