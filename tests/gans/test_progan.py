"""ProGAN: the drift, the class head where it is asked for, what is refused."""

import jax
import jax.numpy as jnp
import pytest

from configs import progan as configs
from gax import errors, gans
from gax.core import step as steps
from gax.core import updates
from gax.core.spec import Field, Spec
from gax.gans import progan
from tests.helpers import toys

SPEC = Spec('images', {'image': Field((8, 8, 3))}, num_classes=3, size=16)


def tiny(**changes):
    config = configs.get_test_config()
    config.update_from_flattened_dict({name.replace('__', '.'): value for name, value in changes.items()})
    return config


def test_the_drift_is_the_mean_square_of_the_logits_of_reals():
    assert float(progan.drift(None, {'real': jnp.asarray([1.0, -3.0])})) == 5.0


def test_with_a_weight_labels_are_used():
    plain = gans.make(tiny(), SPEC)
    assert (plain.conditions, set(plain.players['d'].terms)) == ((), {'adversarial', 'wgan_gp', 'drift'})
    game = gans.make(tiny(class_weight=1.0), SPEC)
    assert game.conditions == ('label',)
    assert 'class' in game.players['d'].terms
    assert 'class' in game.players['g'].terms
    state = jax.eval_shape(lambda: toys.init(game))
    batch = {
        'image': jax.ShapeDtypeStruct((4, 8, 8, 3), jnp.float32),
        'label': jax.ShapeDtypeStruct((4,), jnp.int32),
    }
    for phase in updates.phase_names(game):
        metrics = jax.eval_shape(steps.make_step(game, phase=phase), state, batch)[1]
        assert {'d/class', 'g/class', 'd/drift'} <= set(metrics)


def test_labels_that_are_not_there_and_short_trainings_are_refused():
    with pytest.raises(errors.GaxError, match=r'class_weight=1\.0 needs labels, and images has none'):
        gans.make(tiny(class_weight=1.0), SPEC._replace(num_classes=0))
    with pytest.raises(errors.GaxError, match=r'config\.steps=10 ends before'):
        gans.make(tiny(steps=10), SPEC)


def test_every_preset_checks_and_the_unknown_is_named():
    for preset in configs.PRESETS:
        assert configs.get_config(preset).gan == 'progan'
    with pytest.raises(errors.GaxError, match=r"'emojis' \(nearest: 'emoji'\)"):
        configs.get_config('emojis')
