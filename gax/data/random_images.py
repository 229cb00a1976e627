"""An infinite source of random images: for benchmarks, for counting, and for trying a network on a shape."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp

from gax import errors
from gax.core import rng
from gax.core.spec import Field, Spec
from gax.core.types import Batch, Key
from gax.data.source import Source, to_unit

SYNTAX = re.compile(r'(\d+)x(\d+)x(\d+)(?:/(\d+))?')


def named(text: str) -> Source:
    """Images of pixels drawn independently from 0 to 255, and classes drawn uniformly.

    Args:
      text: HxWxC, or HxWxC/CLASSES, all positive.

    Returns:
      An infinite source: 'image' float32 [B, H, W, C] in [-1, 1], of 256 values, and 'label' int32 [B] if
      there are classes. It holds no arrays; the step draws what it reads.

    Raises:
      GaxError: `text` is something else.
    """
    match = SYNTAX.fullmatch(text)
    numbers = [int(n) for n in match.groups(default='1')] if match else [0]
    if not all(numbers):
        raise errors.GaxError(
            f"config.data.name='random:{text}' must be random:HxWxC or random:HxWxC/CLASSES, such as "
            'random:64x64x3/10, all positive'
        )
    shape, classes = tuple(numbers[:3]), numbers[3] if '/' in text else 0

    def read(arrays: Any, indices: Any, key: Key) -> Batch:
        count = indices.shape[0]
        pixels = jax.random.randint(rng.stream(key, 'pixels'), (count, *shape), 0, 256)
        batch = {'image': to_unit(pixels)}
        if classes:
            labels = jax.random.randint(rng.stream(key, 'labels'), (count,), 0, classes)
            batch['label'] = labels.astype(jnp.int32)
        return batch

    return Source(Spec(f'random:{text}', {'image': Field(shape)}, classes), (), read)
