"""Derived conditions: a degradation of the target, from which a conditional game restores the target.

`config.data.condition='downsample:4'`, or several in sequence, 'gray+noise:0.1'. They are computed inside the
step, after flips and crops, and drawn anew each time an example is read. A batch then has 'condition' as well
as the target, and 'mask' if one is drawn.

    downsample:K   K times smaller: bicubic, its kernel K times wider (antialiased, as in Pillow and MATLAB),
                   clipped to [-1, 1]
    gray           one channel, luminance by ITU-R 601-2 (0.299 R + 0.587 G + 0.114 B)
    edges          one channel, the norm of the Sobel gradient of the luminance: -1 for zero, 1 for that of a
                   step from black to white or more
    noise:S        Gaussian noise of standard deviation S, in the units of [-1, 1], clipped to these
    jpeg:Q         what JPEG of quality Q, 1 to 100, makes of them: 4:4:4, gax/data/jpeg.py
    mask:center    a hole of half the height and half the width in the middle
    mask:boxes     1 to 4 boxes anywhere, sides from an eighth to a half of the image's
    mask:strokes   1 to 4 thick broken lines (after the free-form masks of Yu et al., 2019)

In a hole the condition is 0, middle gray, and 'mask', float32 [B, H, W, 1], is 1; elsewhere 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors
from gax.core import rng
from gax.core.spec import Field
from gax.core.types import Array, Batch, Key
from gax.data import jpeg as codec
from gax.data import masks
from gax.data.source import Source

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
HOLES = {'holes': '1 where the condition is 0, else 0'}


class Degradation(NamedTuple):
    """One degradation of images.

    Attributes:
      shape: (H, W, C) -> the shape of the result.
      apply: (images float [B, H, W, C], key) -> (images, mask float32 [B, H, W, 1] or None).
      masks: Whether `apply` returns a mask.
    """

    shape: Callable[[tuple[int, ...]], tuple[int, ...]]
    apply: Callable[[Array, Key], tuple[Array, Array | None]]
    masks: bool = False


def same(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape, unchanged."""
    return shape


def bad(text: str, wanted: str) -> errors.GaxError:
    """The error for the text of a condition that must be `wanted`."""
    return errors.GaxError(f'config.data.condition: {text!r} must be {wanted}')


