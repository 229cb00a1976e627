"""StyleGAN: styles for the layers that there are, both parts trained and averaged, what is refused."""

import jax
import jax.numpy as jnp
import pytest

from configs import stylegan as configs
from gax import errors, gans
from gax.core.spec import Field, Spec
from tests.helpers import toys

SPEC = Spec('images', {'image': Field((8, 8, 3))}, num_classes=3, size=16)


def tiny(**changes):
    config = configs.get_test_config()
    config.growth.stable = 0.08  # ten steps: level 0 has a phase
    config.update_from_flattened_dict({name.replace('__', '.'): value for name, value in changes.items()})
    return config


def test_a_stage_has_two_styles_for_each_of_its_levels():
    game = gans.make(tiny(), SPEC)
    assert [phase.name for phase in game.phases] == ['level 0', 'level 1 fades in', 'level 1']

    def parts(phase):
        state = toys.init(game)
        context = toys.view(game.nets, state.params, {}, model_state=state.model_state)
        context = context._replace(latents={'z': jnp.zeros((4, 4))}, phase=phase)
        ws, context = game.styles.mapping(context)
        return ws, game.styles.synthesis(context, ws)[0]['image']

    for phase, layers in (('level 0', 2), ('level 1 fades in', 4), ('level 1', 4)):
        ws, images = jax.eval_shape(lambda phase=phase: parts(phase))
        assert (ws.shape, images.shape) == ((4, layers, 4), (4, 8, 8, 3))


def test_both_parts_are_trained_and_averaged():
    game = gans.make(tiny(conditional=True), SPEC)
    assert game.players['g'].nets == game.generator == tuple(game.ema) == ('mapping', 'synthesis')
    assert game.conditions == ('label',)


def test_what_is_refused():
    with pytest.raises(errors.GaxError, match='conditional=True needs labels, and images has none'):
        gans.make(tiny(conditional=True), SPEC._replace(num_classes=0))
    with pytest.raises(
        errors.GaxError, match=r'config\.mixing must be a probability from 0 to 1, and is 1\.5'
    ):
        gans.make(tiny(mixing=1.5), SPEC)


def test_every_preset_is_of_this_recipe():
    assert {configs.get_config(preset).gan for preset in configs.PRESETS} == {'stylegan'}
