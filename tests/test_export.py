"""Samples of a trained run: pictures and arrays, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tinyruns
from PIL import Image

from gax import errors, training
from gax.export import axis_values, export, varied
from gax.types import Game


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


def latents(key, num, batch):
    made = {'z': jax.random.normal(key, (num, 3)), 'category': jax.random.randint(key, (num,), 0, 4)}
    return {**made, **batch, 'picture': jnp.zeros((num, 2, 2, 1))}


def values(axis: str, span: float = 2.0, classes: int = 3):
    return axis_values(Game({}, {}, latents), axis, span, classes)


def test_the_values_of_an_axis() -> None:
    np.testing.assert_allclose(values('z:2', span=9.0), [-9, -7, -5, -3, -1, 1, 3, 5, 7, 9], rtol=1e-6)
    np.testing.assert_array_equal(values('category'), [0, 1, 2, 3])
    np.testing.assert_array_equal(values('label'), [0, 1, 2])


@pytest.mark.parametrize(
    ('axis', 'says'),
    [
        ('zz:0', r"unknown latent of --traverse 'zz' \(nearest: 'z'\); valid: category, label, picture, z"),
        ('z', 'say which dimension, z:0 to z:2'),
        ('z:3', 'say which dimension, z:0 to z:2'),
        ('z:-1', 'say which dimension, z:0 to z:2'),
        ('category:0', 'category has no dimensions; give --traverse=category'),
        ('picture', 'picture is no vector of numbers'),
    ],
)
def test_an_axis_that_is_not_there_is_said(axis: str, says: str) -> None:
    with pytest.raises(errors.GaxError, match=says):
        values(axis)


@pytest.mark.parametrize('span', [0.0, -1.0, float('nan'), float('inf')])
def test_a_span_that_is_none_is_said(span: float) -> None:
    with pytest.raises(errors.GaxError, match='--span must be positive'):
        values('z:0', span=span)


def test_along_a_row_only_the_axis_varies() -> None:
    given = {'z': jnp.array([[1.0, 2.0], [3.0, 4.0]]), 'label': jnp.array([5, 6], jnp.int32)}
    along_z = varied(given, 'z:1', np.array([-1.0, 0.0, 1.0], np.float32))
    expected = [[1, -1], [1, 0], [1, 1], [3, -1], [3, 0], [3, 1]]
    np.testing.assert_array_equal(along_z['z'], expected)
    np.testing.assert_array_equal(along_z['label'], [5, 5, 5, 6, 6, 6])
    along_label = varied(given, 'label', np.array([0, 1]))
    np.testing.assert_array_equal(along_label['label'], [0, 1, 0, 1])
    np.testing.assert_array_equal(along_label['z'], [[1, 2], [1, 2], [3, 4], [3, 4]])


def test_traversals(run: Path, tmp_path: Path) -> None:
    """A span of nothing shows that within a row all else is held; a wide one that the axis is moved."""
    for name, span in (('narrow', 1e-6), ('wide', 50.0)):
        assert export(run, tmp_path / f'{name}.npz', 29, traverse='z:1', span=span) == 4
    narrow, wide = (np.load(tmp_path / f'{name}.npz')['images'].astype(int) for name in ('narrow', 'wide'))
    assert narrow.shape == (20, 8, 8, 1)  # two whole rows
    narrow, wide = narrow.reshape(2, 10, -1), wide.reshape(2, 10, -1)
    assert np.abs(narrow - narrow[:, :1]).max() <= 1
    assert np.abs(narrow[0] - narrow[1]).max() > 1
    assert np.abs(wide[:, 0] - wide[:, -1]).max() > 1
    export(run, tmp_path / 'grid.png', 29, traverse='z:1')
    with Image.open(tmp_path / 'grid.png') as grid:
        assert grid.size == (2 * (10 * 9 + 1), 2 * (2 * 9 + 1))
    with pytest.raises(errors.GaxError, match='--num 9: a row of --traverse=z:1 takes 10 samples'):
        export(run, tmp_path / 'grid.png', 9, traverse='z:1')
