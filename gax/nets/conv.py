"""Convolutions that are fast on every platform.

On GPU and TPU these are `jax.lax` convolutions. On CPU they are patches x matrix product, because XLA:CPU runs a
convolution inside `while`/`scan` about 30 times slower than outside, and matrix products at full speed.

Images are [B, H, W, C], kernels [kh, kw, Cin, Cout], as in Flax. Both lowerings give the same numbers up to
rounding, in any floating dtype, and can be differentiated any number of times.
"""

from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

Padding = str | Sequence[tuple[int, int]]
Lowering = Literal['patches', 'lax']
DIMS = ('NHWC', 'HWIO', 'NHWC')


def conv(x, kernel, strides=(1, 1), padding: Padding = 'SAME', *, lowering: Lowering | None = None):
    """Cross-correlation of `x` [B, H, W, Cin] with `kernel` [kh, kw, Cin, Cout] -> [B, H', W', Cout].

    `padding` is 'SAME', 'VALID' or ((low, high), (low, high)). `lowering` overrides the platform's choice (for tests).
    """
    pads = padding
    if isinstance(padding, str):
        pads = lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, padding)
    if (lowering or default_lowering()) == 'lax':
        return lax.conv_general_dilated(x, kernel, tuple(strides), pads, dimension_numbers=DIMS)
    return _patches_conv(x, kernel, strides, pads)


def conv_transpose(x, kernel, strides=(1, 1), padding: Padding = 'SAME', *, lowering: Lowering | None = None):
    """Transposed convolution of `x` [B, H, W, Cin] with `kernel` [kh, kw, Cin, Cout] -> [B, H', W', Cout].

    The convention of `lax.conv_transpose(..., transpose_kernel=False)` and `flax.linen.ConvTranspose`: a convolution
    (cross-correlation, kernel not flipped) of `x` with `stride - 1` zeros put between its pixels. 'SAME' gives
    H' = H * stride; explicit pads are those of the stretched image.
    """
    if (lowering or default_lowering()) == 'lax':
        pads = padding if isinstance(padding, str) else tuple(padding)
        return lax.conv_transpose(x, kernel, tuple(strides), pads, dimension_numbers=DIMS)
    pads = padding
    if isinstance(padding, str):
        pads = [_transpose_pads(k, s, padding) for k, s in zip(kernel.shape, strides)]
    return _overlap_add(x, kernel, strides, pads)


def default_lowering() -> Lowering:
    """The one place where the platform decides."""
    return 'patches' if jax.default_backend() == 'cpu' else 'lax'


def _transpose_pads(size: int, stride: int, padding: str) -> tuple[int, int]:
    """Pads of the stretched image for 'SAME' and 'VALID', as in `lax.conv_transpose`."""
    if padding == 'SAME':
        total = size + stride - 2
        low = size - 1 if stride > size - 1 else -(-total // 2)
    elif padding == 'VALID':
        total = size + stride - 2 + max(size - stride, 0)
        low = size - 1
    else:
        raise ValueError(f"padding must be 'SAME', 'VALID' or explicit, got {padding!r}")
    return low, total - low


def _patches_conv(x, kernel, strides, pads):
    """One matrix product of patches [B, H', W', kh * kw * Cin] with the kernel as a matrix."""
    kh, kw, cin, cout = kernel.shape
    (sh, sw), (ph, pw) = strides, pads
    if (kh, kw, sh, sw) == (1, 1, 1, 1) and not any((*ph, *pw)):
        return x @ kernel[0, 0]
    x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), (*ph, 0), (*pw, 0), (0, 0, 0)))
    h, w = (x.shape[1] - kh) // sh + 1, (x.shape[2] - kw) // sw + 1
    patches = jnp.concatenate(
        [
            x[:, i : i + (h - 1) * sh + 1 : sh, j : j + (w - 1) * sw + 1 : sw]
            for i in range(kh)
            for j in range(kw)
        ],
        axis=-1,
    )
    return patches @ kernel.reshape(kh * kw * cin, cout)


def _overlap_add(x, kernel, strides, pads):
    """The adjoint form: one matrix product gives every pixel's contribution to its kh x kw neighbours; add them up."""
    kh, kw, cin, cout = kernel.shape
    (sh, sw), (ph, pw) = strides, pads
    _, h, w, _ = x.shape
    taps = x @ kernel[::-1, ::-1].transpose(2, 0, 1, 3).reshape(cin, kh * kw * cout)
    taps = jnp.split(taps, kh * kw, axis=-1)
    span_h, span_w = (h - 1) * sh + kh, (w - 1) * sw + kw
    zero = jnp.zeros((), x.dtype)
    out = 0
    for i in range(kh):
        for j in range(kw):
            low_h, low_w = i + ph[0] - kh + 1, j + pw[0] - kw + 1
            high_h = span_h + ph[0] + ph[1] - 2 * (kh - 1) - (low_h + (h - 1) * sh + 1)
            high_w = span_w + pw[0] + pw[1] - 2 * (kw - 1) - (low_w + (w - 1) * sw + 1)
            out += lax.pad(
                taps[i * kw + j],
                zero,
                ((0, 0, 0), (low_h, high_h, sh - 1), (low_w, high_w, sw - 1), (0, 0, 0)),
            )
    return out
