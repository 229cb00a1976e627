"""Convolutions that are fast on every platform.

On GPU and TPU these are `jax.lax` convolutions. On CPU they are a matrix product between two cheap linear
maps, because XLA:CPU runs a convolution inside `while`/`scan` about 30 times slower than outside, and matrix
products at full speed:

    rows    x [B, H, W, Cin] -> [B, H', W, kh * Cin]    concatenates the kh rows that an output row depends on
    dot     rows @ kernel    -> [B, H', W, kw * Cout]   computes what each column adds to kw output columns
    spread  sum over kw      -> [B, H', W', Cout]       shifts these contributions into place and adds them

Splitting the kernel between the two sides moves kh * Cin + kw * Cout numbers per pixel, where patches
(im2col) move kh * kw * Cin. On 2 cores, batch 64, forward, best of 15: 5x5 256->128 on 7x7, 19 ms against 35
with concatenated patches (the bare product: 16); transposed 5x5 128->64 of stride 2 from 7x7, 4.7 ms against
20 with overlap-add of all kh * kw taps. The transpose of `rows` is a map like `spread`, and the other way
round. So plain autodiff yields gradients of the same form and cost, without a custom rule, and any order and
mode of differentiation, vmap and sharding work.

Where it pays, winograd.py saves products on top of that, in float32 and wider; narrower dtypes would lose too
many digits.

Grouped convolutions are split into one small convolution for each group: XLA:CPU's own are slow (8x8, 192
channels in 12 groups, 2 cores, forward and gradients in a loop: 237 ms against 19), and a block-diagonal
kernel multiplies mostly zeros (79 ms).

Images are [B, H, W, C], kernels [kh, kw, Cin, Cout], as in Flax. Any floating dtype works, and is that of the
result. The lowerings agree up to rounding.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from gax.core.types import Array
from gax.nets.ops import winograd
from gax.nets.ops.winograd import Axis

Padding = str | Sequence[tuple[int, int]]
Pads = Sequence[tuple[int, int]]
Lowering = Literal['cheapest', 'patches', 'points', 'lax']
DIMS = ('NHWC', 'HWIO', 'NHWC')
# The share of the plain sum's cost that a plan of winograd.py may have.
WORTH = {'patches': 0.0, 'cheapest': winograd.WORTH, 'points': math.inf}


def conv(
    x: Array,
    kernel: Array,
    strides: Sequence[int] = (1, 1),
    padding: Padding = 'SAME',
    groups: int = 1,
    *,
    lowering: Lowering | None = None,
) -> Array:
    """Cross-correlation of images with a kernel.

    Args:
      x: [B, H, W, Cin].
      kernel: [kh, kw, Cin / groups, Cout].
      strides: Those of the two spatial axes.
      padding: 'SAME', 'VALID' or ((low, high), (low, high)).
      groups: The i-th of `groups` equal parts of the output channels depends on the i-th part of the input's.
      lowering: Overrides the platform's choice, for tests. 'lax' is XLA's convolution, 'patches' the matrix
        product between two maps, 'points' winograd.py wherever it is possible, 'cheapest' the better of these
        two.

    Returns:
      [B, H', W', Cout].

    Raises:
      ValueError: `groups` does not divide the channels, or the kernel is larger than the padded image.
    """
    if x.shape[-1] != groups * kernel.shape[2] or kernel.shape[3] % groups:
        raise ValueError(
            f'{groups} groups do not divide {x.shape[-1]} channels and a kernel of {kernel.shape}'
        )
    pads: Pads = (
        lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, padding)
        if isinstance(padding, str)
        else padding
    )
    lowering = lowering or default_lowering()
    if lowering == 'lax':
        convolve = functools.partial(
            lax.conv_general_dilated,
            window_strides=tuple(strides),
            padding=pads,
            dimension_numbers=DIMS,
            feature_group_count=groups,
        )
        return convolve(x, kernel) if groups == 1 else _per_shard(convolve, x, kernel)
    if groups > 1:
        return _grouped(x, kernel, strides, pads, groups, lowering)
    kh, kw, cin, cout = kernel.shape
    if tuple(strides) == (1, 1) and kh * kw * cout < kh * cin:
        # With few output channels it is cheaper to add each pixel's contributions to the outputs that depend
        # on it than to concatenate inputs.
        return conv_transpose(x, kernel, strides, pads, lowering=lowering)
    return _conv(x, kernel, strides, pads, lowering)


def conv_transpose(
    x: Array,
    kernel: Array,
    strides: Sequence[int] = (1, 1),
    padding: Padding = 'SAME',
    *,
    lowering: Lowering | None = None,
) -> Array:
    """Transposed convolution of images with a kernel.

    The convention of `lax.conv_transpose(..., transpose_kernel=False)` and `flax.linen.ConvTranspose`: a
    convolution (cross-correlation, kernel not flipped) of `x` with `stride - 1` zeros put between its pixels.

    Args:
      x: [B, H, W, Cin].
      kernel: [kh, kw, Cin, Cout].
      strides: Those of the two spatial axes.
      padding: 'SAME' (H' = H * stride), 'VALID', or explicit pads of the dilated image.
      lowering: As in `conv`.

    Returns:
      [B, H', W', Cout].

    Raises:
      ValueError: The padding is none of these, or the kernel is larger than the padded image.
    """
    lowering = lowering or default_lowering()
    if lowering == 'lax':
        lax_padding = padding if isinstance(padding, str) else tuple(padding)
        return lax.conv_transpose(x, kernel, tuple(strides), lax_padding, dimension_numbers=DIMS)
    pads: Pads = (
        [_transpose_pads(k, s, padding) for k, s in zip(kernel.shape[:2], strides, strict=True)]
        if isinstance(padding, str)
        else padding
    )
    # This is the transpose of the convolution from the result's shape to that of x.
    axes = list(zip(x.shape[1:3], strides, pads, kernel.shape[:2], strict=True))
    sizes = [(n - 1) * s + 2 + low + high - k for n, s, (low, high), k in axes]
    pads = [
        (k - 1 - low, (n - 1) * s + low + 1 - size)
        for (n, s, (low, _), k), size in zip(axes, sizes, strict=True)
    ]
    out = jax.ShapeDtypeStruct((x.shape[0], *sizes, kernel.shape[3]), x.dtype)
    # The barrier keeps the reversal apart from other operations: fused into the optimizer's loops, it would
    # make each of them read its gradient number by number.
    kernel = lax.optimization_barrier(kernel)[::-1, ::-1].swapaxes(2, 3)
    return jax.linear_transpose(lambda y: _conv(y, kernel, strides, pads, lowering), out)(x)[0]


def default_lowering() -> Lowering:
    """The lowering of the platform. Only this function decides it."""
    return 'cheapest' if jax.default_backend() == 'cpu' else 'lax'


def _transpose_pads(size: int, stride: int, padding: str) -> tuple[int, int]:
    """Pads of the dilated image for 'SAME' and 'VALID', as in `lax.conv_transpose`."""
    if padding == 'SAME':
        total = size + stride - 2
        low = size - 1 if stride > size - 1 else -(-total // 2)
    elif padding == 'VALID':
        total = size + stride - 2 + max(size - stride, 0)
        low = size - 1
    else:
        raise ValueError(f"padding must be 'SAME', 'VALID' or explicit, got {padding!r}")
    return low, total - low


def _conv(x: Array, kernel: Array, strides: Sequence[int], pads: Pads, lowering: Lowering) -> Array:
    """The CPU lowerings. `pads` are explicit and may be negative (cropping)."""
    kh, kw, cin, cout = kernel.shape
    h, w = (
        Axis(n, k, s, low, (n + low + high - k) // s + 1)
        for n, k, s, (low, high) in zip(x.shape[1:3], kernel.shape[:2], strides, pads, strict=True)
    )
    if min(h.out, w.out) < 1:
        raise ValueError(f'a {kh}x{kw} kernel does not fit an image of {x.shape[1:3]} with pads {pads}')
    if (kh, kw, *strides) == (1, 1, 1, 1) and x.shape[1:3] == (h.out, w.out):
        return _matmul(x, kernel[0, 0])
    precise = jnp.finfo(x.dtype).bits >= 32
    if precise and (plan := winograd.cheapest(h, w, x.shape[0], cin, cout, WORTH[lowering])):
        return winograd.conv(x, kernel, (h, w), plan)
    kernel = kernel.swapaxes(1, 2)  # [kh, Cin, kw, Cout]
    if kw > 1 and (kh * kw * cin <= kh * cin + kw * cout or w.out * w.stride < w.length):
        # With few input channels, or columns that contribute nothing, columns are concatenated as well as
        # rows, and nothing is left to spread.
        x, kernel = _windows(x, 2, w), kernel.transpose(0, 2, 1, 3).reshape(kh, kw * cin, 1, cout)
        w = Axis(w.out, 1, 1, 0, w.out)
    parts = []
    for phase, columns in enumerate(_phases(x, 2, w.stride)):
        # A column meets only the taps of its phase: there are no products with zeros between the strides.
        if w.taps(phase):
            k = kernel[:, :, w.taps(phase)[0] :: w.stride]
            parts.append(_spread(_matmul(_windows(columns, 1, h), k.reshape(kh * k.shape[1], -1)), w, phase))
    return functools.reduce(jnp.add, parts)


def _grouped(
    x: Array, kernel: Array, strides: Sequence[int], pads: Pads, groups: int, lowering: Lowering
) -> Array:
    """Convolves group by group; with more than 16 groups, all at once with the group as a batch axis.

    The program of many single groups would be long.
    """

    def single(x: Array, kernel: Array) -> Array:
        return _conv(x, kernel, strides, pads, lowering)

    if groups <= 16:
        pairs = zip(jnp.split(x, groups, axis=3), jnp.split(kernel, groups, axis=3), strict=True)
        return jnp.concatenate([single(*pair) for pair in pairs], axis=3)
    x = x.reshape(*x.shape[:3], groups, -1)
    out = jax.vmap(single, (3, 3), 3)(x, kernel.reshape(*kernel.shape[:3], groups, -1))
    return out.reshape(*out.shape[:3], -1)


def _per_shard(fn: Callable[[Array, Array], Array], x: Array, kernel: Array) -> Array:
    """fn(x, kernel), on each device for its shard of the batch.

    The batch is sharded where a mesh is in use (sharding.under). For grouped convolutions only. Of others the
    compiler shards the batch by itself; with groups it makes every device gather and convolve the whole batch
    (openxla/xla issue 47945, 2026). Gradients of kernels are summed over the devices; XLA merges these sums
    with all others.
    """
    mesh = jax.sharding.get_abstract_mesh()
    automatic = all(kind == jax.sharding.AxisType.Auto for kind in mesh.axis_types)  # not within a shard_map
    if mesh.empty or not automatic or mesh.size == 1 or x.shape[0] % mesh.size:
        return fn(x, kernel)
    batch = jax.P(mesh.axis_names)
    return jax.shard_map(fn, in_specs=(batch, jax.P()), out_specs=batch, check_vma=False)(x, kernel)


def _matmul(x: Array, matrix: Array) -> Array:
    """x [..., K] @ matrix [K, N], as a product of two matrices.

    With more axes XLA would write a transposed copy of x for the gradient.
    """
    return (x.reshape(-1, x.shape[-1]) @ matrix).reshape(*x.shape[:-1], matrix.shape[-1])


def _windows(x: Array, axis: int, a: Axis) -> Array:
    """Concatenates the inputs that each output depends on along one axis.

    x [B, H, W, C] -> [..., a.out at the axis, ..., a.size * C].
    """
    phases = _phases(x, axis, a.stride)
    places = [divmod(tap - a.low, a.stride) for tap in range(a.size)]
    return jnp.concatenate([_shift(phases[phase], axis, start, a.out) for start, phase in places], axis=-1)


def _spread(products: Array, w: Axis, phase: int) -> Array:
    """Shifts the contributions of one phase of the columns to their outputs and adds them.

    products [B, H', W, taps * Cout] -> [B, H', W', Cout].
    """
    taps = w.taps(phase)
    # A split, because the gradient of slices would be slower.
    parts = lax.split(products, [products.shape[-1] // len(taps)] * len(taps), axis=3)
    places = [(tap - phase - w.low) // w.stride for tap in taps]
    return functools.reduce(
        jnp.add, [_shift(part, 2, place, w.out) for part, place in zip(parts, places, strict=True)]
    )


def _phases(x: Array, axis: int, stride: int) -> list[Array]:
    """[x[0::stride], x[1::stride], ...] along the axis.

    It is a reshape, because the gradient of a strided slice is slower.
    """
    if stride == 1:
        return [x]
    length, shape = x.shape[axis], x.shape
    blocks = -(-length // stride)
    x = _shift(x, axis, 0, blocks * stride).reshape(*shape[:axis], blocks, stride, *shape[axis + 1 :])
    parts = [part.squeeze(axis + 1) for part in lax.split(x, [1] * stride, axis=axis + 1)]
    return [_shift(part, axis, 0, len(range(phase, length, stride))) for phase, part in enumerate(parts)]


def _shift(x: Array, axis: int, start: int, length: int) -> Array:
    """x[start : start + length] along the axis, with zeros outside of x."""
    pads = [(0, 0, 0)] * x.ndim
    pads[axis] = (-start, start + length - x.shape[axis], 0)
    return lax.pad(x, jnp.zeros((), x.dtype), pads)
