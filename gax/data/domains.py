"""Two unpaired folders of images, as in CycleGAN's sets.

The folders are PATH/trainA, PATH/trainB, PATH/testA and PATH/testB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gax import errors, paths
from gax.data import folder, splits, walk
from gax.data.images import is_image
from gax.data.source import Source
from gax.data.zipped import zip as zip_sources

SIDES = {'A': 'a', 'B': 'b'}  # the ends of the folders' names -> the fields


def named(path: str, data: Any, prepared: Callable[[Source], Source] = lambda source: source) -> Source:
    """The two domains below `path`.

    Args:
      path: A folder with trainA and trainB, and optionally testA and testB, valA and valB.
      data: The `data` section of a config. `split` '' is 'train'.
      prepared: source -> source, applied to each domain before they are zipped.

    Returns:
      A source of 'a' and 'b', float32 [B, H, W, C] in [-1, 1], shuffled independently; without labels. If
      both folders have images of the same names, these count as pairs in evaluation.

    Raises:
      GaxError: A folder is missing or has no images, or the channels of the domains differ.
    """
    root, split = paths.user(path), data.get('split', '') or 'train'
    if not root.is_dir():
        raise errors.GaxError(
            f'folder of domains {root} {"is not a folder" if root.exists() else "does not exist"}'
        )
    folders = {child.name: child for child in walk.level(root).folders}
    parts = parts_of(root, folders)
    splits.refuse_unknown(split, parts, f'domains:{path}')
    counts = {where.name: count(where) for part in parts.values() for where in part.values()}
    sources = {field: prepared(folder.named(str(where), data)) for field, where in parts[split].items()}
    channels = {field: source.spec.target_shape[-1] for field, source in sources.items()}
    if channels['a'] != channels['b']:
        raise errors.GaxError(
            f'{parts[split]["a"]} has {channels["a"]} channels and {parts[split]["b"]} has {channels["b"]}: '
            'give --config.data.channels=3, or 1, which makes them equal'
        )
    whole = zip_sources(name=f'domains:{path}', **sources)
    return whole._replace(
        split=split, splits=counts, paired=data.get('broken') != 'skip' and same_names(*parts[split].values())
    )


def same_names(a: Path, b: Path) -> bool:
    """Whether the images of both folders have the same names, suffixes apart: these are true pairs."""
    names = [
        [str(path.relative_to(where).with_suffix('')) for path in walk.below(where).files if is_image(path)]
        for where in (a, b)
    ]
    return names[0] == names[1]


def parts_of(root: Path, folders: Mapping[str, Path]) -> dict[str, dict[str, Path]]:
    """Split -> field -> its folder.

    Raises:
      GaxError: One of two folders is missing, or all are.
    """
    prefixes = sorted({name[:-1] for name in folders if name[-1:] in SIDES}, reverse=True)
    prefixes = [prefix for prefix in prefixes if splits.standard(prefix) in splits.SPLITS]
    if not prefixes:
        raise errors.GaxError(
            f'{root} has no folders trainA and trainB: domains:PATH takes these, and testA and testB'
        )
    lacking = [prefix + end for prefix in prefixes for end in SIDES if prefix + end not in folders]
    if lacking:
        raise errors.GaxError(f'{root} has no folder {lacking[0]}, beside that of the other domain')
    return {
        splits.standard(prefix): {field: folders[prefix + end] for end, field in SIDES.items()}
        for prefix in prefixes
    }


def count(where: Path) -> int:
    """The number of images of a domain.

    Raises:
      GaxError: It has none.
    """
    number = sum(map(is_image, walk.below(where).files))
    if not number:
        raise errors.GaxError(f'domain folder {where} has no images')
    return number
