"""Folders of images: what is found, in which order, with which labels; and each folder that is refused, by
name.
"""

import logging
import os

import jax
import numpy as np
import pytest

from gax import data
from gax.config import base, choices
from gax.config.defaults import check
from gax.core.spec import Field
from gax.data import folder
from gax.errors import GaxError
from gax.evals.reference import files_digest
from tests.helpers import imagefiles


def config(path, **fields):
    made = base('dcgan')
    made.data.name = f'folder:{path}'
    choices.set_all(made, {f'data.{name}': value for name, value in fields.items()})
    check(made)
    return made


def load(path, **fields):
    return data.load(config(path, **fields))


def refused(path, **fields):
    with pytest.raises(GaxError) as info:
        load(path, **fields)
    assert '\n' not in str(info.value)
    return str(info.value)


def test_class_folders_are_labels(tmp_path):
    imagefiles.folder(tmp_path, {'b': 2, 'a': 3, 'c': 1}, 6, 4)
    imagefiles.save(tmp_path / 'a' / 'deeper' / 'x.PNG', imagefiles.noise(6, 4))
    source = load(tmp_path)
    assert source.spec == (f'folder:{tmp_path}', {'image': Field((6, 4, 3))}, 3, 7, ('a', 'b', 'c'))
    assert source.arrays['label'].tolist() == [0, 0, 0, 0, 1, 1, 2]
    assert source.arrays['label'].dtype == np.int32
    np.testing.assert_array_equal(source.arrays['image'][4], imagefiles.noise(6, 4, seed=0))  # b/000.png


def test_images_in_the_folder_itself_have_no_labels(tmp_path):
    imagefiles.folder(tmp_path, {'': 3}, channels=1)
    (tmp_path / 'nothing').mkdir()
    source = load(tmp_path)
    assert source.spec[1:] == ({'image': Field((8, 8, 1))}, 0, 3, ())
    assert source.arrays.keys() == {'image'}


def test_fetched_rows_are_the_same_as_those_on_the_device(tmp_path):
    imagefiles.folder(tmp_path, {'a': 70, 'b': 20})
    whole, fetched = load(tmp_path), load(tmp_path, device_limit_mib=0)
    assert whole.fetch is None
    assert fetched.arrays == ()
    assert whole.spec == fetched.spec
    rows = np.array([89, 3, 3, 70], np.int32)
    one = whole.read(whole.arrays, rows, jax.random.key(0))
    other = fetched.read((), fetched.fetch(rows), jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, one, other)
    assert one['image'].dtype == np.float32
    assert one['label'].tolist() == [1, 0, 0, 1]


def test_the_limit_is_of_the_bytes_at_the_final_size(tmp_path):
    imagefiles.folder(tmp_path, {'': 8}, 64, 64)  # 96 KiB in all, 6 KiB at 16 pixels
    assert load(tmp_path, device_limit_mib=0, image_size=16).fetch is not None
    assert data.load(config(tmp_path), resident_up_to=96 / 1024).fetch is None
    assert data.load(config(tmp_path), resident_up_to=95 / 1024).fetch is not None
    assert data.load(config(tmp_path, image_size=16), resident_up_to=6 / 1024).fetch is None


def test_mixed_sizes_and_channels(tmp_path):
    imagefiles.save(tmp_path / 'a.png', imagefiles.noise(8, 8))
    imagefiles.save(tmp_path / 'b.png', imagefiles.noise(8, 12))
    imagefiles.save(tmp_path / 'c.png', imagefiles.noise(8, 8, 1))
    for limit in (0, 1024):
        said = refused(tmp_path, device_limit_mib=limit)
        assert 'b.png is 12x8x3' in said
        assert 'a.png is 8x8x3: give --config.data.image_size=64' in said
        said = refused(tmp_path, device_limit_mib=limit, image_size=8)
        assert 'c.png is 8x8x1' in said
        assert 'give --config.data.channels=3' in said
        source = load(tmp_path, device_limit_mib=limit, image_size=8, channels=3)
        assert source.spec.target_shape == (8, 8, 3)


def test_gray_of_colour(tmp_path):
    imagefiles.folder(tmp_path, {'': 2})
    assert load(tmp_path, channels=1).spec.target_shape == (8, 8, 1)
    assert 'no 2 channels can be made of 3' in refused(tmp_path, channels=2)


