"""The energy, its margin, and the term that pulls codes apart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import ebgan_mnist
from gax import errors, gans
from gax.config import base
from gax.config import defaults as configs
from gax.core import forward
from gax.core.spec import Field, Spec
from gax.gans import ebgan
from gax.nets import autoencoder, registry
from tests.helpers import toys

POINTS = Spec('points', {'point': Field((2,), 'point')})


def test_the_margin_loss_by_hand():
    """Energies of reals 1 and 4, of fakes 3 and 12, margin 10: D (1 + 7) and (4 + 0), G 3 and 12."""
    loss, energies = ebgan.margin_loss(10.0), (jnp.array([1.0, 4.0]), jnp.array([3.0, 12.0]))
    real, fake = (-e for e in energies)
    toys.close(loss.d(real, fake), np.array([8.0, 4.0]))
    toys.close(loss.g(None, fake), np.array([3.0, 12.0]))
    # Fakes beyond the margin push D no more.
    toys.close(jax.grad(lambda f: loss.d(real, f).sum())(fake), np.array([1.0, 0.0]))


@pytest.mark.parametrize(
    ('codes', 'expected'),
    [
        ([[1.0, 0.0], [0.0, 5.0]], 0.0),  # orthogonal
        ([[1.0, 2.0], [2.0, 4.0], [-1.0, -2.0]], 1.0),  # one line
        ([[1.0, 0.0], [1.0, 1.0], [0.0, 3.0]], 1 / 3),  # cos^2 of the pairs: 1/2, 0, 1/2
    ],
)
def test_pulling_away_is_the_mean_squared_cosine_of_pairs(codes, expected):
    np.testing.assert_allclose(ebgan.pulling_away(jnp.array(codes)), expected, atol=1e-6)


def test_pulling_away_has_a_gradient_at_zero():
    assert np.all(np.isfinite(jax.grad(ebgan.pulling_away)(jnp.zeros((3, 2)))))


def test_energies_by_hand():
    error = jnp.array([[3.0, -4.0], [0.0, 0.0]])
    np.testing.assert_allclose(autoencoder.norm(error), [5.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(autoencoder.mean_absolute(error), [3.5, 0.0])
    assert np.all(np.isfinite(jax.grad(lambda e: autoencoder.norm(e).sum())(error)))


def test_the_accuracy_counts_pairs():
    """Energies of reals 1, 2, of fakes 2, 3, 0: of six pairs three are right, and one is even."""
    out = {'real': -jnp.array([1.0, 2.0]), 'fake': -jnp.array([2.0, 3.0, 0.0])}
    found = autoencoder.energy_summary(None, out)
    toys.close(found, {'accuracy': np.float32(3.5 / 6), 'energy_real': 1.5, 'energy_fake': 5 / 3})


def test_the_net_is_what_its_critic_judges():
    """The logits are minus |Dec(Enc(x)) - x|; the parameters are those of two dense layers each way."""
    d = base('ebgan').d
    d.net.update({'widths': (3,), 'code': 1})
    net = registry.network(d.net, 'Autoencoder', (2,))
    params, state = net.init(jax.random.key(0))
    assert sum(x.size for x in jax.tree.leaves(params)) == (2 * 3 + 3) + (3 + 1) + (3 + 3) + (3 * 2 + 2)
    x = toys.batch()['point']
    context = toys.view({'d': net}, {'d': params}, {'point': x}, {'point': 2 * x}, model_state={'d': state})
    out, _ = forward.score_both(autoencoder.scorer('point', autoencoder.norm))(context)
    wanted = -jnp.linalg.norm(out['real_out']['reconstruction'] - x, axis=-1)
    toys.close(out['real'], wanted, 1e-5)
    assert out['fake_out']['code'].shape == (6, 1)


def test_points_and_what_is_refused():
    config = ebgan_mnist.get_test_config()
    assert set(gans.make(config, POINTS).nets) == {'g', 'd'}
    config.terms.pulling_away.weight = 0.0
    assert 'pulling_away' not in gans.make(config, POINTS).players['g'].live_terms
    config.d.net.code = 0
    with pytest.raises(errors.GaxError, match=r'config\.d\.net\.code must be positive'):
        configs.check(config)
    for field, value in (('loss', 'hinge'), ('label_smoothing', 0.1)):
        config = ebgan_mnist.get_test_config()
        config[field] = value
        with pytest.raises(errors.GaxError, match='ebgan'):
            gans.make(config, POINTS)
