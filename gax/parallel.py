"""Devices: one mesh axis, `data`, over which batches are split; the train state is whole on every device.

Functions are written for the global batch; the compiler inserts the all-reduces. So the number of devices changes
no result (to rounding), batch-norm statistics are global, and random draws, which threefry makes
position by position, are the same on any mesh.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gax import errors


def mesh(devices: list[jax.Device] | None = None) -> Mesh:
    """All devices (or those given) in a row called 'data'. How arrays lie within a program is the compiler's choice (Auto)."""
    count, auto = len(devices or jax.devices()), jax.sharding.AxisType.Auto
    return jax.make_mesh((count,), ('data',), axis_types=(auto,), devices=devices)


def check_batch(batch_size: int, mesh: Mesh) -> None:
    """Raises GaxError where the rows of a batch cannot be dealt out evenly."""
    if batch_size % mesh.size:
        near = max(1, round(batch_size / mesh.size)) * mesh.size
        raise errors.GaxError(
            f'config.batch_size {batch_size} cannot be divided among {mesh.size} devices; the nearest that can is {near}'
        )


def replicated(mesh: Mesh) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec())


def rows(mesh: Mesh, axis: int = 0) -> NamedSharding:
    """The sharding of an array whose `axis` runs over the rows of a batch."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, 'data'))


def compile(fn: Callable[..., Any], mesh: Mesh, row_axis: int = 0) -> Callable[..., Any]:
    """jit of fn(carry, arrays, rows) -> carry: carry donated and whole everywhere, rows split over their `row_axis`."""
    whole = replicated(mesh)
    return jax.jit(
        fn, in_shardings=(whole, whole, rows(mesh, row_axis)), out_shardings=whole, donate_argnums=0
    )
