"""Rows of a table that meet a condition: --where=income=1, asked of the generator and then checked."""

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

TRIES = 100  # rows that are drawn for each one that is wanted, at most,
FEWEST = 20 * CHUNK  # but so many in any case


class Wish(NamedTuple):
    """A value that a column must have.

    Attributes:
      place: The column, a category, and where it is.
      value: The place of the value in the column's choice.
    """

    place: Place
    value: int


class Found(NamedTuple):
    """Rows that meet the wishes.

    Attributes:
      rows: Encoded, float32 [num, width].
      drawn: How many rows were drawn to find them.
      rejected: How many of these do not meet the wishes.
      asked: Whether the generator was asked for the first wish.
    """

    rows: np.ndarray
    drawn: int
    rejected: int
    asked: bool


def wishes(texts: Sequence[str], spec: Spec) -> list[Wish]:
    """The wishes in the texts COLUMN=VALUE; COLUMN= means a missing value.

    Args:
      texts: The texts.
      spec: The data of the run.

    Raises:
      GaxError: The data is no encoded table, there is no such column, it is no category, or it has no such
        value. The message names the nearest column or value.
    """
    encoding = columns.of_info(spec.fields[spec.target].info)
    if encoding is None:
        raise errors.GaxError(f'--where={texts[0]}: {spec.name} is no table that was read by table:FILE.csv')
    places = {place.column.name: place for place in columns.categories(encoding)}
    found = []
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
            found.append(Wish(places[name], len(column.values)))
            continue
        errors.lookup(f'value of {name} in --where', value, dict.fromkeys(column.values))
        found.append(Wish(places[name], column.values.index(value)))
    return found


def meets(rows: np.ndarray, wanted: Sequence[Wish]) -> np.ndarray:
    """Which encoded rows [N, width] meet all wishes, bool [N]."""
    met: np.ndarray = np.ones(len(rows), bool)
    for (_, start, stop), value in wanted:
        met &= rows[:, start:stop].argmax(axis=1) == value
    return met


def condition(built: Experiment, wish: Wish) -> np.ndarray | None:
    """The condition that asks a generator for a wish, float32 [C], one element for each value of a category.

    Returns:
      None if the generator takes no such condition.
    """
    spec = built.source.spec
    encoding = columns.of_info(spec.fields[spec.target].info)
    assert encoding is not None
    places = columns.categories(encoding)
    latents = jax.eval_shape(lambda key: built.game.sample_latents(key, 2, {}), rng.key(0))
    size = sum(place.column.choices for place in places)
    if 'condition' not in latents or latents['condition'].shape[1:] != (size,):
        return None
    before = sum(place.column.choices for place in places if place.start < wish.place.start)
    asked: np.ndarray = np.zeros(size, np.float32)
    asked[before + wish.value] = 1.0
    return asked


def draw(job: Job, wanted: Sequence[Wish]) -> Found:
    """Draws rows until as many as requested meet the wishes.

    The generator is asked for the first wish, if it can be; rows that do not meet all are rejected.

    Args:
      job: The job.
      wanted: The wishes, at least one.

    Raises:
      GaxError: Of max(FEWEST, TRIES * num) rows too few meet them.
    """
    built, num = job.built, job.request.num
    phase, target = built.game.phase_at(job.step), built.source.spec.target
    asked = condition(built, wanted[0])
    given: Batch = {} if asked is None else {'condition': np.tile(asked, (CHUNK, 1))}

    @jax.jit
    def chunk(state: TrainState, key: Array, given: Batch) -> Any:
        return sample.sample(built.game, state, key, CHUNK, given, phase=phase)[target]

    kept: list[np.ndarray] = []
    count = drawn = rejected = 0
    while count < num:
        if drawn >= max(FEWEST, TRIES * num):
            names = ', '.join(job.request.where)
            raise errors.GaxError(
                f'--where={names}: of {drawn:,} rows that were drawn {count} meet it, and {num} are wanted; '
                'ask for fewer, or train longer'
            )
        key = jax.random.fold_in(rng.key(job.request.seed), drawn)
        rows = np.asarray(chunk(job.state, key, given))
        met = meets(rows, wanted)
        kept.append(rows[met])
        count, drawn, rejected = count + int(met.sum()), drawn + CHUNK, rejected + int((~met).sum())
    return Found(np.concatenate(kept)[:num], drawn, rejected, asked is not None)


def said(found: Found, where: Sequence[str]) -> str:
    """A description of what was found."""
    how = 'asked of the generator' if found.asked else 'by rejection alone'
    return (
        f'{len(found.rows)} rows with {", ".join(where)} ({how}; of {found.drawn} drawn '
        f'{found.rejected} were '
        'rejected)'
    )