def test_broken_images_are_named_or_left_out(tmp_path, caplog):
    imagefiles.folder(tmp_path, {'a': 3, 'b': 3})
    (tmp_path / 'a' / '001.png').write_bytes((tmp_path / 'a' / '001.png').read_bytes()[:100])
    (tmp_path / 'b' / '000.png').write_text('no image')
    said = refused(tmp_path)
    assert said.startswith(str(tmp_path / 'a' / '001.png'))
    assert '.png cannot be read' in refused(tmp_path, device_limit_mib=0)  # in its head
    source = load(tmp_path, device_limit_mib=0, image_size=8, channels=3)
    with pytest.raises(GaxError, match=r'a/001\.png cannot be read'):
        source.fetch(np.arange(6))
    with caplog.at_level(logging.WARNING, 'gax'):
        for limit in (0, 1024):
            source = load(tmp_path, broken='skip', device_limit_mib=limit)
            assert source.spec.size == 4
    assert f'{tmp_path}: 2 of 6 images are left out, e.g. {tmp_path}/a/001.png' in caplog.text
    assert source.arrays['label'].tolist() == [0, 0, 1, 1]


def test_a_class_of_which_nothing_is_left(tmp_path):
    imagefiles.folder(tmp_path, {'a': 1, 'b': 1})
    (tmp_path / 'b' / '000.png').write_bytes(b'')
    assert f'no image in {tmp_path}/b can be read' in refused(tmp_path, broken='skip')


def test_a_link_to_nothing_is_a_broken_image(tmp_path, caplog):
    imagefiles.folder(tmp_path, {'a': 2, 'b': 2})
    (tmp_path / 'b' / '000.png').unlink()
    (tmp_path / 'b' / '000.png').symlink_to('/nowhere/x.png')
    (tmp_path / 'c').symlink_to('/nowhere/c')  # a class of which nothing is seen
    for limit in (0, 1024):
        said = refused(tmp_path, device_limit_mib=limit, image_size=8, channels=3)
        assert said.startswith(f'{tmp_path}: 2 links lead to nothing, e.g. {tmp_path}/c: mend or remove them')
    with caplog.at_level(logging.WARNING, 'gax'):
        source = load(tmp_path, broken='skip')
    assert (source.spec.size, source.spec.classes) == (3, ('a', 'b'))
    assert '1 of 4 images are left out, e.g.' in caplog.text
    assert f'1 links that lead to nothing are left out, e.g. {tmp_path}/c' in caplog.text


def test_folders_are_read_through_links_and_circles_are_not(tmp_path, caplog):
    imagefiles.folder(tmp_path / 'store', {'': 2, 'deep': 1})
    imagefiles.folder(tmp_path / 'set', {'cat': 1, 'dog': 1})
    (tmp_path / 'set' / 'cat' / 'more').symlink_to(tmp_path / 'store')
    (tmp_path / 'set' / 'fox').symlink_to('../store')
    (tmp_path / 'store' / 'deep' / 'again').symlink_to(tmp_path / 'store')
    (tmp_path / 'set' / 'dog' / 'up').symlink_to('../..')
    (tmp_path / 'set' / 'self').symlink_to('.')
    (tmp_path / 'set' / 'dog' / 'round').symlink_to('round')  # leads to nothing but itself
    with caplog.at_level(logging.WARNING, 'gax'):
        source = load(tmp_path / 'set', broken='skip')
    assert np.bincount(source.arrays['label']).tolist() == [4, 1, 3]
    assert source.spec.classes == ('cat', 'dog', 'fox')
    for name in ('set/self', 'set/dog/up', 'set/fox/deep/again'):
        assert f'{tmp_path}/{name} leads back to a folder that it lies in: it is left out' in caplog.text


def test_names_of_files_are_bytes(tmp_path):
    imagefiles.folder(tmp_path, {'': 3})
    name = os.fsdecode(b'caf\xe9.png')
    (tmp_path / '001.png').rename(tmp_path / name)
    source = load(tmp_path)
    assert source.spec.size == 3
    digest = files_digest(config(tmp_path).data)
    os.utime(tmp_path / name)
    assert len(digest) == 16
    assert files_digest(config(tmp_path).data) != digest


