"""Samples of a trained run: pictures, films, arrays and folders, the same for the same seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gax import errors
from gax.sampling.export import export as export_
from gax.sampling.sampler import Request
from gax.viz import video
from tests.helpers import tinyruns
from tests.helpers.cases import with_slow


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp('export')
    data = tinyruns.images(folder / 'images.npz')
    changes = {'data.name': f'npz:{data}', 'checkpoint.every': 2, 'batch_size': 12}
    with tinyruns.compiled_once():
        yield tinyruns.untrained(tinyruns.config(steps=4, **changes), folder / 'run', 2, 4)


def export(run: Path, out: Path | str, num: int = 64, **choices: Any) -> int:
    return export_(Request(run, str(out), num, **choices)).step


def images(path: Path) -> np.ndarray:
    return np.load(path)['images']


def test_arrays(run: Path, tmp_path: Path) -> None:
    assert export(run, tmp_path / 'a.npz', 300, seed=3) == 4
    assert export(run, tmp_path / 'b.npz', 300, seed=3) == 4
    one, two = np.load(tmp_path / 'a.npz'), np.load(tmp_path / 'b.npz')
    assert one['images'].shape == (300, 8, 8, 1)
    assert one['images'].dtype == np.uint8
    np.testing.assert_array_equal(one['images'], two['images'])
    export(run, tmp_path / 'c.npz', 300, seed=4)
    assert (images(tmp_path / 'c.npz') != one['images']).any()
    export(run, tmp_path / 'd.npz', 300, seed=3, step='2')
    assert (images(tmp_path / 'd.npz') != one['images']).any()


def test_grid(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / 'grid.png', 9)
    with Image.open(tmp_path / 'grid.png') as grid:
        assert grid.size == (2 * (3 * 9 + 1), 2 * (3 * 9 + 1))  # 3 classes, 3 columns
    assert [path.name for path in tmp_path.iterdir()] == ['grid.png']


@pytest.mark.slow
def test_a_folder_has_the_same_images(run: Path, tmp_path: Path) -> None:
    """The tiny GAN has no classes, so its folder is flat; an ending, or none, says that it is a folder."""
    export(run, tmp_path / 'a.npz', 5)
    export(run, tmp_path / 'plain', 5)
    export(run, f'{tmp_path}/v1.2/', 5)
    for folder in ('plain', 'v1.2'):
        read = [np.asarray(Image.open(tmp_path / folder / f'{i:06d}.png')) for i in range(5)]
        np.testing.assert_array_equal(read, images(tmp_path / 'a.npz')[..., 0])
    with pytest.raises(errors.GaxError, match='is a folder that is not empty'):
        export(run, tmp_path / 'plain', 5)


def test_a_step_that_is_not_there_is_said(run: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.GaxError, match=r'no checkpoint of step 3 .* those of step 2, step 4'):
        export(run, tmp_path / 'a.png', 9, step='3')
    with pytest.raises(errors.GaxError, match=r'--step=-1: give a step, best or newest'):
        export(run, tmp_path / 'a.png', 9, step='-1')
    with pytest.raises(errors.GaxError, match='no best checkpoint is kept'):
        export(run, tmp_path / 'a.png', 9, step='best')
    with pytest.raises(errors.GaxError, match=r'--label 3: npz:.* has 3 classes'):
        export(run, tmp_path / 'a.png', 9, label=3)


def test_the_best_checkpoint(run: Path, tmp_path: Path) -> None:
    mark = run / 'checkpoints' / 'best.json'
    mark.write_text('{"step": 2, "metric": "frechet_raw", "value": 1.0}')
    assert export(run, tmp_path / 'a.npz', 9, step='best') == 2
    mark.unlink()


@pytest.mark.parametrize(
    ('choices', 'says'),
    [
        ({'out': 'a.gif'}, r'must end in .png .*\(films are of --interpolate and --traverse\)'),
        ({'out': 'a.jpg', 'traverse': 'z:0'}, 'must with --traverse end in .png .*, .gif, .mp4'),
        ({'out': 'a.npz', 'neighbours': 2}, r'must with --neighbours end in .png \(a grid\)$'),
        ({'neighbours': 2, 'traverse': 'z:0'}, '--traverse and --neighbours are two different pictures'),
        ({'interpolate': 1}, '--interpolate must be 2 or more latents, and is 1'),
        ({'interpolate': -2}, '--interpolate must be 2 or more'),
        ({'interpolate': 2, 'frames': 1}, '--frames must be at least 2'),
        ({'interpolate': 5, 'num': 8}, '--num 8: a row of --interpolate=5 takes 9 samples'),
        ({'neighbours': 59}, '--neighbours 59: from 1 to 58 can be shown of a training set of 60'),
        ({'neighbours': -1}, '--neighbours -1: from 1 to'),
        ({'neighbours': 1, 'features': 'rew'}, "unknown feature extractor 'rew' .nearest: 'raw'"),
        ({'truncation': 1e-5}, 'too few to draw'),
    ],
)
def test_contradictions_are_said_and_nothing_is_written(
    choices: dict[str, Any], says: str, run: Path, tmp_path: Path
) -> None:
    out = tmp_path / choices.pop('out', 'a.png')
    with pytest.raises(errors.GaxError, match=says):
        export(run, out, **choices)
    assert list(tmp_path.iterdir()) == []


def test_sampling_leaves_the_workdir_as_it_was(run: Path, tmp_path: Path) -> None:
    (run / 'checkpoints' / '6.tmp').mkdir()  # the run that trains here is saving
    before = {path: path.stat().st_mtime_ns for path in run.rglob('*')}
    export(run, tmp_path / 'a.png', 9)
    assert {path: path.stat().st_mtime_ns for path in run.rglob('*')} == before


def test_traversals(run: Path, tmp_path: Path) -> None:
    """A span of nothing shows that within a row all else is held; a wide one that the axis is moved."""
    for name, span in (('narrow', 1e-6), ('wide', 50.0)):
        assert export(run, tmp_path / f'{name}.npz', 29, traverse='z:1', span=span) == 4
    narrow, wide = (images(tmp_path / f'{name}.npz').astype(int) for name in ('narrow', 'wide'))
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


def test_interpolations(run: Path, tmp_path: Path) -> None:
    """Four latents, three frames from one to the next: each row of ten, and steps smaller than the whole
    way.
    """
    export(run, tmp_path / 'a.npz', 29, interpolate=4)
    rows = images(tmp_path / 'a.npz').astype(int).reshape(2, 10, -1)
    steps = np.abs(np.diff(rows, axis=1)).mean((0, 2))
    ways = np.abs(np.diff(rows[:, ::3], axis=1)).mean()
    assert steps.min() > 0
    assert steps.max() < ways


@pytest.mark.parametrize(
    ('choices', 'count', 'closed'),
    with_slow([({'interpolate': 2}, 12, True), ({'traverse': 'z:0'}, 10, False)], 0),
)
def test_films(choices: dict[str, Any], count: int, closed: bool, run: Path, tmp_path: Path) -> None:
    """A film goes round, or there and back: without a jump from its last frame to its first."""
    export(run, tmp_path / 'a.gif', 9, frames=6, **choices)
    with Image.open(tmp_path / 'a.gif') as film:
        assert film.n_frames == count
        assert film.size == (2 * (3 * 9 + 1), 2 * (3 * 9 + 1))
        shown = []
        for i in range(count):
            film.seek(i)
            shown.append(np.asarray(film.convert('L')).astype(int))
    jumps = [np.abs(a - b).mean() for a, b in zip(shown, [*shown[1:], shown[0]], strict=True)]
    assert min(jumps) > 0
    assert jumps[-1] < 3 * np.median(jumps)
    if not closed:
        np.testing.assert_array_equal(shown[1], shown[-1])


def test_a_film_that_nobody_can_encode_is_said_first(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise errors.GaxError('an .mp4 needs PyAV')

    monkeypatch.setattr(video, 'encoder', none)
    with pytest.raises(errors.GaxError, match='needs PyAV'):
        export(tmp_path / 'no run', tmp_path / 'a.mp4', interpolate=2)


@pytest.mark.slow
def test_truncated_samples_vary_less(run: Path, tmp_path: Path) -> None:
    spread = []
    for threshold in (0.0, 1.0, 0.1):
        out = tmp_path / f'{threshold}.npz'
        export(run, out, 256, truncation=threshold)
        spread.append(images(out).astype(float).std(axis=0).mean())
    assert spread[0] > 1.2 * spread[1] > 2.4 * spread[2]


def test_neighbours(run: Path, tmp_path: Path) -> None:
    made = export_(Request(run, str(tmp_path / 'near.png'), 20, neighbours=3, seed=5))
    export(run, tmp_path / 'same.npz', 20, seed=5)
    found = json.loads((tmp_path / 'near.json').read_text())
    assert (found['step'], found['num'], found['size'], found['features']) == (4, 20, 60, 'raw')
    data = np.load(run.parent / 'images.npz')['x'].reshape(60, -1) / 255.0
    gaps = np.linalg.norm((images(tmp_path / 'same.npz').reshape(20, 1, -1) / 255.0) - data, axis=-1)
    for i, row in enumerate(found['samples']):
        np.testing.assert_array_equal(row['indices'], np.argsort(gaps[i])[:3])
        np.testing.assert_allclose(row['distances'], np.sort(gaps[i])[:3], rtol=1e-5)
    assert f'{found["closer"]:.1%} of 20 samples' in made.description
    with Image.open(tmp_path / 'near.png') as picture:
        assert picture.size == (
            4 * 66 + 2,
            16 * (64 + 15 + 2) + 2,
        )  # 16 rows of 4, pixels eight times as large


@pytest.mark.parametrize('seed', [-1, 2**32, 99999999999])
def test_a_seed_that_is_none_is_refused(run: Path, tmp_path: Path, seed: int) -> None:
    with pytest.raises(errors.GaxError, match=rf'--seed must be from 0 to 4294967295, and is {seed}'):
        export(run, tmp_path / 'a.npz', 4, seed=seed)


def test_a_class_is_refused_by_a_generator_that_knows_none(run: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.GaxError, match=r'--label 1: vanilla makes samples of no class'):
        export(run, tmp_path / 'a.npz', 4, label=1)


@pytest.mark.slow
def test_samples_do_not_depend_on_the_default_implementation_of_keys(run: Path, tmp_path: Path) -> None:
    import jax

    export(run, tmp_path / 'a.npz', 4)
    export(run, tmp_path / 'a.gif', 4, interpolate=2, frames=2)
    with jax.default_prng_impl('rbg'):
        export(run, tmp_path / 'b.npz', 4)
        export(run, tmp_path / 'b.gif', 4, interpolate=2, frames=2)
    np.testing.assert_array_equal(images(tmp_path / 'a.npz'), images(tmp_path / 'b.npz'))
    assert (tmp_path / 'a.gif').read_bytes() == (tmp_path / 'b.gif').read_bytes()
