"""data.name='stripes.data:source': images of vertical stripes, 8x8x1."""

from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np

from gax.core.bounds import between
from gax.core.spec import Field, Spec
from gax.data.source import Source, read_resident


def source(data: Any, *, count: Annotated[int, between(1)] = 256, brightest: int = 255) -> Source:
    """`count` images, each with stripes 1 to 4 pixels wide; `count` and `brightest` are config.data's fields."""
    rng = np.random.default_rng(0)
    widths, phases = rng.integers(1, 5, (count, 1)), rng.integers(0, 8, (count, 1))
    rows = (np.arange(8) + phases) // widths % 2 * brightest
    images = np.repeat(rows[:, None, :, None], 8, axis=1).astype(np.uint8)
    return Source(
        Spec(data.name, {'image': Field((8, 8, 1))}, size=count),
        {'image': jnp.asarray(images)},
        read_resident,
    )
