"""From chunks of examples to the statistics that metrics need.

Features are computed on the devices, sums on the host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from gax.core import rng, sample
from gax.core.spec import KINDS, Spec
from gax.core.types import Array, Batch, Game, TrainState
from gax.data.source import Source
from gax.distributed import sharding
from gax.evals.features.extractors import Extractor
from gax.evals.metric import PAIRED, Samples
from gax.evals.metrics import fid

# Examples in one merge of moments: its cost, a few [D, D] matrices, does not depend on their number.
BLOCK = 2048
OF_FEATURES = ('moments', 'features', 'probabilities')
HELD = ('x', *PAIRED)  # fields that may be kept of the first examples alone, for the memory


class Chunk(NamedTuple):
    """A batch of examples, possibly padded.

    Attributes:
      x: Examples as they are evaluated, see `EVALUATED`, [B, ...]; B is the same in all chunks.
      label: int32 [B], or None.
      valid: The number of examples that count; the rest is padding.
      beside: Further fields of Samples of the same examples, [B, ...]: see metric.PAIRED.
    """

    x: Any
    label: Any
    valid: int
    beside: Mapping[str, Any] = MappingProxyType({})


def as_bytes(x: Array) -> Array:
    """[-1, 1] -> uint8, as it would be saved."""
    return jnp.clip(jnp.rint((x.astype(jnp.float32) + 1.0) * 127.5), 0, 255).astype(jnp.uint8)


def as_floats(x: Array) -> Array:
    """float32."""
    return x.astype(jnp.float32)


# kind -> (conversion, its dtype); other kinds become float32.
EVALUATED: dict[str, tuple[Callable[[Array], Array], Any]] = {
    'image': (as_bytes, np.uint8),
    'video': (as_bytes, np.uint8),
    'tokens': (lambda x: x.astype(jnp.int32), np.int32),
}
OTHERS: tuple[Callable[[Array], Array], Any] = (as_floats, np.float32)


def as_evaluated(batch: Any, spec: Spec | None = None) -> tuple[Array, Array | None]:
    """The examples of a batch, or of fakes, as they are evaluated, and their labels. Pure.

    Args:
      batch: Arrays by field.
      spec: The spec of the data, whose target is evaluated. None: the field that is called after its kind.

    Returns:
      (images and videos uint8, as they would be saved, tokens int32, other kinds float32; labels int32 [B]
      or None).
    """
    name = spec.target if spec else next(kind for kind in KINDS if kind in batch)
    kind = spec.fields[name].kind if spec else name
    return EVALUATED.get(kind, OTHERS)[0](batch[name]), batch.get('label')


def size_of(batch: int, mesh: Mesh) -> int:
    """The least batch size from `batch` up that can be sharded evenly over the devices."""
    return -(-batch // mesh.size) * mesh.size


def reader(source: Source, arrays: Any, mesh: Mesh) -> Callable[[np.ndarray, int, int], Iterator[Chunk]]:
    """(indices, batch, seed) -> chunks of these examples, in order.

    The seed matters only to infinite sources, which draw their examples.

    Args:
      source: The data.
      arrays: The source's arrays, on the devices.
      mesh: The devices that batches are sharded over.
    """
    read = jax.jit(
        lambda arrays, rows, key: as_evaluated(source.read(arrays, rows, key), source.spec),
        out_shardings=sharding.rows(mesh),
    )

    def chunks(indices: np.ndarray, batch: int, seed: int) -> Iterator[Chunk]:
        for i, start in enumerate(range(0, len(indices), batch)):
            part = indices[start : start + batch]
            rows: Any = np.resize(part, batch)
            rows = source.fetch(rows) if source.fetch else rows
            key = jax.random.fold_in(rng.key(seed), i)
            x, label = read(arrays, rows, key)
            yield Chunk(x, label, len(part))

    return chunks


def generator(game: Game, mesh: Mesh, spec: Spec | None = None) -> Callable[..., Iterator[Chunk]]:
    """(state, conditions, num, batch, seed) -> chunks of fakes by the averaged parameters.

    `conditions` are NumPy arrays [num, ...] by name: the generator's inputs other than noise, such as
    {'label': int32 [num]}, or {}. The chunks depend only on the seed, the conditions and the state. One
    compiled program generates all of them, at every step of a run (one for each phase of training).

    Args:
      game: The game, whose generator makes the fakes.
      mesh: The devices that batches are sharded over.
      spec: The spec of the data, see `as_evaluated`.
    """

    def make(
        state: TrainState, key: Array, inputs: Batch, batch: int, phase: str
    ) -> tuple[Array, Array | None]:
        return as_evaluated(sample.sample(game, state, key, batch, inputs, phase=phase), spec)

    rows = sharding.rows(mesh)  # the state keeps its sharding
    compiled = jax.jit(
        sharding.under(mesh, make), static_argnums=(3, 4), in_shardings=(None, None, rows), out_shardings=rows
    )

    def chunks(
        state: TrainState, conditions: Mapping[str, np.ndarray], num: int, batch: int, seed: int
    ) -> Iterator[Chunk]:
        phase = game.phase_at(int(state.step)) if game.phases else ''
        for i, start in enumerate(range(0, num, batch)):
            part = {
                name: np.resize(x[start : start + batch], (batch, *x.shape[1:]))
                for name, x in conditions.items()
            }
            key = jax.random.fold_in(rng.key(seed), i)
            fakes = compiled(state, key, part, batch, phase)[0]
            yield Chunk(fakes, part.get('label'), min(batch, num - start))

    return chunks


def gatherer(
    extractor: Extractor | None, needs: Iterable[str], mesh: Mesh, most: int = 0
) -> Callable[[Iterable[Chunk]], Samples]:
    """chunks -> Samples with the fields in `needs`.

    Batches are sharded over the devices; statistics are float64.

    Args:
      extractor: The features, or None if no metric needs any.
      needs: Fields of Samples.
      mesh: The devices.
      most: The number of examples to hold, the first ones; 0: all.
    """
    wanted = set(needs)
    rows, replicated = sharding.rows(mesh), sharding.replicated(mesh)
    compiled = variables = None
    if extractor is not None and wanted & set(OF_FEATURES):
        kept = {'features' if name == 'moments' else name for name in wanted & set(OF_FEATURES)}
        apply, variables = extractor.apply, jax.device_put(extractor.variables, replicated)

        def extract(variables: Any, x: Array) -> dict[str, Array]:
            outputs = apply(variables, x)
            return {name: outputs[name] for name in kept}

        compiled = jax.jit(extract, in_shardings=(replicated, rows), out_shardings=rows)

    def gather(chunks: Iterable[Chunk]) -> Samples:
        gathered = Gathered(wanted, most)
        waiting = None
        for chunk in chunks:
            outputs = {} if compiled is None else compiled(variables, jax.device_put(chunk.x, rows))
            if waiting:  # read only after the next chunk is dispatched
                gathered.add(*waiting)
            waiting = chunk, outputs
        if waiting:
            gathered.add(*waiting)
        return gathered.samples()

    return gather


class Gathered:
    """The statistics of the chunks so far."""

    def __init__(self, wanted: set[str], most: int = 0) -> None:
        """Starts without any chunk.

        Args:
          wanted: Fields of Samples.
          most: See `gatherer`.
        """
        self._wanted, self._most, self._num = wanted, most, 0
        self._moments: fid.Moments | None = None
        self._parts: dict[str, list[np.ndarray]] = {}
        # Features that are not in the moments yet, the last of them possibly padded.
        self._block: list[Array] = []
        self._inside = 0  # the number of these features that are not padding

    def add(self, chunk: Chunk, outputs: dict[str, Array]) -> None:
        """Adds a chunk. A chunk with padding must be the last.

        Args:
          chunk: The examples.
          outputs: The extractor's outputs for the chunk, by name.
        """
        self._num += chunk.valid
        if 'moments' in self._wanted:
            self._block.append(outputs['features'])
            self._inside += chunk.valid
            if self._inside >= BLOCK:
                self._flush()
        fields: dict[str, Any] = {**outputs, 'x': chunk.x, 'labels': chunk.label, **chunk.beside}
        if self._most and self._num - chunk.valid >= self._most:
            fields.update(dict.fromkeys(HELD))
        for name in self._wanted & fields.keys():
            if fields[name] is not None:
                self._parts.setdefault(name, []).append(np.asarray(fields[name])[: chunk.valid])

    def _flush(self) -> None:
        one = fid.batch_moments(jnp.concatenate(self._block), self._inside)
        self._moments = one if self._moments is None else fid.merge(self._moments, one)
        self._block, self._inside = [], 0

    def samples(self) -> Samples:
        """The statistics of all chunks."""
        if self._block:
            self._flush()
        parts: dict[str, Any] = {name: np.concatenate(part) for name, part in self._parts.items()}
        if self._most:
            parts |= {name: parts[name][: self._most] for name in HELD if name in parts}
        return Samples(self._num, self._moments, **parts)


def joined(a: Samples, b: Samples, most: int) -> Samples:
    """The samples of both: moments of all, and the first `most` examples."""
    if not b.num:
        return a
    fields: dict[str, Any] = {}
    for name in ('features', 'probabilities', 'x', 'labels'):
        one, other = getattr(a, name), getattr(b, name)
        fields[name] = None if one is None or other is None else np.concatenate([one, other])[:most]
    return Samples(min(most, a.num + b.num), merged(a, b), **fields)


def merged(a: Samples, b: Samples) -> fid.Moments | None:
    """The moments of both, or None."""
    return None if a.moments is None or b.moments is None else fid.merge(a.moments, b.moments)
