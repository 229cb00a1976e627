"""Pairs of images: a generator maps one ('condition') to the other ('image').

Three layouts, each as it is or below train, val and test (as in pix2pix's sets):

    PATH/A/x.png and PATH/B/x.png       two folders of equal names
    PATH/A/train/x.png ...              the same, split within each
    PATH/x.png                          A to the left and B to the right of one image
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gax import errors, paths
from gax.core.spec import Field, Spec
from gax.data import decode, folder, preprocess, splits, walk
from gax.data.images import is_image
from gax.data.source import Source, listing, read_rows

DIRECTIONS = ('ab', 'ba')  # from which to which


class Pair(NamedTuple):
    """The files of one pair.

    Attributes:
      condition: The file of the condition.
      image: The file of the target; the same file if the two are side by side in it.
    """

    condition: Path
    image: Path


class Open(NamedTuple):
    """A set of pairs. It can be sent to worker processes.

    Attributes:
      pairs: The files of each pair.
      fit: The size and the channels of the images.
      direction: One of DIRECTIONS.
      shapes: Field -> the shape (H, W, C) of its images.
    """

    pairs: list[Pair]
    fit: preprocess.Fit
    direction: str
    shapes: Mapping[str, tuple[int, ...]]

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """The pairs at `indices`: 'image' and 'condition', uint8 [n, H, W, C].

        Raises:
          GaxError: A file, which it names, is damaged or has another shape.
        """
        rows: dict[str, np.ndarray] = {
            name: np.empty((len(indices), *shape), np.uint8) for name, shape in sorted(self.shapes.items())
        }
        for place, index in enumerate(indices):
            for name, image in read_pair(self.pairs[index], self.fit, self.direction).items():
                if image.shape != self.shapes[name]:
                    path, first = (getattr(pair, name) for pair in (self.pairs[index], self.pairs[0]))
                    raise folder.unlike(path, image.shape, first, self.shapes[name], self.fit)
                rows[name][place] = image
        return rows


def named(path: str, data: Any) -> Source:
    """The pairs below `path`.

    Args:
      path: A folder in one of the layouts above.
      data: The `data` section of a config. `direction`: 'ab', from A to B, or 'ba'.

    Returns:
      A source of 'image', the target, and 'condition', float32 [B, H, W, C] in [-1, 1], without labels. If
      the folder has splits, `data.split` '' is the first of them, usually 'train'.

    Raises:
      GaxError: There are no pairs, names do not match, or the images of a pair differ in size or channels.
    """
    root, fit, direction = paths.user(path), preprocess.of(data), data.get('direction', 'ab')
    if not root.is_dir():
        raise errors.GaxError(
            f'folder of pairs {root} {"is not a folder" if root.exists() else "does not exist"}'
        )
    parts, split = parts_of(root), data.get('split', '')
    if '' not in parts:
        split = split or next(iter(parts))
        splits.refuse_unknown(split, parts, f'pairs:{path}')
    pairs = find(root, parts[split if '' not in parts else ''], direction)
    shapes = {name: image.shape for name, image in read_pair(pairs[0], fit, direction).items()}
    refuse_unequal(pairs[0], shapes)
    fields = {name: Field(shapes[name]) for name in ('image', 'condition')}
    files = sorted({file for pair in pairs for file in pair})
    digest = partial(listing, root, files, hashlib.sha256(direction.encode()).digest())
    source = Source(
        Spec(f'pairs:{path}', fields, size=len(pairs)),
        (),
        read_rows,
        Open(pairs, fit, direction, shapes).rows,
        digest,
    )
    if '' in parts:
        return source
    counts = {name: len(find(root, part, direction)) for name, part in parts.items()}
    return source._replace(split=split, splits=counts)


def parts_of(root: Path) -> dict[str, tuple[Path, ...]]:
    """Split -> (A, B), or the one folder whose images are side by side.

    Returns:
      {'': ...} for a set without splits.

    Raises:
      GaxError: A and B have different splits.
    """
    here = {child.name: child for child in walk.level(root).folders}
    if {'A', 'B'} <= here.keys():
        inside = [splits_in(here[side]) for side in 'AB']
        names = [name for name in splits.SPLITS if any(name in parts for parts in inside)]
        for side, parts in zip('AB', inside, strict=True):
            if lacking := [name for name in names if name not in parts]:
                raise errors.GaxError(
                    f'pairs: {here[side]} has no folder of the split {lacking[0]}: A and B must have the same'
                )
        return {name: (inside[0][name], inside[1][name]) for name in names} or {'': (here['A'], here['B'])}
    return {name: sides(path) for name, path in splits_in(root).items()} or {'': (root,)}


def splits_in(folder: Path) -> dict[str, Path]:
    """Split -> the folder of that name, or of an alias such as val."""
    below = {splits.standard(path.name): path for path in walk.level(folder).folders}
    return {name: below[name] for name in splits.SPLITS if name in below}


def sides(path: Path) -> tuple[Path, ...]:
    """(path/A, path/B) if these folders exist, else (path,)."""
    both = (path / 'A', path / 'B')
    return both if all(side.is_dir() for side in both) else (path,)


def find(root: Path, part: tuple[Path, ...], direction: str) -> list[Pair]:
    """The pairs of one split, in the order of their names.

    Raises:
      GaxError: A file has no partner.
    """
    by_name = [images_by_name(path) for path in part]
    if not by_name[0] or not by_name[-1]:
        empty = part[0] if not by_name[0] else part[-1]
        raise errors.GaxError(
            f'{empty} has no images: pairs:{root} takes folders A and B, or images side by side'
        )
    if len(part) == 1:
        return [Pair(file, file) for file in by_name[0].values()]
    a, b = by_name
    alone = [part[0] / name for name in a if name not in b] + [part[1] / name for name in b if name not in a]
    if alone:
        names = ', '.join(map(str, alone[:3])) + ', ...' * (len(alone) > 3)
        raise errors.GaxError(
            f'pairs: {len(alone)} images have no partner of the same name in the other folder: {names}'
        )
    pairs = [(a[name], b[name]) for name in a]
    return [Pair(*pair) if direction == 'ab' else Pair(*pair[::-1]) for pair in pairs]


def images_by_name(root: Path) -> dict[str, Path]:
    """The images below a folder by their paths within it, without suffixes.

    Raises:
      GaxError: Two of them have the same name.
    """
    result: dict[str, Path] = {}
    for path in walk.below(root).files:
        name = str(path.relative_to(root).with_suffix(''))
        if is_image(path):
            if name in result:
                raise errors.GaxError(
                    f'pairs: {result[name]} and {path} have one name: keep the one that is meant'
                )
            result[name] = path
    return result


def read_pair(pair: Pair, fit: preprocess.Fit, direction: str) -> dict[str, np.ndarray]:
    """'condition' and 'image' of a pair, each uint8 [H, W, C], resized by `fit`."""
    if pair.condition != pair.image:
        return {name: folder.fitted(getattr(pair, name), fit) for name in pair._fields}
    both = decode.image(pair.image, channels=fit.channels)
    width = both.shape[1]
    if width % 2:
        raise decode.BadImage(
            f'{pair.image} is {width} pixels wide: two images side by side have an even width'
        )
    halves = (both[:, : width // 2], both[:, width // 2 :])
    try:
        fitted = [fit(np.ascontiguousarray(half)) for half in halves]
    except errors.GaxError as error:
        raise decode.BadImage(f'{pair.image}: {error}') from error
    return dict(zip(pair._fields, fitted if direction == 'ab' else fitted[::-1], strict=True))


def refuse_unequal(pair: Pair, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raises GaxError if the two images of a pair differ in size or in channels."""
    (height, width, channels), other = shapes['condition'], shapes['image']
    if (height, width) != other[:2]:
        raise errors.GaxError(
            f'{pair.condition} is {width}x{height} pixels and {pair.image} is {other[1]}x{other[0]}: the '
            'images of a pair must be of one size (--config.data.image_size=64 makes them so)'
        )
    if channels != other[2]:
        raise errors.GaxError(
            f'{pair.condition} has {channels} channels and {pair.image} has {other[2]}: give '
            '--config.data.channels=3, or 1, which makes them equal'
        )
