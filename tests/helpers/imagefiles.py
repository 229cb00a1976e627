"""Image files of every kind, written by Pillow, for the tests of data."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """uint8 [H, W, C]."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def save(path: Path, array: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(path, **options)
    return path


def content(image: Image.Image, kind: str = 'PNG', **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png16(array: np.ndarray) -> bytes:
    """A PNG of uint16 [H, W, 3], which Pillow cannot write: each row after a filter byte, in network
    order.
    """
    height, width, _ = array.shape

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))

    head = struct.pack('>IIBBBBB', width, height, 16, 2, 0, 0, 0)
    rows = b''.join(b'\0' + row.astype('>u2').tobytes() for row in array)
    return (
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', head)
        + chunk(b'IDAT', zlib.compress(rows))
        + chunk(b'IEND', b'')
    )


def folder(root: Path, classes: dict[str, int], height: int = 8, width: int = 8, channels: int = 3) -> Path:
    """A folder with a folder of images per class: name -> how many."""
    seed = 0
    for name, count in classes.items():
        for i in range(count):
            save(root / name / f'{i:03d}.png', noise(height, width, channels, seed))
            seed += 1
    return root