def test_the_digest_of_files_sees_what_lies_behind_links(tmp_path):
    imagefiles.folder(tmp_path, {'set': 1, 'store': 1})
    (tmp_path / 'set' / 'more').symlink_to('../store')
    before = files_digest(config(tmp_path / 'set').data)
    stat = (tmp_path / 'store' / '000.png').stat()
    imagefiles.save(tmp_path / 'store' / '000.png', imagefiles.noise(8, 8, seed=7))
    os.utime(tmp_path / 'store' / '000.png', ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a copy has it
    assert files_digest(config(tmp_path / 'set').data) != before


def test_other_files_are_told_of_and_hidden_ones_are_not(tmp_path, caplog):
    imagefiles.folder(tmp_path, {'a': 1})
    for name in ('labels.csv', 'a/notes.txt', '.DS_Store', 'a/.hidden.png', '.git/x.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('x')
    with caplog.at_level(logging.WARNING, 'gax'):
        assert load(tmp_path).spec.size == 1
    assert f'2 files that are no images are left out, e.g. {tmp_path}/labels.csv' in caplog.text


def test_folders_that_are_refused(tmp_path):
    assert refused(tmp_path / 'none') == f'folder of images {tmp_path}/none does not exist'
    (tmp_path / 'file').write_text('x')
    assert refused(tmp_path / 'file').endswith('is not a folder')
    (tmp_path / 'empty').mkdir()
    assert 'has no images (files that end in' in refused(tmp_path / 'empty')
    imagefiles.folder(tmp_path / 'holes', {'a': 1})
    (tmp_path / 'holes' / 'b').mkdir()
    assert (
        refused(tmp_path / 'holes') == f'class folder {tmp_path}/holes/b has no images: remove it, or fill it'
    )
    imagefiles.folder(tmp_path / 'both', {'': 1, 'a': 1})
    assert f'{tmp_path}/both has images both in itself (000.png, ...)' in refused(tmp_path / 'both')


@pytest.mark.parametrize(
    ('field', 'value', 'message'),
    [
        ('crop', 'centre', "unknown config.data.crop 'centre' (nearest: 'center'); valid: center, none"),
        ('resize', 'cubic', "unknown config.data.resize 'cubic' (nearest: 'bicubic')"),
        ('broken', 'ignore', "unknown config.data.broken 'ignore'"),
        ('channels', -1, 'config.data.channels must be from 0 to 65536, and is -1'),
        ('device_limit_mib', -1, 'config.data.device_limit_mib must be at least 0, and is -1'),
        ('workers', 257, 'config.data.workers must be from 0 to 256, and is 257'),
        ('flip', 1, 'config.data.flip must be true or false, and is 1'),
    ],
)
def test_fields_that_cannot_be_meant(field, value, message):
    made = base('dcgan')
    made.data.name = 'folder:x'
    with made.ignore_type():
        made.data[field] = value
    with pytest.raises(GaxError) as info:
        check(made)
    assert message in str(info.value)


def test_fields_that_do_not_go_together():
    made = base('dcgan')
    made.data.workers = 2
    with pytest.raises(
        GaxError, match=r'^unknown field config\.data\.workers'
    ):  # embedded:mnist is in memory
        check(made)
    made.data.name, made.data.flip = 'synthetic:ring', True
    with pytest.raises(GaxError, match=r'config\.data\.flip is for images'):
        data.load(made)


@pytest.mark.slow
def test_flips_are_half_and_anew_for_each_key(tmp_path):
    imagefiles.folder(tmp_path, {'': 1})
    plain, source = load(tmp_path), load(tmp_path, flip=True)
    rows = np.zeros(400, np.int32)
    image = plain.read(plain.arrays, rows[:1], jax.random.key(0))['image'][0]

    def mirrored(key):
        batch = source.read(source.arrays, rows, jax.random.key(key))['image']
        flags = np.array([np.array_equal(x, image[:, ::-1]) for x in batch])
        assert all(np.array_equal(x, image) for x in np.asarray(batch)[~flags])
        return flags

    assert abs(mirrored(0).mean() - 0.5) < 0.1  # four standard deviations
    assert not np.array_equal(mirrored(0), mirrored(1))
    np.testing.assert_array_equal(mirrored(0), mirrored(0))
    assert folder.find(tmp_path).labels is None
