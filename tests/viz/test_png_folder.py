"""Folders of PNGs: what is in them, and that they are whole or not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from gax import data, errors
from gax.config import defaults
from gax.data import images
from gax.viz import png_folder

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), np.uint8)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file())


@pytest.mark.parametrize('channels', [1, 3, 4])
def test_images_come_back_as_they_were(channels: int, tmp_path: Path) -> None:
    images = np.concatenate([IMAGES, IMAGES], axis=-1)[..., :channels]
    png_folder.save(images, tmp_path / 'out')
    assert names(tmp_path) == [f'out/{i:06d}.png' for i in range(5)]
    for i, image in enumerate(images):
        with Image.open(tmp_path / 'out' / f'{i:06d}.png') as read:
            np.testing.assert_array_equal(np.asarray(read), image.squeeze(-1) if channels == 1 else image)


def test_classes_have_folders(tmp_path: Path) -> None:
    (tmp_path / 'out').mkdir()  # empty: it is taken
    png_folder.save(IMAGES, tmp_path / 'out', np.array([1, 0, 1, 1, 2]), ('cat', 'a/b\\c'))
    expected = [
        '002/000004.png',
        'a_b_c/000000.png',
        'a_b_c/000002.png',
        'a_b_c/000003.png',
        'cat/000001.png',
        'gax_classes.json',
    ]
    assert names(tmp_path / 'out') == expected
    assert [png_folder.class_folders((), 13)[i] for i in (0, 7, 12)] == ['000', '007', '012']


@pytest.mark.parametrize('name', ['.', '..', ''])
def test_no_class_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    png_folder.save(IMAGES[:1], tmp_path / 'out', np.array([0]), (name,))
    png = [path for path in names(tmp_path) if path.endswith('.png')]
    assert png == [f'out/{png_folder.class_folders((name,), 1)[0]}/000000.png']
    assert png_folder.read_classes(tmp_path / 'out').names == (name,)


STRANGE = (
    *(
        'a/b',
        'a_b',
        'a\\b',
        '',
        '.',
        '..',
        '.hidden',
        'cat',
        'Cat',
        'CAT',
        'cat ',
        ' cat',
        'cat.',
        '000',
        '_hidden',
    ),
    *(
        'caf\u00e9',
        'cafe\u0301',
        'a%2Fb',
        'a_b_001',
        'con',
        'x' * 300,
        'x' * 299 + 'y',
        '\udce9',
        '\n',
        'same',
        'same',
        '~',
    ),
    *('gax_classes.json', 'v1.2', 'v1.3', '\u732b', 'a\0b', 'nobody'),
)


def test_folders_of_classes_are_names_and_no_two_are_one() -> None:
    made = png_folder.class_folders(STRANGE, len(STRANGE))
    assert len({png_folder.folded(name) for name in made}) == len(STRANGE)
    assert all(0 < len(name.encode()) <= 255 and not name.startswith('.') for name in made)
    assert not [name for name in made if set(name) & png_folder.NO_NAME or name.rstrip('. ') != name]
    assert [made[STRANGE.index(name)] for name in ('a_b', 'cat', 'v1.2', 'v1.3')] == [
        'a_b',
        'cat',
        'v1.2',
        'v1.3',
    ]


@pytest.mark.parametrize(
    'classes', [STRANGE, (), ('b', 'a'), ('a', 'b', 'nobody')], ids=['strange', '', 'ba', 'ab']
)
def test_classes_come_back_as_they_were(classes: tuple[str, ...], tmp_path: Path) -> None:
    """Names, numbers and the labels of every image, of classes without one as well."""
    num = len(classes) or 3
    labels = np.arange(num - 1)[::-1]
    images = np.arange(num - 1, dtype=np.uint8)[:, None, None, None] * np.ones((4, 4, 3), np.uint8)
    png_folder.save(images, tmp_path / 'out', labels, classes, num)
    source = data.load(
        ConfigDict({'data': {**defaults.data_section(), 'name': f'folder:{tmp_path / "out"}'}})
    )
    assert (source.spec.classes, source.spec.num_classes) == (classes, num)
    back = dict(
        zip(source.arrays['image'][:, 0, 0, 0].tolist(), source.arrays['label'].tolist(), strict=True)
    )
    assert back == dict(enumerate(labels.tolist()))


def test_what_the_folders_say_is_not_written_down(tmp_path: Path) -> None:
    png_folder.save(IMAGES, tmp_path / 'out', np.array([1, 0, 1, 1, 0]), ('a', 'b'))
    assert not (tmp_path / 'out' / png_folder.CLASSES).exists()


def test_other_folders_than_were_written_down_are_refused(tmp_path: Path) -> None:
    png_folder.save(IMAGES, tmp_path / 'out', np.array([1, 0, 1, 1, 0]), ('b', 'a'))
    (tmp_path / 'out' / 'b').rename(tmp_path / 'out' / 'c')
    with pytest.raises(
        errors.GaxError, match=r'gax_classes\.json is of other class folders than there are \(b, '
    ):
        images.find(tmp_path / 'out')
    (tmp_path / 'out' / png_folder.CLASSES).write_text('{')
    with pytest.raises(errors.GaxError, match=r'gax_classes\.json is damaged'):
        images.find(tmp_path / 'out')


def test_what_others_have_beside_it_stays(tmp_path: Path) -> None:
    """Its name on the way is nobody's: a folder `out.tmp` is the user's own."""
    (tmp_path / 'out.tmp').mkdir()
    (tmp_path / 'out.tmp' / 'mine.txt').write_text('x')
    png_folder.save(IMAGES[:1], tmp_path / 'out')
    assert names(tmp_path) == ['out.tmp/mine.txt', 'out/000000.png']


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'mine.txt').write_text('x')
    for name, says in (('full', 'is a folder that is not empty'), ('full/mine.txt', 'is a file')):
        with pytest.raises(errors.GaxError, match=says):
            png_folder.save(IMAGES, tmp_path / name)
    assert names(tmp_path) == ['full/mine.txt']


def test_two_channels_are_no_png(tmp_path: Path) -> None:
    with pytest.raises(errors.GaxError, match='1, 3 or 4 channels, not 2'):
        png_folder.save(IMAGES[..., :2], tmp_path / 'out')


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(self: Image.Image, path: Path) -> None:
        if path.name == '000003.png':
            raise OSError(28, 'No space left on device')
        path.write_bytes(b'x')

    monkeypatch.setattr(Image.Image, 'save', save)
    with pytest.raises(OSError, match='No space'):
        png_folder.save(IMAGES, tmp_path / 'out')
    assert list(tmp_path.iterdir()) == []
