"""Sets of TFDS: one written and read back, stock builders on TFDS's mock data, and what is said where data
is missing.
"""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from gax import data, errors
from gax.config import base, choices
from gax.core.spec import Field
from gax.data import tfds, tfds_prepare
from gax.distributed import sharding
from gax.evals.reference import files_digest, reference

tfds_library = pytest.importorskip('tensorflow_datasets', reason="pip install 'gax[tfds]'")
pytest.importorskip('array_record', reason="pip install 'gax[tfds]'")
from tests.helpers import notensorflow, tfdsbuilders  # noqa: E402

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp('tfds')
    tfdsbuilders.write(root)
    return root


def config(name, folder, **fields):
    made = base('dcgan')
    made.data.name, made.data.dir = f'tfds:{name}', str(folder)
    choices.set_all(made, {f'data.{name}': value for name, value in fields.items()})
    return made


def load(name, folder, **fields):
    return data.load(config(name, folder, **fields))


def refused(name, folder, **fields):
    with pytest.raises(errors.GaxError) as info:
        load(name, folder, **fields)
    assert '\n' not in str(info.value)
    return str(info.value)


def pairs(images, labels):
    """Examples as a set: TFDS shuffles what it writes."""
    return sorted((image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True))


@pytest.mark.parametrize('limit', [0, 1024])
def test_what_was_written_is_read(folder, limit):
    source = load('emoji_tiles', folder, device_limit_mib=limit)
    images, labels, classes = tfdsbuilders.emoji()
    count = tfdsbuilders.TRAIN
    assert source.spec == ('tfds:emoji_tiles', {'image': Field((32, 32, 3))}, 10, count, classes)
    rows = source.fetch(np.arange(count)) if source.fetch else source.arrays
    assert pairs(rows['image'], rows['label']) == pairs(images[:count], labels[:count])
    assert rows['label'].dtype == np.int32
    assert (source.fetch is None) == (limit > 0)


def test_rows_and_arrays_make_the_same_batch(folder):
    fetched, whole = (load('emoji_tiles', folder, image_size=20, device_limit_mib=m) for m in (0, 1))
    rows = np.array([7, 0, 39, 7], np.int32)
    one = whole.read(whole.arrays, rows, jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, one, fetched.read((), fetched.fetch(rows), jax.random.key(0)))


def test_splits(folder):
    images, labels, _ = tfdsbuilders.emoji()
    source = load('emoji_tiles:1.0.0:test', folder)
    inside = slice(tfdsbuilders.TRAIN, tfdsbuilders.TRAIN + tfdsbuilders.TEST)
    assert pairs(source.arrays['image'], source.arrays['label']) == pairs(images[inside], labels[inside])
    assert load('emoji_tiles:train[:25%]+test', folder).spec.size == 10 + tfdsbuilders.TEST
    said = refused('emoji_tiles:valid', folder)
    assert said == (
        "tfds:emoji_tiles:valid: no split 'valid', which is one of train (40), test (12), or a part such as train[:80%]"
    )
    assert "no split 'train[:90]'" in refused('emoji_tiles:train[:90]', folder)


def test_the_splits_of_a_set_are_its_own(folder):
    sources = {split: load('emoji_tiles', folder, split=split) for split in ('', 'train', 'test')}
    assert [source.spec.size for source in sources.values()] == [40, 40, 12]
    assert [source.split for source in sources.values()] == ['train', 'train', 'test']
    assert sources[''].splits == {'train': 40, 'test': 12}
    assert refused('emoji_tiles', folder, split='validation') == (
        'config.data.split=validation: tfds:emoji_tiles has its own splits, and they are train, test'
    )
    assert 'names a split, and config.data.split=test another' in refused(
        'emoji_tiles:train', folder, split='test'
    )


def test_a_set_by_its_path(folder):
    """As tfds.builder_from_directory reads it."""
    path = folder / 'emoji_tiles' / '1.0.0'
    source = load(f'{path}:test', '')
    assert source.spec[2:] == (10, tfdsbuilders.TEST, tfdsbuilders.emoji()[2])


