"""Named random streams: `fold_in(fold_in(root, step), name)`.

A name decides a stream by its own, so adding or removing a consumer changes nobody else's numbers, and a
resumed run, which knows the root and the step, draws what the first one would have drawn.
"""

import zlib

import jax


def root(seed: int | jax.Array) -> jax.Array:
    """Key data (uint32 [2]) of the stream that all others are folded from; `seed` may be traced."""
    return jax.random.key_data(jax.random.key(seed, impl='threefry2x32'))


def at_step(key_data: jax.Array, step: jax.Array) -> jax.Array:
    """The key of one training step."""
    return jax.random.fold_in(jax.random.wrap_key_data(key_data, impl='threefry2x32'), step)


def stream(key: jax.Array, name: str) -> jax.Array:
    """The sub-stream called `name`. CRC-32 of the name: stable over processes, unlike Python's `hash`."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))
