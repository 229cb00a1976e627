"""Whether the classes of an extractor are those of the data: numbers of two lists are not compared as if
they were one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gax import errors
from gax.core.spec import Spec
from gax.evals.features.extractors import Extractor

RIGHT = 0.5  # share of the reals that a classifier of their own classes calls by their names, at least


def refuse_other(extractor: Extractor, count: int, spec: Spec) -> None:
    """Raises GaxError unless the extractor's classes are the data's, by name, in the same order.

    Args:
      extractor: whose `classes` are compared.
      count: of its probabilities.
      spec: of the data. Classes that have no names are called by their numbers.
    """
    if not spec.num_classes:
        raise errors.GaxError(f'accuracy compares with labels, and {spec.name} has none')
    name, known = extractor.name, extractor.classes
    if not known:
        how = f'; say so in its file: {name.rpartition(":")[2]}.classes = (...)' if ':' in name else ''
        raise errors.GaxError(
            f'accuracy: nobody says which {count} classes the features {name} tell apart, and those of {spec.name} are '
            f'{shown(names(spec))}{how}'
        )
    theirs, ours = plain(known), plain(names(spec))
    if len(known) != count or theirs != ours:
        raise errors.GaxError(
            f'accuracy: the classes of the features {name} are {shown(known)}, and those of {spec.name} are '
            f'{shown(names(spec))}: their numbers do not mean the same; ask for other metrics'
        )


def refuse_unlike(extractor: Extractor, probabilities: np.ndarray, labels: np.ndarray, data: str) -> None:
    """Raises GaxError where real examples are not called by their own labels: the names agree, and the
    classes do not.

    Args:
      probabilities: of the reals, float [N, K]. labels: their own, int [N].
    """
    right = float((probabilities.argmax(-1) == labels).mean())
    if right < RIGHT:
        raise errors.GaxError(
            f'accuracy: the features {extractor.name} call {right:.1%} of the real examples of {data} by their own labels: '
            'its classes are not those of the data; ask for other metrics'
        )


def names(spec: Spec) -> tuple[str, ...]:
    return spec.classes or tuple(map(str, range(spec.num_classes)))


def plain(classes: Sequence[str]) -> list[str]:
    """The names, numbers without zeros before them: folders of classes that have no names are called 000,
    001 ...
    """
    return [str(int(name)) if name.isdecimal() else name for name in classes]


def shown(classes: Sequence[str]) -> str:
    """'10: cat, dog, ...'."""
    return f'{len(classes)}: {", ".join(classes[:4])}{", ..." * (len(classes) > 4)}'
