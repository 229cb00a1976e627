"""Fakes of games that make images from images, each beside the true image of its example.

The examples are those of a split, each read once, and evaluated with the target that belongs to it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from PIL import Image

from gax.core import rng, sample
from gax.core.spec import Spec
from gax.core.translation import MASK, Direction
from gax.core.types import Array, Batch, Game, TrainState
from gax.data.source import Source, to_unit
from gax.distributed import sharding
from gax.evals import paired
from gax.evals.collect import Chunk, as_bytes


class Task(NamedTuple):
    """What is translated.

    Attributes:
      game_of: arrays -> the game. `arrays` hold those of frozen networks, see training.experiment.with_arrays.
      source: The data; read without flips and crops.
      arrays: The arrays of the source, on the devices.
      ways: The directions of the game; the first one is evaluated, the second leads back.
      mesh: The devices that batches are sharded over.
    """

    game_of: Callable[[Any], Game]
    source: Source
    arrays: Any
    ways: tuple[Direction, ...]
    mesh: Mesh

    @property
    def spec(self) -> Spec:
        """The spec of the data."""
        return self.source.spec


def available(task: Task) -> frozenset[str]:
    """The fields of metric.PAIRED that fakes of this task have."""
    fields, way = task.spec.fields, task.ways[0]
    has = {'inputs'} | ({'targets'} if task.source.paired else set())
    has |= {'masks'} if MASK in fields and task.source.paired else set()
    back = Direction(way.target, way.source)
    return frozenset(has | ({'cycles'} if back in task.ways else set()))


def order(size: int, num: int) -> np.ndarray:
    """`num` examples of a set, each once if there are enough; a random choice that is always the same."""
    return np.random.default_rng(0).permutation(size)[np.arange(num) % size].astype(np.int32)


def rows_of(source: Source, indices: np.ndarray) -> Any:
    """What `source.read` takes for these examples, leaves [B, ...]."""
    return source.fetch(indices) if source.fetch else indices


def read_each(source: Source, arrays: Any, rows: Any, numbers: Array) -> Batch:
    """A batch whose random degradations are drawn for every example by its number alone. Pure.

    Args:
      source: The data.
      arrays: Its arrays.
      rows: See `rows_of`.
      numbers: int32 [B].
    """

    def one(row: Any, number: Array) -> Batch:
        key = jax.random.fold_in(rng.key(0), number)
        batch = source.read(arrays, jax.tree.map(lambda x: x[None], row), key)
        return {name: x[0] for name, x in batch.items()}

    return jax.vmap(one)(rows, numbers)


def maker(task: Task, wanted: Collection[str]) -> Callable[..., Iterator[Chunk]]:
    """(state, num, batch, seed) -> chunks of fakes by the averaged parameters, with the fields `wanted`.

    One compiled program makes all of them, at every step of a run (one for each phase).

    Args:
      task: The task.
      wanted: Fields of metric.PAIRED.
    """
    way, cycles = task.ways[0], 'cycles' in wanted

    def make(state: TrainState, arrays: Any, rows: Any, numbers: Array, key: Any, phase: str) -> Any:
        game = task.game_of(arrays)
        examples = read_each(task.source, arrays, rows, numbers)
        conditions = {name: examples[name] for name in game.conditions}
        fakes = sample.sample(game, state, key, len(numbers), conditions, phase=phase)
        beside = {'inputs': as_bytes(examples[way.source]), 'targets': as_bytes(examples[way.target])}
        if MASK in examples:
            beside['masks'] = (examples[MASK] > 0.5).astype(jnp.uint8)
        kept = {name: x for name, x in beside.items() if name in wanted}
        return as_bytes(fakes[way.target]), kept, fakes[way.target] if cycles else (), examples.get('label')

    def back(state: TrainState, arrays: Any, image: Array, key: Any, phase: str) -> Array:
        game = task.game_of(arrays)
        conditions = dict.fromkeys(game.conditions, image)
        fakes = sample.sample(game, state, key, len(image), conditions, phase=phase)
        return as_bytes(fakes[way.source])

    along = sharding.rows(task.mesh)
    compiled = jax.jit(
        sharding.under(task.mesh, make),
        static_argnums=5,
        in_shardings=(None, None, along, along, None),
        out_shardings=along,
    )
    there_and_back = jax.jit(
        sharding.under(task.mesh, back),
        static_argnums=4,
        in_shardings=(None, None, along, None),
        out_shardings=along,
    )

    def chunks(state: TrainState, num: int, batch: int, seed: int) -> Iterator[Chunk]:
        game = task.game_of(task.arrays)
        phase = game.phase_at(int(state.step)) if game.phases else ''
        for i, (indices, valid) in enumerate(batches(task, num, batch)):
            key = jax.random.fold_in(rng.key(seed), i)
            rows = rows_of(task.source, indices)
            x, beside, floats, label = compiled(state, task.arrays, rows, indices, key, phase)
            if cycles:
                between = (floats, to_unit(x), to_unit(jnp.asarray(compressed(np.asarray(x)))))
                returned = [there_and_back(state, task.arrays, image, key, phase) for image in between]
                beside = {**beside, 'cycles': np.stack([np.asarray(image) for image in returned], axis=1)}
            yield Chunk(x, label, valid, beside)

    return chunks


def batches(task: Task, num: int, batch: int) -> Iterator[tuple[np.ndarray, int]]:
    """(indices int32 [batch], how many of them count) of `num` examples."""
    whole = order(task.spec.size, num)
    for start in range(0, num, batch):
        part = whole[start : start + batch]
        yield np.resize(part, batch), len(part)


def compressed(images: np.ndarray) -> np.ndarray:
    """uint8 [N, H, W, 1 or 3] as they come back from JPEG of quality `paired.JPEG`, by Pillow."""
    out = np.empty_like(images)
    for i, image in enumerate(images):
        file = io.BytesIO()
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(
            file, 'JPEG', quality=paired.JPEG
        )
        out[i] = np.asarray(Image.open(file)).reshape(image.shape)
    return out


def inputs(task: Task, wanted: Collection[str]) -> Callable[[int, int], Iterator[Chunk]] | None:
    """(num, batch) -> chunks with the inputs themselves in place of the fakes: the baseline of every result.

    Args:
      task: The task.
      wanted: Fields of metric.PAIRED.

    Returns:
      The function; None where the input is no image that could stand for the target, see `as_target`.
    """
    way, fields = task.ways[0], task.spec.fields
    source, target = (fields[name].shape for name in way)
    if source[-1] != target[-1] and {source[-1], target[-1]} != {1, 3}:
        return None

    def make(arrays: Any, rows: Any, numbers: Array) -> Any:
        examples = read_each(task.source, arrays, rows, numbers)
        beside = {'inputs': as_bytes(examples[way.source]), 'targets': as_bytes(examples[way.target])}
        if MASK in examples:
            beside['masks'] = (examples[MASK] > 0.5).astype(jnp.uint8)
        stand_in = as_bytes(as_target(examples[way.source], examples.get(MASK), target))
        return stand_in, {name: x for name, x in beside.items() if name in wanted}

    along = sharding.rows(task.mesh)
    compiled = jax.jit(make, in_shardings=(None, along, along), out_shardings=along)

    def chunks(num: int, batch: int) -> Iterator[Chunk]:
        for indices, valid in batches(task, num, batch):
            x, beside = compiled(task.arrays, rows_of(task.source, indices), indices)
            if 'cycles' in wanted:  # an image that is left as it is comes back as it is
                beside = {**beside, 'cycles': np.stack([np.asarray(beside['inputs'])] * 3, axis=1)}
            yield Chunk(x, None, valid, beside)

    return chunks


def as_target(x: Array, mask: Array | None, shape: tuple[int, ...]) -> Array:
    """An input in the shape of the target. Pure.

    A hole is filled with the mean colour of the image's other pixels; one channel is repeated, three become
    their luminance; another size is resized bicubically (antialiased where it shrinks).

    Args:
      x: Float [B, h, w, c] in [-1, 1].
      mask: [B, h, w, 1], 1 in the hole; None for none.
      shape: (H, W, C).

    Returns:
      Float [B, H, W, C].
    """
    if mask is not None and mask.shape[1:3] == x.shape[1:3]:
        known = 1.0 - mask
        mean = (x * known).sum((1, 2), keepdims=True) / jnp.maximum(known.sum((1, 2), keepdims=True), 1.0)
        x = x * known + mean * mask
    if x.shape[-1] != shape[-1]:
        luminance = jnp.asarray([0.299, 0.587, 0.114])
        x = (x @ luminance)[..., None] if shape[-1] == 1 else jnp.repeat(x, shape[-1], axis=-1)
    if x.shape[1:3] != shape[:2]:
        x = jnp.clip(jax.image.resize(x, (len(x), *shape), 'cubic', antialias=True), -1.0, 1.0)
    return x
