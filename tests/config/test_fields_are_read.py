"""A config holds what is read: of every network, term, optimizer and section, another value makes another
program, or none.
"""

import re
from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from gax import errors, gans
from gax.config import base, choices, fields, section_fields
from gax.config import defaults as configs
from gax.core import bounds, optax_functions, optimizers, updates
from gax.core import step as steps
from gax.core.spec import Field, Spec
from gax.data.synthetic_table import synthetic_table
from gax.nets import families, imagenet, lpips, registry
from gax.objectives import term_registry
from tests.helpers import toys

ROLES = (
    *('Generator', 'Discriminator', 'Trunk', 'Autoencoder', 'Translator', 'Upscaler'),
    *('SeriesGenerator', 'SeriesDiscriminator', 'SeriesEncoder'),
)
SHAPE, STEPS = (8, 8, 1), (20, 2)  # of images, and of series
SMALL = {
    'widths': (4, 4),
    'strides': (1, 2),
    'kernel': 3,
    'blocks': 1,
    'group_size': 2,
    'code': 3,
    'downs': 1,
    'attention': (1,),
    'receptive_field': 16,
    'dilations': (1, 2),
    'depth': 3,
    'levels': 2,
    'attention_heads': 2,
    **{'channel_base': 24, 'channel_max': 4, 'w_dim': 4, 'mapping_layers': 1},
}

OTHER = {
    'width': 24,
    'patch': 4,
    'strides': (2, 2),
    'group_size': 4,
    'receptive_field': 1,
    'dropped': 0,
    'attention': (),
    'channel_base': 8,
    'group': 0,
}
OTHER |= {('biggan_deep', 'downs'): 0}  # of one family: it has a single group of blocks here


