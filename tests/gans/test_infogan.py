"""The codes of InfoGAN: how they are drawn, joined and read."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import errors
from gax.config import base, choose
from gax.core.spec import Field, Spec
from gax.gans import infogan
from tests.helpers import toys

SPEC = Spec('toy', {'point': Field((2,), 'point')})


def game(**code):
    config = base('infogan')
    config.latent_dim = 3
    for name in 'gd':
        choose(config, f'{name}.net', 'mlp')
    config.code.update({'categories': 4, **code})
    return infogan.make(config, SPEC)


def test_latents():
    drawn = game().latents(jax.random.key(0), 4000, {})
    assert {name: (x.shape, str(x.dtype)) for name, x in drawn.items()} == {
        'z': ((4000, 3), 'float32'),
        'category': ((4000,), 'int32'),
        'code': ((4000, 2), 'float32'),
    }
    np.testing.assert_allclose(np.bincount(drawn['category']) / 4000, 0.25, atol=0.03)
    assert float(jnp.abs(drawn['code']).max()) <= 1.0
    assert float(jnp.var(drawn['code'])) == pytest.approx(1 / 3, rel=0.05)  # uniform on [-1, 1)


def test_the_generator_is_given_noise_category_and_code():
    nets = {'g': toys.net(lambda key: {}, lambda p, z: z)}
    latents = {'z': jnp.full((1, 3), 9.0), 'category': jnp.array([2]), 'code': jnp.array([[0.5, -0.5]])}
    context = toys.view(nets, {'g': {}}, {})._replace(latents=latents)
    made = game()
    np.testing.assert_array_equal(made.generate(context)[0]['point'], [[9, 9, 9, 0, 0, 1, 0, 0.5, -0.5]])
    params = jax.eval_shape(made.nets['g'].init, jax.random.key(0))[0]
    assert params['Dense_0']['kernel'].shape[0] == 9


def test_information_is_read_from_the_heads():
    """Uniform logits tell nothing of 4 categories: log 4 nats.

    Codes off by (1, 0) and (0, 2): (1 + 4) / 2 / 2.
    """
    context = toys.view({}, {}, {})._replace(
        latents={'category': jnp.array([1, 3]), 'code': jnp.array([[0.0, 0.5], [1.0, -1.0]])}
    )
    out = {'fake_out': {'category': jnp.zeros((2, 4)), 'code': jnp.array([[1.0, 0.5], [1.0, 1.0]])}}
    assert float(infogan.category(context, out)) == pytest.approx(np.log(4), rel=1e-6)
    assert float(infogan.continuous(context, out)) == pytest.approx(1.25, rel=1e-6)
    certain = {'fake_out': {'category': 50.0 * jax.nn.one_hot(jnp.array([1, 3]), 4), 'code': None}}
    assert float(infogan.category(context, certain)) == pytest.approx(0.0, abs=1e-6)


def test_both_players_carry_the_information():
    made = game(category_weight=0.7, continuous_weight=0.2)
    for player in made.players.values():
        assert (player.terms['category'].weight, player.terms['continuous'].weight) == (0.7, 0.2)


def test_codes_of_no_size_are_refused():
    with pytest.raises(errors.GaxError, match=r'config\.code\.categories'):
        game(categories=0)
