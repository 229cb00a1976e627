"""features='stripes.evals:rows' and metrics=('stripes.evals:brightness',)."""

import jax.numpy as jnp

from gax.core.types import Array
from gax.evals.metric import LOWER, Metric, Samples


def rows(images: Array) -> Array:
    """uint8 [B, 8, 8, 1] -> the mean of each row, float32 [B, 8]."""
    return images.astype(jnp.float32).mean(axis=(2, 3)) / 255.0


def gap(real: Samples, fake: Samples, seed: int) -> dict[str, float]:
    """How far apart the mean brightness of both sets is, in levels of 0 to 255."""
    return {'brightness_gap': abs(float(real.x.mean()) - float(fake.x.mean()))}


brightness = Metric(('x',), {'brightness_gap': LOWER}, gap, by_features=False)
