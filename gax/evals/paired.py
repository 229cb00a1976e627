"""Metrics that compare every fake with the true image of its example: see gax.evals.metric.Metric.paired.

They are for games that make images from images. Images are compared as they would be saved, uint8, with all
their channels, and nothing is cropped. Every number is the mean over the examples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gax.data.source import to_unit
from gax.evals.metric import HIGHER, LOWER, Metric, Samples
from gax.evals.metrics import color_histogram, image_pairs
from gax.nets import lpips

BATCH = 32  # of LPIPS
BETWEEN = ('cycle', 'cycle_8bit', 'cycle_jpeg')  # the numbers of `cycle`, in the order of Samples.cycles
JPEG = 75  # the quality of the JPEG between, as Pillow counts, with its chroma of half the resolution


def _l1(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    return {'l1': image_pairs.l1(fake.x, fake.targets).mean()}


def _psnr(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    numbers = {'psnr': image_pairs.psnr(fake.x, fake.targets).mean()}
    if fake.x.shape[-1] == 3:
        numbers['psnr_y'] = image_pairs.psnr_y(fake.x, fake.targets).mean()
    return numbers


def _ssim(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    return {'ssim': image_pairs.ssim(fake.x, fake.targets).mean()}


def _histogram(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    shares = color_histogram.intersections(fake.x, fake.targets)
    return {f'histogram_{name}': share for name, share in shares.items()}


def _hole(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    images = fake.x, fake.targets, fake.masks
    return {
        'hole_l1': image_pairs.hole_l1(*images).mean(),
        'hole_psnr': image_pairs.hole_psnr(*images).mean(),
    }


def _cycle(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    """L1 between inputs and the inputs translated there and back.

    A generator may hide its input in the fake as a faint signal, so that a cycle is perfect although the
    translation lost what it must restore (Chu, Zhmoginov and Sandler, "CycleGAN, a Master of Steganography",
    2017). Rounding to 8 bits and JPEG in between destroy such a signal, and the error rises.
    """
    return {
        name: image_pairs.l1(np.ascontiguousarray(fake.cycles[:, i]), fake.inputs).mean()
        for i, name in enumerate(BETWEEN)
    }


@cache
def _distances(network: str) -> Callable[[Any, Any, Any], Any]:
    """The compiled LPIPS: (params, x uint8 [B, H, W, C], y) -> [B]."""

    def distance(params: Any, x: Any, y: Any) -> Any:
        return lpips.distance(network, params, to_unit(x), to_unit(y))

    return jax.jit(distance)


def _lpips(network: str, real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    """LPIPS of version 0.1; images whose shorter side is below 64 are enlarged bilinearly to it."""
    params, values = lpips.load(network), []
    for start in range(0, len(fake.x), BATCH):
        x, y = (images[start : start + BATCH] for images in (fake.x, fake.targets))
        full = (BATCH, *x.shape[1:])  # one program for all
        padded = _distances(network)(params, jnp.asarray(np.resize(x, full)), jnp.asarray(np.resize(y, full)))
        values.append(np.asarray(padded)[: len(x)])
    return {f'lpips_{network}': float(np.concatenate(values).astype(np.float64).mean())}


def _metric(
    measure: Callable[[Samples, Samples, int], Mapping[str, float]],
    gives: Mapping[str, str],
    needs: tuple[str, ...] = ('x', 'targets'),
    **limits: Any,
) -> Metric:
    return Metric(needs, gives, measure, (0, 1), False, kinds=('image',), **limits)


METRICS: dict[str, Metric] = {
    'l1': _metric(_l1, {'l1': LOWER}),
    'psnr': _metric(_psnr, {'psnr': HIGHER, 'psnr_y': HIGHER}),
    'ssim': _metric(_ssim, {'ssim': HIGHER}, side=image_pairs.WINDOW),
    'histogram': _metric(
        _histogram, {f'histogram_{c}': HIGHER for c in color_histogram.EDGES}, channels=(3,)
    ),
    'hole': _metric(_hole, {'hole_l1': LOWER, 'hole_psnr': HIGHER}, ('x', 'targets', 'masks')),
    'cycle': _metric(_cycle, dict.fromkeys(BETWEEN, LOWER), ('inputs', 'cycles')),
    'lpips_alex': _metric(partial(_lpips, 'alex'), {'lpips_alex': LOWER}, channels=(1, 3)),
    'lpips_vgg': _metric(partial(_lpips, 'vgg'), {'lpips_vgg': LOWER}, channels=(1, 3)),
}
DEFAULT = ('l1', 'psnr', 'ssim', 'histogram', 'hole')  # where they apply


def why_not(name: str, requested: Metric, has: frozenset[str]) -> str:
    """The reason why fakes with the fields `has` of PAIRED lack what a metric needs; '' if they do not."""
    lacking = {
        'targets': f'{name} compares every fake with the true image of its example, and here there is none: '
        'it takes a game that makes images from images, and pairs of them (for domains without pairs, '
        'a split '
        'that has some)',
        'masks': f'{name} is measured in the holes of a mask, and the data has none '
        '(config.data.condition=mask:...)',
        'cycles': f'{name} is of games that translate both ways, and this one does not',
        'inputs': f'{name} is of games that make images from images',
    }
    if name.startswith('lpips_') and not lpips.available():
        return f'{name} needs weights: {lpips.INSTALL}'
    return next(
        (reason for need, reason in lacking.items() if need in requested.needs and need not in has), ''
    )
