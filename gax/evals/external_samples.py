"""Samples of any program, as chunks to evaluate: arrays of an .npz, a folder of images, rows of a .csv."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jax.sharding import Mesh

from gax import data, errors
from gax.core.spec import Field, Spec
from gax.data import columns, kinds, table
from gax.data.arrays import class_names
from gax.data.resident import UINT8
from gax.data.source import Source, read_resident
from gax.evals.collect import Chunk, reader
from gax.evals.features.extractors import shape_text
from gax.evals.metrics import ranking
from gax.evals.reference import Reference
from gax.viz import png_folder

# The names in data sets of gax, and NumPy's (guided-diffusion and many others write arr_0).
NAMES = ('x', 'arr_0')
LABELS = ('labels', 'y', 'arr_1')
# The axes of an example, by its kind.
AXES = {
    'image': ('H', 'W', 'C'),
    'point': ('D',),
    'audio': ('samples', 'channels'),
    'video': ('frames', 'H', 'W', 'C'),
    'tokens': ('length',),
    'series': ('length', 'columns'),
    'table': ('columns',),
}


def open_samples(path: Path, ref: Reference, section: Any) -> Source:
    """The samples in an .npz, in a .csv of an encoded table or below a folder, of the shape of the reference.

    Files of a folder are decoded as those of a data set, with as many channels as the reference has. Labels
    are the reference's: class folders are matched by names or numbers. If the reference has no classes, they
    are left out.

    Args:
      path: An .npz, a .csv or a folder.
      ref: The real examples.
      section: config.data, for its fields.

    Raises:
      GaxError: The path is no set of samples, they have another shape, or a class that the reference lacks.
    """
    if path.is_dir() and ref.field.kind != 'image':
        raise errors.GaxError(
            f'--samples {path} is a folder, of images, and {ref.describe["data"]} is {ref.field.kind} data: '
            'give an .npz'
        )
    if path.suffix.lower() == '.csv':
        return from_csv(path, ref)
    source = from_folder(path, ref, section) if path.is_dir() else from_npz(path, ref)
    shape = source.spec.target_shape
    if shape != ref.shape:
        raise errors.GaxError(
            f'the samples in {path} are {shape_text(shape)} and the reference {ref.describe["data"]} is '
            f'{shape_text(ref.shape)}: they must be alike (--config.data.image_size of a run says how large '
            'images are)'
        )
    return source


def from_csv(path: Path, ref: Reference) -> Source:
    """The rows of a file, encoded as those of the reference.

    Raises:
      GaxError: The reference is no encoded table, or see `table.from_file`.
    """
    encoding = columns.of_info(ref.field.info)
    if encoding is None:
        raise errors.GaxError(
            f'--samples {path}: a .csv is for tables that are read by table:FILE.csv, and '
            f'{ref.describe["data"]} is {ref.field.kind} data: give an .npz'
        )
    return table.from_file(path, encoding)


def from_folder(path: Path, ref: Reference, section: Any) -> Source:
    """The images below a folder, with the labels of the reference."""
    section = section.copy_and_resolve_references()
    with section.unlocked():
        as_they_are = {**data.AS_THEY_ARE, 'image_size': 0, 'image_width': 0}
        section.update({'name': f'folder:{path}', **as_they_are, 'broken': 'error'})
        section.channels = ref.shape[-1]
    return relabelled(data.KINDS['folder'](str(path), section), ref.source.spec, path)


def relabelled(source: Source, wanted: Spec, path: Path) -> Source:
    """A folder's source, with its labels replaced by the reference's, which are matched by name.

    Raises:
      GaxError: The reference lacks a class.
    """
    if not source.spec.num_classes:
        return source
    known = numbers(wanted)
    if source.spec.classes == wanted.classes and source.spec.num_classes <= wanted.num_classes:
        # Names may occur twice: if all names agree, labels do.
        table: np.ndarray = np.arange(source.spec.num_classes, dtype=np.int32)
    else:
        names = source.spec.classes or [str(label) for label in range(source.spec.num_classes)]
        table = np.array([number_of(name, known, wanted, path) for name in names], np.int32)
    rows = source.fetch
    assert rows is not None

    def fetch(indices: np.ndarray) -> Any:
        batch = rows(indices)
        label = batch.pop('label')
        return {**batch, 'label': table[label]} if wanted.num_classes else batch

    spec = source.spec._replace(num_classes=wanted.num_classes, classes=wanted.classes)
    return source._replace(spec=spec, fetch=fetch)


def numbers(wanted: Spec) -> dict[str, int]:
    """Every valid name of a class folder -> its label.

    These are the names that `png_folder.save` writes, and the label itself, '3' or '003', unless the classes
    have numbers for names.
    """
    labels = range(wanted.num_classes)
    known = {f'{label:0{width}d}': label for label in labels for width in (1, 3)}
    known = {} if any(name.isdecimal() for name in wanted.classes) else known
    written = png_folder.class_folders(wanted.classes, wanted.num_classes)
    return known | {name: label for names in (written, wanted.classes) for label, name in enumerate(names)}


def number_of(name: str, known: dict[str, int], wanted: Spec, path: Path) -> int:
    """The reference's label of the class folder `name` in `path`; 0 if the reference has no classes.

    Raises:
      GaxError: The reference has classes, but not this one.
    """
    if name in known or not wanted.num_classes:
        return known.get(name, 0)
    valid = png_folder.class_folders(wanted.classes, wanted.num_classes)
    where = f'a folder in {path}' if path.is_dir() else f'in {path}'
    raise errors.GaxError(errors.choices(f'class of {wanted.name}, {where}:', name, valid))


def from_npz(path: Path, ref: Reference) -> Source:
    """The examples of a file, of the kind of the reference, and labels (y, arr_1) int [N] if it has any.

    The array is called as in files of gax (images, points, series ...), after the reference's field, x or
    arr_0. Examples are stored as they are evaluated: uint8 [N, H, W] or [N, H, W, C], tokens integers, others
    floats. Labels are the reference's. If the file has `classes`, texts, labels number these, and are matched
    by name.

    Raises:
      GaxError: The file has no such arrays.
    """
    field, name = ref.field, ref.source.spec.target
    names = names_of(name, field.kind)
    x, labels = arrays_of(path, names)
    x = x[..., None] if x.ndim == len(field.shape) == 3 and field.kind == 'image' else x
    if x.ndim != 1 + len(field.shape) or not len(x) or not fits(x.dtype, field.kind):
        raise errors.GaxError(
            f'the samples in {path} must be {wanted_of(field)}, and are {x.dtype} of shape {x.shape}'
        )
    if labels is not None and (labels.shape != (len(x),) or labels.dtype.kind not in 'iu'):
        raise errors.GaxError(f'the labels in {path} must be {len(x)} whole numbers, one a sample')
    known = ref.source.spec.num_classes
    if labels is not None and known and not 0 <= labels.min() <= labels.max() < known:
        raise errors.GaxError(
            f'the labels in {path} are {labels.min()} to {labels.max()}, and those of '
            f'{ref.source.spec.name} 0 to {known - 1}'
        )
    if labels is not None and (named := class_names(path)) and known:
        labels = by_name(labels, named, ref.source.spec, path)
    arrays = {name: x.astype(np.int32) if field.kind == 'tokens' else x}
    arrays |= {} if labels is None else {'label': labels.astype(np.int32)}
    classes = 0 if labels is None else int(labels.max()) + 1
    spec = Spec(f'npz:{path}', {name: field._replace(shape=x.shape[1:])}, classes, len(x))
    return Source(spec, arrays, read_resident)


def names_of(name: str, kind: str) -> list[str]:
    """The possible names of the array of the samples, the likeliest first."""
    return list(dict.fromkeys([kinds.written(name, kind), name, *NAMES]))


def arrays_of(path: Path, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """The first of `names` that a file has, and its labels or None.

    Raises:
      GaxError: It has none, or cannot be read.
    """
    if not path.is_file():
        raise errors.GaxError(f'--samples {path} is no folder of images and no .npz file')
    try:
        with open(path, 'rb') as opened, np.load(opened, allow_pickle=False) as file:
            x = next((file[name] for name in names if name in file.files), None)
            labels = next((file[name] for name in LABELS if name in file.files), None)
            there = ', '.join(file.files) or 'nothing'
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        TypeError,
        AttributeError,
        zlib.error,
        zipfile.BadZipFile,
    ) as error:
        raise errors.GaxError(
            f'cannot read {path}: truncated, or not an .npz file ({errors.first_line(error)})'
        ) from error
    if x is None:
        raise errors.GaxError(f'{path} has none of the arrays {", ".join(names)} (found: {there})')
    return x, labels


def wanted_of(field: Field) -> str:
    """The dtype and axes of stored samples of a field: 'uint8 [N, H, W] or [N, H, W, C]'."""
    axes = f'[{", ".join(["N", *AXES[field.kind]])}]'
    if field.kind == 'image':
        return f'uint8 [N, H, W] or {axes}'
    return (
        f'{"uint8" if field.kind == "video" else "integers" if field.kind == "tokens" else "floats"} {axes}'
    )


def by_name(labels: np.ndarray, names: Sequence[str], wanted: Spec, path: Path) -> np.ndarray:
    """The reference's labels, int32 [N], for labels that number `names`.

    Raises:
      GaxError: The reference lacks a name.
    """
    if labels.max() >= len(names):
        raise errors.GaxError(
            f'the labels in {path} go up to {labels.max()}, and it names {len(names)} classes'
        )
    known = numbers(wanted) | {name: label for label, name in enumerate(wanted.classes)}
    return np.array([number_of(name, known, wanted, path) for name in names], np.int32)[labels]


def fits(dtype: np.dtype, kind: str) -> bool:
    """Whether samples of a kind may be stored so."""
    if kind == 'tokens':
        return dtype.kind in 'iu'
    return dtype == np.uint8 if kind in UINT8 else dtype.kind == 'f'


def chunks(source: Source, num: int, batch: int, mesh: Mesh) -> Iterator[Chunk]:
    """`num` samples, chosen at random; always the same ones, whatever the order of the set."""
    read = reader(source, source.arrays, mesh)
    return read(ranking.of_source(read, source.spec.size, ranking.FAKE)[:num], batch, 0)
