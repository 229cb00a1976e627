"""Meshes of the four simulated devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import parallel
from gax.errors import GaxError


def test_mesh_takes_all_devices_or_those_given():
    assert parallel.mesh().shape == {'data': len(jax.devices())}
    assert parallel.mesh(jax.devices()[:2]).shape == {'data': 2}


@pytest.mark.parametrize(('size', 'nearest'), [(1, 4), (5, 4), (7, 8), (6, 8), (66, 64)])
def test_a_batch_that_cannot_be_dealt_out_is_refused(size, nearest):
    with pytest.raises(
        GaxError, match=f'batch_size {size} cannot be divided among 4 devices.* is {nearest}$'
    ):
        parallel.check_batch(size, parallel.mesh(jax.devices()[:4]))


def test_a_batch_that_can():
    parallel.check_batch(8, parallel.mesh(jax.devices()[:4]))
    parallel.check_batch(5, parallel.mesh(jax.devices()[:1]))


def test_compiled_programs_split_rows_keep_the_carry_whole_and_donate_it():
    mesh, seen = parallel.mesh(jax.devices()[:4]), []

    def advance(carry, arrays, indices):
        jax.debug.inspect_array_sharding(
            indices, callback=lambda s: seen.append(s.shard_shape(indices.shape))
        )
        return carry + jnp.sum(arrays[indices])

    carry = jax.device_put(jnp.zeros(()), parallel.replicated(mesh))
    arrays = jax.device_put(jnp.arange(10.0), parallel.replicated(mesh))
    after = parallel.compile(advance, mesh, row_axis=1)(carry, arrays, np.arange(8).reshape(1, 8))
    assert float(after) == sum(range(8))
    assert after.sharding.is_fully_replicated
    assert after.sharding.device_set == set(jax.devices()[:4])
    assert carry.is_deleted()
    assert not arrays.is_deleted()
    assert seen == [(1, 2)]
