"""Encoded rows of a table as a generator makes them: activations, conditions, reconstruction.

A layout lists where scalars and choices are in a row, see gax.data.columns. Functions here know no names.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gax.core.layout import Layout
from gax.core.types import Array, Key


def activated(layout: Layout, raw: Array, key: Key, temperature: float) -> Array:
    """A generator's numbers as a row: tanh for scalars, Gumbel-softmax for choices.

    Jang et al., "Categorical Reparameterization with Gumbel-Softmax", 2017, eq. 2.

    Args:
      layout: The layout.
      raw: float [B, width].
      key: Of the Gumbel noise.
      temperature: Positive; the lower, the closer to one-hot.

    Returns:
      float [B, width]: scalars in [-1, 1], choices from 0 to 1 with sum 1.
    """
    noisy = (raw + jax.random.gumbel(key, raw.shape, raw.dtype)) / temperature
    return by_part(layout, jnp.tanh(raw), [jax.nn.softmax(noisy[:, a:b]) for a, b in layout.choices])


def by_part(layout: Layout, scalars: Array, choices: Sequence[Array]) -> Array:
    """[B, width] of `scalars` [B, width], whose other columns are ignored, and an array for each choice."""
    parts = [(place, scalars[:, place : place + 1]) for place in layout.scalars]
    parts += [(start, choice) for (start, _), choice in zip(layout.choices, choices, strict=True)]
    return jnp.concatenate([part for _, part in sorted(parts, key=lambda part: part[0])], axis=-1)


def log_shares(layout: Layout) -> np.ndarray:
    """The share of each value of a category by log frequency, float64 [C]: log(1 + n) over their sum.

    Xu et al., 2019, section 4.3.
    """
    shares = [np.log1p(counts) / np.log1p(counts).sum() for counts in layout.counts]
    return np.concatenate(shares or [np.zeros(0)])


def rates(layout: Layout) -> np.ndarray:
    """log_shares / n, float64 [C]; 0 for a value of no row.

    Training by sampling (Xu et al., 2019, section 4.3) draws a category uniformly, one of its values by log
    frequency, and a row among those that have it. A row is so drawn with a probability proportional to the
    sum of the rates of its values; and given the row, the category was drawn with a probability proportional
    to the rate of the row's value. `drawn_with` draws it in this order.
    """
    counts = np.concatenate([*map(np.asarray, layout.counts)] or [np.zeros(0)])
    return log_shares(layout) / np.maximum(counts, 1) * (counts > 0)


def weights(layout: Layout, rows: np.ndarray) -> np.ndarray:
    """How often training by sampling draws each row, float64 [N], not normalised; see `rates`.

    Args:
      layout: The layout.
      rows: [N, width], encoded.
    """
    return rows[:, layout.values].astype(np.float64) @ rates(layout)


def drawn_with(layout: Layout, rows: Array, key: Key) -> Array:
    """The conditions with which training by sampling has drawn these rows, one-hot float [B, C]; see `rates`.

    Args:
      layout: The layout.
      rows: [B, width], encoded.
      key: A PRNG key.
    """
    values = rows[:, layout.values]
    if not layout.categories:
        return values
    by_category = values @ jnp.asarray(rates(layout)[:, None] * layout.members, values.dtype)
    category = jax.random.categorical(key, jnp.log(by_category))
    return values * jnp.asarray(layout.members.T)[category]


def by_frequency(layout: Layout, num: int, key: Key) -> Array:
    """Conditions for samples, one-hot float32 [num, C]: a category uniformly, a value by its frequency."""
    if not layout.categories:
        return jnp.zeros((num, 0))
    first, second = jax.random.split(key)
    counts = np.concatenate([*map(np.asarray, layout.counts)]).astype(np.float32)
    of_category = np.where(layout.members.T > 0, counts, 0.0)  # [categories, C]
    category = jax.random.randint(first, (num,), 0, len(layout.categories))
    value = jax.random.categorical(second, jnp.log(jnp.asarray(of_category))[category])
    return jax.nn.one_hot(value, len(counts))


def log_probabilities(layout: Layout, raw: Array) -> Array:
    """The log-probability of every value of every category, float [B, C], by softmax of a generator's
    numbers.

    Args:
      layout: The layout.
      raw: float [B, width].
    """
    parts = [jax.nn.log_softmax(raw[:, a:b]) for a, b in layout.categories]
    return jnp.concatenate(parts, axis=-1) if parts else raw[:, :0]


def reconstruction(layout: Layout, raw: Array, rows: Array, stds: Array) -> Array:
    """Minus the log-likelihood of rows in nats, without its constants, float [B].

    Scalars are normal with mean tanh(raw), choices are drawn by softmax (Xu et al., 2019, section 4.5).

    Args:
      layout: The layout.
      raw: float [B, width], of a decoder.
      rows: [B, width], encoded.
      stds: float [scalars], the standard deviations of the scalars.
    """
    scalars = np.array(layout.scalars, int)
    gap = rows[:, scalars] - jnp.tanh(raw[:, scalars])
    total = jnp.sum(0.5 * jnp.square(gap / stds[None]), axis=-1) + jnp.sum(jnp.log(stds))
    for a, b in layout.choices:
        total -= jnp.sum(rows[:, a:b] * jax.nn.log_softmax(raw[:, a:b]), axis=-1)
    return total
