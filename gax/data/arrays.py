"""Sets in memory: embedded in the package, or the arrays of an .npz file."""

from __future__ import annotations

import contextlib
import logging
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gax import errors, paths
from gax.core.spec import Field, Spec
from gax.data import kinds, layouts, preprocess, splits
from gax.data.preprocess import Fit
from gax.data.source import Source, read_resident
from gax.data.threads import chunks

log = logging.getLogger('gax')
AS_IT_IS = Fit()
EMBEDDED = {'mnist': 'mnist10k.npz', 'emoji': 'emoji32.npz'}


# The names in the data sets of gax and in what sample.py writes, and NumPy's (guided-diffusion and many
# others write arr_0).
IMAGES = kinds.NAMES['image']
LABELS = ('y', 'labels', 'label', 'arr_1')
TEXTS = ('classes', 'columns', 'vocabulary')  # arrays of texts that a file may also have
BESIDE = (*TEXTS, 'sample_rate')


class Wanted(NamedTuple):
    """The names of the arrays to read from a file.

    Attributes:
      array: The name of the examples; '' for one of the usual names.
      label: The name of the labels; '' for one of the usual names.
    """

    array: str = ''
    label: str = ''


BY_NAME = Wanted()


class File(NamedTuple):
    """The contents of an .npz of images.

    Attributes:
      images: uint8 [N, H, W, C].
      labels: int32 [N], or None.
      classes: The names of the classes; () without any.
      names_read: Which arrays of the file these are, as a text for the log.
    """

    images: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...]
    names_read: str


def embedded(name: str, fit: Fit = AS_IT_IS) -> Source:
    """A data set that comes with the package.

    Args:
      name: 'mnist': 10,000 real digits 28x28x1, 10 classes. 'emoji': 1,906 Noto emoji 32x32x3, 10 categories.
      fit: The size and the channels of the images.
    """
    path = Path(__file__).parent / 'embedded' / errors.lookup('embedded data set', name, EMBEDDED)
    x, y, classes, _ = load(path)
    return from_arrays(f'embedded:{name}', x, y, fit, classes)


def named(path: str, data: Any) -> Source:
    """A source of the examples in a file, as the `data` section of a config says.

    Args:
      path: The path of an .npz.
      data: The section. `kind`: the kind of the examples, one of gax.core.spec.KINDS ('': image), and the
        field's name in a batch. `array`, `label_array`: the arrays of the examples and of the labels; '': by
        their usual names. `layout`, `range`: of images, see gax.data.layouts. `split`: an array `split` of
        the file, texts [N], names the split of every example. Without one, whole groups of an array `group`
        [N] are assigned to splits; without either, see gax.data.splits.

    Returns:
      A source of the file's examples, its labels, and its descriptions: `classes`, `columns`, `vocabulary`
      (texts), `sample_rate`.

    Raises:
      GaxError: The file cannot be read, or holds something else.
    """
    kind = data.get('kind', '') or 'image'
    where = paths.user(path)
    wanted = Wanted(data.get('array', ''), data.get('label_array', ''))
    if kind == 'image':
        source = npz(path, preprocess.of(data), data.get('layout', ''), data.get('range', ''), wanted)
    else:
        errors.lookup('kind of data', kind, {'image': None, **kinds.READERS})
        source = of_kind(path, kind, wanted, {'range': data.get('range', '')})
    split = data.get('split', '')
    return splits.part(source, split, own_splits(where, source.spec.size)) if split else source


def own_splits(path: Path, size: int) -> Mapping[str, np.ndarray] | None:
    """The examples of each split that a file defines, by an array `split` or `group`.

    Returns:
      Split -> int32 indices; None if the file has neither array.
    """
    stored = read(path, names=('split', 'group'))[0]
    if 'split' in stored:
        return splits.named_rows(stored['split'], size, f"'split' in {path}")
    if 'group' not in stored:
        return None
    if stored['group'].shape != (size,):
        raise errors.GaxError(
            f"'group' in {path} must be {size} values, one per example; its shape is {stored['group'].shape}"
        )
    return splits.dealt(size, stored['group'])