def other(value, notes=()):
    """Another value of a field."""
    for note in notes:
        if isinstance(note, bounds.OneOf):
            return next(v for v in note.names if v and v != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return (*value[:-1], value[-1] + 1) if value else (3,)
    return value + 1 if isinstance(value, int) else 0.75 * value + 0.01


def words(jaxpr):
    """A traced program as text, without the addresses of functions."""
    return re.sub(r'0x[0-9a-f]+', '', str(jaxpr))


def network(kind, role, **changes):
    """-> the shapes and the program of a network in training, with labels where it takes them."""
    classes = 3 if changes.pop('labels', False) else 0
    section = families.section(kind, role)
    section.update({name: value for name, value in SMALL.items() if name in section})
    section.update(changes)
    encodes = {'outputs': 3} if role == 'SeriesEncoder' else {}
    example = STEPS if role.startswith('Series') else SHAPE
    module = families.build(section, role, example, num_classes=classes, **encodes)
    shapes = {'Generator': (5,), 'SeriesGenerator': (26, 5)}
    shape = shapes.get(role, example)
    inputs = [registry.example(*shape), *registry.labels(classes)]
    net = registry.lifted(module, *inputs)
    params, state = jax.eval_shape(lambda: net.init(jax.random.key(0)))

    def run(params, state, *inputs):
        return net.apply(params, state, *inputs, train=True, key=jax.random.key(0))

    return jax.tree.map(jnp.shape, (params, state)), words(jax.make_jaxpr(run)(params, state, *inputs))


# A trace for each field: `make test-slow` has those of large families and recipes.
LARGE = (
    *(
        'biggan',
        'biggan_deep',
        'fastgan',
        'gat',
        'gated',
        'progan',
        'r3gan',
        'resnet_translator',
        'rrdb',
        'sagan',
    ),
    *('stylegan', 'stylegan2', 'unet'),
)
NETWORKS = [
    pytest.param(kind, role, marks=[pytest.mark.slow] * (kind in LARGE))
    for role in ROLES
    for kind in families.kinds(role)
]


@pytest.mark.parametrize(('kind', 'role'), NETWORKS)
def test_of_every_network(kind, role):
    cls = families.family(kind, role)
    notes, usual = bounds.declared(cls), families.section(kind, role)
    plain = network(kind, role)
    assert network(kind, role) == plain
    for name in usual:
        if name == 'kind':
            continue
        beside = {n.field: n.value for n in notes.get(name, ()) if isinstance(n, bounds.Only)}
        beside |= {'labels': True} if name in ('class_norm', 'embedding') else {}
        value = OTHER.get((kind, name), OTHER.get(name))
        if value is None:
            value = other({**usual, **SMALL}[name], notes.get(name, ()))
        before = network(kind, role, **beside) if beside else plain
        assert network(kind, role, **beside, **{name: value}) != before, f'{kind} {role} reads no {name}'


def test_what_is_read_beside_another_value_only_is_refused():
    for name, value in (('pieces', 9), ('slope', 0.5)):
        config = base('vanilla')
        config.d.net.activation, config.d.net[name] = 'relu', value
        with pytest.raises(errors.GaxError, match=rf'^config\.d\.net\.{name}={value} is read by nobody'):
            configs.check(config)


SPEC = Spec('images', {'image': Field(SHAPE)}, num_classes=3, size=16)
# The fields of the data that a recipe needs, where it needs others.
NEEDS = {
    'pix2pix': ('image', 'condition'),
    'cyclegan': ('b', 'a'),
    'cut': ('b', 'a'),
    'srgan': ('image', 'condition'),
    'inpaint': ('image', 'condition', 'mask'),
}
SERIES = Spec('series', {'series': Field(STEPS, 'series')}, num_classes=3, size=16)
SPECS = dict.fromkeys(('ctgan', 'tvae'), synthetic_table().spec)  # of recipes for other data


def tiny(gan='vanilla', **changes):
    """The recipe with small networks, and fields changed."""
    config = base(gan)
    config.batch_size, config.latent_dim = 4, 3
    if 'perceptual' in config:
        config.perceptual.net, config.perceptual.weight = 'discriminator', 0.5
    if 'pack' in config:
        config.pack = 2
    if 'd' in config and config.d.updates > 1:
        config.d.updates = 2
    for section in section_fields.paths(config):
        if section.endswith('.net'):
            net = fields.get(config, section)
            net.update({name: value for name, value in SMALL.items() if name in net})
    choices.set_all(config, {name.replace('__', '.'): value for name, value in changes.items()})
    return config


KNOWN = {}  # the text of a config -> its program


def program(config):
    """`traced`, once for each config."""
    text = config.to_json()
    if text not in KNOWN:
        KNOWN[text] = traced(config)
    return KNOWN[text]


def spec_of(gan):
    """The data that a recipe is for."""
    if gan in SPECS:
        return SPECS[gan]
    if any(role.startswith('Series') for role in getattr(gans.recipe(gan), 'ROLES', {}).values()):
        return SERIES
    return SPEC._replace(fields={name: Field(SHAPE) for name in NEEDS.get(gan, SPEC.fields)})


def traced(config):
    """-> what a step of the config computes, and when; a GaxError where it is refused."""
    configs.check(config)
    spec = spec_of(config.gan)
    game = gans.make(config, spec)
    rows = config.batch_size * updates.batches_per_step(game)
    batch = {
        **{
            name: jax.ShapeDtypeStruct((rows, *field.shape), jnp.float32)
            for name, field in spec.fields.items()
        },
        'label': jax.ShapeDtypeStruct((rows,), jnp.int32),
    }
    state = jax.eval_shape(lambda: toys.init(game))
    phases = updates.phase_names(game)
    traces = [words(jax.make_jaxpr(steps.make_step(game, phase=phase))(state, batch)) for phase in phases]
    lazy = [updates.lazy_terms(game, phase) for phase in phases]
    return traces, str(game.phases), str(lazy), jax.tree.map(jnp.shape, state)


def unread(config, values):
    """The fields among {path: another value} with which the config has the program that it has without, and
    is not refused.
    """
    before, paths = program(config), []
    for path, value in values.items():
        changed = config.copy_and_resolve_references()
        try:
            choices.set(changed, path, value)
            paths += [path] * (program(changed) == before)
        except errors.GaxError:
            continue
    return paths


# Each has a sibling of the same fields that `make test` has.
SIBLINGS = ('bcr', 'orthogonal_g', 'r2', 'wgan_gp', 'zero_gp')


@pytest.mark.parametrize(
    'name',
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in SIBLINGS))
        for name in sorted(term_registry.D_TERMS | term_registry.G_TERMS)
    ],
)
def test_of_every_term(name):
    config = tiny()
    choices.choose(config, f'terms.{name}', weight=0.5)
    assert program(config) != program(tiny())
    texts = {'policy': 'color', 'distance': 'l1'}
    if 'method' in config.terms[name]:
        config.terms[name].method, texts = 'difference', {'method': 'gradient'}
    section = config.terms[name].items()
    assert unread(config, {f'terms.{name}.{f}': texts.get(f) or other(value) for f, value in section}) == []


def updating(section):
    """The program of an optimizer: its first state, and an update."""
    params = {'kernel': jnp.ones((128, 140)), 'bias': jnp.ones(3)}
    made = optimizers.make(section, steps=100)

    def run(params, grads):
        state = made.init(params)
        with jax.numpy_dtype_promotion('standard'):  # as the step does: optax mixes types
            return state, made.update(grads, state, params)

    return words(jax.make_jaxpr(run)(params, params))


@pytest.mark.filterwarnings('ignore:.optimistic_adam. is deprecated')
@pytest.mark.parametrize('name', sorted(optax_functions.optimizers()))
def test_of_every_optimizer(name):
    for field, usual in optimizers.offered(name).items():
        value = usual if not hasattr(usual, 'get_type') else {float: 0.25, int: 3}[usual.get_type()]
        value = value if hasattr(usual, 'get_type') else other(value)
        try:
            before = updating(ConfigDict({'name': name, 'learning_rate': 0.1}))
            after = updating(ConfigDict({'name': name, 'learning_rate': 0.1, field: value}))
        except errors.GaxError:
            continue
        assert after != before, f'{name} reads no {field}'


