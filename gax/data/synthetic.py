"""Points drawn from known densities, without end."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gax import errors
from gax.data.source import Source, Spec
from gax.types import Array, Batch, Key


def ring(modes: int = 8, radius: float = 1.0, std: float = 0.01) -> Source:
    """A mixture of `modes` Gaussians on a circle (Srivastava et al., "VEEGAN", 2017: 8, radius 1, std 0.01)."""
    angle = 2 * jnp.pi * jnp.arange(modes) / modes
    centers = radius * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)

    def read(arrays: Array, indices: Array, key: Key) -> Batch:
        which, noise = jax.random.split(key)
        center = arrays[jax.random.randint(which, indices.shape, 0, modes)]
        return {'point': center + std * jax.random.normal(noise, center.shape)}

    return Source(Spec('synthetic:ring', {'point': (2,)}), centers, read)


SYNTHETIC = {'ring': ring}


def named(name: str) -> Source:
    """The source called `name`; raises GaxError for an unknown one."""
    return errors.lookup('synthetic source', name, SYNTHETIC)()
