"""Translates the images of a user by a trained run that makes images from images."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gax import errors
from gax.core import rng
from gax.data import decode, preprocess
from gax.sampling import image_files, tiles
from gax.sampling.image_files import Item
from gax.sampling.translator import Request, Translator, opened, through
from gax.viz.images import to_uint8

log = logging.getLogger('gax')


def translate(request: Request) -> tuple[int, int]:
    """Translates the images that are requested, and writes a PNG for each (for each sample of each).

    Args:
      request: The request.

    Returns:
      (the number of files written, the step of the checkpoint).

    Raises:
      GaxError: The run makes no images from images, or an image, a mask or a number does not go with it.
    """
    check(request)
    items = image_files.listed(request.input, request.mask)
    translator, step = opened(request)
    targets = [files_of(request, item, len(items)) for item in items]
    plans = [plan_of(translator, request, decode.shape(item.image)[:2]) for item in items]
    from tqdm import tqdm

    total = sum(len(plan.places) for plan in plans) * request.samples
    with (
        errors.plain_os_errors(request.out),
        tqdm(total=total, desc='translating', unit='tile', dynamic_ncols=True, disable=None) as bar,
    ):
        for number, (item, plan, files) in enumerate(zip(items, plans, targets, strict=True)):
            one(translator, request, item, plan, files, number, bar.update)
    return len(items) * request.samples, step


def check(request: Request) -> None:
    """Raises GaxError for numbers out of range."""
    errors.in_range('--seed', request.seed, *errors.SEEDS)
    if request.samples < 1:
        raise errors.GaxError(f'--samples must be positive, and is {request.samples}')
    if request.tile < 0 or request.scale < 0:
        raise errors.GaxError(f'--tile={request.tile}, --scale={request.scale}: neither can be below 0')
    if not 0 <= request.alpha <= 1:
        raise errors.GaxError(f'--alpha={request.alpha} must be from 0 to 1')


def plan_of(translator: Translator, request: Request, size: tuple[int, ...]) -> tiles.Layout:
    """The tiles of an image of (H, W) = `size`.

    Raises:
      GaxError: The overlap is as large as a tile.
    """
    least = translator.trained
    plan = tiles.layout((size[0], size[1]), least, request.tile, 0)
    overlap = min(plan.tile) // 4 if request.overlap < 0 else request.overlap
    if overlap >= min(plan.tile):
        raise errors.GaxError(
            f'--overlap={overlap} must be below the sides of the tiles, {plan.tile[1]}x{plan.tile[0]}'
        )
    return tiles.layout((size[0], size[1]), least, request.tile, overlap)


def files_of(request: Request, item: Item, count: int) -> list[Path]:
    """The files of an image's results, one for each sample.

    Raises:
      GaxError: --out is a file and there are several results, or a result would replace its image.
    """
    single = request.out.suffix.lower() == '.png'
    if single and count * request.samples > 1:
        raise errors.GaxError(
            f'--out={request.out} is one file, and {count * request.samples} are made: name a folder'
        )
    if not single and request.out.suffix.lower() in decode.SUFFIXES:
        raise errors.GaxError(f'--out={request.out}: results are written as .png, or into a folder')
    stem = request.out.with_suffix('') if single else request.out / item.name
    ends = [f'_{i}' for i in range(request.samples)] if request.samples > 1 else ['']
    files = [stem.with_name(f'{stem.name}{end}.png') for end in ends]
    if item.image.resolve() in (file.resolve() for file in files):
        raise errors.GaxError(f'--out={request.out}: {item.image} would be replaced by its result')
    return files


def one(
    translator: Translator,
    request: Request,
    item: Item,
    plan: tiles.Layout,
    files: list[Path],
    number: int,
    done: Callable[[int], Any],
) -> None:
    """Translates one image and writes its results."""
    picture = image_files.read(item.image, translator.channels[0])
    pixels = picture.pixels
    mask = image_files.read_mask(item, pixels.shape[:2], request.hole) if item.mask else None
    unit = pixels.astype(np.float32) / 127.5 - 1
    if mask is not None:
        unit = np.where(mask > 0, 0.0, unit).astype(np.float32)  # as data.degrade makes holes
    results = []
    for i, file in enumerate(files):
        key = jax.random.fold_in(jax.random.fold_in(rng.key(request.seed), number), i)
        output = to_uint8(through(translator, unit, mask, plan, key, done))
        if mask is not None and output.shape == pixels.shape:
            output = np.where(mask > 0, output, pixels)  # what is known stays as it is
        if request.scale:
            output = preprocess.resize(output, scaled(pixels.shape, request.scale))
        image_files.save(output, picture.opacity, file)
        results.append(output)
    if number == 0 and len(results) > 1 and all((x == results[0]).all() for x in results):
        log.warning('all %d samples of %s are equal: this generator draws nothing', len(results), item.image)


def scaled(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """(H, W) of an image `scale` times as large."""
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))
