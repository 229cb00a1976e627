"""Image files as arrays: every mode that Pillow reads becomes uint8 gray or RGB, or is refused by name."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from gax import errors

SUFFIXES = frozenset(
    ('.png', '.jpg', '.jpeg', '.webp', '.bmp', '.gif', '.tif', '.tiff', '.ppm', '.pgm', '.avif', '.jp2')
)
SIXTEEN = ('I;16', 'I;16L', 'I;16B', 'I;16N')
GRAY = ('1', 'L', 'LA', 'La')
WITHOUT_RANGE = ('I', 'F')  # 32-bit numbers: nobody says which of them is white


class BadImage(errors.GaxError):
    """One file that cannot be used; its message begins with the file's name."""


def image(content: bytes | Path, name: str = '', channels: int = 0) -> np.ndarray:
    """The picture in a file, or in its bytes: uint8 [H, W, 1] where it is gray, else [H, W, 3].

    Transparent pixels lie over white; with channels=4 the image is RGBA as it is in the file. A palette is looked up (RGB);
    CMYK and the like become RGB; embedded colour profiles are not heeded. 16-bit gray is rounded to 8; of 16-bit colour
    Pillow reads the upper bytes. What EXIF says of rotation is done. Raises BadImage for what is broken, moves, or has 32 bits.
    """
    name = name or str(content)
    try:
        with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as opened:
            refuse(opened, name)
            opened.load()
            return pixels(ImageOps.exif_transpose(opened), channels)
    except errors.GaxError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # a dozen kinds of errors, from as many decoders
        said = errors.first_line(error)
        if isinstance(error, Image.UnidentifiedImageError):
            said = 'no image format that Pillow knows'
        raise BadImage(f'{name} cannot be read as an image ({said})') from error


def shape(path: Path, channels: int = 0) -> tuple[int, int, int]:
    """(H, W, C) that `image` would return, from the head of the file alone. Raises BadImage where that is broken."""
    try:
        with Image.open(path) as opened:
            refuse(opened, str(path))
            # Of a PNG without EXIF at its head Pillow would decode all, to look behind the pixels.
            heeded = opened.format != 'PNG' or {'exif', 'Raw profile type exif'} & opened.info.keys()
            turned = heeded and opened.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # lies on its side
            width, height = opened.size[::-1] if turned else opened.size
            gray = opened.mode in (*GRAY, *SIXTEEN)
    except errors.GaxError:
        raise
    except Exception as error:
        raise BadImage(f'{path} cannot be read as an image ({errors.first_line(error)})') from error
    return height, width, channels if channels == 4 else 1 if gray else 3


def refuse(opened: Image.Image, name: str) -> None:
    """Raises BadImage for what would have to be guessed at."""
    frames = getattr(opened, 'n_frames', 1)
    if frames > 1 and opened.format != 'MPO':  # two views of a 3-D camera: the first is the picture
        raise BadImage(f'{name} has {frames} frames: still images are wanted')
    if opened.mode in WITHOUT_RANGE:
        raise BadImage(f'{name} has 32-bit pixels ({opened.mode}): save it with 8 or 16 bits')


def pixels(opened: Image.Image, channels: int) -> np.ndarray:
    """uint8 [H, W, C] of a loaded image, see `image`."""
    if opened.mode in SIXTEEN:
        sixteen = np.asarray(opened).astype(np.uint32)
        eight = ((sixteen + 128) // 257).astype(np.uint8)
        opened = Image.fromarray(eight)
    if channels == 4:
        return np.asarray(opened.convert('RGBA'))
    gray = opened.mode in GRAY
    if opened.has_transparency_data:
        whole = opened.convert('RGBA')
        opened = Image.alpha_composite(Image.new('RGBA', whole.size, 'white'), whole)
    array = np.asarray(opened.convert('RGB' if not gray or opened.mode == 'RGBA' else 'L'))
    if array.ndim == 3:
        return array[..., :1] if gray else array
    return array[..., None]
