"""Convolutions with fewer multiplications, for CPUs, by polynomial evaluation.

By the transposition principle, the correlation of a tile of inputs x with a kernel k is the transpose of a
product of two polynomials. A product of polynomials is determined by its values at enough points. So there
are matrices with

    y = A^T ((G k) * (E x))

for every k and x: E is the transposed inverse of the Vandermonde matrix of the points, and G and A are
Vandermonde matrices with as many columns as there are taps and outputs. In two dimensions the points are
pairs. With channels the product `*` is a matrix product for each pair, and all three maps are matrix products
with constants. Two choices of points are used:

    a few fractions and infinity   Tiles of 2 to 4 outputs. 4 outputs of 2 taps: 5 products instead of 8; of 3
                                   taps: 6 instead of 12; in two dimensions 25 of 64 and 36 of 144 (Winograd's
                                   F(4, 3)).
    roots of unity                 A small image as a single tile, with one border of zeros for both sides: a
                                   discrete Fourier transform. A conjugate pair is one complex product, made
                                   of three real ones. 5x5 taps on 7x7 pixels: 121 products instead of 1,225.

Strides split inputs and taps into phases, which become channels. Everything is linear in x and in k, so
autodiff yields gradients of the same form. The rows of E and G are balanced and the points are chosen by the
error that they cause, so that results in float32 are within 6 times the rounding errors of the plain sum
(tests/nets/ops/test_winograd.py checks it).

Andrew Lavin and Scott Gray, Fast Algorithms for Convolutional Neural Networks, 2016, section 4 (tiles);
Aleksandar Zlateski, Zhen Jia, Kai Li and Fredo Durand, FFT Convolutions are Faster than Winograd on Modern
CPUs, Here is Why, 2018; Barbara Barabasz, Andrew Anderson, Kirk Soodhalter and David Gregg, Error Analysis
and Improving the Accuracy of Winograd Convolution for Deep Neural Networks, 2018 (fractions as points).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from gax.core.types import Array

Points = tuple[complex, ...]
INFINITY = complex(np.inf)
# For n points: fractions whose error is within a tenth of the least error among all subsets of
# +-{1/3, 1/2, 3/4, 1, 3/2, 2, 3}.
FRACTIONS: dict[int, Points] = {
    3: (0, -1, INFINITY),
    4: (0, 1, -1, INFINITY),
    5: (0, -1, 0.5, 2, INFINITY),
    6: (0, 0.75, -0.75, 1.5, -1.5, INFINITY),
}
MAX_ROOTS = 12  # with more, the dense transforms cost more than they save
# The constants of the cost model, fitted to forward and backward passes of 38 layers on 2 cores
# (benchmarks/layers.py). MOVE: the floating-point operations that take as long as writing and reading a
# number (for a number of a kernel three times that, because few examples use each). LONGER: the same for the
# additional XLA operations of a plan. WORTH: the greatest cost of a plan as a share of the plain sum's.
MOVE = 10
LONGER = 20_000_000
WORTH = 0.85


class Axis(NamedTuple):
    """One spatial axis of a convolution.

    Output `o` depends on the inputs `o * stride + tap - low`, 0 <= tap < size.

    Attributes:
      length: The number of inputs.
      size: The number of taps.
      stride: The stride.
      low: The zeros before the first input.
      out: The number of outputs.
    """

    length: int
    size: int
    stride: int
    low: int
    out: int

    def taps(self, phase: int) -> range:
        """The taps that meet the inputs phase, phase + stride, phase + 2 * stride, ..."""
        return range((phase + self.low) % self.stride, self.size, self.stride)


class Plan(NamedTuple):
    """A split of one axis into tiles, and the points at which a tile is evaluated.

    Attributes:
      points: The points.
      tiles: The number of tiles.
      outputs: The outputs of a tile.
      taps: The taps of each phase.
      front: The zero taps put before the kernel's.
      start: The first block of inputs that may differ from zero, counted from the first block that the tile's
        outputs depend on. A block is `stride` inputs.
      inputs: The number of such blocks.
    """

    points: Points
    tiles: int
    outputs: int
    taps: int
    front: int
    start: int
    inputs: int

    @property
    def blocks(self) -> int:
        """The number of blocks of inputs, over all tiles."""
        return (self.tiles - 1) * self.outputs + self.inputs


def plans(axis: Axis) -> list[Plan]:
    """All plans for an axis."""
    length, size, stride, low, out = axis
    taps, candidates = -(-size // stride), []
    for count, points in FRACTIONS.items():
        outputs = count - taps + 1
        if 1 < taps <= outputs + 1 and outputs <= out:
            candidates.append(Plan(points, -(-out // outputs), outputs, taps, 0, 0, count))
    for front in range(taps * stride - size + 1):
        blocks, shift = out + taps - 1, low + front
        before, after = max(shift // stride, 0), max(blocks - -(-(shift + length) // stride), 0)
        count = blocks - min(before, after)
        if taps > 1 and count <= MAX_ROOTS:
            candidates.append(Plan(roots(count), 1, out, taps, front, before, blocks - before - after))
    return candidates


def roots(count: int) -> Points:
    """The `count`-th roots of unity."""
    return tuple(np.exp(2j * np.pi * np.arange(count) / count))


@functools.cache
def matrices(h: Plan, w: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The three matrices of a tile in two dimensions, float64.

    Args:
      h: The plan of the first axis.
      w: The plan of the second axis.

    Returns:
      A [R, outputs], G [R, taps] and E [R, inputs], where R is the number of real products.
    """
    axes = [
        (_vandermonde(p.points, p.outputs), _vandermonde(p.points, p.taps), _evaluation(p)) for p in (h, w)
    ]
    conjugates = [_conjugates(p.points) for p in (h, w)]
    rows: list[tuple[np.ndarray, ...]] = []
    for i, j in itertools.product(range(len(h.points)), range(len(w.points))):
        a, g, e = (np.outer(of_h[i], of_w[j]).ravel() for of_h, of_w in zip(*axes, strict=True))
        twin = (conjugates[0][i], conjugates[1][j])
        if twin == (i, j):
            rows.append((a.real, g.real, e.real))
        elif twin > (i, j):
            # Gauss: a complex product by three real ones. The conjugate pair doubles the real part.
            a = 2 * a
            rows.append((a.real - a.imag, g.real, e.real + e.imag))
            rows.append((-a.imag, g.imag - g.real, e.real))
            rows.append((-a.real, g.real + g.imag, e.imag))
    a, g, e = (np.stack(matrix) for matrix in zip(*rows, strict=True))
    scale = np.linalg.norm(e, axis=1, keepdims=True)
    return a, g * scale, e / scale


