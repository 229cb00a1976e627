"""How an image is made to have the channels and the size that a config asks for. Pillow resizes, on the host."""

from __future__ import annotations

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
    """image_size: pixels a side; 0 keeps each image as it is, square or not. channels: 0 keeps those there are.

    crop: 'center' cuts the largest square out of the middle before an image is resized; 'none' squeezes the whole of it
    into the square. filter: of FILTERS; Pillow's, which widen as an image shrinks (antialiased).
    """

    image_size: int = 0
    channels: int = 0
    crop: str = 'center'
    filter: str = 'lanczos'

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """uint8 [H, W, C] -> [size, size, channels]. Raises GaxError for channels that cannot be made of those there are."""
        image = with_channels(image, self.channels)
        if not self.image_size or image.shape[:2] == (self.image_size, self.image_size):
            return image
        return resize(centre(image) if self.crop == 'center' else image, self.image_size, self.filter)


def of(data: Any) -> Fit:
    """What the `data` section of a config asks for."""
    return Fit(data.image_size, data.channels, data.get('crop', 'center'), data.get('resize', 'lanczos'))


def with_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """One channel is repeated, three become one by luminance (ITU-R 601-2, as Pillow has it); 0 changes nothing."""
    found = image.shape[-1]
    if channels in (0, found):
        return image
    if found == 1:
        return np.repeat(image, channels, axis=-1)
    if (found, channels) == (3, 1):
        return np.asarray(Image.fromarray(image).convert('L'))[..., None]
    raise errors.GaxError(f'no {channels} channels can be made of {found}')


def centre(image: np.ndarray) -> np.ndarray:
    """The largest square in the middle of [H, W, C]; of an odd rest the larger half lies below and to the right."""
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def resize(image: np.ndarray, size: int, filter: str = 'lanczos') -> np.ndarray:
    """uint8 [H, W, C] -> [size, size, C], channel by channel, so that there may be any number of them."""
    layers = [
        np.asarray(Image.fromarray(np.ascontiguousarray(image[..., c])).resize((size, size), FILTERS[filter]))
        for c in range(image.shape[-1])
    ]
    return np.stack(layers, axis=-1)
