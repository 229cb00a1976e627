"""Samples that anybody made: an .npz of images, or a folder of image files, as chunks to be evaluated."""

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
from gax.data.arrays import class_names
from gax.data.source import Source, read_resident
from gax.evals.collect import Chunk, reader
from gax.evals.features.extractors import said
from gax.evals.metrics import ranking
from gax.evals.reference import Reference
from gax.viz import png_folder

# Ours, those of the data sets of gax, and NumPy's own (guided-diffusion and many others write arr_0).
NAMES = ('images', 'x', 'points', 'arr_0')
LABELS = ('labels', 'y', 'arr_1')


def open_samples(path: Path, ref: Reference, section: Any) -> Source:
    """The samples in an .npz or below a folder, of the shape that the reference has. section: config.data,
    for its fields.

    Files of a folder are decoded as those of a data set, with as many channels as the reference has. Labels
    are the
    reference's: of class folders by their names or numbers; where it has none, they are left out. Raises
    GaxError for what is no set of samples, for samples of another shape, and for a class that the reference
    has not.
    """
    source = from_folder(path, ref, section) if path.is_dir() else from_npz(path, ref)
    found = source.spec.target_shape
    if found != ref.shape:
        raise errors.GaxError(
            f'the samples in {path} are {said(found)} and the reference {ref.describe["data"]} is {said(ref.shape)}: '
            'they must be alike (--config.data.image_size of a run says how large its images are)'
        )
    return source


def from_folder(path: Path, ref: Reference, section: Any) -> Source:
    section = section.copy_and_resolve_references()
    with section.unlocked():
        as_they_are = {**data.AS_THEY_ARE, 'image_size': 0, 'image_width': 0}
        section.update({'name': f'folder:{path}', **as_they_are, 'broken': 'error'})
        section.channels = ref.shape[-1]
    return relabelled(data.KINDS['folder'](str(path), section), ref.source.spec, path)


def relabelled(source: Source, wanted: Spec, path: Path) -> Source:
    """A folder's source, whose labels are its own, with the reference's labels in their place: known by the
    names."""
    if not source.spec.num_classes:
        return source
    known = numbers(wanted)
    if source.spec.classes == wanted.classes and source.spec.num_classes <= wanted.num_classes:
        # Names may occur twice: labels are the same where all names are.
        table: np.ndarray = np.arange(source.spec.num_classes, dtype=np.int32)
    else:
        names = source.spec.classes or [str(label) for label in range(source.spec.num_classes)]
        table = np.array([number_of(name, known, wanted, path) for name in names], np.int32)
    rows = source.fetch
    assert rows is not None

    def fetch(indices: np.ndarray) -> Any:
        found = rows(indices)
        label = found.pop('label')
        return {**found, 'label': table[label]} if wanted.num_classes else found

    spec = source.spec._replace(num_classes=wanted.num_classes, classes=wanted.classes)
    return source._replace(spec=spec, fetch=fetch)


def numbers(wanted: Spec) -> dict[str, int]:
    """Every name that a class folder may have -> its label: as `png_folder.save` writes them, and, unless
    classes are named by numbers of their own, the label itself, '3' or '003'."""
    labels = range(wanted.num_classes)
    known = {f'{label:0{width}d}': label for label in labels for width in (1, 3)}
    known = {} if any(name.isdecimal() for name in wanted.classes) else known
    written = png_folder.class_folders(wanted.classes, wanted.num_classes)
    return known | {name: label for names in (written, wanted.classes) for label, name in enumerate(names)}


def number_of(name: str, known: dict[str, int], wanted: Spec, path: Path) -> int:
    """The reference's label of the class folder `name` in `path`; 0 where the reference has no classes."""
    if name in known or not wanted.num_classes:
        return known.get(name, 0)
    valid = png_folder.class_folders(wanted.classes, wanted.num_classes)
    where = f'a folder in {path}' if path.is_dir() else f'in {path}'
    raise errors.GaxError(errors.choices(f'class of {wanted.name}, {where}:', name, valid))


def from_npz(path: Path, ref: Reference) -> Source:
    """images (or x, arr_0) uint8 [N, H, W] or [N, H, W, C], or points float [N, D]; perhaps labels (y, arr_1)
    int [N].

    Labels are the reference's; where the file has `classes`, texts, they number these, and are matched by
    name.
    """
    if not path.is_file():
        raise errors.GaxError(f'--samples {path} is no folder of images and no .npz file')
    try:
        with open(path, 'rb') as opened, np.load(opened, allow_pickle=False) as file:
            x = next((file[name] for name in NAMES if name in file.files), None)
            labels = next((file[name] for name in LABELS if name in file.files), None)
            found = ', '.join(file.files) or 'nothing'
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
        raise errors.GaxError(f'{path} has none of the arrays {", ".join(NAMES)} (found: {found})')
    points = len(ref.shape) == 1
    x = x[..., None] if x.ndim == 3 and not points else x
    if x.ndim != (2 if points else 4) or not len(x) or not fits(x.dtype, points):
        wanted = 'floats [N, D]' if points else 'uint8 [N, H, W] or [N, H, W, C]'
        raise errors.GaxError(f'the samples in {path} must be {wanted}, and are {x.dtype} of shape {x.shape}')
    if labels is not None and (labels.shape != (len(x),) or labels.dtype.kind not in 'iu'):
        raise errors.GaxError(f'the labels in {path} must be {len(x)} whole numbers, one a sample')
    known = ref.source.spec.num_classes
    if labels is not None and known and not 0 <= labels.min() <= labels.max() < known:
        raise errors.GaxError(
            f'the labels in {path} are {labels.min()} to {labels.max()}, and those of {ref.source.spec.name} 0 to {known - 1}'
        )
    if labels is not None and (named := class_names(path)) and known:
        labels = by_name(labels, named, ref.source.spec, path)
    arrays = {'point' if points else 'image': x}
    arrays |= {} if labels is None else {'label': labels.astype(np.int32)}
    classes = 0 if labels is None else int(labels.max()) + 1
    spec = Spec(f'npz:{path}', {'point' if points else 'image': Field(x.shape[1:])}, classes, len(x))
    return Source(spec, arrays, read_points if points else read_resident)


def by_name(labels: np.ndarray, names: Sequence[str], wanted: Spec, path: Path) -> np.ndarray:
    """The reference's labels, int32 [N], of labels that number `names`.

    Raises GaxError for a name that it has not.
    """
    if labels.max() >= len(names):
        raise errors.GaxError(
            f'the labels in {path} go up to {labels.max()}, and it names {len(names)} classes'
        )
    known = numbers(wanted) | {name: label for label, name in enumerate(wanted.classes)}
    return np.array([number_of(name, known, wanted, path) for name in names], np.int32)[labels]


def fits(dtype: np.dtype, points: bool) -> bool:
    return dtype.kind == 'f' if points else dtype == np.uint8


def read_points(arrays: Any, indices: Any, key: Any) -> Any:
    return {name: array[indices] for name, array in arrays.items()}


def chunks(source: Source, num: int, batch: int, mesh: Mesh) -> Iterator[Chunk]:
    """`num` samples, chosen at random, and always the same ones, in whatever order the set is."""
    read = reader(source, source.arrays, mesh)
    return read(ranking.of_source(read, source.spec.size, ranking.FAKE)[:num], batch, 0)
