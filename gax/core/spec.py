"""What networks and recipes need to know of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Spec(NamedTuple):
    """What a recipe needs to know of the data.

    fields: float fields of a batch and their shapes, without the batch axis: {'image': (H, W, C)}, {'point':
        (2,)}.
    num_classes: 0 where there are no labels. size: examples; 0 for a source without end. classes: the names
    of the classes, in the order of their labels; empty where nobody named them.
    """

    name: str
    fields: Mapping[str, tuple[int, ...]]
    num_classes: int = 0
    size: int = 0
    classes: tuple[str, ...] = ()
