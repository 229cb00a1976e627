"""Images as a folder of PNGs, one file each, for the tools of others."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gax import errors

UNREADABLE = '/\\\0'  # what no name of a folder may hold


def check(out: Path) -> None:
    """Raises GaxError where `out` is a file, or a folder that holds anything: nothing is mixed or overwritten."""
    if out.is_file() or out.is_symlink():
        raise errors.GaxError(f'--out {out} is a file; give a folder, or a name that ends in .png or .npz')
    if out.is_dir() and any(out.iterdir()):
        raise errors.GaxError(f'--out {out} is a folder that is not empty; give a new one')


def save(
    images: np.ndarray, out: Path, labels: np.ndarray | None = None, classes: Sequence[str] = ()
) -> None:
    """uint8 [N, H, W, C] -> out/000000.png ...; with labels int [N] out/CLASS/000000.png ..., numbered throughout.

    C: 1 gray, 3 colour, 4 with alpha. classes: the names of the classes; their numbers where there are none. torch-fidelity
    reads such folders (of classes with samples_find_deep), and so does gax's own `folder:`. The folder appears whole or not
    at all.
    """
    check(out)
    if images.shape[-1] not in (1, 3, 4):
        raise errors.GaxError(
            f'--out {out}: a PNG has 1, 3 or 4 channels, not {images.shape[-1]}; write an .npz'
        )
    temporary = out.with_name(out.name + '.tmp')
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        for i, image in enumerate(images):
            folder = temporary if labels is None else temporary / class_name(int(labels[i]), classes)
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(folder / f'{i:06d}.png')
        if out.is_dir():
            out.rmdir()  # it is empty
        temporary.replace(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def class_name(label: int, classes: Sequence[str]) -> str:
    """The folder of a class: its name, where that can be one; else its number in three digits, in the labels' order."""
    name = classes[label] if label < len(classes) else ''
    safe = ''.join('_' if c in UNREADABLE else c for c in name)
    return safe if safe.strip('.') else f'{label:03d}'
