"""Rows of a table with given values of categories, --where=income=1: conditional and rejection sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from gax import errors
from gax.core import rng, sample
from gax.core.spec import Spec
from gax.core.types import Array, Batch, TrainState
from gax.data import columns
from gax.data.columns import Place
from gax.sampling.sampler import CHUNK, Job
from gax.training.experiment import Experiment

# The most rows that are drawn: this many for each requested one, and this many in any case.
DRAWS_PER_ROW = 100
LEAST_DRAWS = 20 * CHUNK


class Predicate(NamedTuple):
    """The value that a column of category type must have.

    Attributes:
      place: The column, and its one-hot encoding in an encoded row.
      category: The index of the value in the one-hot encoding.
    """

    place: Place
    category: int


class Accepted(NamedTuple):
    """Generated rows that satisfy all predicates.

    Attributes:
      rows: Encoded, float32 [num, width].
      drawn: How many rows the generator made.
      rejected: How many of these do not satisfy the predicates.
      conditioned: Whether the generator was conditioned on the first predicate.
    """

    rows: np.ndarray
    drawn: int
    rejected: int
    conditioned: bool


def parse(texts: Sequence[str], spec: Spec) -> list[Predicate]:
    """The predicates in the texts COLUMN=VALUE; COLUMN= means a missing value.

    Args:
      texts: The texts.
      spec: The data of the run.

    Returns:
      A predicate for each text.

    Raises:
      GaxError: The data is no encoded table, there is no such column, it is no category, or it has no such
        value. The message names the nearest column or value.
    """
    encoding = columns.of_info(spec.fields[spec.target].info)
    if encoding is None:
        raise errors.GaxError(f'--where={texts[0]}: {spec.name} is no table that was read by table:FILE.csv')
    places = {place.column.name: place for place in columns.categories(encoding)}
    predicates = []
    for text in texts:
        name, equals, value = text.partition('=')
        if not equals:
            raise errors.GaxError(f'--where={text} must be COLUMN=VALUE, such as income=1')
        column = columns.find(encoding, name, '--where')
        if name not in places:
            raise errors.GaxError(
                f'--where={text}: {name} is {column.kind}, and a condition is a value of a category: '
                f'{", ".join(places) or "there is none"}'
            )
        if not value and column.missing:
            predicates.append(Predicate(places[name], len(column.values)))
            continue
        errors.lookup(f'value of {name} in --where', value, dict.fromkeys(column.values))
        predicates.append(Predicate(places[name], column.values.index(value)))
    return predicates


def satisfied(rows: np.ndarray, predicates: Sequence[Predicate]) -> np.ndarray:
    """Which encoded rows, float [N, width], satisfy all predicates, bool [N]."""
    accepted: np.ndarray = np.ones(len(rows), bool)
    for (_, start, stop), category in predicates:
        accepted &= rows[:, start:stop].argmax(axis=1) == category
    return accepted


def condition_vector(built: Experiment, predicate: Predicate) -> np.ndarray | None:
    """The condition of a conditional generator of tables (CTGAN) for one predicate.

    Args:
      built: The experiment of the run.
      predicate: The predicate.

    Returns:
      float32 [C], 1 at the predicate's category and 0 at all others, the one-hot encodings of all columns of
      category type in a row; None if the generator takes no such condition.
    """
    spec = built.source.spec
    encoding = columns.of_info(spec.fields[spec.target].info)
    assert encoding is not None
    places = columns.categories(encoding)
    latents = jax.eval_shape(lambda key: built.game.sample_latents(key, 2, {}), rng.key(0))
    size = sum(place.column.choices for place in places)
    if 'condition' not in latents or latents['condition'].shape[1:] != (size,):
        return None
    before = sum(place.column.choices for place in places if place.start < predicate.place.start)
    vector: np.ndarray = np.zeros(size, np.float32)
    vector[before + predicate.category] = 1.0
    return vector


def draw(job: Job, predicates: Sequence[Predicate]) -> Accepted:
    """Draws rows until as many as requested satisfy the predicates.

    A generator that takes such a condition is conditioned on the first predicate. Rows that do not satisfy
    all of them are rejected.

    Args:
      job: The job.
      predicates: The predicates, at least one.

    Returns:
      The rows, job.request.num of them.

    Raises:
      GaxError: Of max(LEAST_DRAWS, DRAWS_PER_ROW * num) rows too few satisfy them.
    """
    built, num = job.built, job.request.num
    phase, target = built.game.phase_at(job.step), built.source.spec.target
    vector = condition_vector(built, predicates[0])
    conditions: Batch = {} if vector is None else {'condition': np.tile(vector, (CHUNK, 1))}

    @jax.jit
    def chunk(state: TrainState, key: Array, conditions: Batch) -> Any:
        return sample.sample(built.game, state, key, CHUNK, conditions, phase=phase)[target]

    chunks: list[np.ndarray] = []
    count = drawn = rejected = 0
    while count < num:
        if drawn >= max(LEAST_DRAWS, DRAWS_PER_ROW * num):
            names = ', '.join(job.request.where)
            raise errors.GaxError(
                f'--where={names}: of {drawn:,} rows that were drawn {count} meet it, and {num} are wanted; '
                'ask for fewer, or train longer'
            )
        key = jax.random.fold_in(rng.key(job.request.seed), drawn)
        rows = np.asarray(chunk(job.state, key, conditions))
        accepted = satisfied(rows, predicates)
        chunks.append(rows[accepted])
        count, drawn = count + int(accepted.sum()), drawn + CHUNK
        rejected += int((~accepted).sum())
    return Accepted(np.concatenate(chunks)[:num], drawn, rejected, vector is not None)


def description(accepted: Accepted, where: Sequence[str]) -> str:
    """How many rows satisfy the texts COLUMN=VALUE, how they were sampled, and how many were rejected."""
    how = 'asked of the generator' if accepted.conditioned else 'by rejection alone'
    return (
        f'{len(accepted.rows)} rows with {", ".join(where)} ({how}; of {accepted.drawn} drawn '
        f'{accepted.rejected} were rejected)'
    )
