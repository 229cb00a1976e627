"""Named random streams: `fold_in(fold_in(root, step), name)`.

A stream depends on its name alone, so adding or removing a consumer does not change the numbers of another. A
resumed run knows the root and the step, and so draws the same numbers as an uninterrupted one.

Under `shard_map` and `pmap` each replica runs the step on its shard of the batch. A replica's keys contain
its number. An array [B / replicas, ...] drawn from them is that replica's shard of the [B, ...] array that
one device would draw: the numbers do not depend on the number of devices. So replicas draw different numbers
from one key, and together they draw those of a step on the whole batch. An array whose first axis is not the
batch differs between replicas.
"""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import random as extend

IMPLEMENTATION = 'threefry2x32'


def key(seed: int | jax.Array) -> jax.Array:
    """A typed key, shape (), of threefry2x32.

    The implementation is fixed, whatever JAX's default is: random numbers depend on seeds alone.
    """
    return jax.random.key(seed, impl=IMPLEMENTATION)


def root(seed: int | jax.Array) -> jax.Array:
    """Key data (uint32 [2]) of the root stream, from which all others are folded. `seed` may be traced."""
    return jax.random.key_data(key(seed))


def of_replica(key_data: jax.Array, number: int | jax.Array) -> jax.Array:
    """Key data (uint32 [3]) of the root stream of replica `number`, from 0."""
    return jnp.append(key_data, jnp.asarray(number, jnp.uint32))


def at_step(key_data: jax.Array, step: jax.Array) -> jax.Array:
    """The key of one training step.

    Args:
      key_data: uint32 [2] from `root`, or uint32 [3] from `of_replica`.
      step: int32 scalar.

    Returns:
      A typed key, shape ().
    """
    impl = IMPLEMENTATION if key_data.shape[-1] == 2 else shares()
    return jax.random.fold_in(jax.random.wrap_key_data(key_data, impl=impl), step)


def number(name: str) -> int:
    """The number by which a stream enters its keys: the CRC-32 of its name, which is the same in every
    process, unlike Python's `hash`.
    """
    return zlib.crc32(name.encode())


def stream(key: jax.Array, name: str) -> jax.Array:
    """The key of the sub-stream `name`, folded from `key`."""
    return jax.random.fold_in(key, number(name))


def numbers(names: Sequence[str]) -> jax.Array:
    """`number` of several streams, uint32 [len(names)], for a `scan` over them.

    `jax.random.fold_in(key, numbers(names)[i])` is `stream(key, names[i])`, and i may be traced.
    """
    return jnp.asarray([number(name) for name in names], jnp.uint32)


@partial(jax.tree_util.register_dataclass, data_fields=['data'], meta_fields=['impl'])
@dataclass(frozen=True)
class KeyData:
    """A typed key as an array, for states between steps.

    Attributes:
      data: uint32 [..., words].
      impl: Its implementation, see jax.random.key_impl. Static.
    """

    data: Any
    impl: Any


def as_data(tree: Any) -> Any:
    """Replaces the typed keys of a tree (of noisy optimizers, of Flax variables) by `KeyData`. Pure.

    Such a tree holds only arrays of numbers: it can be donated, averaged over replicas, stacked, sent,
    checked and saved.
    """

    def leaf(x: Any) -> Any:
        if not is_key(x):
            return x
        return KeyData(jax.random.key_data(x), jax.random.key_impl(x))

    return jax.tree.map(leaf, tree)


def as_keys(tree: Any) -> Any:
    """The inverse of `as_data`. Pure."""

    def leaf(x: Any) -> Any:
        return jax.random.wrap_key_data(x.data, impl=x.impl) if isinstance(x, KeyData) else x

    return jax.tree.map(leaf, tree, is_leaf=lambda x: isinstance(x, KeyData))


def is_key(x: Any) -> bool:
    """Whether `x` is an array of typed keys."""
    return hasattr(x, 'dtype') and jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


@cache
def shares() -> Any:
    """The generator of random numbers of replicas: threefry2x32 as JAX partitions it, from an offset.

    Its keys are uint32 [3]. The third number is the replica's, and all keys derived from a key inherit it. An
    array that all replicas draw together may have up to 2^32 elements; beyond that, numbers repeat.
    """
    return extend.define_prng_impl(
        key_shape=(3,),
        seed=lambda seed: of_replica(root(seed), 0),
        split=lambda data, shape: _inherit(data, jax.random.split(_plain(data), shape)),
        random_bits=_share_of_bits,
        fold_in=lambda data, number: _inherit(data, jax.random.fold_in(_plain(data), number)),
        name='gax_shares',
        tag='gax',
    )


def _plain(data: jax.Array) -> jax.Array:
    return jax.random.wrap_key_data(data[:2], impl=IMPLEMENTATION)


def _inherit(data: jax.Array, keys: jax.Array) -> jax.Array:
    words = jax.random.key_data(keys)
    return jnp.concatenate([words, jnp.broadcast_to(data[2:], (*words.shape[:-1], 1))], axis=-1)


def _share_of_bits(data: jax.Array, width: int, shape: tuple[int, ...]) -> jax.Array:
    """Unsigned integers of `width` bits for a shard.

    jax.random.bits counts its elements from 0; a shard counts from its replica's number times its size.
    """
    size = math.prod(shape)
    place = data[2] * jnp.uint32(size) + jax.lax.iota(jnp.uint32, size).reshape(shape)
    zeros = jnp.zeros_like(place)
    high, low = extend.threefry2x32_p.bind(
        jnp.broadcast_to(data[0], shape), jnp.broadcast_to(data[1], shape), zeros, place
    )
    dtype = jnp.dtype(f'uint{width}')
    if width == 64:
        return (high.astype(dtype) << 32) | low.astype(dtype)
    return (high ^ low).astype(dtype)
