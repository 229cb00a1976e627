"""Images as a folder of PNGs, one file each, which other tools can read; and the names of class folders.

A class may have any name, but a folder may not, and two names may be equal to a file system. So a folder of
class folders contains the file CLASSES, which maps each folder to its label and names the classes.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from gax import errors, paths

CLASSES = 'gax_classes.json'
NO_NAME = frozenset('/\\<>:"|?*\x7f') | {chr(code) for code in range(32)}  # of no file, somewhere
DEVICES = frozenset(('con', 'prn', 'aux', 'nul', *(f'{d}{i}' for d in ('com', 'lpt') for i in range(10))))
LONGEST = 100  # bytes of a folder's name, far below what file systems and archives take


class Classes(NamedTuple):
    """The classes of a folder of class folders.

    Attributes:
      labels: Folder name -> label.
      names: The names of all classes by label; empty if they have none.
      num: The number of classes.
    """

    labels: Mapping[str, int]
    names: tuple[str, ...]
    num: int


def check(out: Path) -> None:
    """Checks that `out` can become a new folder.

    Raises:
      GaxError: It is a file or a folder with content: nothing is mixed or overwritten.
    """
    if out.is_file() or out.is_symlink():
        raise errors.GaxError(f'--out {out} is a file; give a folder, or a name that ends in .png or .npz')
    if out.is_dir() and (any(out.iterdir()) or out.resolve() == Path.cwd()):
        what = 'a folder that is not empty' if any(out.iterdir()) else 'the folder that you are in'
        raise errors.GaxError(f'--out {out} is {what}; give a new one')


def save(
    images: np.ndarray,
    out: Path,
    labels: np.ndarray | None = None,
    classes: Sequence[str] = (),
    num_classes: int = 0,
) -> None:
    """Writes images as PNG files into a new folder, which appears complete or not at all.

    Without labels the files are out/000000.png ...; with labels out/CLASS/000000.png ..., numbered over all
    classes. torch-fidelity reads such folders (class folders with samples_find_deep); gax's `folder:`
    restores images, labels and names.

    Args:
      images: uint8 [N, H, W, C]; C is 1 (gray), 3 (colour) or 4 (with alpha).
      out: The folder.
      labels: int [N], or None.
      classes: The names of the classes, any strings. Without them folders are named by labels.
      num_classes: The number of classes, some of which may have no image.

    Raises:
      GaxError: The images have another number of channels, or `out` cannot be a new folder.
    """
    check(out)
    if images.shape[-1] not in (1, 3, 4):
        raise errors.GaxError(
            f'--out {out}: a PNG has 1, 3 or 4 channels, not {images.shape[-1]}; write an .npz'
        )
    num = 0 if labels is None else max(num_classes, len(classes), int(np.max(labels, initial=-1)) + 1)
    names = class_folders(classes, num)
    with paths.replacing(out) as temporary:
        temporary.mkdir(parents=True)
        for i, image in enumerate(images):
            folder = temporary if labels is None else temporary / names[int(labels[i])]
            folder.mkdir(exist_ok=True)
            Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(folder / f'{i:06d}.png')
        if labels is not None:
            there = {names[label]: label for label in np.unique(labels).tolist()}
            write_classes(temporary, Classes(there, tuple(classes) if len(classes) == num else (), num))


def named_by(folders: Sequence[str]) -> Classes:
    """The classes of sorted folders without a CLASSES file."""
    return Classes({name: label for label, name in enumerate(folders)}, tuple(folders), len(folders))


def write_classes(root: Path, classes: Classes) -> None:
    """Writes CLASSES if the folder names in `root` alone do not determine it."""
    if classes != named_by(sorted(classes.labels)):
        content = json.dumps({**classes._asdict(), 'labels': dict(classes.labels)}, indent=1)
        (root / CLASSES).write_text(content + '\n', encoding='utf-8')


def class_folders(classes: Sequence[str], num: int) -> list[str]:
    """The folder name of each of `num` classes.

    It is the class's name if that is a valid folder name, else a similar one, or the label. All are distinct
    even on a file system that ignores case or Unicode normalisation.
    """
    names = [*classes[:num], *[''] * (num - len(classes))]
    plain = [safe(name) or f'{label:03d}' for label, name in enumerate(names)]
    result, taken = list(plain), set()
    for label in sorted(range(num), key=lambda label: (plain[label] != names[label], label)):
        while folded(result[label]) in taken:
            result[label] += f'_{label:03d}'
        taken.add(folded(result[label]))
    return result


def safe(name: str) -> str:
    """`name` without characters that some file system refuses; '' if nothing is left."""
    text = ''.join('_' if c in NO_NAME or 0xD800 <= ord(c) < 0xE000 else c for c in name)
    text = text.encode()[:LONGEST].decode(errors='ignore').rstrip('. ')
    if text.startswith('.'):  # hidden
        text = f'_{text}'
    taken = folded(text) == CLASSES or text.partition('.')[0].casefold() in DEVICES
    return f'{text}_' if taken else text


def folded(name: str) -> str:
    """`name` without differences of case and Unicode normalisation."""
    return unicodedata.normalize('NFKC', unicodedata.normalize('NFKC', name).casefold())


def read_classes(root: Path) -> Classes | None:
    """Reads the CLASSES file in `root`; None if there is none.

    Raises:
      GaxError: It is damaged.
    """
    path = root / CLASSES
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        classes = Classes(dict(content['labels']), tuple(content['names']), int(content['num']))
        if len(classes.names) not in (0, classes.num) or not all(
            map(isinstance, classes.names, [str] * classes.num)
        ):
            raise ValueError(f'{len(classes.names)} names of {classes.num} classes')
        if not all(isinstance(label, int) and 0 <= label < classes.num for label in classes.labels.values()):
            raise ValueError('a label that is none')
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise errors.GaxError(
            f'{path} is damaged ({errors.first_line(error)}): put a good copy there; without it '
            'the folders name the classes'
        ) from error
    return classes
