"""Image sets small enough to live on the device as uint8: embedded in the package, or from an .npz file."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gax import errors
from gax.data.source import Source, Spec, to_unit
from gax.types import Array, Batch, Key

EMBEDDED = {'mnist': 'mnist10k.npz', 'emoji': 'emoji32.npz'}


def embedded(name: str, image_size: int = 0) -> Source:
    """'mnist': 10,000 real digits 28x28x1, 10 classes. 'emoji': 1,906 Noto emoji 32x32x3, 10 categories."""
    path = Path(__file__).parent / 'embedded' / errors.lookup('embedded data set', name, EMBEDDED)
    return from_arrays(f'embedded:{name}', *load_npz(path), image_size)


def npz(path: str, image_size: int = 0) -> Source:
    """`x` uint8 [N, H, W] or [N, H, W, C], and optionally `y` int [N] in 0..classes-1. Raises GaxError for others."""
    return from_arrays(f'npz:{path}', *load_npz(Path(path)), image_size)


def load_npz(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Checked images [N, H, W, C] uint8 and labels [N] int32 (or None) of a file."""
    if not path.is_file():
        raise errors.GaxError(
            f'data file {path} does not exist' if not path.exists() else f'{path} is not a file'
        )
    try:
        # Opened here, because np.load leaves the file open where it is no whole archive.
        with open(path, 'rb') as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if name in ('x', 'y')}
            found = file.files
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError('its members are no arrays')
    except (OSError, ValueError, EOFError, KeyError, TypeError, zlib.error, zipfile.BadZipFile) as error:
        raise errors.GaxError(f'cannot read {path}: truncated, or not an .npz file ({error})') from error
    if 'x' not in arrays:
        raise errors.GaxError(f"{path} has no array 'x' (found: {', '.join(found) or 'nothing'})")
    return _checked_images(path, arrays['x']), _checked_labels(path, arrays.get('y'), len(arrays['x']))


def _checked_images(path: Path, x: np.ndarray) -> np.ndarray:
    if x.dtype != np.uint8:
        raise errors.GaxError(f"'x' in {path} must be uint8, 0 to 255, and is {x.dtype}")
    if x.ndim not in (3, 4) or 0 in x.shape:
        raise errors.GaxError(
            f"'x' in {path} must be [N, H, W] or [N, H, W, C] and not empty; its shape is {x.shape}"
        )
    return x[..., None] if x.ndim == 3 else x


def _checked_labels(path: Path, y: np.ndarray | None, count: int) -> np.ndarray | None:
    if y is None:
        return None
    if y.shape != (count,) or not np.issubdtype(y.dtype, np.integer) or y.min() < 0:
        raise errors.GaxError(
            f"'y' in {path} must be {count} integers from 0 up, one per image; it is {y.dtype} of shape {y.shape}"
        )
    return y.astype(np.int32)


def from_arrays(name: str, x: np.ndarray, y: np.ndarray | None, image_size: int = 0) -> Source:
    """A source of the given uint8 images [N, H, W, C] and labels, resized where `image_size` asks for it."""
    x = resize(x, image_size) if image_size else x
    arrays: dict[str, Any] = {'image': x} if y is None else {'image': x, 'label': y}
    spec = Spec(name, {'image': x.shape[1:]}, 0 if y is None else int(y.max()) + 1, len(x))
    return Source(spec, arrays, read)


def read(arrays: dict[str, Array], indices: Array, key: Key) -> Batch:
    """Rows `indices`: 'image' float32 in [-1, 1], and 'label' int32 where there is one."""
    rows = {name: array[indices] for name, array in arrays.items()}
    return {**rows, 'image': to_unit(rows['image'])}


def resize(x: np.ndarray, size: int) -> np.ndarray:
    """uint8 [N, H, W, C] -> [N, size, size, C], antialiased (Pillow's Lanczos), channel by channel."""
    if x.shape[1:3] == (size, size):
        return x
    out = np.empty((len(x), size, size, x.shape[-1]), np.uint8)
    for i, image in enumerate(x):
        for c in range(x.shape[-1]):
            out[i, :, :, c] = np.asarray(
                Image.fromarray(image[:, :, c]).resize((size, size), Image.Resampling.LANCZOS)
            )
    return out
