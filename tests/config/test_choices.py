"""A section follows its name: in config files, in any order on the command line, and back from a run's
config.json.
"""

import itertools
import json

import pytest

from configs import mnist, vaegan_mnist
from gax import errors
from gax.config import base, choices, choose, config_file, fields
from gax.config import defaults as configs
from gax.nets import families, registry


def test_a_network_s_section_is_its_module_s_fields():
    config = base('dcgan')
    choose(config, 'g.net', 'sngan', widths=(64, 32))
    assert config.g.net.to_dict() == {'kind': 'sngan', 'widths': (64, 32), 'momentum': 0.9}
    assert set(config.d.net) == {'kind', 'widths', 'kernel', 'slope', 'dropout', 'minibatch'}
    configs.check(config)


def test_nothing_of_the_old_network_is_carried_over():
    config = mnist.get_config()
    choices.set(config, 'd.net.kind', 'sngan')
    assert config.d.net == families.section('sngan', 'Discriminator')
    assert config.d.spectral_norm  # which comes with this family
    choices.set(config, 'd.net.kind', 'mlp')
    assert not config.d.spectral_norm
    config.d.spectral_norm = True
    choices.set(config, 'd.net.kind', 'dcgan')
    assert config.d.spectral_norm  # which neither family says anything of


def test_the_name_that_a_section_has_already_changes_nothing():
    config = mnist.get_config()
    before = config.to_dict()
    for path in ('g.net.kind', 'd.optimizer.name', 'd.optimizer.schedule.name', 'data.name'):
        choices.set(config, path, fields.get(config, path))
    assert config.to_dict() == before


def test_optimizers_schedules_and_terms():
    config = base('vanilla')
    choices.set(config, 'd.optimizer.b1', 0.5)
    choices.set(config, 'd.optimizer.name', 'rmsprop')
    assert config.d.optimizer.to_dict() == {'name': 'rmsprop', 'learning_rate': 1e-4}
    choose(config, 'd.optimizer.schedule', 'cosine_decay_schedule', decay_steps=0.5)
    assert config.d.optimizer.schedule.to_dict() == {'name': 'cosine_decay_schedule', 'decay_steps': 0.5}
    assert list(config.terms) == []
    choices.set(config, 'terms.lecam.weight', 0.3)
    assert config.terms.to_dict() == {'lecam': {'weight': 0.3, 'every': 1, 'decay': 0.99, 'start': 0}}
    choices.set(config, 'd.optimizer.centered', True)
    choices.set(config, 'd.optimizer.centered', None)
    assert 'centered' not in config.d.optimizer
    configs.check(config)


def test_data_keep_what_is_common_and_lose_what_is_of_their_kind():
    config = base('vanilla')
    choices.set_all(config, {'data.name': 'folder:a', 'data.broken': 'skip', 'data.image_size': 32})
    choices.set(config, 'data.name', 'folder:b')
    assert (config.data.broken, config.data.image_size) == ('skip', 32)
    choices.set(config, 'data.name', 'npz:c')
    assert 'broken' not in config.data
    assert config.data.image_size == 32
    with pytest.raises(errors.GaxError, match=r'^unknown field config\.data\.broken'):
        choices.set(config, 'data.broken', 'skip')


OVERRIDES = {
    'g.net.kind': 'sngan',
    'g.net.widths': (64, 32),
    'terms.lecam.weight': 0.3,
    'd.optimizer.schedule.name': 'cosine_decay_schedule',
    'd.optimizer.schedule.decay_steps': 7,
    'd.optimizer.name': 'rmsprop',
    'd.optimizer.decay': 0.5,
}


def test_any_order_leads_to_the_same_config():
    results = []
    for order in itertools.islice(itertools.permutations(OVERRIDES), 0, None, 997):
        config = mnist.get_config()
        choices.set_all(config, {path: OVERRIDES[path] for path in order})
        results.append(config.to_dict())
        followed = mnist.get_config()
        choices.follow(followed, {path: str(OVERRIDES[path]) for path in order})
        assert set(fields.leaves(followed)) == set(fields.leaves(config))
    assert all(result == results[0] for result in results)
    assert {path: fields.get(config, path) for path in OVERRIDES} == OVERRIDES
    assert 'b1' not in config.d.optimizer


def test_what_goes_with_another_value_only_goes_back_to_its_default():
    for change in (
        lambda c, path, value: choices.set(c, path, value),
        lambda c, path, value: choices.follow(c, {path: value}),
    ):
        config = base('vanilla')
        config.d.net.slope = 0.2
        change(config, 'd.net.activation', 'leaky_relu')
        assert config.d.net.slope == 0.2
        change(config, 'd.net.activation', 'relu')
        assert config.d.net.slope == 0.01


