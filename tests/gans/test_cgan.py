"""Labels are joined to what both networks see."""

import jax.numpy as jnp
import numpy as np
import pytest

from gax import errors
from gax.config import base, choose
from gax.core.spec import Field, Spec
from gax.gans import cgan
from tests.helpers import toys

SPEC = Spec('toy', {'point': Field((2,), 'point')}, num_classes=3)
LABEL = jnp.array([2, 0])


def game(**fields):
    config = base('cgan')
    config.latent_dim = 2
    for name in 'gd':
        choose(config, f'{name}.net', 'mlp')
    config.update(fields)
    return cgan.make(config, SPEC)


def test_join_beside_points_and_images():
    joined = cgan.join(jnp.array([[1.0, 2.0], [3.0, 4.0]]), LABEL, 3, 0.5)
    np.testing.assert_array_equal(joined, [[1, 2, 0, 0, 0.5], [3, 4, 0.5, 0, 0]])
    planes = cgan.join(jnp.full((2, 4, 5, 1), 7.0), LABEL, 3)
    assert planes.shape == (2, 4, 5, 4)
    np.testing.assert_array_equal(planes[0], np.tile([7.0, 0, 0, 1], (4, 5, 1)))


def test_both_networks_are_told_the_label():
    """G gives out its label inputs' sum, D reads the label back from its own."""
    made = game(label_scale=3.0)
    nets = {
        'g': toys.net(lambda key: {}, lambda p, z: z[:, :2] * 0 + jnp.sum(z[:, 2:], 1, keepdims=True)),
        'd': toys.net(lambda key: {}, lambda p, x: x[:, 2:] @ jnp.arange(3.0)),
    }
    batch = {'point': jnp.ones((2, 2)), 'label': jnp.array([1, 2])}
    context = toys.view(nets, {'g': {}, 'd': {}}, batch)._replace(
        latents={'z': jnp.full((2, 2), 9.0), 'label': LABEL}, conditions=made.conditions
    )
    fakes, context = made.generate(context)
    np.testing.assert_array_equal(fakes['point'], np.full((2, 2), 3.0))
    out, _ = made.players['d'].forward(context._replace(fakes=fakes))
    np.testing.assert_array_equal(out['real'], [1.0, 2.0])
    np.testing.assert_array_equal(out['fake'], [2.0, 0.0])


def test_data_without_labels_are_refused():
    with pytest.raises(errors.GaxError, match='cgan needs labels, and toy has none'):
        cgan.make(base('cgan'), SPEC._replace(num_classes=0))
