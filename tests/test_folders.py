"""Folders of PNGs: what is in them, and that they are whole or not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gax import errors, folders

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), np.uint8)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file())


@pytest.mark.parametrize('channels', [1, 3, 4])
def test_images_come_back_as_they_were(channels: int, tmp_path: Path) -> None:
    images = np.concatenate([IMAGES, IMAGES], axis=-1)[..., :channels]
    folders.save(images, tmp_path / 'out')
    assert names(tmp_path) == [f'out/{i:06d}.png' for i in range(5)]
    for i, image in enumerate(images):
        with Image.open(tmp_path / 'out' / f'{i:06d}.png') as read:
            np.testing.assert_array_equal(np.asarray(read), image.squeeze(-1) if channels == 1 else image)


def test_classes_have_folders(tmp_path: Path) -> None:
    (tmp_path / 'out').mkdir()  # empty: it is taken
    folders.save(IMAGES, tmp_path / 'out', np.array([1, 0, 1, 1, 2]), ('cat', 'a/b\\c'))
    expected = [
        '002/000004.png',
        'a_b_c/000000.png',
        'a_b_c/000002.png',
        'a_b_c/000003.png',
        'cat/000001.png',
    ]
    assert names(tmp_path / 'out') == expected
    assert [folders.class_name(i, ()) for i in (0, 7, 12)] == ['000', '007', '012']


@pytest.mark.parametrize('name', ['.', '..', ''])
def test_no_class_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    folders.save(IMAGES[:1], tmp_path / 'out', np.array([0]), (name,))
    assert names(tmp_path) == ['out/000/000000.png']


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'mine.txt').write_text('x')
    for name, says in (('full', 'is a folder that is not empty'), ('full/mine.txt', 'is a file')):
        with pytest.raises(errors.GaxError, match=says):
            folders.save(IMAGES, tmp_path / name)
    assert names(tmp_path) == ['full/mine.txt']


def test_two_channels_are_no_png(tmp_path: Path) -> None:
    with pytest.raises(errors.GaxError, match='1, 3 or 4 channels, not 2'):
        folders.save(IMAGES[..., :2], tmp_path / 'out')


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(self: Image.Image, path: Path) -> None:
        if path.name == '000003.png':
            raise OSError(28, 'No space left on device')
        path.write_bytes(b'x')

    monkeypatch.setattr(Image.Image, 'save', save)
    with pytest.raises(OSError, match='No space'):
        folders.save(IMAGES, tmp_path / 'out')
    assert list(tmp_path.iterdir()) == []
