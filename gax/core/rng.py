"""Named random streams: `fold_in(fold_in(root, step), name)`.

A name decides a stream by its own, so adding or removing a consumer changes nobody else's numbers, and a
resumed run, which knows the root and the step, draws what the first one would have drawn.

Where the rows of a batch are dealt out to replicas that each run the step by themselves, a replica's keys
know its number, and an array drawn from them, [B / replicas, ...], is its share of the [B, ...] that one
device draws: the same numbers, whoever draws them. So replicas draw different numbers from one key, and agree
with a step for the whole batch. An array whose first axis is not the batch's rows is each replica's own.
"""

import math
import zlib
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import random as extend

IMPLEMENTATION = 'threefry2x32'


def key(seed: int | jax.Array) -> jax.Array:
    """A typed key, shape (), of threefry2x32, whatever JAX is told to make by default: numbers follow from
    seeds alone.
    """
    return jax.random.key(seed, impl=IMPLEMENTATION)


def root(seed: int | jax.Array) -> jax.Array:
    """Key data (uint32 [2]) of the stream that all others are folded from; `seed` may be traced."""
    return jax.random.key_data(key(seed))


def of_replica(key_data: jax.Array, number: int | jax.Array) -> jax.Array:
    """Key data (uint32 [3]) of a root stream for replica `number`, from 0."""
    return jnp.append(key_data, jnp.asarray(number, jnp.uint32))


def at_step(key_data: jax.Array, step: jax.Array) -> jax.Array:
    """The key of one training step; key_data: of `root`, or `of_replica`."""
    impl = IMPLEMENTATION if key_data.shape[-1] == 2 else shares()
    return jax.random.fold_in(jax.random.wrap_key_data(key_data, impl=impl), step)


def stream(key: jax.Array, name: str) -> jax.Array:
    """The sub-stream called `name`. CRC-32 of the name: stable over processes, unlike Python's `hash`."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


@partial(jax.tree_util.register_dataclass, data_fields=['data'], meta_fields=['impl'])
@dataclass(frozen=True)
class KeyData:
    """A typed key as an array, for states at rest. data: uint32 [..., words]. impl: its implementation, see
    jax.random.key_impl.
    """

    data: Any
    impl: Any


def as_data(tree: Any) -> Any:
    """`tree` with typed keys (of noisy optimizers, of Flax variables) as `KeyData`: nothing but arrays of
    numbers.

    Such a tree can be donated, averaged over replicas, stacked, sent, checked and saved as any other. Pure.
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
    """The random number generator of replicas: threefry2x32 (as JAX makes it partitionable) from a later
    count on.

    Its keys are uint32 [3], the third the replica's number, which all keys made from one inherit. What all
    replicas draw together may have up to 2^32 elements; beyond that, numbers repeat.
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
    made = jax.random.key_data(keys)
    return jnp.concatenate([made, jnp.broadcast_to(data[2:], (*made.shape[:-1], 1))], axis=-1)


def _share_of_bits(data: jax.Array, width: int, shape: tuple[int, ...]) -> jax.Array:
    """Unsigned integers of `width` bits: jax.random.bits counts its elements from 0, and this from number *
    size.
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
