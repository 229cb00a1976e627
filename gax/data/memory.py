"""Image sets small enough to live on the device as uint8: embedded in the package, or from an .npz file."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from gax import errors, paths
from gax.data.fit import Fit
from gax.data.source import Source, Spec, read_resident
from gax.data.threads import chunks

AS_IT_IS = Fit()
EMBEDDED = {'mnist': 'mnist10k.npz', 'emoji': 'emoji32.npz'}


def embedded(name: str, fit: Fit = AS_IT_IS) -> Source:
    """'mnist': 10,000 real digits 28x28x1, 10 classes. 'emoji': 1,906 Noto emoji 32x32x3, 10 categories."""
    path = Path(__file__).parent / 'embedded' / errors.lookup('embedded data set', name, EMBEDDED)
    return from_arrays(f'embedded:{name}', *load_npz(path), fit, class_names(path))


def npz(path: str, fit: Fit = AS_IT_IS) -> Source:
    """`x` uint8 [N, H, W] or [N, H, W, C], and optionally `y` int [N] from 0 up, `classes` texts. Raises GaxError for others."""
    return from_arrays(f'npz:{path}', *load_npz(paths.user(path)), fit, class_names(paths.user(path)))


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


def class_names(path: Path) -> tuple[str, ...]:
    """The array `classes` of a file that `load_npz` has read, texts; () where there is none."""
    with open(path, 'rb') as opened, np.load(opened, allow_pickle=False) as file:
        try:
            found = file['classes']
        except (KeyError, ValueError):  # not there, or pickled objects
            return ()
    return tuple(found.tolist()) if found.ndim == 1 and found.dtype.kind == 'U' else ()


def from_arrays(
    name: str, x: np.ndarray, y: np.ndarray | None, fit: Fit = AS_IT_IS, classes: tuple[str, ...] = ()
) -> Source:
    """A source of the given uint8 images [N, H, W, C] and labels, made to fit where the config asks for it.

    classes: the names of the classes; () where they have none, or are not as many.
    """
    x = fitted(name, x, fit)
    arrays: dict[str, Any] = {'image': x} if y is None else {'image': x, 'label': y}
    num = 0 if y is None else int(y.max()) + 1
    spec = Spec(name, {'image': x.shape[1:]}, num, len(x), classes if len(classes) == num else ())
    return Source(spec, arrays, read_resident)


def fitted(name: str, x: np.ndarray, fit: Fit) -> np.ndarray:
    """uint8 [N, H, W, C] as `fit` makes of each; `x` itself where nothing changes."""
    try:
        if fit(x[0]).shape == x.shape[1:]:
            return x
    except errors.GaxError as error:
        raise errors.GaxError(f'config.data.channels={fit.channels}: {error} ({name})') from error
    parts = chunks(lambda rows: np.stack([fit(image) for image in x[rows]]), len(x), name)
    return np.concatenate([part for _, part in parts])
