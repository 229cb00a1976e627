"""The parts of an encoded row of a table, as networks and losses see it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Layout(NamedTuple):
    """The parts of an encoded row.

    Attributes:
      width: The numbers of a row.
      scalars: The places of the scalars, in [-1, 1].
      choices: (start, stop) of every choice, one-hot.
      categories: (start, stop) of the choices that are categories.
      counts: For each category, how many rows of the training set have each value.
    """

    width: int
    scalars: tuple[int, ...]
    choices: tuple[tuple[int, int], ...]
    categories: tuple[tuple[int, int], ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def values(self) -> np.ndarray:
        """The places of all values of all categories, int [C]. A condition has one element for each."""
        return np.concatenate([np.arange(*span) for span in self.categories] or [np.zeros(0, int)]).astype(
            int
        )

    @property
    def members(self) -> np.ndarray:
        """float32 [C, categories]: 1 where a value is of a category."""
        sizes = [stop - start for start, stop in self.categories]
        return np.repeat(np.eye(len(sizes), dtype=np.float32), sizes, axis=0)
