"""Named random streams: stable over processes, apart from each other."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from gax import rng


def data(key):
    return tuple(np.asarray(jax.random.key_data(key)).tolist())


def test_a_name_decides_its_stream_by_its_crc():
    """CRC-32 of '123456789' is the published check value: streams may not change from one process to the next."""
    key = jax.random.key(3, impl='threefry2x32')
    assert data(rng.stream(key, '123456789')) == data(jax.random.fold_in(key, 0xCBF43926))


def test_root_is_plain_key_data_and_may_be_traced():
    assert np.asarray(rng.root(7)).tolist() == [0, 7]
    assert rng.root(7).dtype == jnp.uint32
    assert np.asarray(rng.root(2**32 - 1)).tolist() == [0, 2**32 - 1]
    np.testing.assert_array_equal(jax.vmap(rng.root)(jnp.arange(3)), [[0, 0], [0, 1], [0, 2]])


def test_streams_differ_by_seed_step_and_name():
    found = [
        data(rng.stream(rng.at_step(rng.root(seed), step), name))
        for seed, step, name in itertools.product((0, 1), (0, 1, 2), ('d', 'g', 'draw/0', 'draw/1'))
    ]
    assert len(set(found)) == len(found)


def test_a_step_may_be_traced():
    found = jax.jit(lambda step: jax.random.key_data(rng.at_step(rng.root(1), step)))(5)
    assert tuple(np.asarray(found).tolist()) == data(rng.at_step(rng.root(1), 5))