def npz(path: str, fit: Fit = AS_IT_IS, layout: str = '', span: str = '', wanted: Wanted = BY_NAME) -> Source:
    """The images of a file, and its labels and `classes` (texts), if it has them; see `load`.

    Raises:
      GaxError: The file holds no images.
    """
    x, y, classes, names_read = load(paths.user(path), layout, span, wanted)
    log.info('%s: %s', path, names_read)
    return from_arrays(f'npz:{path}', x, y, fit, classes)


def of_kind(path: str, kind: str, wanted: Wanted, also: Mapping[str, Any]) -> Source:
    """The examples of a kind other than image, and the labels if there are any; see gax.data.kinds.

    Args:
      path: The path of an .npz.
      kind: One of `kinds.READERS`.
      wanted: The names of the arrays.
      also: Descriptions of the examples in addition to those in the file.
    """
    where = paths.user(path)
    stored, names = read(where, (*kinds.NAMES[kind], *LABELS, *wanted))
    name = chosen(where, (wanted.array,) if wanted.array else kinds.NAMES[kind], names)
    if name is None:
        raise errors.GaxError(lacking(where, (wanted.array,) if wanted.array else kinds.NAMES[kind], names))
    descriptions = {text: texts(stored.get(text)) for text in TEXTS if text in stored}
    if 'sample_rate' in stored:
        descriptions['sample_rate'] = stored['sample_rate'].item()
    examples, field = kinds.READERS[kind](stored[name], f'{name!r} in {where}', {**also, **descriptions})
    labels, classes = labels_of(stored, names, where, wanted, len(examples))
    log.info('%s: %s is %r, %s %s', path, kind, name, examples.dtype, list(examples.shape))
    arrays = {kind: examples} if labels is None else {kind: examples, 'label': labels}
    num = 0 if labels is None else max(len(classes), int(labels.max()) + 1)
    spec = Spec(f'npz:{path}', {kind: field}, num, len(examples), classes if len(classes) == num else ())
    return Source(spec, arrays, read_resident)


