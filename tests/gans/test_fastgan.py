"""FastGAN: the soft hinge, what is reconstructed, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import gans
from gax.config import base, choose
from gax.core.spec import Field, Spec
from gax.core.types import Frozen, Net
from gax.errors import GaxError
from gax.nets.layers import halved
from gax.objectives import terms
from tests.helpers import toys

SPEC = Spec('images', {'image': Field((16, 16, 1))}, size=8)
KEY = jax.random.key(0)


def config(**changes):
    made = base('fastgan')
    made.batch_size, made.latent_dim, made.augment = 2, 3, ''
    for section in (made.g, made.d, made.decoder):
        section.net.width = 2
    for name, value in changes.items():
        made.update_from_flattened_dict({name.replace('__', '.'): value})
    return made


def hinge(softness, real, fake):
    return float(terms.soft_hinge(softness).fn(toys.view({}, {}, {}), {'real': real, 'fake': fake}, ())[0])


@pytest.mark.slow
def test_margins_of_the_hinge():
    """Softness 0 is the hinge loss; at logits of 0 both sides are the mean margin, 1 - 0.2 / 2 and random."""
    real, fake = (jnp.array([0.5, 3.0]), jnp.array([[-0.5]])), (jnp.array([-2.0, 0.5]), jnp.array([[1.0]]))
    assert hinge(0.0, real, fake) == pytest.approx((0.25 + 1.5) / 2 + (0.75 + 2.0) / 2)
    zeros = jnp.zeros((100, 100))
    assert hinge(0.2, zeros, zeros) == pytest.approx(1.8, abs=0.005)
    single = jnp.zeros(1)
    assert 1.6 < hinge(0.2, single, single) < 2.0


def players_output(made, image):
    """D's forward pass with a D that shows the image as its maps, and a decoder that returns its inputs."""
    game = gans.make(made, SPEC)

    def d(params, state, x, train, key):
        whole, small = x
        logits = jnp.zeros((2, 1, 1))
        return {'logits': (logits, logits), 'maps': (whole, small, whole), 'image': whole}, state

    def decoder(params, state, *maps, train, key):
        return maps, state

    replaced = {
        'd': game.nets['d']._replace(apply=d),
        'decoder': game.nets['decoder']._replace(apply=decoder),
    }
    nets = {**game.nets, **replaced}
    empty: dict = {name: {} for name in nets}
    fakes = {'image': image, 'small': halved(image)}
    context = toys.view(nets, empty, {'image': image}, fakes, model_state=empty)
    return game, context, game.players['d'].forward(context)[0]


def test_what_is_reconstructed():
    """The image and the smaller image from one target, a quarter from the same quarter of the image D saw."""
    image = jax.random.normal(KEY, (2, 16, 16, 1))
    for augment in ('', 'color'):
        out = players_output(config(augment=augment), image)[2]
        saw, small, part = out['rebuilt']
        assert bool(augment) == (np.abs(saw - image).max() > 0.01)
        np.testing.assert_allclose(small, halved(saw), atol=1e-6)
        for target in out['targets'][:2]:
            np.testing.assert_allclose(target, halved(saw), atol=1e-6)
        assert any(np.array_equal(part, saw[:, i : i + 8, j : j + 8]) for i in (0, 8) for j in (0, 8))
        np.testing.assert_allclose(out['targets'][2], part, atol=1e-6)


def squares():
    """A distance of images from outside of gax."""

    def apply(params, state, x, y, *, train, key):
        return jnp.mean(jnp.square(x - y), axis=(1, 2, 3)) * params, state

    return Net(lambda key: (), apply), Frozen(jnp.asarray(3.0))


@pytest.mark.parametrize(('net', 'power'), [('l1', 1), (f'{__name__}:squares', 2)])
def test_how_reconstructions_are_compared(net, power):
    """The sum over three of the mean |difference|, or of an injected net's distances."""
    made = config(reconstruction__net=net)
    game, context, out = players_output(made, jax.random.normal(KEY, (2, 16, 16, 1)))
    params = {name: frozen.params for name, frozen in game.frozen.items()}
    out = {**out, 'rebuilt': [target + 0.5 for target in out['targets']]}
    term = game.players['d'].terms['reconstruction']
    value, _ = term.fn(context._replace(params={**context.params, **params}), out, ())
    assert float(value) == pytest.approx(3 * 0.5 if power == 1 else 3 * 3 * 0.25, rel=1e-5)


def test_without_reconstruction_the_decoders_are_not_trained():
    assert gans.make(config(), SPEC).players['d'].nets == ('d', 'decoder')
    without = gans.make(config(reconstruction__weight=0.0), SPEC).players['d']
    assert without.nets == ('d',)
    assert 'reconstruction' not in without.terms


def test_labels_are_given_to_both():
    game = gans.make(config(conditional=True), SPEC._replace(num_classes=3))
    assert game.conditions == ('label',)
    for net, tables in (('g', 1), ('d', 2)):
        params = jax.eval_shape(game.nets[net].init, KEY)[0]
        assert sum(name.startswith('Embed') for name in params) == tables


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'conditional': True}, 'conditional=True needs labels, and images has none'),
        ({'loss': 'wasserstein'}, r"fastgan has config\.loss='hinge', not 'wasserstein'"),
        ({'reconstruction__net': 'l3'}, r"unknown config\.reconstruction\.net 'l3'.*l1"),
        ({'reconstruction__layers': 'conv1'}, r'config\.reconstruction\.layers=conv1 are read beside a net'),
        ({'d__members': 2}, 'and this game asks for maps: leave config.d.members'),
    ],
)
def test_what_does_not_go_together_is_refused(changes, words):
    with pytest.raises(GaxError, match=words):
        gans.make(config(**changes), SPEC)


def test_other_families_are_refused():
    made = config()
    choose(made, 'd.net', 'sngan', widths=(4, 4), downs=1)
    with pytest.raises(GaxError, match=r'images of two sizes, and config\.d\.net\.kind=sngan has one'):
        gans.make(made, SPEC)
