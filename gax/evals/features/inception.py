"""The Inception network of FID: InceptionV3 as in TensorFlow's graph of 2015-12-05, 1008 logits.

Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016, section 6, with that
graph's departures, as torch-fidelity (Obukhov et al.) and pytorch-fid (Seitzer) have it: the 3x3 average
pools leave the border's padding out of the mean, the last block's pool is a maximum (a slip of the graph that
every published FID contains), and there are no auxiliary logits. The batch norms (epsilon 1e-3) are folded
into the convolutions when the weights are read (inception_weights.py).

    variables = inception_weights.load().variables      # or load('FILE')
    out = jax.jit(inception.extract)(variables, images)     # uint8 [B, H, W, 1 or 3] -> a dict of arrays
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from gax import errors
from gax.core import rng
from gax.core.types import Array
from gax.evals.features import resize

SIZE = 299
FEATURES = 2048
CLASSES = 1008


class C(NamedTuple):
    """A convolution with a bias and a ReLU.

    Attributes:
      name: Its name in the weight file.
      width: The number of channels.
      kernel: (height, width).
      stride: The stride.
      padding: 'SAME' or 'VALID'.
    """

    name: str
    width: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: str = 'SAME'


class Fork(NamedTuple):
    """Two convolutions of the same input, side by side."""

    left: C
    right: C


Pool = Callable[[Array], Array]
Branch = tuple[C | Fork | Pool, ...]


def mean3(x: Array) -> Array:
    """Means of 3x3 neighbourhoods, without padding at the border."""
    return nn.avg_pool(x, (3, 3), padding='SAME', count_include_pad=False)


def max3(x: Array) -> Array:
    """Maxima of 3x3 neighbourhoods."""
    return nn.max_pool(x, (3, 3), padding='SAME')


def halve(x: Array) -> Array:
    """Maxima of 3x3 windows, two pixels apart: [B, H, W, C] -> [B, (H - 1) // 2, (W - 1) // 2, C]."""
    return nn.max_pool(x, (3, 3), (2, 2))


def block_a(pooled: int) -> tuple[Branch, ...]:
    """35x35 pixels; figure 5 of the paper."""
    return (
        (C('branch1x1', 64),),
        (C('branch5x5_1', 48), C('branch5x5_2', 64, (5, 5))),
        (C('branch3x3dbl_1', 64), C('branch3x3dbl_2', 96, (3, 3)), C('branch3x3dbl_3', 96, (3, 3))),
        (mean3, C('branch_pool', pooled)),
    )


def block_b() -> tuple[Branch, ...]:
    """35x35 pixels to 17x17; figure 10."""
    last = C('branch3x3dbl_3', 96, (3, 3), 2, 'VALID')
    return (
        (C('branch3x3', 384, (3, 3), 2, 'VALID'),),
        (C('branch3x3dbl_1', 64), C('branch3x3dbl_2', 96, (3, 3)), last),
        (halve,),
    )


def block_c(width: int) -> tuple[Branch, ...]:
    """17x17 pixels, 7x7 convolutions in two factors; figure 6."""
    twice = tuple(C(f'branch7x7dbl_{i}', width, k) for i, k in ((2, (7, 1)), (3, (1, 7)), (4, (7, 1))))
    return (
        (C('branch1x1', 192),),
        (C('branch7x7_1', width), C('branch7x7_2', width, (1, 7)), C('branch7x7_3', 192, (7, 1))),
        (C('branch7x7dbl_1', width), *twice, C('branch7x7dbl_5', 192, (1, 7))),
        (mean3, C('branch_pool', 192)),
    )


def block_d() -> tuple[Branch, ...]:
    """17x17 pixels to 8x8."""
    factors = C('branch7x7x3_2', 192, (1, 7)), C('branch7x7x3_3', 192, (7, 1))
    return (
        (C('branch3x3_1', 192), C('branch3x3_2', 320, (3, 3), 2, 'VALID')),
        (C('branch7x7x3_1', 192), *factors, C('branch7x7x3_4', 192, (3, 3), 2, 'VALID')),
        (halve,),
    )


def block_e(pool: Pool) -> tuple[Branch, ...]:
    """8x8 pixels, the widest; figure 7."""
    once = Fork(C('branch3x3_2a', 384, (1, 3)), C('branch3x3_2b', 384, (3, 1)))
    twice = Fork(C('branch3x3dbl_3a', 384, (1, 3)), C('branch3x3dbl_3b', 384, (3, 1)))
    return (
        (C('branch1x1', 320),),
        (C('branch3x3_1', 384), once),
        (C('branch3x3dbl_1', 448), C('branch3x3dbl_2', 384, (3, 3)), twice),
        (pool, C('branch_pool', 192)),
    )


STEM: Branch = (
    C('Conv2d_1a_3x3', 32, (3, 3), 2, 'VALID'),
    C('Conv2d_2a_3x3', 32, (3, 3), 1, 'VALID'),
    C('Conv2d_2b_3x3', 64, (3, 3)),
    halve,
    C('Conv2d_3b_1x1', 80),
    C('Conv2d_4a_3x3', 192, (3, 3), 1, 'VALID'),
    halve,
)
BLOCKS = {
    'Mixed_5b': block_a(32),
    'Mixed_5c': block_a(64),
    'Mixed_5d': block_a(64),
    'Mixed_6a': block_b(),
    'Mixed_6b': block_c(128),
    'Mixed_6c': block_c(160),
    'Mixed_6d': block_c(160),
    'Mixed_6e': block_c(192),
    'Mixed_7a': block_d(),
    'Mixed_7b': block_e(mean3),
    'Mixed_7c': block_e(max3),
}


class Unit(nn.Module):
    """A `C` as a module: x [B, H, W, Cin] -> [B, H', W', width], never negative."""

    spec: C

    @nn.compact
    def __call__(self, x: Array) -> Array:
        _, width, kernel, stride, padding = self.spec
        return nn.relu(nn.Conv(width, kernel, stride, padding, name='conv')(x))


def follow(branch: Branch, x: Array) -> Array:
    """Applies the steps of a branch one after another, as submodules of the calling module."""
    for step in branch:
        if isinstance(step, C):
            x = Unit(step, name=step.name)(x)
        elif isinstance(step, Fork):
            x = jnp.concatenate([Unit(c, name=c.name)(x) for c in step], axis=-1)
        else:
            x = step(x)
    return x


class Block(nn.Module):
    """Branches of the same input, their channels side by side."""

    branches: tuple[Branch, ...]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        return jnp.concatenate([follow(branch, x) for branch in self.branches], axis=-1)


class Inception(nn.Module):
    """The network.

    Input: float [B, H, W, 3] in [-1, 1], H and W at least 75 (FID's: 299). Output: a dict of

      features [B, 2048]: the mean over the pixels of the last block ("pool3"). logits_unbiased [B, 1008]: the
      last layer without its bias, which the published Inception scores leave out. logits [B, 1008]: the same
      with the bias.

    Flax itself returns the output of every module (each convolution after its ReLU, each block) as well:
    `Inception().apply(variables, x, capture_intermediates=True, mutable='intermediates')`.
    """

    @nn.compact
    def __call__(self, x: Array) -> dict[str, Array]:
        x = follow(STEM, x)
        for name, branches in BLOCKS.items():
            x = Block(branches, name=name)(x)
        features = x.mean((1, 2))
        logits = nn.Dense(CLASSES, use_bias=False, name='fc')(features)
        bias = self.param('fc_bias', nn.initializers.zeros, (CLASSES,))
        return {'features': features, 'logits_unbiased': logits, 'logits': logits + bias}


def structure() -> Any:
    """The shapes of the network's variables."""
    return jax.eval_shape(Inception().init, rng.key(0), jnp.zeros((1, SIZE, SIZE, 3)))


def extract(variables: Any, images: Array, resizer: resize.Resizer = resize.tf1) -> dict[str, Array]:
    """Features, logits and probabilities of images. Pure, to be jitted.

    Images are resized to 299x299 and scaled to [-1, 1] by (x - 128) / 128. Products are in full float32 on
    every device: with TF32 the result would depend on the hardware.

    Args:
      variables: The network's variables.
      images: uint8 [B, H, W, 1 or 3].
      resizer: Resizes the images.

    Returns:
      features float32 [B, 2048], logits_unbiased and logits float32 [B, 1008], and probabilities, the
      softmax(logits_unbiased) of the Inception score as torch-fidelity computes it.

    Raises:
      GaxError: The images have another dtype or shape.
    """
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or images.dtype != jnp.uint8:
        raise errors.GaxError(
            f'inception: wants uint8 images [B, H, W, 1 or 3], got {images.dtype} {list(images.shape)}'
        )
    with jax.default_matmul_precision('float32'):
        x = resizer(images, SIZE)
        x = jnp.broadcast_to(x, (*x.shape[:3], 3))  # grey ones three times
        out: Any = Inception().apply(variables, (x - 128.0) / 128.0)
    return {**out, 'probabilities': jax.nn.softmax(out['logits_unbiased'])}
