"""configs/images.py: what it makes of sets of any size and shape, before and after fields are set beside."""

import itertools
import math
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import images
from configs.images import Look
from gax import data, gans
from gax.config import defaults as configs
from gax.config import fields
from gax.core import step as steps
from gax.distributed import sharding
from gax.errors import GaxError
from gax.nets.ops import conv
from gax.training import experiment
from tests.helpers import imagefiles, tinyruns, toys


def config_for(name, **changes):
    config = images.get_config(str(name))
    config.update_from_flattened_dict({field.replace('__', '.'): value for field, value in changes.items()})
    configs.check(config)
    return config


@pytest.fixture
def digits(tmp_path):
    """Forty noise images of 12x8 in two classes."""
    return imagefiles.folder(tmp_path / 'set', {'a': 20, 'b': 20}, 12, 8)


@pytest.mark.parametrize(
    ('shape', 'fitted', 'halved'),
    [
        ((28, 28), (0, 0), 2),
        ((32, 32), (0, 0), 3),
        ((48, 64), (0, 0), 3),
        ((64, 48), (0, 0), 3),
        ((36, 36), (0, 0), 2),  # one halving fewer rather than a change of size
        ((64, 64), (0, 0), 4),
        ((128, 128), (0, 0), 5),
        ((8, 8), (0, 0), 1),
        ((5, 5), (8, 8), 1),
        ((29, 29), (28, 28), 2),
        ((30, 40), (32, 40), 3),
        ((50, 50), (48, 48), 3),
        ((100, 75), (96, 80), 4),
        ((480, 640), (56, 72), 3),  # the area of 64x64, and the aspect
        ((3000, 4000), (56, 72), 3),
        ((1024, 1024), (64, 64), 4),
        ((20, 400), (20, 60), 2),  # three times as long as high, and no longer
    ],
)
def test_sizes_that_can_be_halved(shape, fitted, halved):
    look = Look(1000, *shape, classes=0)
    assert images.size_of(look) == fitted
    assert images.even(fitted if fitted[0] else shape) == halved


SIDES = (1, 9, 15, 28, 31, 33, 45, 50, 64, 90, 127, 128, 141, 200, 1001)


@pytest.mark.parametrize('mixed', [False, True])
def test_no_size_is_refused(mixed):
    """Whatever the images are: the networks begin at 4 to 15 pixels of the shorter side, the area is about
    128x128 at most.
    """
    for height, width in itertools.product(SIDES, SIDES):
        high, wide = images.size_of(Look(1000, height, width, classes=0, mixed=mixed))
        assert bool(high) == bool(wide)
        shape = (high, wide) if high else (height, width)
        times = images.even(shape)
        assert times >= 1
        assert not any(side % 2**times for side in shape)
        assert 4 <= min(shape) / 2**times < 16
        assert math.prod(shape) <= 1.2 * 128**2
        assert high or not mixed


SETS = [((28, 28, 1), 0), ((48, 64, 3), 0), ((20, 12, 3), 2), ((36, 36, 4), 0)]


@pytest.mark.slow
@pytest.mark.parametrize(('shape', 'classes'), SETS)
def test_the_networks_fit_the_images(tmp_path, shape, classes):
    """A whole step is traced, with the widths of the config."""
    x = np.random.default_rng(0).integers(0, 256, (120, *shape), np.uint8)
    labels = {'y': np.arange(120) % classes} if classes else {}
    np.savez(tmp_path / 'set.npz', x=x, **labels)
    config = config_for(tmp_path / 'set.npz')
    assert config.gan == ('projection' if classes else 'sngan')
    source = data.load(config)
    game = gans.make(config, source.spec)
    rows = source.read(source.arrays, np.arange(config.batch_size), jax.random.key(0))
    metrics = jax.eval_shape(steps.make_step(game), jax.eval_shape(lambda: toys.init(game)), rows)[1]
    assert {'d/loss', 'g/loss'} <= set(metrics)


def test_folders_of_several_sizes_and_channels(tmp_path):
    imagefiles.save(tmp_path / 'a.png', imagefiles.noise(30, 40))
    imagefiles.save(tmp_path / 'b.png', imagefiles.noise(60, 83, 1))
    imagefiles.save(tmp_path / 'c.png', imagefiles.noise(31, 41))
    config = config_for(tmp_path)
    assert (config.data.image_size, config.data.image_width, config.data.channels) == (32, 40, 3)
    assert data.load(config).arrays['image'].shape == (3, 32, 40, 3)
    assert '32x40 (height x width), from several sizes, typically 31x41' in config.about
    imagefiles.save(tmp_path / 'd.png', imagefiles.noise(50, 30))  # one that stands: squares for all
    images.look.cache_clear()
    config = config_for(tmp_path)
    assert (config.data.image_size, config.data.image_width) == (32, 0)
    assert data.load(config).arrays['image'].shape == (4, 32, 32, 3)
    (tmp_path / 'a.png').write_bytes(b'no image')
    images.look.cache_clear()
    assert data.load(config_for(tmp_path, data__broken='skip')).spec.size == 3


