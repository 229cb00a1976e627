"""Accuracy is of classes that the extractor and the data have in common, in one order, or it is refused."""

from __future__ import annotations

import numpy as np
import pytest

from gax import errors
from gax.core.spec import Field, Spec
from gax.data import arrays
from gax.evals import classes
from gax.evals.features import extractors

MNIST, EMOJI = extractors.make('mnist', (28, 28, 1)), extractors.make('emoji', (32, 32, 3))


def spec(*names: str, count: int = 0) -> Spec:
    return Spec('folder:made', {'image': Field((28, 28, 1))}, count or len(names), 100, names)


def test_the_classes_of_what_is_shipped_are_those_of_its_data() -> None:
    classes.refuse_other(EMOJI, 10, arrays.embedded('emoji').spec)
    classes.refuse_other(MNIST, 10, arrays.embedded('mnist').spec)
    classes.refuse_other(
        MNIST, 10, spec(*(f'{digit:03d}' for digit in range(10)))
    )  # as png_folder.save names them
    named = extractors.Extractor('my:judge', '', 'none', (), lambda *a: {}, classes=('cat', 'dog'))
    classes.refuse_other(named, 2, spec('cat', 'dog'))


@pytest.mark.parametrize(
    ('extractor', 'count', 'data', 'says'),
    [
        (MNIST, 10, spec(count=3), 'mnist are 10: 0, 1, 2, 3, ..., and those of folder:made are 3: 0, 1, 2'),
        (MNIST, 10, spec('3', '5', '8'), 'are 3: 3, 5, 8: their numbers do not mean the same'),
        (MNIST, 10, spec(*'1023456789'), 'are 10: 1, 0, 2, 3, ...'),
        (EMOJI, 10, spec(count=10), 'emoji are 10: Symbols, .* are 10: 0, 1, 2, 3'),
        (MNIST, 10, Spec('folder:made', {}), 'accuracy compares with labels, and folder:made has none'),
        (
            MNIST._replace(name='my_judge:see', classes=()),
            2,
            spec('cat', 'dog'),
            r'nobody says which 2 classes .* are 2: cat, dog; say so in its file: see.classes = \(...\)',
        ),
        (MNIST._replace(classes=('0', '1')), 3, spec('0', '1'), 'their numbers do not mean the same'),
    ],
)
def test_other_classes_are_refused(
    extractor: extractors.Extractor, count: int, data: Spec, says: str
) -> None:
    with pytest.raises(errors.GaxError, match=says):
        classes.refuse_other(extractor, count, data)


def test_reals_that_are_not_called_by_their_labels_are_refused() -> None:
    """Ten classes without names may be any ten: of clothes, or digits numbered otherwise."""
    labels = np.arange(10)
    classes.refuse_unlike(MNIST, np.eye(10), labels, 'npz:x')
    with pytest.raises(errors.GaxError, match=r'mnist call 0\.0% of the real examples of npz:x by their own'):
        classes.refuse_unlike(MNIST, np.eye(10), 9 - labels, 'npz:x')
