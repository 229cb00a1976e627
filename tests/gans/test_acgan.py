"""What D and G minimise of the class."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import errors
from gax.config import base
from gax.core.spec import Field, Spec
from gax.gans import acgan
from tests.helpers import toys

SPEC = Spec('toy', {'image': Field((4, 4, 1))}, num_classes=2)


def game(**fields):
    config = base('acgan')
    config.g.net.update({'widths': (4, 4), 'strides': (2, 2)})
    config.d.net.widths = (4,)
    config.update(fields)
    return acgan.make(config, SPEC)


def read(made, player, term):
    """The term where D's class logits are (first pixel, 0): class 0 costs softplus(-x), class 1
    softplus(x).
    """

    def fn(p, x):
        first = x[:, 0, 0, 0]
        return {'logits': first, 'class': jnp.stack([first, 0 * first], -1)}

    images = {'image': jnp.full((2, 4, 4, 1), 3.0), 'label': jnp.array([0, 1])}
    context = toys.view({'d': toys.net(lambda key: {}, fn)}, {'d': {}}, images)
    context = context._replace(
        fakes={'image': jnp.full((2, 4, 4, 1), -1.0)}, latents={'label': jnp.array([0, 0])}
    )
    out, context = made.players[player].forward(context)
    return float(made.players[player].terms[term].fn(context, out, ())[0]), made.players[player].summary(
        context, out
    )


def test_d_names_reals_and_fakes_and_g_has_fakes_named():
    real = 0.5 * np.logaddexp(0, [-3.0, 3.0]).sum()
    fake = np.logaddexp(0, 1.0)
    on_both, seen = read(game(), 'd', 'class')
    assert on_both == pytest.approx(real + fake, rel=1e-5)
    assert read(game(), 'g', 'class')[0] == pytest.approx(fake, rel=1e-5)
    assert (float(seen['class_real']), float(seen['class_fake'])) == (0.5, 0.0)
    assert 'accuracy' in seen


def test_the_weight_is_that_of_both_players():
    assert [p.terms['class'].weight for p in game(class_weight=0.25).players.values()] == [0.25, 0.25]
    assert 'class' not in game(class_weight=0.0).players['d'].live_terms


def test_g_is_told_the_class_and_d_is_not():
    made, key = game(), jax.random.key(0)
    leaves = {name: jax.tree.leaves(jax.eval_shape(net.init, key)[0]) for name, net in made.nets.items()}
    z = jax.eval_shape(lambda: made.latents(key, 2, {'label': jnp.array([0, 1])}))
    assert (2, z['z'].shape[1]) in [leaf.shape for leaf in leaves['g']]  # the table of embeddings
    judge = made.nets['d']
    images = jnp.zeros((3, 4, 4, 1))
    out, _ = jax.eval_shape(lambda: judge.apply(*judge.init(key), images, train=True, key=key))
    assert out['class'].shape == (3, 2)


def test_data_without_labels_are_refused():
    with pytest.raises(errors.GaxError, match='acgan needs labels, and toy has none'):
        acgan.make(base('acgan'), SPEC._replace(num_classes=0))
