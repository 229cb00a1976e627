"""Tables of cases of which `make test` has some."""

from collections.abc import Iterable
from typing import Any

import pytest


def with_slow(cases: Iterable[Any], *usual: int) -> list[Any]:
    """Cases for `parametrize`, of which `make test` has those at the places `usual`, and the others are slow.

    A case is the value of one name, or a tuple of the values of all; a value that is a tuple goes into
    another.
    """
    values = [case if isinstance(case, tuple) else (case,) for case in cases]
    assert set(usual) <= set(range(len(values)))
    return [
        pytest.param(*case, marks=[pytest.mark.slow] * (place not in usual))
        for place, case in enumerate(values)
    ]