@pytest.mark.parametrize(('name', 'shape'), [('cifar10', (32, 32, 3)), ('mnist', (28, 28, 1))])
def test_stock_builders(name, shape):
    with tfds_library.testing.mock_data(num_examples=30):
        for limit in (0, 1):
            source = load(name, '', device_limit_mib=limit)
            assert source.spec[1:4] == ({'image': Field(shape)}, 10, 30)
            assert len(source.spec.classes) == 10
            rows = source.fetch(np.arange(30)) if source.fetch else source.arrays
            assert rows['image'].shape == (30, *shape)
            assert set(rows['label']) <= set(range(10))
        assert load(name, '', image_size=16, channels=3).spec.target_shape == (16, 16, 3)


def test_sizes_that_are_left_open():
    with tfds_library.testing.mock_data(num_examples=3):
        assert 'have many sizes: give the one to train on' in refused('lsun/classroom', '')
        source = load('lsun/classroom', '', image_size=8)
        assert source.spec[1:] == ({'image': Field((8, 8, 3))}, 0, 3, ())


def test_a_set_that_is_not_there(tmp_path):
    said = refused('cifar10', tmp_path)
    assert f'tfds:cifar10 is not prepared in {tmp_path} on {socket.gethostname()}: run there python' in said
    assert f'python experiments/prepare.py --data=tfds:cifar10 --dir={tmp_path}' in said
    said = refused('imagenet_resized/64x64', tmp_path)
    assert f'imagenet_resized/64x64 --dir={tmp_path} ' in said


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('cifar01', "TFDS has no builder of that name; nearest that TFDS can make: 'cifar10'"),
        ('imagenet_resized/65x65', 'there are 8x8, 16x16, 32x32, 64x64'),
        ('imdb_reviews', 'is no set of images: its features are'),
        ('', 'names no set'),
    ],
)
def test_names_that_cannot_be_meant(tmp_path, name, message):
    assert message in refused(name, tmp_path)


def test_the_files_of_a_set_are_found_by_name_version_and_path(folder, monkeypatch, tmp_path):
    """For the key of the cache: a changed file is another set, however the set is named."""
    monkeypatch.setenv('HOME', str(folder))
    names = (
        'emoji_tiles',
        'emoji_tiles:1.0.0:test',
        f'{folder}/emoji_tiles/1.0.0',
        '~/emoji_tiles/1.0.0:test',
    )
    digests = [files_digest(config(name, folder).data) for name in names]
    path = folder / 'emoji_tiles' / '1.0.0' / 'extra'
    path.write_text('')
    assert all(files_digest(config(n, folder).data) != d for n, d in zip(names, digests, strict=True))
    path.unlink()


def test_a_result_says_which_split_it_is_of(folder):
    """A version is no split; what is not said is 'train', and the same data whether it is said or not."""

    def described(name):
        made = config(name, folder)
        return reference(data.load(made), made.data, sharding.mesh(jax.devices()[:1])).describe

    plain = described('emoji_tiles')
    assert (plain['data'], plain['split']) == ('tfds:emoji_tiles', 'train')
    assert described('emoji_tiles:train') == plain
    versioned = described('emoji_tiles:1.0.0')
    assert (versioned['data'], versioned['split']) == ('tfds:emoji_tiles:1.0.0', 'train')
    assert described('emoji_tiles:1.0.0:train') == versioned
    test = described('emoji_tiles:1.0.0:test')
    assert test['split'] == 'test'
    assert test['data_checksum'] != versioned['data_checksum'] == plain['data_checksum']


def test_a_set_that_cannot_be_read_by_index(tmp_path):
    path = tfdsbuilders.write(tmp_path)
    info = path / 'dataset_info.json'
    info.write_text(info.read_text().replace('array_record', 'tfrecord'))
    assert 'cannot be read by index' in refused('emoji_tiles', tmp_path)
    with pytest.raises(errors.GaxError, match='already, but as tfrecord and not as ArrayRecord'):
        tfds_prepare.prepare('tfds:emoji_tiles', str(tmp_path))


