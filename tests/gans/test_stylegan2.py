"""StyleGAN2: styles mixed and truncated, the path length by hand, the published settings."""

from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import gans
from gax.core import ema, rng, sample, styles
from gax.core import step as steps
from gax.core.spec import Field, Spec
from gax.core.types import Context, Styles
from gax.errors import GaxError
from gax.objectives import style_paths

configs = import_module('configs.stylegan2')
SPEC = Spec('images', {'image': Field((8, 8, 3))}, num_classes=3, size=16)
KEY = jax.random.key(0)


def game(**changes):
    config = configs.get_test_config()
    for name, value in changes.items():
        config[name] = value
    return gans.make(config, SPEC)


def context_of(z, step=0, train=True, **fields):
    return Context({}, {}, {}, {}, {'z': z}, {}, KEY, jnp.asarray(step), train=train, **fields)


def linear(matrix, layers=3):
    """Styles z at each layer, fakes A (the sum of the layers' styles) as [B, 1, 1, C], average 1."""
    size = matrix.shape[1]

    def mapping(context):
        z = context.latents['z']
        return jnp.broadcast_to(z[:, None], (len(z), layers, size)), context

    def synthesis(context, ws):
        return {'image': (ws.sum(axis=1) @ matrix.T)[:, None, None]}, context

    return Styles(mapping, synthesis, lambda context: jnp.ones(size))


def test_mixing_takes_the_last_layers_of_other_latents():
    ws, other = jnp.zeros((4, 3, 2)), jnp.ones((4, 3, 2))
    mixed = styles.mixed(ws, other, jnp.array([0, 1, 2, 3]))
    np.testing.assert_array_equal(mixed[:, :, 0], [[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]])


def test_cutoffs_are_uniform_with_a_probability():
    drawn = styles.cutoffs(KEY, 40_000, 5, 0.6)
    share = np.bincount(np.asarray(drawn), minlength=6) / 40_000
    np.testing.assert_allclose(share, [0, 0.15, 0.15, 0.15, 0.15, 0.4], atol=0.01)
    np.testing.assert_array_equal(styles.cutoffs(KEY, 100, 5, 0.0), 5)


@pytest.mark.slow
def test_styles_are_mixed_in_training_alone():
    z = jax.random.normal(KEY, (64, 2))
    parts = linear(jnp.eye(2))
    mixed, _ = styles.training_styles(parts, context_of(z), 1.0)
    np.testing.assert_array_equal(mixed[:, 0], z)
    assert np.all(np.any(mixed[:, 2] != z, axis=1))
    for train, probability in ((False, 1.0), (True, 0.0)):
        plain, _ = styles.training_styles(parts, context_of(z, train=train), probability)
        np.testing.assert_array_equal(plain[:, 2], z)


def test_truncation():
    ws, average = jax.random.normal(KEY, (2, 3, 4)), jnp.arange(4.0)
    np.testing.assert_allclose(styles.truncated(ws, average, 1.0), ws, atol=1e-6)
    np.testing.assert_array_equal(styles.truncated(ws, average, 0.0), jnp.tile(average, (2, 3, 1)))
    each = styles.truncated(ws, average, jnp.array([0.5, -1.0]))
    np.testing.assert_allclose(each[0], (ws[0] + average) / 2, atol=1e-5)
    np.testing.assert_allclose(each[1], 2 * average - ws[1], atol=1e-5)