def load_npz(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """The images uint8 [N, H, W, C] and the labels int32 [N] (or None) of a file; see `load`."""
    return load(path)[:2]


def load(path: Path, layout: str = '', span: str = '', wanted: Wanted = BY_NAME) -> File:
    """The images of a file, and its labels and `classes` if it has them.

    Args:
      path: The path of an .npz.
      layout: See gax.data.layouts.
      span: The range of values, see gax.data.layouts.
      wanted: The names of the arrays; by default those of IMAGES and LABELS.

    Raises:
      GaxError: The file cannot be read, or has no such arrays.
    """
    stored, names = read(path, (*IMAGES, *LABELS, *wanted))
    of_images = chosen(path, (wanted.array,) if wanted.array else IMAGES, names)
    if of_images is None:
        raise errors.GaxError(lacking(path, (wanted.array,) if wanted.array else IMAGES, names))
    raw = stored[of_images]
    images = layouts.images(raw, f'{of_images!r} in {path}', layout, span)
    labels, classes = labels_of(stored, names, path, wanted, len(images))
    of_labels = chosen(path, (wanted.label,) if wanted.label else LABELS, names)
    names_read = f'images are {of_images!r}, {raw.dtype} {list(raw.shape)}'
    names_read += f', labels are {of_labels!r}' if of_labels else ', there are no labels'
    return File(images, labels, classes, names_read)


def lacking(path: Path, wanted: Sequence[str], names: Sequence[str]) -> str:
    """The message for a file that has none of the `wanted` arrays."""
    others = f', nor {" or ".join(map(repr, wanted[1:]))}' if wanted[1:] else ''
    return f'{path} has no array {wanted[0]!r} (found: {", ".join(names) or "nothing"}){others}'


def labels_of(
    stored: Mapping[str, np.ndarray], names: Sequence[str], path: Path, wanted: Wanted, count: int
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """(labels int32 [count], the names of the classes) of a file; (None, ()) if it has no labels."""
    name = chosen(path, (wanted.label,) if wanted.label else LABELS, names)
    if name is None:
        if wanted.label:
            raise errors.GaxError(lacking(path, (wanted.label,), names))
        return None, ()
    classes = texts(stored.get('classes'))
    return layouts.labels(stored[name], count, f'{name!r} in {path}', classes), classes


def chosen(path: Path, wanted: tuple[str, ...], names: Sequence[str]) -> str | None:
    """The one of the `wanted` names that a file has, or None.

    Raises:
      GaxError: It has several, so that the choice is ambiguous.
    """
    present = [name for name in wanted if name in names]
    if len(present) > 1:
        raise errors.GaxError(f'{path} has {" and ".join(map(repr, present))}: keep the one that is meant')
    return present[0] if present else None


def read(path: Path, names: Sequence[str] = (*IMAGES, *LABELS)) -> tuple[dict[str, np.ndarray], list[str]]:
    """Reads the arrays of a file that are among `names`, and the descriptions in BESIDE.

    Returns:
      (name -> array, the names of all arrays in the file).

    Raises:
      GaxError: The file cannot be read.
    """
    if not path.is_file():
        raise errors.GaxError(
            f'data file {path} does not exist' if not path.exists() else f'{path} is not a file'
        )
    try:
        # Opened here, because np.load leaves the file open if the archive is incomplete.
        with open(path, 'rb') as opened, np.load(opened, allow_pickle=False) as file:
            all_names = list(file.files)
            stored = {name: file[name] for name in all_names if name in names}
            for name in BESIDE:
                with contextlib.suppress(KeyError, ValueError):  # not there, or pickled objects
                    stored.setdefault(name, file[name])
        if not all(isinstance(array, np.ndarray) for array in stored.values()):
            raise ValueError('its members are no arrays')
    except (OSError, ValueError, EOFError, KeyError, TypeError, zlib.error, zipfile.BadZipFile) as error:
        raise errors.GaxError(f'cannot read {path}: truncated, or not an .npz file ({error})') from error
    return stored, all_names


def class_names(path: Path) -> tuple[str, ...]:
    """The array `classes` of a file, texts; () if it has none."""
    return texts(read(path)[0].get('classes'))


def texts(array: np.ndarray | None) -> tuple[str, ...]:
    """An array of texts, such as the names of classes, as a tuple; () for None and for other arrays."""
    return tuple(array.tolist()) if array is not None and array.ndim == 1 and array.dtype.kind == 'U' else ()


def from_arrays(
    name: str, x: np.ndarray, y: np.ndarray | None, fit: Fit = AS_IT_IS, classes: tuple[str, ...] = ()
) -> Source:
    """A source of uint8 images [N, H, W, C] and labels, resized where the config asks for it.

    Args:
      name: The name of the source.
      x: uint8 [N, H, W, C].
      y: int32 [N], or None.
      fit: The size and the channels of the images.
      classes: The names of all classes, some of which may have no image; () if there are none, or too few.
    """
    x = fitted(name, x, fit)
    arrays: dict[str, Any] = {'image': x} if y is None else {'image': x, 'label': y}
    num = 0 if y is None else max(len(classes), int(y.max()) + 1)
    spec = Spec(name, {'image': Field(x.shape[1:])}, num, len(x), classes if len(classes) == num else ())
    return Source(spec, arrays, read_resident)


def fitted(name: str, x: np.ndarray, fit: Fit) -> np.ndarray:
    """`fit` applied to each image of uint8 [N, H, W, C]; `x` itself if nothing changes."""
    try:
        if fit(x[0]).shape == x.shape[1:]:
            return x
    except errors.GaxError as error:
        raise errors.GaxError(f'config.data.channels={fit.channels}: {error} ({name})') from error
    parts = chunks(lambda rows: np.stack([fit(image) for image in x[rows]]), len(x), name)
    return np.concatenate([part for _, part in parts])
