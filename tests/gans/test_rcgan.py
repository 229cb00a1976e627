"""RCGAN and Quant GAN: noise at every step, classes at every step, logits over time."""

import jax
import jax.numpy as jnp
import pytest

from gax import errors
from gax.config import base, choose
from gax.core import sample
from gax.core.spec import Field, Spec
from gax.gans import quantgan, rcgan
from tests.helpers import toys

SPEC = Spec('toy', {'series': Field((6, 2), 'series')}, num_classes=3)


def tiny(gan, kind='recurrent'):
    config = base(gan)
    config.latent_dim = 2
    small = {'recurrent': {'widths': (4,)}, 'tcn': {'width': 4, 'dilations': (1,)}}
    for player in 'gd':
        choose(config, f'{player}.net', kind, **small[kind])
    return config


@pytest.mark.slow
def test_with_labels_it_is_conditional_and_without_it_is_not():
    game = rcgan.make(tiny('rcgan'), SPEC)
    assert game.conditions == ('label',)
    state = toys.init(game)
    labels = jnp.array([0, 1, 2])
    draw = jax.jit(
        lambda labels: sample.sample(game, state, jax.random.key(0), 3, {'label': labels})['series']
    )
    fakes, others = draw(labels), draw(labels[::-1])
    assert fakes.shape == (3, 6, 2)
    assert toys.differ(fakes[0], others[0])
    toys.same(fakes[1], others[1])
    plain = rcgan.make(tiny('rcgan'), SPEC._replace(num_classes=0))
    assert plain.conditions == ()
    assert plain.latents(jax.random.key(0), 5, {})['z'].shape == (5, 6, 2)


def test_the_noise_of_a_temporal_convolution_is_longer_than_the_series():
    game = quantgan.make(tiny('quantgan', 'tcn'), SPEC._replace(num_classes=0))
    assert game.latents(jax.random.key(0), 5, {})['z'].shape == (5, 6 + 2, 2)  # the receptive field is 3
    short = Spec('toy', {'series': Field((2, 1), 'series')})
    with pytest.raises(errors.GaxError, match=r'reads 3 steps at once, and the series has 2'):
        quantgan.make(tiny('quantgan', 'tcn'), short)


def test_images_are_refused():
    with pytest.raises(
        errors.GaxError, match=r'^rcgan is of series, and toy has images: choose data such as'
    ):
        rcgan.make(tiny('rcgan'), Spec('toy', {'image': Field((8, 8, 1))}))
