"""The benchmark of runs at once writes what it says."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import pytest

from configs import mlp2d
from tests.helpers import tinyruns


@pytest.mark.slow
def test_the_table_has_every_program_and_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = mlp2d.get_test_config()
    monkeypatch.setattr(mlp2d, 'get_config', lambda: small)
    flags = ('--runs=2', '--rounds=2', '--window_seconds=0.001', f'--out={tmp_path / "found.json"}')
    jax.config.update('jax_disable_most_optimizations', True)
    try:
        with tinyruns.benchmark('vectorize', *flags) as made:
            assert made.main([]) == 0
    finally:
        jax.config.update('jax_disable_most_optimizations', False)
    found = json.loads((tmp_path / 'found.json').read_text())
    assert (found['config'], found['batch_size'], found['jax']) == ('mlp2d', 16, jax.__version__)
    alone, two = found['rows']
    assert (alone['what'], alone['runs'], alone['ratio']['all']) == ('one after another', 1, [1.0, 1.0])
    assert (two['what'], two['runs']) == ('at once', 2)
    for i in (0, 1):
        ratio = two['run_steps_per_sec']['all'][i] / alone['run_steps_per_sec']['all'][i]
        assert two['ratio']['all'][i] == pytest.approx(ratio, abs=2e-3)
