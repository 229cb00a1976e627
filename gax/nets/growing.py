"""What networks that grow share: levels, and fading.

Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018, section
2. Level 0 is the smallest image, with a shorter side of 4 to 7; each further level has twice its sides, and
the last one is the image of the data. A network has the parameters of all levels from the start. Images
always have the size of the data: at a lower level each of their squares of pixels has one colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from gax import errors
from gax.core.growth import Stage
from gax.core.types import Array
from gax.nets.layers import doubled, halved

SMALLEST = 4


def levels(shape: Sequence[int]) -> int:
    """The last level of images (H, W, C): how often the smallest is doubled.

    Raises:
      GaxError: The sides are too small, or cannot be halved so often.
    """
    height, width = shape[:2]
    times = int(math.log2(max(1, min(height, width) // SMALLEST)))
    if min(height, width) < SMALLEST or height % 2**times or width % 2**times:
        raise errors.GaxError(
            f'networks that grow halve images until the shorter side has 4 to 7 pixels, and {height}x{width} '
            f'cannot be halved {times} times: have sides that are multiples of {2**times} (data.image_size)'
        )
    return times


def base_of(shape: Sequence[int]) -> tuple[int, int]:
    """The sides (H, W) of level 0."""
    times = levels(shape)
    return shape[0] // 2**times, shape[1] // 2**times


def channels_at(level: int, channel_base: int, channel_max: int) -> int:
    """channel_base over the side of a square image of that level, at most channel_max."""
    return max(1, min(int(channel_base / (SMALLEST * 2.0**level)), channel_max))


def split(inputs: Sequence[Any], last: int) -> tuple[list[Array], Stage]:
    """The inputs of a network beside the first: its labels, and its stage, which is the last level where
    none is given.

    Raises:
      GaxError: The stage is beyond the last level.
    """
    labels = [x for x in inputs if not isinstance(x, Stage)]
    stages = [x for x in inputs if isinstance(x, Stage)]
    stage = stages[0] if stages else Stage(last)
    errors.in_range('the level of a stage', stage.level, 0, last)
    return labels, stage


def blend(old: Array, new: Array, stage: Stage) -> Array:
    """old + share (new - old)."""
    assert stage.share is not None
    return old + jnp.asarray(stage.share).astype(new.dtype) * (new - old)


def repeated(x: Array, times: int) -> Array:
    """Nearest doubling, `times` times: [B, H, W, C] -> [B, 2^times H, 2^times W, C]."""
    for _ in range(times):
        x = doubled(x)
    return x


def averaged(x: Array, times: int) -> Array:
    """The mean over squares of 2^times pixels a side: [B, H, W, C] -> [B, H / 2^times, W / 2^times, C]."""
    for _ in range(times):
        x = halved(x)
    return x


def faded(images: Array, stage: Stage) -> Array:
    """Images as a generator at this stage could make them: float [B, H, W, C] -> the same shape.

    They have the resolution of the stage's level; while it is faded in, they are blended with those of the
    level below, as fakes are.
    """
    times = levels(images.shape[1:]) - stage.level
    x = averaged(images, times)
    if stage.share is not None:
        x = blend(doubled(halved(x)), x, stage)
    return repeated(x, times)


def rise(
    x: Array,
    stage: Stage,
    last: int,
    block: Callable[[Array, int], Array],
    to_image: Callable[[Array, int], Array],
    every: bool = False,
) -> Array:
    """A generator's way from level 0 to images of the data's size.

    Args:
      x: The features of level 0.
      stage: The stage.
      last: The last level.
      block: (features of a level, the next level) -> its features, of twice the size.
      to_image: (features, their level) -> images.
      every: Whether all levels are run, so that all parameters come to be.

    Returns:
      Images [B, H, W, C].
    """
    before = x
    for level in range(1, (last if every else stage.level) + 1):
        if every:
            to_image(x, level - 1)
        before, x = x, block(x, level)
    if every:
        return to_image(x, last)
    image = to_image(x, stage.level)
    if stage.share is not None and stage.level:
        image = blend(doubled(to_image(before, stage.level - 1)), image, stage)
    return repeated(image, last - stage.level)


def fall(
    images: Array,
    stage: Stage,
    last: int,
    block: Callable[[Array, int], Array],
    from_image: Callable[[Array, int], Array],
    every: bool = False,
) -> Array:
    """A discriminator's way from images of the data's size to level 0, the mirror image of `rise`.

    Args:
      images: [B, H, W, C].
      stage: The stage.
      last: The last level.
      block: (features of a level, that level) -> features of the level below, of half the size.
      from_image: (images, their level) -> features.
      every: Whether all levels are run, so that all parameters come to be.

    Returns:
      The features of level 0.
    """
    images = averaged(images, last - stage.level)
    x = from_image(images, stage.level)
    for level in range(stage.level, 0, -1):
        x = block(x, level)
        fades = stage.share is not None and level == stage.level
        if fades or every:
            old = from_image(averaged(images, stage.level - level + 1), level - 1)
            x = blend(old, x, stage) if fades else x
    return x