@pytest.mark.parametrize(
    ('count', 'classes', 'told'), [(100, 2, True), (99, 2, False), (1000, 1, False), (1000, 0, False)]
)
def test_classes_are_told_where_there_are_images_enough(count, classes, told):
    assert images.told_classes(Look(count, 32, 32, classes)) is told


def test_more_images_make_wider_networks_larger_batches_and_longer_runs(monkeypatch):
    chosen = []
    for count in (200, 4_999, 5_000, 60_000, 10_000_000):
        monkeypatch.setattr(images, 'look', lambda *_, count=count: Look(count, 32, 32, 0))
        config = config_for('folder:set')
        assert isinstance(config.steps, int)
        chosen.append((config.batch_size, config.steps, config.d.net.widths, config.augment))
    diff = 'color,translation'
    assert chosen == [
        (32, 2_000, (16, 32, 64, 64), diff),
        (32, 46_900, (16, 32, 64, 64), diff),
        (64, 23_400, (32, 64, 128, 128), ''),
        (64, 100_000, (64, 128, 256, 256), ''),
        (64, 100_000, (64, 128, 256, 256), ''),
    ]


def test_a_name_given_as_a_field_chooses_as_the_argument_does(digits):
    argument = images.get_config(str(digits))
    field = images.get_config()
    assert field.g.net.widths == (64, 64, 32, 16)  # those of the emoji, until then
    field.data.name = f'folder:{digits}'
    assert field.to_dict() == argument.to_dict()
    assert argument.g.net.widths == (32, 16)
    assert field.copy_and_resolve_references().to_dict() == argument.to_dict()


def test_fields_that_are_set_stay_and_the_others_follow(digits):
    config = config_for(digits, data__image_size=32, batch_size=16, steps=7, g__net__widths=(8, 8, 8))
    assert (config.data.image_width, config.d.net.downs, config.d.net.widths) == (
        20,
        2,
        (16, 32, 64),
    )  # of 21.3
    assert (config.steps, config.batch_size, config.g.net.widths) == (7, 16, (8, 8, 8))
    assert 'steps: 7 of 16 images' in config.about
    assert '32x20 (height x width), from 12x8' in config.about


@pytest.mark.parametrize(
    ('name', 'changes', 'message'),
    [
        ('nowhere', {}, 'folder of images nowhere does not exist'),
        ('nowhere.npz', {}, 'nowhere.npz does not exist'),
        ('synthetic:ring', {}, 'configs/images.py is for images, and synthetic:ring has none'),
        (
            'embedded:emoji',
            {'data__image_size': 33},
            '33x33 .* cannot be halved.* --config.data.image_size=34',
        ),
    ],
)
def test_what_cannot_be_is_one_line(name, changes, message):
    with pytest.raises(GaxError, match=message) as info:
        config_for(name, **changes)
    assert '\n' not in str(info.value)


@pytest.mark.slow
def test_the_operations_that_are_counted_by_hand(monkeypatch):
    """Against XLA's count of the program, with convolutions as sums over all taps: within a tenth."""
    monkeypatch.setattr(conv, 'default_lowering', lambda: 'patches')
    config = images.get_config()
    config.augment, config.data.random_crop = '', 0
    built = experiment.build(config, sharding.mesh(jax.devices()[:1]))
    lowered = jax.jit(steps.make_step(built.game)).lower(
        jax.eval_shape(lambda: toys.init(built.game)),
        {'image': jnp.zeros((32, 32, 32, 3)), 'label': jnp.zeros(32, jnp.int32)},
    )
    assert images.gflop(config) == pytest.approx(lowered.cost_analysis()['flops'] / 1e9, rel=0.1)


@pytest.mark.slow
def test_looking_starts_no_device():
    """Processes that train together find one another after the config is read, and before JAX looks for
    devices.
    """
    said = (
        'from configs import images; from gax.config import fields; from jax._src import xla_bridge; '
        'fields.flat(images.get_config()); assert not xla_bridge.backends_are_initialized()'
    )
    subprocess.run([sys.executable, '-c', said], check=True, cwd=tinyruns.ROOT)


@pytest.mark.slow
def test_from_the_command_line(tmp_path, digits):
    """A run says what was chosen before it begins; the same command goes on, and so does the other way to
    say it.
    """
    tiny = (
        '--config.batch_size=4',
        '--config.g.net.widths=(4,4)',
        '--config.d.net.widths=(4,4)',
        '--config.steps=2',
    )
    workdir = f'--workdir={tmp_path / "run"}'
    done = tinyruns.run('train.py', f'--config=configs/images.py:{digits}', workdir, *tiny)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert f'INFO data: 40 images in folder:{digits}, 2 classes' in lines
    assert sum(line.startswith('INFO time: ') for line in lines) == 1
    other = ('--config=configs/images.py', f'--config.data.name=folder:{digits}')
    again = tinyruns.run('train.py', *other, workdir, *tiny)
    assert again.returncode == 0, again.stderr
    assert 'all 2 steps are done' in again.stderr
    kept = fields.flat(tinyruns.json.loads((tmp_path / 'run' / 'config.json').read_text()))
    assert kept['about'].splitlines() == [
        line.removeprefix('INFO ') for line in lines if line[5:] in kept['about']
    ]
