"""Sources drawn from known densities: points and sine waves without end, and a table."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NamedTuple

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


# The fields of the `data` section of synthetic:sines; see `sines`.
SINES: dict[str, Any] = {'length': 24, 'features': 5}


def sines(length: int = 24, features: int = 5) -> Source:
    """Sine waves, each column of each example with a frequency and a phase of its own: 'series' in [0, 1].

    (sin(f t + p) + 1) / 2 for t = 0, 1, ..., with f and p uniform in [0, 0.1), as the code of Yoon et al.,
    "Time-series Generative Adversarial Networks", 2019, makes them. That code draws 10,000 examples once;
    here every example is drawn anew.

    Args:
      length: The number of steps.
      features: The number of columns.

    Raises:
      GaxError: One of them is not positive.
    """
    if length < 1 or features < 1:
        raise errors.GaxError(
            f'config.data.length={length}, config.data.features={features}: both must be positive'
        )

    def read(arrays: Array, indices: Array, key: Key) -> Batch:
        drawn = 0.1 * jax.random.uniform(key, (2, *indices.shape, 1, features))
        time = jnp.arange(length, dtype=jnp.float32)[None, :, None]
        return {'series': 0.5 * (jnp.sin(drawn[0] * time + drawn[1]) + 1.0)}

    return Source(Spec('synthetic:sines', {'series': Field((length, features), 'series')}), (), read)


def _mixture_named(name: str) -> Callable[[], Source]:
    return lambda: mixture(name)


SYNTHETIC: dict[str, Callable[..., Source]] = {
    **{name: _mixture_named(name) for name in MIXTURES},
    'swiss_roll': swiss_roll,
    'sines': sines,
    'table': synthetic_table,
}


def named(name: str, data: Any = MappingProxyType({})) -> Source:
    """The source called `name`.

    Args:
      name: One of SYNTHETIC.
      data: The `data` section of a config, which has the fields SINES where the name is 'sines'.

    Raises:
      GaxError: The name is unknown.
    """
    make = errors.lookup('synthetic source', name, SYNTHETIC)
    fields = SINES if name == 'sines' else {}
    return make(**{field: data.get(field, default) for field, default in fields.items()})
