"""The Frechet distance between two sets of features, each modelled as a Gaussian; FID on FID's features.

Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", 2017, equation 6 (Dowson and Landau, 1982):
d = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), the square of the 2-Wasserstein distance. Covariances are
unbiased (divided by N - 1), as in the TTUR code, pytorch-fid and torch-fidelity. 0 is best, there is no upper
end, and the unit is that of the features, squared.

Few samples: the distance is biased upwards by about c / N, where c depends on the generator (Chong and
Forsyth, 2020), so compare only at equal N. With N <= D the covariances are singular. The distance is then
still defined, and computed without any epsilon on the diagonal, but most of it is bias.

The statistics stream: `batch_moments` on the devices, `merge` on the host, in float64. Only one batch and a
few [D, D] matrices are in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from gax import errors
from gax.core.types import Array
from gax.evals.metrics import float64


class Moments(NamedTuple):
    """Moments of samples, on the host.

    Attributes:
      num: The number of samples.
      mean: float64 [D].
      scatter: float64 [D, D], the sum of (x - mean)(x - mean)^T.
    """

    num: int
    mean: np.ndarray
    scatter: np.ndarray

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased, [D, D]."""
        return self.scatter / (self.num - 1)


class Frechet(NamedTuple):
    """A Frechet distance and its two terms, all >= 0.

    Attributes:
      distance: mean_term + trace_term.
      mean_term: |m1 - m2|^2.
      trace_term: tr(S1 + S2 - 2 (S1 S2)^(1/2)).
    """

    distance: float
    mean_term: float
    trace_term: float


@partial(jax.jit, static_argnames='dtype')
def _about_the_mean(x: Array, count: Array, dtype: Any) -> tuple[Array, Array, Array]:
    """(rounded mean, rounding error of the mean, scatter about the mean) of the first `count` rows."""
    valid = (jnp.arange(len(x), dtype=count.dtype) < count)[:, None]
    x = jnp.where(valid, x.astype(dtype), 0)
    total = jnp.maximum(count, 1).astype(dtype)
    shift = jnp.sum(x, axis=0) / total
    centred = jnp.where(valid, x - shift[None], 0)
    offset = jnp.sum(centred, axis=0) / total
    scatter = jnp.matmul(centred.T, centred, precision='highest') - total * jnp.outer(offset, offset)
    return shift, offset, scatter


def _auto(x: Any) -> Any:
    """The same array on a mesh with automatic shardings.

    With explicit shardings JAX refuses x^T x over sharded rows.
    """
    sharding = getattr(x, 'sharding', None)
    if not isinstance(sharding, NamedSharding):
        return x
    mesh = Mesh(sharding.mesh.devices, sharding.mesh.axis_names)
    return jax.device_put(x, NamedSharding(mesh, sharding.spec))


def batch_moments(features: Any, count: int | None = None, dtype: Any = None) -> Moments:
    """Moments of a batch, computed on the device that holds it.

    The batch may be sharded. Products are of differences from the mean, so that nothing cancels however far
    from zero the features are. They are in float64, or (without float64 on the device, or with `dtype`) in
    float32 with a correction of the mean's rounding error. Every batch of one shape runs the same program.

    Args:
      features: float [B, D], NumPy's or JAX's.
      count: The number of samples, 0 to B; the rest of the batch is padding. None: all.
      dtype: The dtype of the products; None: the widest that the device has.

    Returns:
      The moments, on the host.

    Raises:
      GaxError: Another shape, or a count beyond the batch.

    >>> batch_moments(np.array([[1.0], [3.0], [99.0]]), count=2)
    Moments(num=2, mean=array([2.]), scatter=array([[2.]]))
    """
    if features.ndim != 2:
        raise errors.GaxError(
            f'features must have the shape [samples, dimensions], not {list(features.shape)}'
        )
    count = len(features) if count is None else count
    if not 0 <= count <= len(features):
        raise errors.GaxError(f'{count} samples were said to be in a batch of {len(features)}')
    with float64.doubles():
        parts = _about_the_mean(_auto(features), np.int32(count), dtype or float64.dtype())
        shift, offset, scatter = (np.asarray(part, np.float64) for part in jax.device_get(parts))
    return Moments(count, shift + offset, scatter)


def merge(a: Moments, b: Moments) -> Moments:
    """Moments of the union: the pairwise update of Chan, Golub and LeVeque, 1979, in float64.

    >>> merge(batch_moments(np.array([[1.0]])), batch_moments(np.array([[3.0]])))
    Moments(num=2, mean=array([2.]), scatter=array([[2.]]))
    """
    if not a.num or not b.num:
        return a if a.num else b
    count, gap = a.num + b.num, b.mean - a.mean
    scatter = np.multiply(a.num * b.num / count, np.outer(gap, gap))
    scatter += a.scatter
    scatter += b.scatter
    return Moments(count, a.mean + gap * (b.num / count), scatter)


def moments(batches: Iterable[Any]) -> Moments:
    """Moments of all features in `batches`, arrays [B, D] (for a single array, pass [array]).

    >>> moments([np.array([[1.0]]), np.array([[3.0]])]).covariance
    array([[2.]])
    """
    return reduce(merge, map(batch_moments, batches))


def _check(name: str, one: Moments) -> None:
    if one.num < 2:
        raise errors.GaxError(f'{name}: {one.num} samples, but a covariance takes at least 2')
    if not (np.isfinite(one.mean).all() and np.isfinite(one.scatter).all()):
        raise errors.GaxError(f'{name}: the features are not finite (NaN or infinity)')


def _root(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(eigenvectors in columns, square roots of the eigenvalues), without those below rounding error."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
    return vectors[:, kept], np.sqrt(values[kept])


def distance(a: Moments, b: Moments) -> Frechet:
    """The distance from moments, in float64 on the host.

    tr (S1 S2)^(1/2) is the sum of the singular values of S1^(1/2) S2^(1/2). With S = V L V^T they are those
    of L1^(1/2) V1^T V2 L2^(1/2): no root of a matrix that is not symmetric is taken, nothing turns complex,
    and singular covariances make the matrix smaller.

    Args:
      a, b: Moments of features of the same dimensions.

    Returns:
      The distance and its two parts. In the example (2 - 5)^2 and (sqrt 2 - sqrt 8)^2 = 2.

    Raises:
      GaxError: Fewer than 2 samples, features that are not finite, and dimensions that differ.

    >>> two = distance(moments([np.array([[1.0], [3.0]])]), moments([np.array([[3.0], [7.0]])]))
    >>> print(f'{two.distance:.6f} {two.mean_term:.6f} {two.trace_term:.6f}')
    11.000000 9.000000 2.000000
    """
    _check('first set', a)
    _check('second set', b)
    if a.mean.shape != b.mean.shape:
        raise errors.GaxError(f'features of {len(a.mean)} and of {len(b.mean)} dimensions have no distance')
    (v1, r1), (v2, r2) = _root(a.covariance), _root(b.covariance)
    overlap = 0.0
    if len(r1) and len(r2):
        overlap = float(np.linalg.svd((v1.T @ v2) * r1[:, None] * r2, compute_uv=False).sum())
    mean_term = float(np.sum(np.square(a.mean - b.mean)))
    trace_term = max(0.0, float(np.trace(a.covariance) + np.trace(b.covariance)) - 2 * overlap)
    return Frechet(mean_term + trace_term, mean_term, trace_term)
