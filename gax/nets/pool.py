"""A pool of earlier fakes, as a `Net` whose model_state is the pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gax.core.types import Array, Key, Net, PyTree


def image_pool(size: int, shape: Sequence[int]) -> Net:
    """Fakes -> fakes, of which some are earlier ones, so that D is not trained on the newest alone.

    Shrivastava et al., "Learning from Simulated and Unsupervised Images through Adversarial Training", 2017,
    section 2.3, as in Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
    Networks", 2017, section 4: the pool is filled first. Then each image, with probability 1/2, takes the
    place of one of the pool, which comes out in its stead; else it comes out itself. The images of a batch
    are taken one after the other.

    The pool is in the train state, so checkpoints hold it and a resumed run goes on exactly. It is not
    averaged over replicas.

    Args:
      size: The number of images; 50 in CycleGAN.
      shape: The shape of an image, (H, W, C).

    Returns:
      A net without parameters: images float [B, H, W, C] -> images of the same shape. Outside of training
      they come out as they went in. Its model_state is 'images', float32 [size, H, W, C], and 'count', int32,
      how many of them are filled.
    """

    def init(key: Key) -> tuple[PyTree, PyTree]:
        return {}, {'images': jnp.zeros((size, *shape)), 'count': jnp.zeros((), jnp.int32)}

    def apply(params: PyTree, model_state: PyTree, *inputs: Any, train: bool, key: Key) -> tuple[Any, PyTree]:
        (images,) = inputs
        if not train:
            return images, model_state
        chance, place = jax.random.split(key)
        swaps = jax.random.bernoulli(chance, 0.5, images.shape[:1])
        places = jax.random.randint(place, images.shape[:1], 0, size)
        model_state, out = lax.scan(take, model_state, (images, swaps, places))
        return out, model_state

    return Net(init, apply, average_state=False)


def take(pool: PyTree, one: tuple[Array, Array, Array]) -> tuple[PyTree, Array]:
    """One image through the pool.

    Args:
      pool: The model_state of `image_pool`.
      one: The image [H, W, C]; whether it is exchanged, and for the image at which
        place, if the pool is full.

    Returns:
      (the pool after it, the image that comes out).
    """
    image, swap, place = one
    size = pool['images'].shape[0]
    filling = pool['count'] < size
    place = jnp.where(filling, pool['count'], place)
    old = lax.dynamic_index_in_dim(pool['images'], place, keepdims=False)
    kept = jnp.where(filling | swap, image.astype(old.dtype), old)
    images = lax.dynamic_update_index_in_dim(pool['images'], kept, place, 0)
    out = jnp.where(~filling & swap, old.astype(image.dtype), image)
    return {'images': images, 'count': jnp.minimum(pool['count'] + 1, size)}, out