def test_path_length_of_a_linear_synthesis():
    """Each layer has the Jacobian A, so that l = |A^T y|; the average moves before it is used."""
    matrix = jax.random.normal(jax.random.key(1), (3, 2))

    @jax.jit
    def term(scale):
        parts = linear(scale * matrix)
        made = style_paths.path_length(parts, 'image', decay=0.25, shrink=2)
        return made.fn(context_of(jnp.zeros((6, 2))), {}, {'mean': jnp.asarray(0.5)})

    value, state = term(1.0)
    y = jax.random.normal(context_of(None).rng('y'), (3, 1, 1, 3))[:, 0, 0]
    lengths = np.linalg.norm(y @ matrix, axis=1)
    mean = 0.5 + 0.25 * (lengths.mean() - 0.5)
    np.testing.assert_allclose(state['mean'], mean, rtol=1e-5)
    np.testing.assert_allclose(value, np.mean((lengths - mean) ** 2), rtol=1e-4)
    # d/dscale of (s l - a(s))^2 with a(s) = 0.375 + 0.25 s mean(l).
    slope = np.mean(2 * (lengths - mean) * (lengths - 0.25 * lengths.mean()))
    np.testing.assert_allclose(jax.jit(jax.grad(lambda s: term(s)[0]))(1.0), slope, rtol=1e-3)


def test_the_game_has_a_generator_of_two_nets():
    made = game(conditional=True)
    assert set(made.nets) == {'mapping', 'synthesis', 'd'}
    assert made.generator == made.players['g'].nets == ('mapping', 'synthesis')
    assert made.conditions == ('label',)
    assert {n: t.every for n, t in made.players['g'].terms.items()} == {'adversarial': 1, 'path_length': 3}
    off = configs.get_test_config()
    off.terms.path_length.weight = 0.0
    assert 'path_length' not in gans.make(off, SPEC).players['g'].terms


def test_samples_are_those_of_mapping_and_synthesis():
    """Without mixing, from the averaged nets, and the same for the same key."""
    made = game(mixing=1.0)
    state = jax.eval_shape(lambda: steps.init(made, rng.root(0)))
    fakes = jax.eval_shape(lambda state: sample.sample(made, state, KEY, 5), state)
    assert fakes['image'].shape == (5, 8, 8, 3)
    assert state.ema['mapping']['model_state']['statistics']['w_average'].shape == (4,)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'mixing': 1.5}, r'config\.mixing must be a probability from 0 to 1, and is 1\.5'),
        ({'conditional': True}, 'conditional=True needs labels, and images has none'),
    ],
)
def test_contradictions_are_refused(changes, message):
    config = configs.get_test_config()
    for name, value in changes.items():
        config[name] = value
    with pytest.raises(GaxError, match=message):
        gans.make(config, SPEC._replace(num_classes=0))


def test_a_generator_in_one_part_is_refused():
    from gax.config import choose

    config = configs.get_test_config()
    choose(config, 'g.net', 'mlp')
    with pytest.raises(GaxError, match=r"those of kind 'mlp' have none: choose .*stylegan2"):
        gans.make(config, SPEC)


@pytest.mark.parametrize(
    ('size', 'batch', 'gamma'),
    [(32, 64, 0.0032), (64, 64, 0.0128), (256, 16, 0.8192), (512, 64, 0.8192), (1024, 32, 6.5536)],
)
def test_gamma_of_auto(size, batch, gamma):
    np.testing.assert_allclose(configs.auto_gamma(size, batch), gamma)


def test_presets():
    auto = configs.get_config('auto256')
    assert (auto.batch_size, auto.d.net.group, auto.ema.kimg) == (16, 4, 5.0)
    np.testing.assert_allclose(auto.terms.r1.weight, 0.8192)
    paper = configs.get_config('paper256')
    np.testing.assert_allclose(ema.from_config(paper)(1000), 0.9977843871, rtol=1e-6)
    cifar = configs.get_config('cifar')
    np.testing.assert_allclose(ema.from_config(cifar)(10**6), 0.9999112811, rtol=1e-6)
    np.testing.assert_allclose(ema.from_config(cifar)(1000), 0.9862327, rtol=1e-6)  # 64,000 images
    assert (cifar.d.net.architecture, cifar.conditional, cifar.mixing) == ('orig', True, 0.0)
    with pytest.raises(GaxError, match='unknown preset'):
        configs.get_config('paper')
