"""Two workdirs that hold the same run to rounding."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gax.training import experiment
from gax.training.checkpoints import Checkpoints
from gax.training.workdir import read_config
from tests.helpers import tinyruns


def near(one: Path, other: Path, step: int, tolerance: float = 1e-5) -> float:
    """Asserts that two workdirs hold the same run, to rounding; returns the largest difference of any
    array.
    """
    left, right = tinyruns.metrics(one), tinyruns.metrics(other)
    assert [[*row] for row in left] == [[*row] for row in right]
    for a, b in zip(left, right, strict=True):
        np.testing.assert_allclose([*a.values()], [*b.values()], tolerance, tolerance)
    assert layout(one) == layout(other)
    assert (one / 'config.json').read_text() == (other / 'config.json').read_text()
    found = [jax.tree.leaves(values(path, step)) for path in (one, other)]
    gaps = [float(np.max(np.abs(a - b) / np.maximum(1.0, np.abs(b)))) for a, b in zip(*found, strict=True)]
    assert max(gaps) <= tolerance
    return max(gaps)


def values(workdir: Path, step: int) -> Any:
    config = read_config(workdir / 'config.json')
    found = Checkpoints(workdir / 'checkpoints', write=False).restore(
        shapes(json.dumps(config.to_dict())), step
    )
    assert found is not None
    return jax.tree.map(lambda x: np.asarray(x, np.float64), found[1].state)


def layout(workdir: Path) -> list[str]:
    """What a run has written, without what is named after the time and the process."""
    paths = (path.relative_to(workdir) for path in workdir.rglob('*') if path.is_file())
    return sorted(str(path) for path in paths if 'tfevents' not in path.name and 'tree' not in path.parts)


@cache
def shapes(config: str) -> Any:
    return experiment.shapes(experiment.build(ConfigDict(json.loads(config))))
