"""Spectral normalisation, as a wrapper of a whole network.

Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gax.core import rng
from gax.core.types import Array, Key, Net, PyTree

Chosen = Callable[[str, Array], bool]
OF_NORMALISATION = ('scale', 'bias')  # last names of parameters that are not linear maps, whatever their rank


def linear(path: str, leaf: Array) -> bool:
    """Whether a parameter is a kernel or an embedding.

    These have two axes or more, and are not the scale or offset of a normalisation.
    """
    return leaf.ndim >= 2 and path.rpartition('/')[2] not in OF_NORMALISATION


def spectral_norm(net: Net, iterations: int = 1, chosen: Chosen = linear) -> Net:
    """Divides every chosen parameter W of `net` by its largest singular value sigma.

    W is read as a matrix [-1, Cout]. sigma = v^T W u, from `iterations` steps of the power method, which
    begin with the u of the pass before. u and v are constants to the gradient (appendix A), sigma is not. The
    parameters themselves do not change; optimizers and checkpoints see them undivided.

    u is part of the model_state: {'net': that of `net`, 'u': {'path/of/kernel': [Cout]}}. It advances in
    passes with train=True whose state is kept, hence never for a penalty.

    Args:
      net: The network.
      iterations: The number of steps of the power method in each pass.
      chosen: (path, parameter) -> whether to divide it.

    Returns:
      The wrapped network.
    """

    def init(key: Key) -> tuple[PyTree, PyTree]:
        params, inner = net.init(key)
        names = {path: leaf for path, leaf in _named(params) if chosen(path, leaf)}
        u = {
            path: _unit(jax.random.normal(rng.stream(key, f'u/{path}'), leaf.shape[-1:]))
            for path, leaf in names.items()
        }
        return params, {'net': inner, 'u': u}

    def apply(params: PyTree, model_state: PyTree, *inputs: Any, train: bool, key: Key) -> tuple[Any, PyTree]:
        leaves, tree = jax.tree.flatten(params)
        u: dict[str, Array] = {}
        divided = []
        for (path, _), leaf in zip(_named(params), leaves, strict=True):
            if path in model_state['u']:
                sigma, u[path] = largest_singular_value(leaf, model_state['u'][path], iterations)
                leaf = (leaf / sigma).astype(leaf.dtype)
            divided.append(leaf)
        out, inner = net.apply(
            jax.tree.unflatten(tree, divided), model_state['net'], *inputs, train=train, key=key
        )
        return out, {'net': inner, 'u': u} if train else model_state

    return Net(init, apply, net.average_state)


def largest_singular_value(kernel: Array, u: Array, iterations: int = 1) -> tuple[Array, Array]:
    """One estimate of the largest singular value by the power method, in float32 or better.

    d sigma / d kernel = v u^T, the gradient of the singular value where u and v have converged.

    Args:
      kernel: [..., Cout], read as a matrix [-1, Cout].
      u: [Cout], the vector to begin with.
      iterations: The number of steps.

    Returns:
      (sigma, the next u).
    """
    matrix = kernel.reshape(-1, kernel.shape[-1]).astype(jnp.promote_types(kernel.dtype, jnp.float32))
    fixed, right = jax.lax.stop_gradient((matrix, u.astype(matrix.dtype)))
    for _ in range(iterations):
        left = _unit(fixed @ right)
        right = _unit(left @ fixed)
    return left @ (matrix @ right), right.astype(u.dtype)


def _unit(x: Array) -> Array:
    return x / (jnp.linalg.norm(x) + 1e-12)


def _named(params: PyTree) -> list[tuple[str, Array]]:
    """Every leaf with its path, as ('Conv_0/kernel', parameter)."""
    return [
        (jax.tree_util.keystr(path, simple=True, separator='/'), leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    ]