def _vandermonde(points: Points, columns: int) -> np.ndarray:
    """[points, columns]: the powers 0, 1, ... of each point. Infinity has a 1 at the highest power."""
    at = np.asarray(points, complex)
    finite = np.where(np.isinf(at), 0, at)[:, None] ** np.arange(columns)
    return np.where(np.isinf(at)[:, None], np.eye(columns)[-1], finite)


def _evaluation(plan: Plan) -> np.ndarray:
    """The factor of E for one axis, [points, inputs].

    On roots of unity, the inputs after the last point are those before the first.
    """
    count = len(plan.points)
    inverse = np.linalg.inv(_vandermonde(plan.points, count))
    return inverse.T[:, (plan.start + np.arange(plan.inputs)) % count]


def _conjugates(points: Points) -> list[int]:
    """The index of each point's conjugate."""
    at = np.asarray(points, complex)
    at = np.where(np.isinf(at), 1e9, at)
    return [int(np.argmin(abs(at - point.conjugate()))) for point in at]


def products(h: Plan, w: Plan) -> int:
    """The real multiplications of a tile: one for a pair of real points, three for two conjugate pairs."""
    real = math.prod(sum(i == j for i, j in enumerate(_conjugates(p.points))) for p in (h, w))
    return real + 3 * (len(h.points) * len(w.points) - real) // 2


def cost(h: Plan, w: Plan, examples: int, cin: int, cout: int) -> int:
    """The cost of a forward pass by these plans, in floating-point operations.

    Args:
      h: The plan of the first axis.
      w: The plan of the second axis.
      examples: The number of examples.
      cin: The number of input channels, over all phases.
      cout: The number of output channels.

    Returns:
      The cost.
    """
    count, tiles = products(h, w), examples * h.tiles * w.tiles
    inputs, taps, outputs = h.inputs * w.inputs, h.taps * w.taps, h.outputs * w.outputs
    work = count * (tiles * (cin * cout + inputs * cin + outputs * cout) + taps * cin * cout)
    transfers = (count + inputs) * tiles * cin + (count + outputs) * tiles * cout
    transfers += 3 * (count + taps) * cin * cout
    return 2 * work + MOVE * transfers + LONGER


