"""The images that a user wants translated, their masks, and the files of the results."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from gax import errors, paths
from gax.data import decode, preprocess, walk
from gax.data.images import is_image

MOST_HOLE = 0.5  # a mask that is whiter is taken for one whose holes are black
HOLES = ('white', 'black')


class Item(NamedTuple):
    """One image to translate.

    Attributes:
      image: Its file.
      mask: The file of its mask; None without one.
      name: The path of the result without its suffix, within the folder of results.
    """

    image: Path
    mask: Path | None
    name: Path


class Picture(NamedTuple):
    """A decoded image.

    Attributes:
      pixels: uint8 [H, W, C].
      opacity: uint8 [H, W, 1]; None if all of it is opaque.
    """

    pixels: np.ndarray
    opacity: np.ndarray | None


def listed(place: Path, masks: Path | None) -> list[Item]:
    """The images at `place`, sorted, each with its mask.

    Args:
      place: A file, or a folder whose images are taken at any depth.
      masks: A file, the mask of all images, or a folder with a mask of the same name for each; None for none.

    Raises:
      GaxError: There is no image, two have one name, or a mask is missing.
    """
    if not place.exists():
        raise errors.GaxError(f'--input={place} does not exist')
    root = place if place.is_dir() else place.parent
    files = [path for path in walk.below(place).files if is_image(path)] if place.is_dir() else [place]
    if not files:
        known = ' '.join(sorted(decode.SUFFIXES))
        raise errors.GaxError(f'--input={place} has no images (files that end in {known})')
    by_name: dict[Path, Path] = {}
    for path in files:
        name = path.relative_to(root).with_suffix('')
        if name in by_name:
            raise errors.GaxError(
                f'{by_name[name]} and {path} have one name, and so have their results: rename one'
            )
        by_name[name] = path
    return [Item(path, mask_of(name, masks), name) for name, path in by_name.items()]


def mask_of(name: Path, masks: Path | None) -> Path | None:
    """The file of the mask of the image `name`, see `listed`."""
    if masks is None or masks.is_file():
        return masks
    if not masks.is_dir():
        raise errors.GaxError(f'--mask={masks} does not exist')
    files = sorted(
        path for path in (masks / name.parent).glob('*') if path.stem == name.name and is_image(path)
    )
    if len(files) != 1:
        what = f'{files[0]} and {files[1]}' if files else 'none'
        raise errors.GaxError(f'--mask={masks}: one mask is wanted for the image {name}, and there is {what}')
    return files[0]


def read(path: Path, channels: int) -> Picture:
    """An image with the channels that a network takes.

    Args:
      path: The file.
      channels: Transparent pixels are composed over white, unless it is 4; gray is repeated, and colour
        becomes its luminance, as it takes.

    Raises:
      GaxError: The file cannot be read, or no such channels can be made of it.
    """
    pixels = decode.image(path, channels=channels)
    opacity = None if channels == 4 else opacity_of(path, pixels.shape[:2])
    try:
        return Picture(preprocess.with_channels(pixels, channels), opacity)
    except errors.GaxError as error:
        raise errors.GaxError(f'{path}: {error}') from error


def opacity_of(path: Path, size: tuple[int, ...]) -> np.ndarray | None:
    """The opacity of an image file, uint8 [H, W, 1]; None if all pixels are opaque."""
    with Image.open(path) as opened:
        if not opened.has_transparency_data:
            return None
    opacity = decode.image(path, channels=4)[..., 3:]
    return None if (opacity == 255).all() or opacity.shape[:2] != size else opacity


def read_mask(item: Item, size: tuple[int, ...], hole: str) -> np.ndarray:
    """The mask of an image: float32 [H, W, 1], 1 in the hole, 0 elsewhere.

    Args:
      item: The image; it has a mask.
      size: (H, W) of the image.
      hole: 'white' or 'black', which marks the hole; '' for white, with a check.

    Raises:
      GaxError: The mask has another size, has no hole or nothing else, or has more white than black while
        nobody said that white is the hole.
    """
    assert item.mask is not None
    gray = preprocess.with_channels(decode.image(item.mask), 1)
    if gray.shape[:2] != tuple(size):
        raise errors.GaxError(
            f'mask {item.mask} is {gray.shape[1]}x{gray.shape[0]} pixels, and its image {item.image} is '
            f'{size[1]}x{size[0]}: they must be of one size'
        )
    white = gray >= 128
    share = float(white.mean())
    if share in (0.0, 1.0):
        raise errors.GaxError(
            f'mask {item.mask} is all {"white" if share else "black"}: one colour marks the hole (white, '
            'unless --hole=black), the other what is known'
        )
    if not hole and share > MOST_HOLE:
        raise errors.GaxError(
            f'mask {item.mask}: {share:.0%} of it is white, and white marks the hole: say --hole=black if '
            'black marks it, or --hole=white if the hole is that large'
        )
    return (white if hole != 'black' else ~white).astype(np.float32)


def save(pixels: np.ndarray, opacity: np.ndarray | None, out: Path) -> None:
    """Writes a PNG, complete or not at all.

    Args:
      pixels: uint8 [H, W, C].
      opacity: uint8 [h, w, 1] of the input, resized to the output; None for an opaque image.
      out: The file; its folders are made.
    """
    if opacity is not None and pixels.shape[-1] in (1, 3):
        opacity = preprocess.resize(opacity, (pixels.shape[0], pixels.shape[1]))
        pixels = np.concatenate([preprocess.with_channels(pixels, 3), opacity], axis=-1)
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    out.parent.mkdir(parents=True, exist_ok=True)
    with paths.replacing(out) as temporary:
        picture.save(temporary, format='PNG')
