"""Arrays from other programs as uint8 images [N, H, W, C] and class indices.

Layout and range are inferred from shape, dtype and values. Ambiguous arrays are refused with one line; then
`data.layout` names the axes in their order, and `data.range` the values of black and white.
"""

from __future__ import annotations

import numpy as np

from gax import errors

LAYOUTS = ('NHWC', 'NCHW', 'HWCN', 'NHW', 'HWN', 'HWC', 'CHW')  # images, height, width, channels
RANGES = {'0..255': (0.0, 255.0), '0..1': (0.0, 1.0), '-1..1': (-1.0, 1.0)}
CHANNELS = (1, 3, 4)
MOST_CLASSES = 1000  # that a set may name without an example for each
CHUNK = 1024


def images(x: np.ndarray, what: str, layout: str = '', span: str = '') -> np.ndarray:
    """uint8 [N, H, W, C] of an array of images.

    Args:
      x: Any numbers; without a layout [N, H, W] or [N, H, W, C].
      what: Its name in messages.
      layout: One of LAYOUTS; '' refuses shapes that look like another than these two.
      span: One of RANGES; '' infers it from the dtype and the values.

    Raises:
      GaxError: It is no array of images, or more than one layout or range would fit.
    """
    return as_bytes(arranged(x, what, layout), what, span)


def arranged(x: np.ndarray, what: str, layout: str) -> np.ndarray:
    """`x` as [N, H, W, C]."""
    if 0 in x.shape or x.ndim != (len(layout) if layout else min(max(x.ndim, 3), 4)):
        wanted = f'of the axes {layout}' if layout else '[N, H, W] or [N, H, W, C]'
        raise errors.GaxError(f'{what} must be {wanted} and not empty; its shape is {x.shape}')
    looks = '' if layout else look(x.shape)
    if looks:
        plain = 'NHWC'[: x.ndim]
        raise errors.GaxError(
            f'{what} has the shape {x.shape}, which looks like {looks} (N images, height, width, channels): '
            f'say config.data.layout={looks}, or {plain} if that is what it is'
        )
    layout = layout or 'NHWC'[: x.ndim]
    x = x.transpose([layout.index(axis) for axis in 'NHWC' if axis in layout])
    x = x if 'N' in layout else x[None]
    return x if 'C' in layout else x[..., None]


def look(shape: tuple[int, ...]) -> str:
    """The layout that a shape looks like, if that is neither [N, H, W] nor [N, H, W, C]; else ''."""
    large = [length > max(CHANNELS) for length in shape]  # as the sides of an image are
    few = [length in CHANNELS for length in shape]
    if len(shape) == 4 and not few[3]:
        channels_first = few[1] and large[2] and large[3]
        return 'NCHW' if channels_first else 'HWCN' if few[2] and large[0] and large[1] else ''
    if len(shape) == 3 and few[2]:
        return 'HWC' if large[0] and large[1] else ''
    # MATLAB's order. [N, H, W] with N == H is rare, and so is a width of twice the height.
    return 'HWN' if len(shape) == 3 and large[0] and shape[0] == shape[1] and shape[2] >= 2 * shape[0] else ''


def as_bytes(x: np.ndarray, what: str, span: str = '') -> np.ndarray:
    """`x` as uint8, black 0 and white 255; `x` itself if it is that.

    Raises:
      GaxError: The values are not numbers, or their range is ambiguous.
    """
    if x.dtype.kind not in 'buif':
        raise errors.GaxError(f'{what} must be numbers, such as uint8, 0 to 255, and is {x.dtype}')
    lowest, highest = float(x.min()), float(x.max())
    span = span or range_of(x.dtype, lowest, highest)
    low, high = RANGES.get(span, (0.0, 0.0))
    slack = 1e-3 * (high - low)
    if not low - slack <= lowest <= highest <= high + slack:  # of NaN as well
        hint = '; of 16 bits: divide by 257' if x.dtype == np.uint16 and highest > 255 else ''
        raise errors.GaxError(
            f'{what} is {x.dtype} from {lowest:g} to {highest:g}, which is '
            f'{f"not {span}" if span else "no range for certain"}: make it uint8, 0 to 255{hint}, or '
            f'say which range it is, config.data.range={" or ".join(RANGES)}'
        )
    if x.dtype == np.uint8 and span == '0..255':
        return x
    result: np.ndarray = np.empty(x.shape, np.uint8)
    for start in range(0, len(x), CHUNK):
        part = (x[start : start + CHUNK].astype(np.float32) - low) * (255 / (high - low))
        result[start : start + CHUNK] = np.rint(part).clip(0, 255)
    return result


def range_of(dtype: np.dtype, lowest: float, highest: float) -> str:
    """The range of the values, if dtype, minimum and maximum determine it; else ''."""
    if dtype.kind == 'b':
        return '0..1'
    if dtype.kind in 'iu':  # of zeros and ones it is unknown whether one is white
        return '0..255' if lowest >= 0 and highest <= 255 and (highest != 1 or lowest == 1) else ''
    if lowest >= 0:
        return '0..1' if highest <= 1 else '0..255' if 2 < highest <= 255 else ''
    return '-1..1' if lowest >= -1 and highest <= 1 else ''


def labels(y: np.ndarray, count: int, what: str, classes: tuple[str, ...] = ()) -> np.ndarray:
    """int32 [count] of class indices from 0 up.

    Raises:
      GaxError: It is anything else, including one-hot rows, strings, and numbers that are no class indices.
    """
    if y.shape != (count,) or not np.issubdtype(y.dtype, np.integer) or y.min() < 0:
        hint = ': they are one-hot, give .argmax(axis=1)' if is_one_hot(y, count) else ''
        hint = ': give [:, 0] of it' if y.shape == (count, 1) else hint
        raise errors.GaxError(
            f'{what} must be {count} integers from 0 up, one per image; it is {y.dtype} of shape '
            f'{y.shape}{hint}'
        )
    highest = int(y.max())
    if classes and highest >= len(classes):
        raise errors.GaxError(
            f'{what} goes up to {highest}, and there are {len(classes)} classes: the first of them is 0'
        )
    if highest >= max(MOST_CLASSES, count) and not classes:
        raise errors.GaxError(
            f'{what} goes up to {highest}, of {count} images: these are no class indices but ids; give '
            'numpy.unique(y, return_inverse=True)[1], or the names of all classes as an array `classes`'
        )
    return y.astype(np.int32)


def is_one_hot(y: np.ndarray, count: int) -> bool:
    """Whether `y` is [count, classes] of zeros with a single one in each row."""
    if y.ndim != 2 or y.shape[0] != count or y.shape[1] < 2 or y.dtype.kind not in 'buif':
        return False
    return bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())
