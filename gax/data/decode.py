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
WITHOUT_RANGE = ('I', 'F')  # 32-bit numbers: nobody says which of them is white
AS_32 = ('PPM', 'PNG')  # formats whose 16 bits Pillow, or an earlier one, keeps in 32, 65535 for white
BITS, KIND, SIGNED = 258, 339, 2  # of TIFF's tags: bits a sample; what they are


class BadImage(errors.GaxError):
    """One file that cannot be used; its message begins with the file's name."""


def image(content: bytes | Path, name: str = '', channels: int = 0) -> np.ndarray:
    """The picture in a file, or in its bytes: uint8 [H, W, 1] where it is gray, else [H, W, 3].

    Transparent pixels lie over white; with channels=4 the image is RGBA as it is in the file. A palette is
    looked up (RGB); CMYK and the like become RGB; embedded colour profiles are not heeded. 16-bit gray is
    rounded to 8; of 16-bit colour Pillow reads the upper bytes. What EXIF says of rotation is done. Raises
    BadImage for what is broken, moves, or has 32 bits.
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
        said = errors.first_line(error)
        if isinstance(error, Image.UnidentifiedImageError):
            said = 'no image format that Pillow knows'
        raise BadImage(f'{name} cannot be read as an image ({said})') from error


def shape(path: Path, channels: int = 0) -> tuple[int, int, int]:
    """(H, W, C) that `image` would return, from the head of the file alone.

    Raises BadImage where that is broken.
    """
    refuse_nothing(path)
    try:
        with Image.open(path) as opened:
            refuse(opened, str(path))
            # Of a PNG without EXIF at its head Pillow would decode all, to look behind the pixels.
            heeded = opened.format != 'PNG' or {'exif', 'Raw profile type exif'} & opened.info.keys()
            turned = heeded and opened.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # lies on its side
            width, height = opened.size[::-1] if turned else opened.size
            gray = opened.mode in GRAY or is_sixteen(opened)
    except errors.GaxError:
        raise
    except Exception as error:
        raise BadImage(f'{path} cannot be read as an image ({errors.first_line(error)})') from error
    return height, width, channels if channels == 4 else 1 if gray else 3


def refuse_nothing(path: Path) -> None:
    """Raises BadImage for a link that leads to nothing, and for what is not a file, which might be waited for
    for ever."""
    if not path.is_file():
        where = f'it links to {os.readlink(path)}, which is' if path.is_symlink() else 'it is'
        why = 'no file' if path.exists() else 'not there'
        raise BadImage(f'{path} cannot be read as an image ({where} {why})')


def refuse(opened: Image.Image, name: str) -> None:
    """Raises BadImage for what would have to be guessed at."""
    frames = getattr(opened, 'n_frames', 1)
    if frames > 1 and opened.format != 'MPO':  # two views of a 3-D camera: the first is the picture
        raise BadImage(f'{name} has {frames} frames: still images are wanted')
    tags = getattr(opened, 'tag_v2', {})
    if SIGNED in tags.get(KIND, ()):
        raise BadImage(f'{name} has signed {tags[BITS][0]}-bit pixels: save it with 8 or 16 bits, from 0 up')
    if opened.mode in WITHOUT_RANGE and not is_sixteen(opened):
        raise BadImage(f'{name} has 32-bit pixels ({opened.mode}): save it with 8 or 16 bits')


def is_sixteen(opened: Image.Image) -> bool:
    """Whether pixels are gray, of more than 8 bits and up to 16."""
    return opened.mode in SIXTEEN or (opened.mode == 'I' and opened.format in AS_32)


def white(opened: Image.Image) -> int:
    """The brightest value of `is_sixteen` pixels: Pillow makes it 65535, except in TIFF of 12 bits."""
    bits = getattr(opened, 'tag_v2', {}).get(BITS, (16,))[0]
    return int(2**bits - 1)


def pixels(opened: Image.Image, channels: int, brightest: int) -> np.ndarray:
    """uint8 [H, W, C] of a loaded image, see `image`; its values are rounded to 8 bits where `brightest`
    needs more."""
    if brightest > 255:
        sixteen = np.asarray(opened).astype(np.uint32)
        opened = Image.fromarray(((sixteen * 255 + brightest // 2) // brightest).astype(np.uint8))
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
