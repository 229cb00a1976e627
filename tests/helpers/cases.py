"""Tables of cases of which `make test` has some."""

from collections.abc import Iterable
from typing import Any

import pytest


def with_slow(cases: Iterable[Any], *usual: int) -> list[Any]:
    """Cases for `parametrize`, a tuple for several names; slow are all but those at the places `usual`."""
    values = [case if isinstance(case, tuple) else (case,) for case in cases]
    assert set(usual) <= set(range(len(values)))
    return [
        pytest.param(*case, marks=[pytest.mark.slow] * (place not in usual))
        for place, case in enumerate(values)
    ]
