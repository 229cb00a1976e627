"""What every recipe must do with a term that any config can turn on."""

from importlib import import_module
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import data, errors, gans
from gax.config import base, choose
from gax.config import defaults as configs
from gax.core import sample, updates
from gax.core import step as steps
from gax.core.spec import Field, Spec
from gax.objectives import term_registry
from tests.helpers import toys
from tests.helpers.cases import with_slow

CONFIGS = Path(__file__).parents[2] / 'configs'
A = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)


def first_config_of_each():
    """{gan: the tiny config of the first file, by name, that is of it}."""
    found = {}
    for path in sorted(CONFIGS.glob('*.py')):
        module = import_module(f'configs.{path.stem}')
        if hasattr(module, 'get_test_config'):
            config = module.get_test_config()
            found.setdefault(config.gan, config)
    return found


TINY = first_config_of_each()


def outlined(config):
    """The metrics of a step of the config, traced to their shapes."""
    configs.check(config)
    spec = data.load(config).spec
    game = gans.make(config, spec)
    rows = config.batch_size * updates.batches_per_step(game)
    batch = {
        name: jax.ShapeDtypeStruct((rows, *field.shape), jnp.float32) for name, field in spec.fields.items()
    }
    if spec.num_classes:
        batch['label'] = jax.ShapeDtypeStruct((rows,), jnp.int32)
    step = steps.make_step(game, phase=sample.last_phase(game))
    return jax.eval_shape(step, jax.eval_shape(lambda: toys.init(game)), batch)[1]


ADVERSARIAL = [gan for gan in gans.names() if 'd' not in gans.without(gan)]


@pytest.mark.slow
@pytest.mark.parametrize('gan', ADVERSARIAL)
def test_path_length_and_feature_matching_go_with_every_recipe(gan):
    config = TINY[gan].copy_and_resolve_references()
    choose(config, 'terms.feature_matching', weight=0.5)
    player = 'ge' if gan == 'bigan' else 'g'
    assert f'{player}/feature_matching' in outlined(config)
    choose(config, 'terms.path_length', weight=0.5)
    if gan in ('cyclegan', 'cut', 'srgan', 'inpaint'):
        with pytest.raises(
            errors.GaxError, match=r'path_length is of games with latents z.* from (a|condition)'
        ):
            outlined(config)
    else:
        assert f'{player}/path_length' in outlined(config)


@pytest.mark.parametrize('gan', with_slow(['cgan', 'infogan'], 0))
def test_path_length_makes_fakes_as_the_recipe_does(gan):
    """G(z, c) = (z, c) A, so J = the first two rows of A, those of z: the mean of |J^T y| over y ~ N(0,
    I).
    """
    config = base(gan)
    config.latent_dim = 2
    for name in 'gd':
        choose(config, f'{name}.net', 'mlp')
    choose(config, 'terms.path_length', weight=1.0, decay=1.0, shrink=1)
    if gan == 'infogan':
        config.code.update({'categories': 2, 'continuous': 2})
    game = gans.make(config, Spec('toy', {'point': Field((2,), 'point')}, num_classes=4))
    batch = {'label': jnp.zeros(20_000, jnp.int32)}
    latents = game.sample_latents(jax.random.key(0), 20_000, batch)
    context = toys.view({'g': toys.net(None, lambda a, z: z @ a)}, {'g': jnp.asarray(A)}, batch)
    term = game.players['g'].terms['path_length']
    _, state = term.fn(context._replace(latents=latents, conditions=game.conditions), None, term.init())
    y = np.random.default_rng(1).normal(size=(100_000, 2))
    assert float(state['mean']) == pytest.approx(np.linalg.norm(y @ A[:2].T, axis=1).mean(), rel=0.02)


@pytest.mark.parametrize('gan', with_slow(['vanilla', 'pacgan', 'cgan', 'bigan'], 0))
def test_discriminators_answer_with_features_only_where_they_are_read(gan):
    """A weight of the number 0 is off; one that is traced may be 0, too, and is on."""
    for weight, features in ((0.0, False), (1.0, True), (jnp.zeros(()), True)):
        config = TINY[gan].copy_and_resolve_references()
        with config.ignore_type():
            config.terms.feature_matching = term_registry.section('feature_matching', weight=weight)
        game = gans.make(config, data.load(config).spec)
        assert answers_with_features(game, config) == features


def answers_with_features(game, config):
    spec = data.load(config).spec
    batch = {name: jnp.ones((config.batch_size, *field.shape)) for name, field in spec.fields.items()}
    batch['label'] = jnp.zeros(config.batch_size, jnp.int32)

    def out(state):
        context = toys.view(game.nets, state.params, batch, model_state=state.model_state)
        context = context._replace(
            conditions=game.conditions,
            latents=game.sample_latents(jax.random.key(0), config.batch_size, batch),
        )
        fakes, context = game.generate(context)
        return game.players['d'].forward(context._replace(fakes=fakes))[0]['real_out']

    return hasattr(jax.eval_shape(out, jax.eval_shape(lambda: toys.init(game))), 'keys')


@pytest.mark.parametrize('gan', ['ebgan', 'began'])
@pytest.mark.parametrize(('field', 'value'), [('spectral_norm', True), ('members', 2), ('minibatch', 'std')])
def test_discriminators_that_reconstruct_have_no_such_fields(gan, field, value):
    config = TINY[gan].copy_and_resolve_references()
    config.d[field] = value
    with pytest.raises(
        errors.GaxError, match=rf"^unknown field config\.d\.{field} of gan '{gan}'.*has: "
    ) as info:
        configs.check(config)
    assert '\n' not in str(info.value)


@pytest.mark.parametrize('gan', with_slow(['vanilla', 'bigan', 'cgan'], 1))
def test_features_of_several_discriminators_are_matched(gan):
    config = TINY[gan].copy_and_resolve_references()
    choose(config, 'terms.feature_matching', weight=1.0)
    config.d.members = 2
    assert any(name.endswith('/feature_matching') for name in outlined(config))
