"""Image sets small enough to live on the device as uint8: embedded in the package, or from an .npz file."""

from __future__ import annotations

import contextlib
import logging
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gax import errors, paths
from gax.core.spec import Field, Spec
from gax.data import layouts
from gax.data.preprocess import Fit
from gax.data.source import Source, read_resident
from gax.data.threads import chunks

log = logging.getLogger('gax')
AS_IT_IS = Fit()
EMBEDDED = {'mnist': 'mnist10k.npz', 'emoji': 'emoji32.npz'}


# Of the data sets of gax, of what sample.py writes, and NumPy's own (guided-diffusion and many others write
# arr_0).
IMAGES = ('x', 'images', 'image', 'arr_0')
LABELS = ('y', 'labels', 'label', 'arr_1')


class File(NamedTuple):
    """What an .npz holds: images uint8 [N, H, W, C], labels int32 [N] or None, the names of the classes.

    names_read: which of its arrays these are, as a text.
    """

    images: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...]
    names_read: str


def embedded(name: str, fit: Fit = AS_IT_IS) -> Source:
    """'mnist': 10,000 real digits 28x28x1, 10 classes. 'emoji': 1,906 Noto emoji 32x32x3, 10 categories."""
    path = Path(__file__).parent / 'embedded' / errors.lookup('embedded data set', name, EMBEDDED)
    x, y, classes, _ = load(path)
    return from_arrays(f'embedded:{name}', x, y, fit, classes)


def npz(path: str, fit: Fit = AS_IT_IS, layout: str = '', span: str = '') -> Source:
    """The images, and perhaps the labels and `classes`, texts, of a file; see `load`. Raises GaxError for
    others."""
    x, y, classes, names_read = load(paths.user(path), layout, span)
    log.info('%s: %s', path, names_read)
    return from_arrays(f'npz:{path}', x, y, fit, classes)


def load_npz(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """The images and the labels of a file, see `load`."""
    return load(path)[:2]


def load(path: Path, layout: str = '', span: str = '') -> File:
    """The arrays of a file: IMAGES, perhaps LABELS; perhaps `classes`.

    What they may be, and layout and span: see gax.data.layouts.
    """
    stored, names = read(path)
    of_images, of_labels = (chosen(path, wanted, names) for wanted in (IMAGES, LABELS))
    if of_images is None:
        others = ' or '.join(map(repr, IMAGES[1:]))
        raise errors.GaxError(
            f"{path} has no array 'x' (found: {', '.join(names) or 'nothing'}), nor {others}"
        )
    raw = stored[of_images]
    images = layouts.images(raw, f'{of_images!r} in {path}', layout, span)
    classes = texts(stored.get('classes'))
    labels = None
    if of_labels is not None:
        labels = layouts.labels(stored[of_labels], len(images), f'{of_labels!r} in {path}', classes)
    names_read = f'images are {of_images!r}, {raw.dtype} {list(raw.shape)}'
    names_read += f', labels are {of_labels!r}' if of_labels else ', there are no labels'
    return File(images, labels, classes if labels is not None else (), names_read)


def chosen(path: Path, wanted: tuple[str, ...], names: Sequence[str]) -> str | None:
    """The one of the `wanted` names that a file has. Raises GaxError where it has more: nobody knows which is
    meant."""
    there = [name for name in wanted if name in names]
    if len(there) > 1:
        raise errors.GaxError(f'{path} has {" and ".join(map(repr, there))}: keep the one that is meant')
    return there[0] if there else None


def read(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """The arrays of a file that may be meant, and the names of all. Raises GaxError where it cannot be
    read."""
    if not path.is_file():
        raise errors.GaxError(
            f'data file {path} does not exist' if not path.exists() else f'{path} is not a file'
        )
    try:
        # Opened here, because np.load leaves the file open where it is no whole archive.
        with open(path, 'rb') as opened, np.load(opened, allow_pickle=False) as file:
            names = list(file.files)
            stored = {name: file[name] for name in names if name in (*IMAGES, *LABELS)}
            with contextlib.suppress(KeyError, ValueError):  # not there, or pickled objects
                stored['classes'] = file['classes']
        if not all(isinstance(array, np.ndarray) for array in stored.values()):
            raise ValueError('its members are no arrays')
    except (OSError, ValueError, EOFError, KeyError, TypeError, zlib.error, zipfile.BadZipFile) as error:
        raise errors.GaxError(f'cannot read {path}: truncated, or not an .npz file ({error})') from error
    return stored, names


def class_names(path: Path) -> tuple[str, ...]:
    """The array `classes` of a file, texts; () where there is none."""
    return texts(read(path)[0].get('classes'))


def texts(array: np.ndarray | None) -> tuple[str, ...]:
    """The names of classes; () of what is none."""
    return tuple(array.tolist()) if array is not None and array.ndim == 1 and array.dtype.kind == 'U' else ()


def from_arrays(
    name: str, x: np.ndarray, y: np.ndarray | None, fit: Fit = AS_IT_IS, classes: tuple[str, ...] = ()
) -> Source:
    """A source of the given uint8 images [N, H, W, C] and labels, made to fit where the config asks for it.

    classes: the names of all classes, of which some may have no image; () where they have none, or too few.
    """
    x = fitted(name, x, fit)
    held: dict[str, Any] = {'image': x} if y is None else {'image': x, 'label': y}
    num = 0 if y is None else max(len(classes), int(y.max()) + 1)
    spec = Spec(name, {'image': Field(x.shape[1:])}, num, len(x), classes if len(classes) == num else ())
    return Source(spec, held, read_resident)


def fitted(name: str, x: np.ndarray, fit: Fit) -> np.ndarray:
    """uint8 [N, H, W, C] as `fit` makes of each; `x` itself where nothing changes."""
    try:
        if fit(x[0]).shape == x.shape[1:]:
            return x
    except errors.GaxError as error:
        raise errors.GaxError(f'config.data.channels={fit.channels}: {error} ({name})') from error
    parts = chunks(lambda rows: np.stack([fit(image) for image in x[rows]]), len(x), name)
    return np.concatenate([part for _, part in parts])
