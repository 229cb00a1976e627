"""Grids of images as one picture, and picture files.

Nothing here uses a device.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gax import paths


def to_uint8(images: np.ndarray) -> np.ndarray:
    """float [-1, 1] -> uint8 [0, 255], rounded to nearest; the inverse of `data.source.to_unit`."""
    return np.clip(np.rint((np.asarray(images, np.float32) + 1.0) * 127.5), 0, 255).astype(np.uint8)


def grid(images: np.ndarray, columns: int, scale: int = 2, border: int = 1) -> Image.Image:
    """A grid of images, row by row.

    Args:
      images: uint8 [N, H, W, C], any number of channels, see `shown`.
      columns: The number of columns.
      scale: The factor of enlargement.
      border: Pixels between images.
    """
    images = shown(images)
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    cell = (height + border, width + border)
    canvas = np.full((rows * cell[0] + border, columns * cell[1] + border, channels), 64, np.uint8)
    for i, image in enumerate(images):
        top, left = (i // columns) * cell[0] + border, (i % columns) * cell[1] + border
        canvas[top : top + height, left : left + width] = image
    picture = Image.fromarray(canvas[..., 0] if channels == 1 else canvas)
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def shown(images: np.ndarray) -> np.ndarray:
    """uint8 [N, H, W, C] as visible images, [N, H, W or more, 1 or 3].

    One channel is gray, and three are colour. Four are colour and opacity, composed over white. Any other
    number of channels become gray panels side by side.
    """
    channels = images.shape[-1]
    if channels in (1, 3):
        return images
    if channels == 4:
        opacity: np.ndarray = images[..., 3:].astype(np.uint32)
        return ((images[..., :3] * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
    return np.concatenate([images[..., i : i + 1] for i in range(channels)], axis=2)


def captioned(images: np.ndarray, captions: Sequence[str], columns: int, least: int = 64) -> Image.Image:
    """A grid of images with a line of text under each, row by row.

    Args:
      images: uint8 [N, H, W, C].
      captions: One for each image.
      columns: The number of columns.
      least: The least width in pixels; smaller images are enlarged.
    """
    images = shown(images)
    height, width = images.shape[1:3]
    scale = max(1, -(-least // width))
    cell = np.zeros((len(images), height * scale + TEXT, width * scale, images.shape[-1]), np.uint8)
    cell[:, : height * scale] = images.repeat(scale, axis=1).repeat(scale, axis=2)
    picture = grid(cell, columns, scale=1, border=2)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(TEXT - 4)
    for i, caption in enumerate(captions):
        left, bottom = (i % columns) * (cell.shape[2] + 2) + 4, (i // columns + 1) * (cell.shape[1] + 2)
        pen.text((left, bottom - TEXT), caption, fill='white', font=font)
    return picture


WIDEST = 800  # pixels of a picture of rows, about


def rows(cells: Sequence[np.ndarray], most: int = 64) -> Image.Image:
    """Several images of each example in a row, such as input, output and target; examples in blocks.

    Args:
      cells: For each place in a row uint8 [N, H, W, C]. Sizes and channels may differ: smaller images are
        enlarged by repeating pixels, one channel is gray.
      most: The most examples, the first ones.
    """
    visible = [shown(images[:most]) for images in cells]
    height, width, channels = (max(images.shape[axis] for images in visible) for axis in (1, 2, 3))
    visible = [alike(images, (height, width), channels) for images in visible]
    count, places = len(visible[0]), len(visible)
    scale = 2 if height < 128 else 1
    blocks = max(1, min(WIDEST // (places * (width + 1) * scale), -(-count // 4)))
    in_order = np.stack(visible, axis=1).reshape(count * places, height, width, channels)
    return grid(in_order, places * blocks, scale)


def alike(images: np.ndarray, size: tuple[int, int], channels: int) -> np.ndarray:
    """uint8 [N, h, w, 1 or 3] as [N, *size, channels]: pixels repeated, as far as sizes divide or nearest."""
    images = np.repeat(images, channels, axis=-1) if images.shape[-1] < channels else images
    places = [np.arange(new) * old // new for old, new in zip(images.shape[1:3], size, strict=True)]
    return images[:, places[0][:, None], places[1]]


TEXT = 15  # pixels that a line of text takes


def animation(frames: Sequence[Path], out: Path, milliseconds: int = 150, most: int = 80) -> None:
    """Writes a looping GIF of pictures; the last one is shown for two seconds.

    Args:
      frames: The files of the pictures.
      out: The file to write.
      milliseconds: The duration of each of the others.
      most: The most pictures, evenly spaced.
    """
    chosen = [
        frames[i] for i in sorted({round(k) for k in np.linspace(0, len(frames) - 1, min(most, len(frames)))})
    ]
    images = [Image.open(path).convert('P', palette=Image.Palette.ADAPTIVE) for path in chosen]
    held = [milliseconds] * (len(images) - 1) + [2000]
    save(images[0], out, format='GIF', save_all=True, append_images=images[1:], duration=held, loop=0)


def save(image: Image.Image, out: Path, **options: Any) -> None:
    """Writes a temporary file and renames it, so that a picture is never incomplete.

    The format depends on the suffix of `out`.
    """
    options.setdefault(
        'format', {'.png': 'PNG', '.gif': 'GIF', '.jpg': 'JPEG'}.get(out.suffix.lower(), 'PNG')
    )
    with paths.replacing(out) as temporary:
        image.save(temporary, **options)
