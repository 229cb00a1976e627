"""Resizing of images and conversion of their channels, as a config asks for it.

Pillow resizes, on the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from gax import errors

FILTERS = {
    'lanczos': Image.Resampling.LANCZOS,
    'bicubic': Image.Resampling.BICUBIC,
    'bilinear': Image.Resampling.BILINEAR,
    'box': Image.Resampling.BOX,
}
CROPS = ('center', 'none')


class Fit(NamedTuple):
    """The size and the channels of images.

    Attributes:
      image_size: Pixels a side; 0 keeps each image as it is, square or not.
      channels: The number of channels; 0 keeps the image's.
      crop: 'center' crops the largest piece of the target's aspect from the middle before an image is
        resized; 'none' squeezes the entire image into that shape.
      filter: One of FILTERS; Pillow's, which widen as an image shrinks (antialiased).
      image_width: The width, if image_size is the height alone; 0: squares.
    """

    image_size: int = 0
    channels: int = 0
    crop: str = 'center'
    filter: str = 'lanczos'
    image_width: int = 0

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """uint8 [H, W, C] -> [*size, channels].

        Raises:
          GaxError: The image's channels cannot be converted.
        """
        image = with_channels(image, self.channels)
        size = self.size(image.shape)
        if image.shape[:2] == size:
            return image
        return resize(centre(image, size) if self.crop == 'center' else image, size, self.filter)

    def size(self, shape: Sequence[int]) -> tuple[int, int]:
        """The (height, width) of the result for an image of shape [H, W, C]."""
        height = self.image_size or shape[0]
        return height, (self.image_width or self.image_size) or shape[1]


def of(data: Any) -> Fit:
    """The `Fit` of a `data` section.

    Raises:
      GaxError: It has a width without a height.
    """
    width = data.get('image_width', 0)
    if width and not data.image_size:
        raise errors.GaxError(f'config.data.image_width={width} needs config.data.image_size, the height')
    crop, resize = data.get('crop', 'center'), data.get('resize', 'lanczos')
    return Fit(data.image_size, data.channels, crop, resize, width)


def with_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """An image [H, W, C] with another number of channels.

    One channel is repeated. Three become one by luminance (ITU-R 601-2, as in Pillow). 0 changes nothing.

    Raises:
      GaxError: Any other conversion.
    """
    present = image.shape[-1]
    if channels in (0, present):
        return image
    if present == 1:
        return np.repeat(image, channels, axis=-1)
    if (present, channels) == (3, 1):
        return np.asarray(Image.fromarray(image).convert('L'))[..., None]
    raise errors.GaxError(f'no {channels} channels can be made of {present}')


def centre(image: np.ndarray, aspect: tuple[int, int] = (1, 1)) -> np.ndarray:
    """The largest piece of the aspect (height, width) in the middle of [H, W, C].

    If the margin is odd, its larger half is below and to the right.
    """
    sides, (rows, columns) = image.shape[:2], aspect
    height = min(sides[0], max(1, round(sides[1] * rows / columns)))
    width = min(sides[1], max(1, round(sides[0] * columns / rows)))
    top, left = (sides[0] - height) // 2, (sides[1] - width) // 2
    return image[top : top + height, left : left + width]


def resize(image: np.ndarray, size: int | tuple[int, int], filter: str = 'lanczos') -> np.ndarray:
    """uint8 [H, W, C] -> [*size, C], or [size, size, C].

    Each channel is resized independently, so that there may be any number of them.
    """
    height, width = (size, size) if isinstance(size, int) else size
    layers = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(image[..., c])).resize((width, height), FILTERS[filter])
        )
        for c in range(image.shape[-1])
    ]
    return np.stack(layers, axis=-1)