# Fields that are of the host's affair, or of the data's: they are no part of the step's program.
HOST = (
    *('about', 'steps', 'seed', 'log_every', 'sample_every', 'steps_per_call', 'parallel', 'gan'),
    *('checkpoint.', 'eval.', 'data.', 'init.'),
)
VALUES = {
    'loss': 'hinge',
    'ema.name': 'half_life',
    'augment': 'color',
    'remat': 'g',
    'precision': 'bfloat16',
    'accumulate': 2,
    'pack': 1,
    'd.updates': 2,
    'd.head.minibatch': 'std',
    'noise': 'z',
    'nce.patches': 3,
    'fake_patches': 'hole',
    'perceptual.net': 'alex',
    'reconstruction.net': 'alex',
    'reconstruction.layers': 'conv1',  # refused beside l1
    'perceptual.layers': 'conv1',  # refused beside the discriminator's features
}


def test_of_every_section():
    """Each field of the usual game, and of the sections that can be switched on."""
    config = tiny(fake_gradient__decay=0.5, instance_noise__std=0.1, top_k__fraction=0.5, top_k__steps=4)
    assert program(config) == traced(config)
    apart = ('.net.', 'optimizer.name')  # networks and optimizers have tests of their own
    values = {
        path: VALUES[path] if path in VALUES else other(value)
        for path, value in fields.leaves(config).items()
        if not path.startswith(HOST) and not any(part in path for part in apart)
    }
    assert unread(config, values) == []


@pytest.mark.parametrize('control', ['adaptive', pytest.param('fixed', marks=pytest.mark.slow)])
def test_of_ada(control):
    """Fields that the other control reads are refused."""
    config = tiny(ada__pipeline='b', ada__control=control)
    values = {f'ada.{name}': other(config.ada[name]) for name in ('kimg', 'target', 'every', 'p')}
    values |= {'ada.pipeline': 'bg', 'ada.control': {'adaptive': 'fixed', 'fixed': 'adaptive'}[control]}
    assert unread(config, values) == []


@pytest.fixture
def weights_of_imagenet(monkeypatch):
    """Zeros in the shapes of the weights of an extra, which need not be installed."""
    monkeypatch.setattr(lpips, 'available', lambda: True)
    monkeypatch.setattr(lpips, 'load', lambda name: {'convolutions': zeros(imagenet.shapes(name))})


def zeros(shapes):
    return {layer: {kind: np.zeros(s, np.float32) for kind, s in of.items()} for layer, of in shapes.items()}


# Those with fields of their own and small networks; `make test-slow` has all recipes.
RECIPES = ('acgan', 'began', 'cgan', 'ctgan', 'ebgan', 'improved', 'pacgan', 'tvae')


@pytest.mark.usefixtures('weights_of_imagenet')
@pytest.mark.parametrize(
    'gan', [pytest.param(name, marks=[pytest.mark.slow] * (name not in RECIPES)) for name in gans.names()]
)
def test_of_every_recipe(gan):
    """The fields that a recipe adds to those of every config."""
    config = tiny(gan)
    usual = {path for path in fields.leaves(base('vanilla')) if '.net.' not in path}
    values = {
        path: VALUES[path] if path in VALUES else other(value)
        for path, value in fields.leaves(config).items()
        if path not in usual and not any(part in path for part in ('.net.', '.optimizer.', 'terms.'))
    }
    assert not values or unread(config, values) == []


def test_of_the_fields_of_every_config_in_a_recipe_without_a_discriminator():
    """tvae has the fields that it reads, and refuses what only a discriminator reads."""
    config = tiny('tvae', batch_size=4)
    assert not {'d', 'loss', 'label_smoothing'} & set(config)
    apart = ('.net.', '.optimizer.', 'terms', 'ema.')
    values = {
        path: VALUES[path] if path in VALUES else other(value)
        for path, value in fields.leaves(config).items()
        if not path.startswith(HOST) and not any(part in path for part in apart)
    }
    assert {'accumulate', 'g.updates', 'augment', 'extragradient'} <= set(values)
    assert unread(config, values) == []
    for name in ('ada', 'instance_noise', 'top_k', 'fake_gradient'):
        switched = config.copy_and_resolve_references()
        choices.choose(switched, name)
        with pytest.raises(errors.GaxError, match=f'^tvae has no discriminator: leave config.{name} out$'):
            traced(switched)


@pytest.mark.parametrize('config', ['mnist'])
def test_a_config_is_short(config):
    assert len(fields.fields_of(import_module(f'configs.{config}').get_config())) <= 60
