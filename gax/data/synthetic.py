"""Sources drawn from known densities: points without end, and a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors
from gax.core.spec import Field, Spec
from gax.core.types import Array, Batch, Key
from gax.data.source import Source
from gax.data.synthetic_table import synthetic_table


class Mixture(NamedTuple):
    """Gaussians of equal weight.

    Attributes:
      centers: float64 [modes, D].
      std: The standard deviation of every mode along every axis.
    """

    centers: np.ndarray
    std: float


def ring(modes: int = 8, radius: float = 1.0, std: float = 0.01) -> Mixture:
    """Gaussians on a circle.

    Srivastava et al., "VEEGAN", 2017; Lin et al., "PacGAN", 2018: 8 modes, radius 1, std 0.01.
    """
    angle = 2 * np.pi * np.arange(modes) / modes
    return Mixture(radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1), std)


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> Mixture:
    """Gaussians on a square lattice around 0 (the same papers: 25 modes, from -4 to 4, std 0.05)."""
    axis = spacing * (np.arange(side) - (side - 1) / 2)
    return Mixture(np.stack(np.meshgrid(axis, axis, indexing='ij'), axis=-1).reshape(-1, 2), std)


MIXTURES = {'ring': ring(), 'grid': grid()}


def mixture(name: str) -> Source:
    """A source of points of MIXTURES[name]: 'point' float32 [B, D]."""
    centers, std = MIXTURES[name]

    def read(arrays: Array, indices: Array, key: Key) -> Batch:
        which, noise = jax.random.split(key)
        center = arrays[jax.random.randint(which, indices.shape, 0, len(centers))]
        return {'point': center + std * jax.random.normal(noise, center.shape)}

    return Source(
        Spec(f'synthetic:{name}', {'point': Field(centers.shape[1:], 'point')}),
        jnp.asarray(centers, jnp.float32),
        read,
    )


def swiss_roll(turns: float = 1.5, noise: float = 0.05) -> Source:
    """A noisy spiral in the plane: t (cos t, sin t) / 3 pi for t uniform in [1.5 pi, 1.5 pi + 2 pi turns].

    Two of the three coordinates of Marsland's swiss roll (scikit-learn's `make_swiss_roll`), scaled to about
    [-1.5, 1.5].

    Args:
      turns: The number of turns of the spiral.
      noise: The standard deviation of the noise, in the units of the points.
    """

    def read(arrays: Array, indices: Array, key: Key) -> Batch:
        along, across = jax.random.split(key)
        t = np.pi * (1.5 + 2 * turns * jax.random.uniform(along, indices.shape))
        point = (t / (3 * np.pi))[:, None] * jnp.stack([jnp.cos(t), jnp.sin(t)], axis=-1)
        return {'point': point + noise * jax.random.normal(across, point.shape)}

    return Source(Spec('synthetic:swiss_roll', {'point': Field((2,), 'point')}), (), read)


def _mixture_named(name: str) -> Callable[[], Source]:
    return lambda: mixture(name)


SYNTHETIC: dict[str, Callable[[], Source]] = {
    **{name: _mixture_named(name) for name in MIXTURES},
    'swiss_roll': swiss_roll,
    'table': synthetic_table,
}


def named(name: str) -> Source:
    """The source called `name`.

    Raises:
      GaxError: The name is unknown.
    """
    return errors.lookup('synthetic source', name, SYNTHETIC)()
