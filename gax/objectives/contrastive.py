"""Contrastive losses between patches of two images."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gax.core.types import Array, Key


def patch_nce(queries: Array, keys: Array, temperature: float = 0.07) -> Array:
    """PatchNCE: the cross-entropy of finding a patch's own place among the other patches of its image.

    Park et al., "Contrastive Learning for Unpaired Image-to-Image Translation", 2020, eq. 4 and 5: the
    positive of a query is the key at the same place, the negatives are the keys at the other places of the
    same image. No gradient goes through the keys, as in their code.

    Args:
      queries: Float [B, N, C], vectors of length 1, of the translated image.
      keys: Float [B, N, C], of the image that was translated, at the same places.
      temperature: tau; 0.07 in the paper.

    Returns:
      Float [B, N]. Where all vectors are equal: log N.

    >>> corners = jnp.eye(2)[None]
    >>> print(f'{patch_nce(corners, corners, 0.5)[0, 0]:.4f}')
    0.1269
    """
    similarity = jnp.einsum('bnc,bmc->bnm', queries, jax.lax.stop_gradient(keys)) / temperature
    positives = jnp.diagonal(similarity, axis1=1, axis2=2)
    return jax.nn.logsumexp(similarity, axis=-1) - positives


def places(key: Key, features: Array, count: int) -> Array:
    """The places of `count` pixels of feature maps [B, H, W, C], without repetition; all if there are fewer.

    Returns:
      int32 [n], indices of flattened pixels.
    """
    pixels = features.shape[1] * features.shape[2]
    return jax.random.permutation(key, pixels)[: min(count, pixels)]


def at_places(features: Array, where: Array) -> Array:
    """[B, H, W, C] -> the pixels at these places, [B, n, C]."""
    return features.reshape(features.shape[0], -1, features.shape[-1])[:, where]