@pytest.mark.parametrize('make', [mnist.get_config, vaegan_mnist.get_config])
def test_a_run_s_config_is_read_back(make):
    config = make()
    choices.set_all(config, OVERRIDES)
    back = configs.restored(json.loads(json.dumps(config.to_dict())))
    assert back.to_dict() == config.to_dict()
    configs.check(back)


@pytest.mark.parametrize(
    ('path', 'value', 'says'),
    [
        (
            'g.net.kind',
            'sngna',
            "unknown kind of generator 'sngna' (nearest: 'sngan'); valid: biggan, biggan_deep, dcgan, ",
        ),
        ('g.net.kind', 'no.such.module', "cannot import the kind of generator 'no.such.module'"),
        ('g.net.kind', 'os.path', 'os.path has no class Generator'),
        ('g.net.strides', (2, 2), 'unknown field config.g.net.strides'),
        ('d.optimizer.name', 'adma', "unknown optimizer 'adma'"),
        ('d.optimizer.momentum', 0.5, 'config.d.optimizer has: b1, b2, clip_norm'),
        ('d.optimizer.b2', 'much', "config.d.optimizer.b2 must be a number, and is 'much'"),
        ('d.optimizer.schedule.name', 'cosine', "unknown schedule 'cosine'"),
        ('terms.r3.weight', 1.0, 'config.terms has: bcr, centering, cr'),
        ('terms.r1.decay', 1.0, 'unknown field config.terms.r1.decay'),
        ('dd.net.kind', 'mlp', 'unknown field config.dd.net'),
    ],
)
def test_what_cannot_be_set(path, value, says):
    config = base('vanilla')
    with pytest.raises(errors.GaxError) as info:
        choices.set(config, path, value)
    assert says in str(info.value)
    assert '\n' not in str(info.value)


def test_a_section_that_is_not_its_name_s_is_refused():
    config = base('vanilla')
    config.d.net.kind = 'sngan'
    with pytest.raises(errors.GaxError, match=r"of 'sngan': choose\(config, 'd\.net', NAME\)"):
        configs.check(config)
    config = base('vanilla')
    config.d.net.downs = 7
    with pytest.raises(errors.GaxError, match=r'unknown field config\.d\.net\.downs'):
        configs.check(config)


OUTSIDE = """
import flax.linen as nn
import jax.numpy as jnp
from gax.objectives import losses, players, terms
from gax.objectives.losses import Loss
from gax.nets import registry

class Generator(nn.Module):
    shape: tuple
    size: int = 3
    gain: float = 1.0

    @nn.compact
    def __call__(self, z, train):
        return self.gain * nn.Dense(self.shape[0])(nn.relu(nn.Dense(self.size)(z)))

def gap():
    return Loss(lambda real, fake: fake - real, lambda real, fake: -fake)

def size(critic, *, power: float = 2.0, **fields):
    return terms.stateless(lambda view, out: jnp.mean(jnp.abs(out['real']) ** power), **fields)

def defaults():
    return registry.defaults('mlp')

def make(config, spec):
    nets, critic = registry.pair(config, spec)
    return players.two_player_game(config, losses.make(config.loss), nets, critic)
"""


def test_everything_may_live_outside(tmp_path, monkeypatch):
    """A recipe, a network, a loss and a term of a package that lies in the current folder."""
    from gax import gans
    from gax.core.spec import Field, Spec

    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'elsewhere' / 'parts.py').write_text(OUTSIDE)
    monkeypatch.chdir(tmp_path)
    config = base('elsewhere.parts')
    choose(config, 'g.net', 'elsewhere.parts:Generator', size=5)
    config.loss = 'elsewhere.parts:gap'
    choose(config, 'terms.mine', 'elsewhere.parts:size', weight=0.1, power=3.0)
    configs.check(config)
    game = gans.make(config, Spec('points', {'point': Field((2,), 'point')}))
    assert {'adversarial', 'mine'} == set(game.players['d'].live_terms)
    assert config.g.net.to_dict() == {'kind': 'elsewhere.parts:Generator', 'size': 5, 'gain': 1.0}
    back = configs.restored(json.loads(json.dumps(config.to_dict())))
    assert back.to_dict() == config.to_dict()
    with pytest.raises(errors.GaxError, match=r"kind 'elsewhere\.parts:Generator' take no labels"):
        registry.generator(config, Spec('points', {'point': Field((2,), 'point')}), num_classes=3)


def test_a_config_file_that_sets_a_term_before_it_is_chosen_is_told_how(tmp_path):
    file = tmp_path / 'absent.py'
    lines = ('from gax.config import base', 'def get_config():', '    config = base("vanilla")')
    file.write_text('\n'.join([*lines, '    config.terms.r1.weight = 0.1', '    return config', '']))
    with pytest.raises(
        errors.GaxError, match=r"choose\(config, 'terms\.r1', weight=\.\.\.\) brings it \(line 4\)"
    ):
        config_file.load_config(str(file))
