"""Samples of a trained run: pictures and arrays, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tinyruns
from PIL import Image

from gax import errors, training
from gax.export import export


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp('export')
    data = tinyruns.images(folder / 'images.npz')
    changes = {'data.name': f'npz:{data}', 'checkpoint.every': 2, 'batch_size': 12}
    with tinyruns.compiled_once():
        training.train(tinyruns.config(steps=4, **changes), folder / 'run')
        yield folder / 'run'


def test_arrays(run: Path, tmp_path: Path) -> None:
    assert export(run, tmp_path / 'a.npz', 300, seed=3) == 4
    assert export(run, tmp_path / 'b.npz', 300, seed=3) == 4
    one, two = np.load(tmp_path / 'a.npz'), np.load(tmp_path / 'b.npz')
    assert one['images'].shape == (300, 8, 8, 1)
    assert one['images'].dtype == np.uint8
    np.testing.assert_array_equal(one['images'], two['images'])
    export(run, tmp_path / 'c.npz', 300, seed=4)
    assert (np.load(tmp_path / 'c.npz')['images'] != one['images']).any()
    export(run, tmp_path / 'd.npz', 300, seed=3, step=2)
    assert (np.load(tmp_path / 'd.npz')['images'] != one['images']).any()


def test_grid(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / 'grid.png', 9)
    with Image.open(tmp_path / 'grid.png') as grid:
        assert grid.size == (2 * (3 * 9 + 1), 2 * (3 * 9 + 1))  # 3 classes, 3 columns
    assert [path.name for path in tmp_path.iterdir()] == ['grid.png']


def test_a_step_that_is_not_there_is_said(run: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.GaxError, match=r'no checkpoint of step 3 .* those of step 2, step 4'):
        export(run, tmp_path / 'a.png', 9, step=3)
    with pytest.raises(errors.GaxError, match=r'--label 3: npz:.* has 3 classes'):
        export(run, tmp_path / 'a.png', 9, label=3)


def test_sampling_leaves_the_workdir_as_it_was(run: Path, tmp_path: Path) -> None:
    (run / 'checkpoints' / '6.tmp').mkdir()  # the run that trains here is saving
    before = {path: path.stat().st_mtime_ns for path in run.rglob('*')}
    export(run, tmp_path / 'a.png', 9)
    assert {path: path.stat().st_mtime_ns for path in run.rglob('*')} == before