def downsample(argument: str) -> Degradation:
    """Images K times smaller. Argument: 'K', a whole number from 2."""
    factor = int(argument) if argument.isdecimal() else 0
    if factor < 2:
        raise bad(f'downsample:{argument}', 'downsample:K, K a whole number from 2, such as downsample:4')

    def shape(of: tuple[int, ...]) -> tuple[int, ...]:
        if of[0] % factor or of[1] % factor:
            raise errors.GaxError(
                f'config.data.condition=downsample:{factor} divides images of {of[0]}x{of[1]} unevenly: give '
                f'--config.data.image_size={max(1, of[0] // factor) * factor}, or another factor'
            )
        return (of[0] // factor, of[1] // factor, *of[2:])

    def apply(x: Array, key: Key) -> tuple[Array, None]:
        small = (x.shape[0], *shape(x.shape[1:]))
        return jnp.clip(jax.image.resize(x, small, 'cubic', antialias=True), -1.0, 1.0), None

    return Degradation(shape, apply)


def one_channel(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(H, W, 1).

    Raises:
      GaxError: The channels have no luminance.
    """
    if shape[2] not in (1, 3):
        raise errors.GaxError(
            f'config.data.condition: images of {shape[2]} channels have no luminance; gray and edges take 1 '
            'or 3'
        )
    return (*shape[:2], 1)


def luminance(x: Array) -> Array:
    """[B, H, W, 1 or 3] -> [B, H, W, 1]."""
    return x if x.shape[-1] == 1 else (x @ LUMINANCE)[..., None]


def gray(argument: str) -> Degradation:
    """The luminance. It takes no argument."""
    if argument:
        raise bad(f'gray:{argument}', 'gray, without a number')
    return Degradation(one_channel, lambda x, key: (luminance(x), None))


def edges(argument: str) -> Degradation:
    """The norm of the Sobel gradient, with edge padding. It takes no argument."""
    if argument:
        raise bad(f'edges:{argument}', 'edges, without a number')

    def apply(x: Array, key: Key) -> tuple[Array, None]:
        y = jnp.pad(luminance(x), ((0, 0), (1, 1), (1, 1), (0, 0)), 'edge')
        rows = y[:, :-2] + 2 * y[:, 1:-1] + y[:, 2:]
        columns = y[:, :, :-2] + 2 * y[:, :, 1:-1] + y[:, :, 2:]
        across, down = rows[:, :, 2:] - rows[:, :, :-2], columns[:, 2:] - columns[:, :-2]
        steepest = 8.0  # of a step from -1 to 1
        return jnp.clip(2 * jnp.hypot(across, down) / steepest - 1, -1.0, 1.0), None

    return Degradation(one_channel, apply)


def noise(argument: str) -> Degradation:
    """Gaussian noise. Argument: 'S', its standard deviation, positive."""
    try:
        std = float(argument)
    except ValueError:
        std = 0.0
    if not 0 < std < np.inf:
        raise bad(f'noise:{argument}', 'noise:S, S positive, such as noise:0.1')

    def apply(x: Array, key: Key) -> tuple[Array, None]:
        return jnp.clip(x + std * jax.random.normal(key, x.shape, x.dtype), -1.0, 1.0), None

    return Degradation(same, apply)


def jpeg(argument: str) -> Degradation:
    """Images after JPEG. Argument: 'Q', the quality, a whole number from 1 to 100."""
    quality = int(argument) if argument.isdecimal() else 0
    if not 1 <= quality <= 100:
        raise bad(f'jpeg:{argument}', 'jpeg:Q, Q a whole number from 1 to 100, such as jpeg:30')

    def shape(of: tuple[int, ...]) -> tuple[int, ...]:
        if of[2] not in (1, 3):
            raise errors.GaxError(
                f'config.data.condition=jpeg:{quality} is for images of 1 or 3 channels, '
                f'and these have {of[2]}'
            )
        return of

    return Degradation(shape, lambda x, key: (codec.compressed(x, quality), None))


def mask(argument: str) -> Degradation:
    """A hole. Argument: one of masks.SHAPES."""
    draw = errors.lookup('mask of config.data.condition', argument, masks.SHAPES)

    def apply(x: Array, key: Key) -> tuple[Array, Array]:
        count, height, width, _ = x.shape
        hole = jnp.broadcast_to(draw(key, count, height, width)[..., None], (count, height, width, 1))
        return jnp.where(hole, 0.0, x), hole.astype(jnp.float32)

    return Degradation(same, apply, masks=True)


DEGRADATIONS: dict[str, Callable[[str], Degradation]] = {
    'downsample': downsample,
    'gray': gray,
    'edges': edges,
    'noise': noise,
    'jpeg': jpeg,
    'mask': mask,
}


def parse(condition: str) -> dict[str, Degradation]:
    """The degradations of a text such as 'downsample:4+noise:0.1', in order.

    Returns:
      The name of its random stream -> degradation.

    Raises:
      GaxError: A name is unknown, or an argument is invalid.
    """
    chain: dict[str, Degradation] = {}
    for text in condition.split('+'):
        name, _, argument = text.strip().partition(':')
        make = errors.lookup('degradation of config.data.condition', name, DEGRADATIONS)
        times = sum(key.partition('/')[0] == name for key in chain)
        chain[f'{name}/{times}' if times else name] = make(argument)
    return chain


def fields_of(chain: Mapping[str, Degradation], shape: tuple[int, ...]) -> dict[str, Field]:
    """The fields that the degradations add for images of shape (H, W, C).

    Raises:
      GaxError: The degradations do not go with the shape, or with each other.
    """
    masked = [name for name, degradation in chain.items() if degradation.masks]
    if len(masked) > 1:
        raise errors.GaxError(
            'config.data.condition has two masks, of which a batch could have one: leave one out'
        )
    fields = {}
    for degradation in chain.values():
        if degradation.masks:
            fields['mask'] = Field((*shape[:2], 1), 'image', info=HOLES)
        shape = degradation.shape(shape)
    return {'condition': Field(shape), **fields}


def degraded(source: Source, condition: str) -> Source:
    """`source`, whose batches also have 'condition', the degraded target, and 'mask' if one is drawn.

    Args:
      source: A source of images.
      condition: See `parse`.

    Raises:
      GaxError: The target is no image, or there is a condition already.
    """
    spec, chain = source.spec, parse(condition)
    if spec.fields[spec.target].kind != 'image':
        kind = spec.fields[spec.target].kind
        raise errors.GaxError(
            f'config.data.condition={condition} is of images, and {spec.name} is {kind} data'
        )
    added = fields_of(chain, spec.target_shape)
    if taken := [name for name in added if name in spec.fields]:
        raise errors.GaxError(
            f'config.data.condition={condition}: {spec.name} has a {taken[0]!r} of its own; leave the field '
            'empty'
        )

    def read(arrays: Any, rows: Any, key: Key) -> Batch:
        batch = source.read(arrays, rows, key)
        x, mask_fields = batch[spec.target], {}
        for name, degradation in chain.items():
            x, hole = degradation.apply(x, rng.stream(key, f'condition/{name}'))
            if hole is not None:
                mask_fields['mask'] = hole
        return {**batch, 'condition': x, **mask_fields}

    return source._replace(spec=spec._replace(fields={**spec.fields, **added}), read=read)