def plain_cost(h: Axis, w: Axis, examples: int, cin: int, cout: int) -> int:
    """The cost of the sum over all taps that conv.py computes, in floating-point operations.

    The arguments are those of `cost`, with the axes in place of the plans.
    """
    work = examples * h.out * w.out * h.size * w.size * cin * cout
    return 2 * work + MOVE * examples * h.out * w.length * (h.size * cin + w.size * cout // w.stride)


@functools.cache
def cheapest(
    h: Axis, w: Axis, examples: int, cin: int, cout: int, worth: float = WORTH
) -> tuple[Plan, Plan] | None:
    """The plans of least cost for the two axes.

    Args:
      h: The first axis.
      w: The second axis.
      examples: The number of examples.
      cin: The number of input channels.
      cout: The number of output channels.
      worth: The greatest cost as a share of `plain_cost`.

    Returns:
      The two plans; None where none costs less than that.
    """
    # Equal axes get equal plans: for 3 points along one and 5 along the other, the model predicted more than
    # was measured.
    pairs = [(plan, plan) for plan in plans(h)] if h == w else list(itertools.product(plans(h), plans(w)))
    costs = [cost(*pair, examples, h.stride * w.stride * cin, cout) for pair in pairs]
    if not pairs or min(costs) >= worth * plain_cost(h, w, examples, cin, cout):
        return None
    return pairs[costs.index(min(costs))]


def conv(x: Array, kernel: Array, axes: Sequence[Axis], plan: Sequence[Plan]) -> Array:
    """Convolution by a plan for each of the two axes.

    Args:
      x: [B, H, W, Cin].
      kernel: [kh, kw, Cin, Cout].
      axes: The two axes.
      plan: Their plans.

    Returns:
      [B, H', W', Cout].
    """
    a, g, e = (jnp.asarray(matrix, x.dtype) for matrix in matrices(*plan))
    (h, w), cout = plan, kernel.shape[3]
    kernel = (g @ _taps(kernel, axes, plan)).reshape(len(g), -1, cout)
    x = (e @ _tiles(x, axes, plan)).reshape(len(e), -1, kernel.shape[1])
    y = lax.dot_general(x, kernel, (((2,), (1,)), ((0,), (0,))))
    y = (a.T @ y.reshape(len(a), -1)).reshape(h.outputs, w.outputs, -1, h.tiles, w.tiles, cout)
    y = y.transpose(2, 3, 0, 4, 1, 5).reshape(-1, h.tiles * h.outputs, w.tiles * w.outputs, cout)
    return y[:, : axes[0].out, : axes[1].out]


def _taps(kernel: Array, axes: Sequence[Axis], plan: Sequence[Plan]) -> Array:
    """[kh, kw, Cin, Cout] -> [taps of a phase, phases * Cin * Cout]."""
    (h, w), strides = plan, [axis.stride for axis in axes]
    pads = [(p.front, p.taps * x.stride - p.front - x.size, 0) for p, x in zip(plan, axes, strict=True)]
    kernel = lax.pad(kernel, jnp.zeros((), kernel.dtype), [*pads, (0, 0, 0), (0, 0, 0)])
    kernel = kernel.reshape(h.taps, strides[0], w.taps, strides[1], *kernel.shape[2:])
    return kernel.swapaxes(1, 2).reshape(h.taps * w.taps, -1)


def _tiles(x: Array, axes: Sequence[Axis], plan: Sequence[Plan]) -> Array:
    """[B, H, W, Cin] -> [inputs of a tile, B * tiles * phases * Cin]."""
    (h, w), strides = plan, [axis.stride for axis in axes]
    before = [axis.low + p.front - p.start * axis.stride for p, axis in zip(plan, axes, strict=True)]
    ends = zip(plan, axes, before, strict=True)
    pads = [(low, p.blocks * axis.stride - low - axis.length, 0) for p, axis, low in ends]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *pads, (0, 0, 0)])
    x = x.reshape(x.shape[0], h.blocks, strides[0], w.blocks, strides[1], x.shape[3]).swapaxes(2, 3)
    x = _windows(x, 2, w)  # [inputs, B, blocks, tiles, phases, phases, C]
    x = _windows(x, 2, h)  # [inputs, inputs, B, tiles, tiles, phases, phases, C]
    return x.reshape(h.inputs * w.inputs, -1)


def _windows(x: Array, axis: int, plan: Plan) -> Array:
    """Splits the axis of blocks into [inputs, tiles], and puts the inputs in front.

    What two tiles share comes last in the one and first in the next. The split is made by splits and
    concatenations of long runs, each the gradient of the other; the gradient of overlapping slices
    would go through all of x twice.
    """
    if plan.tiles == 1:
        return jnp.expand_dims(jnp.moveaxis(x, axis, 0), axis + 1)
    shared, size = plan.inputs - plan.outputs, plan.tiles * plan.outputs
    body, tail = lax.split(x, [size, shared], axis=axis)
    body = body.reshape(*x.shape[:axis], plan.tiles, plan.outputs, *x.shape[axis + 1 :])
    body = jnp.moveaxis(body, axis + 1, 0)
    tail = jnp.expand_dims(jnp.moveaxis(tail, axis, 0), axis + 1)
    first = lax.split(body, [shared, plan.outputs - shared], axis=0)[0]
    later = lax.split(first, [1, plan.tiles - 1], axis=axis + 1)[1]
    return jnp.concatenate([body, jnp.concatenate([later, tail], axis + 1)], 0)