def test_preparing(tmp_path):
    """What is prepared is told, and stays; only sets of TFDS are."""
    tfdsbuilders.write(tmp_path)
    said = tfds_prepare.prepare('tfds:emoji_tiles:test', str(tmp_path))
    assert f'is in {tmp_path}/emoji_tiles/1.0.0 on {socket.gethostname()} (train 40, test 12)' in said
    assert f'--config.data.name=tfds:emoji_tiles:test --config.data.dir={tmp_path}' in said
    with pytest.raises(errors.GaxError, match='only sets of TFDS are prepared'):
        tfds_prepare.prepare('folder:x')


@pytest.fixture
def without_tensorflow(monkeypatch):
    """As where it is not installed; what `prepare` sets is set back."""
    for name in ('CUDA_VISIBLE_DEVICES', 'TF_CPP_MIN_LOG_LEVEL'):
        monkeypatch.setenv(name, '')
    monkeypatch.setattr(sys, 'meta_path', [notensorflow.Refusing(), *sys.meta_path])


def test_a_set_is_prepared(tmp_path, monkeypatch, without_tensorflow):
    """Into a folder that is not there yet; twice does no harm; and it is trained on by the command that is
    printed.
    """
    root = tmp_path / 'new'
    for _ in range(2):
        said = tfds_prepare.prepare('tfds:emoji_tiles', str(root))
        assert f'tfds:emoji_tiles is in {root}/emoji_tiles/1.0.0' in said
        assert '(train 40, test 12)' in said
    assert os.environ['CUDA_VISIBLE_DEVICES'] == '-1'
    assert sorted(p.suffix for p in (root / 'emoji_tiles/1.0.0').iterdir() if 'record' in p.name)
    options = dict(re.findall(r'--config\.(\S+)=(\S+)', said))
    images, labels, _ = tfdsbuilders.emoji()
    arrays = load(options['data.name'].removeprefix('tfds:'), options['data.dir']).arrays
    assert pairs(arrays['image'], arrays['label']) == pairs(images[:40], labels[:40])


def test_preparing_what_needs_tensorflow(tmp_path, without_tensorflow):
    with pytest.raises(errors.GaxError) as info:
        tfds_prepare.prepare('tfds:wants_tensorflow', str(tmp_path))
    assert str(info.value) == (
        'preparing tfds:wants_tensorflow needs tensorflow, which is not installed here: '
        "pip install 'gax[tfds]'"
    )
    assert 'is not prepared in' in refused(
        'wants_tensorflow', tmp_path
    )  # nothing that would be taken for a set


def test_what_goes_wrong_in_preparing_is_one_line(tmp_path, monkeypatch, without_tensorflow):
    def cut(*arguments):
        raise ConnectionResetError('the network\nwent away')

    monkeypatch.setattr(tfdsbuilders.EmojiTiles, '_generate_examples', cut)
    with pytest.raises(errors.GaxError) as info:
        tfds_prepare.prepare('tfds:emoji_tiles', str(tmp_path))
    assert str(info.value) == 'tfds:emoji_tiles could not be prepared: the network went away'
    assert 'is not prepared in' in refused('emoji_tiles', tmp_path)


@pytest.mark.slow
def test_training_on_a_prepared_set_imports_no_tensorflow(folder, tmp_path):
    """In a process of its own, which refuses to import it: from rows fetched, and from the device."""
    env = {**os.environ, 'PYTHONPATH': str(ROOT)}
    command = [sys.executable, notensorflow.__file__, str(folder), str(tmp_path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == 'trained on tfds:emoji_tiles twice; asked for tensorflow: []'


def test_versions_stay_with_the_name():
    assert tfds.parts('a/b:1.0.2:test[:3]') == ('a/b:1.0.2', 'test[:3]')
