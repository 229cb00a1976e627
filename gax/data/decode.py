"""Image files as arrays: every mode that Pillow reads becomes uint8 gray or RGB, or is refused by name."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from gax import errors

SUFFIXES = frozenset(
    ('.png', '.jpg', '.jpeg', '.webp', '.bmp', '.gif', '.tif', '.tiff', '.ppm', '.pgm', '.avif', '.jp2')
)
SIXTEEN = ('I;16', 'I;16L', 'I;16B', 'I;16N')
GRAY = ('1', 'L', 'LA', 'La')
WITHOUT_RANGE = ('I', 'F')  # 32-bit numbers: no value is known to be white
AS_32 = ('PPM', 'PNG')  # formats whose 16 bits Pillow (or an earlier version) keeps in 32; 65535 is white
BITS, KIND, SIGNED = 258, 339, 2  # TIFF tags: bits per sample, sample format; the format of signed integers


class BadImage(errors.GaxError):
    """One file that cannot be used; its message begins with the file's name."""


def image(content: bytes | Path, name: str = '', channels: int = 0) -> np.ndarray:
    """Decodes an image file, or its bytes.

    Transparent pixels are composed over white; with channels=4 the image is RGBA as stored. A palette is
    looked up (RGB). CMYK and similar modes become RGB. Embedded colour profiles are ignored. 16-bit gray is
    rounded to 8 bits; of 16-bit colour Pillow reads the upper bytes. The rotation in EXIF is applied.

    Args:
      content: The bytes, or the path, of a file.
      name: How messages call it; '' for the path.
      channels: 4 for RGBA; other values are ignored here.

    Returns:
      uint8 [H, W, 1] of a gray image, else [H, W, 3] (or 4).

    Raises:
      BadImage: The file is damaged, is animated, or has 32-bit pixels.
    """
    name = name or str(content)
    if isinstance(content, Path):
        refuse_nothing(content)
    try:
        with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as opened:
            refuse(opened, name)
            opened.load()
            brightest = white(opened) if is_sixteen(opened) else 255
            return pixels(ImageOps.exif_transpose(opened), channels, brightest)
    except errors.GaxError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # a dozen kinds of errors, from as many decoders
        reason = errors.first_line(error)
        if isinstance(error, Image.UnidentifiedImageError):
            reason = 'no image format that Pillow knows'
        raise BadImage(f'{name} cannot be read as an image ({reason})') from error


def shape(path: Path, channels: int = 0) -> tuple[int, int, int]:
    """(H, W, C) of what `image` would return, from the file's header alone.

    Raises:
      BadImage: The header is damaged.
    """
    refuse_nothing(path)
    try:
        with Image.open(path) as opened:
            refuse(opened, str(path))
            # For a PNG without EXIF in its header Pillow would decode everything, to look behind the pixels.
            reads_exif = opened.format != 'PNG' or {'exif', 'Raw profile type exif'} & opened.info.keys()
            is_rotated = reads_exif and opened.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # by 90 degrees
            width, height = opened.size[::-1] if is_rotated else opened.size
            gray = opened.mode in GRAY or is_sixteen(opened)
    except errors.GaxError:
        raise
    except Exception as error:
        raise BadImage(f'{path} cannot be read as an image ({errors.first_line(error)})') from error
    return height, width, channels if channels == 4 else 1 if gray else 3


def refuse_nothing(path: Path) -> None:
    """Raises BadImage for a dangling link and for what is no regular file.

    A pipe, for example, could block the reader for ever.
    """
    if not path.is_file():
        where = f'it links to {os.readlink(path)}, which is' if path.is_symlink() else 'it is'
        why = 'no file' if path.exists() else 'not there'
        raise BadImage(f'{path} cannot be read as an image ({where} {why})')


def refuse(opened: Image.Image, name: str) -> None:
    """Raises BadImage for contents whose meaning is ambiguous: several frames, signed or 32-bit pixels."""
    frames = getattr(opened, 'n_frames', 1)
    if frames > 1 and opened.format != 'MPO':  # two views of a 3-D camera: the first is the picture
        raise BadImage(f'{name} has {frames} frames: still images are wanted')
    tags = getattr(opened, 'tag_v2', {})
    if SIGNED in tags.get(KIND, ()):
        raise BadImage(f'{name} has signed {tags[BITS][0]}-bit pixels: save it with 8 or 16 bits, from 0 up')
    if opened.mode in WITHOUT_RANGE and not is_sixteen(opened):
        raise BadImage(f'{name} has 32-bit pixels ({opened.mode}): save it with 8 or 16 bits')


def is_sixteen(opened: Image.Image) -> bool:
    """Whether pixels are gray, with more than 8 bits and at most 16."""
    return opened.mode in SIXTEEN or (opened.mode == 'I' and opened.format in AS_32)


def white(opened: Image.Image) -> int:
    """The brightest value of `is_sixteen` pixels: 65535 in Pillow, except in a TIFF of 12 bits."""
    bits = getattr(opened, 'tag_v2', {}).get(BITS, (16,))[0]
    return int(2**bits - 1)


def pixels(opened: Image.Image, channels: int, brightest: int) -> np.ndarray:
    """uint8 [H, W, C] of a loaded image, see `image`; rounded to 8 bits if `brightest` is above 255."""
    if brightest > 255:
        sixteen = np.asarray(opened).astype(np.uint32)
        opened = Image.fromarray(((sixteen * 255 + brightest // 2) // brightest).astype(np.uint8))
    if channels == 4:
        return np.asarray(opened.convert('RGBA'))
    gray = opened.mode in GRAY
    if opened.has_transparency_data:
        rgba = opened.convert('RGBA')
        opened = Image.alpha_composite(Image.new('RGBA', rgba.size, 'white'), rgba)
    array = np.asarray(opened.convert('RGB' if not gray or opened.mode == 'RGBA' else 'L'))
    if array.ndim == 3:
        return array[..., :1] if gray else array
    return array[..., None]
