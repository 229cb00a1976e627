"""Checks that the classes of a feature extractor are those of the data, before labels are compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gax import errors
from gax.core.spec import Spec
from gax.evals.features.extractors import Extractor

RIGHT = 0.5  # the least accuracy on real examples of a classifier of the same classes


def refuse_other(extractor: Extractor, count: int, spec: Spec) -> None:
    """Checks that the extractor's classes are the data's, by name and in the same order.

    Args:
      extractor: The extractor.
      count: The number of its probabilities.
      spec: The description of the data. Unnamed classes are named by their labels.

    Raises:
      GaxError: They are not, or the data has no labels.
    """
    if not spec.num_classes:
        raise errors.GaxError(f'accuracy compares with labels, and {spec.name} has none')
    name, known = extractor.name, extractor.classes
    if not known:
        how = f'; say so in its file: {name.rpartition(":")[2]}.classes = (...)' if ':' in name else ''
        raise errors.GaxError(
            f'accuracy: nobody says which {count} classes the features {name} tell apart, and those of '
            f'{spec.name} are {shown(names(spec))}{how}'
        )
    of_features, of_data = plain(known), plain(names(spec))
    if len(known) != count or of_features != of_data:
        raise errors.GaxError(
            f'accuracy: the classes of the features {name} are {shown(known)}, and those of {spec.name} are '
            f'{shown(names(spec))}: their numbers do not mean the same; ask for other metrics'
        )


def refuse_unlike(extractor: Extractor, probabilities: np.ndarray, labels: np.ndarray, data: str) -> None:
    """Checks that the extractor classifies real examples by their labels.

    This finds classes whose names agree but whose meanings do not.

    Args:
      extractor: The extractor.
      probabilities: Of real examples, float [N, K].
      labels: Of the same examples, int [N].
      data: The name of the data.

    Raises:
      GaxError: The accuracy is below RIGHT.
    """
    accuracy = float((probabilities.argmax(-1) == labels).mean())
    if accuracy < RIGHT:
        raise errors.GaxError(
            f'accuracy: the features {extractor.name} call {accuracy:.1%} of the real examples of {data} by '
            'their own labels: its classes are not those of the data; ask for other metrics'
        )


def names(spec: Spec) -> tuple[str, ...]:
    """The names of the classes, or their numbers as text."""
    return spec.classes or tuple(map(str, range(spec.num_classes)))


def plain(classes: Sequence[str]) -> list[str]:
    """The names; numbers without leading zeros, as folders of unnamed classes are called 000, 001 ..."""
    return [str(int(name)) if name.isdecimal() else name for name in classes]


def shown(classes: Sequence[str]) -> str:
    """'10: cat, dog, ...'."""
    return f'{len(classes)}: {", ".join(classes[:4])}{", ..." * (len(classes) > 4)}'
