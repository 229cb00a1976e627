"""Every config whose game makes images from images translates images of other sizes than those of training."""

from importlib import import_module

import jax
import jax.numpy as jnp
import pytest

from gax.config import choices
from gax.core import rng, step, translation
from gax.errors import GaxError
from gax.sampling import tiles, translator
from gax.training import experiment

NAMES = ('pix2pix_openmoji', 'cyclegan_emoji', 'cut_emoji', 'srgan_emoji', 'inpaint_emoji')
SIZES = ((16, 16), (24, 40))


def config_of(name):
    """The tiny config; the context encoder, whose middle has a fixed size, is replaced by a gated network."""
    config = import_module(f'configs.{name}').get_test_config()
    if name == 'inpaint_emoji':
        choices.set_all(config, {'g.net.kind': 'gated', 'g.net.width': 4})
    return config


@pytest.mark.slow
@pytest.mark.parametrize('name', NAMES)
def test_outputs_follow_the_size_of_the_input(name):
    built = experiment.build(config_of(name))
    spec = built.source.spec
    ways = translation.directions(built.game, spec)
    assert ways
    state = jax.eval_shape(lambda: step.init(built.game, rng.root(0)))
    for way in ways:
        (height, width, channels), (tall, wide, made) = (spec.fields[side].shape for side in way)
        run = translator.program(built, way, built.game.phases[-1].name if built.game.phases else '')
        noise = built.game.latents(rng.key(0), 1, {})
        for size in SIZES:
            image = jnp.zeros((2, *size, channels))
            mask = jnp.zeros((2, *size, 1)) if translation.MASK in built.game.conditions else None
            out = jax.eval_shape(run, state, image, mask, noise, rng.key(1))
            expected = (2, size[0] * tall // height, size[1] * wide // width, made)
            assert out.shape == expected


def test_a_network_of_a_fixed_size_says_so():
    built = experiment.build(import_module('configs.inpaint_emoji').get_test_config())
    way = translation.directions(built.game, built.source.spec)[0]
    run = translator.program(built, way, '')
    shapes = jax.eval_shape(lambda: step.init(built.game, rng.root(0)).replace(key=()))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    state = zeros.replace(key=rng.root(0))
    opened = translator.Translator(built, state, way, run, (1, 1))
    plan = tiles.layout((24, 24), opened.trained, 24, 0)
    image, noise = jnp.zeros((1, 24, 24, 3)), built.game.latents(rng.key(0), 1, {})
    with pytest.raises(GaxError, match=r'takes no images of 24x24 .* trained on 16x16; leave --tile out'):
        translator.run_checked(opened, image, image[..., :1], noise, rng.key(1), plan)
