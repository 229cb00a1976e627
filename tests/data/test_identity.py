"""What the data of a run is lies in its workdir: other data is refused, moved data is not, and samples need
none at all.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from configs import cgan_mnist
from gax import data, errors
from gax.config import choose
from gax.data import identity as data_identity
from gax.evals.evaluator import Setting
from gax.sampling import export, sampler
from gax.sweep import comparison
from gax.training import evaluate, experiment, train, workdir
from tests.helpers import tinyruns


@pytest.fixture(scope='module', autouse=True)
def compiled_once() -> Iterator[None]:
    with tinyruns.compiled_once():
        yield


def classes(root: Path, names: str = 'ab', each: int = 5) -> Path:
    """A folder of PNGs of noise, a subfolder for each name."""
    rng = np.random.default_rng(0)
    for name in names:
        (root / name).mkdir(parents=True)
        for i in range(each):
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(root / name / f'{i}.png')
    return root


def config(name: str, **changes: Any) -> Any:
    return tinyruns.config(**{'data.name': name, 'steps': 2, **changes})


def identity(name: str, **changes: Any) -> data_identity.Identity:
    return data_identity.of(data.load(config(name, **changes)))


def test_the_digest_of_content_does_not_depend_on_where_the_arrays_live(tmp_path: Path) -> None:
    path = tinyruns.images(tmp_path / 'x.npz', count=300)
    resident, streamed = identity(f'npz:{path}'), identity(f'npz:{path}', **{'data.device_limit_mib': 0})
    assert resident.content
    assert resident == streamed
    assert resident.listing == ''
    arrays = dict(np.load(path))
    arrays['y'] = arrays['y'][::-1]
    np.savez(tmp_path / 'y.npz', **arrays)
    assert identity(f'npz:{tmp_path / "y.npz"}').content != resident.content


def test_a_folder_that_is_streamed_is_known_by_its_listing(tmp_path: Path) -> None:
    root = classes(tmp_path / 'one')
    streamed = identity(f'folder:{root}', **{'data.device_limit_mib': 0})
    resident = identity(f'folder:{root}')
    assert (streamed.content, streamed.listing) == ('', resident.listing)
    assert data_identity.differences(streamed, resident) == []
    moved = identity(f'folder:{root.rename(tmp_path / "two")}', **{'data.device_limit_mib': 0})
    assert data_identity.differences(streamed, moved) == []
    (tmp_path / 'two' / 'a' / '0.png').rename(tmp_path / 'two' / 'a' / '9.png')
    renamed = identity(f'folder:{tmp_path / "two"}', **{'data.device_limit_mib': 0})
    assert 'names and sizes of the files' in data_identity.differences(streamed, renamed)[0]


def test_sources_without_end_are_told_apart() -> None:
    made = [identity(f'synthetic:{name}') for name in ('ring', 'grid', 'swiss_roll')]
    assert len({each.content for each in made}) == 3
    assert data_identity.differences(made[0], identity('synthetic:ring')) == []


def test_an_identity_survives_json() -> None:
    spec = data.Spec('folder:caf\udce9', {'image': data.Field((8, 6, 3))}, 2, 9, ('a"b', 'caf\udce9'))
    made = data_identity.Identity(spec, 'ab', 'cd')
    assert data_identity.from_json(json.loads(json.dumps(data_identity.to_json(made)))) == made


@pytest.mark.slow
@pytest.mark.parametrize('limit', [1024, pytest.param(0, marks=pytest.mark.slow)])
def test_other_data_is_refused_by_what_differs(tmp_path: Path, limit: int) -> None:
    root, run = classes(tmp_path / 'set'), tmp_path / 'run'
    made = config(f'folder:{root}', **{'data.device_limit_mib': limit})
    train.train(made, run)
    (root / 'a').rename(root / 'z')  # labels 0 and 1 change places
    longer = config(f'folder:{root}', steps=4)
    with pytest.raises(
        errors.GaxError, match=r"classes: \['a', 'b'\] there, \['b', 'z'\] now.*accept_changes"
    ):
        train.train(longer, run)
    (root / 'z').rename(root / 'a')
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(root / 'a' / '9.png')
    with pytest.raises(errors.GaxError, match=r'size: 10 there, 11 now'):
        train.train(longer, run)
    assert json.loads((run / 'config.json').read_text())['steps'] == 2
    assert train.train(longer, run, accept=True) == (4, '')
    kept = json.loads((run / 'data.json').read_text())
    assert kept['size'] == 11
    assert kept['accepted'][0] == 'size: 10 there, 11 now'
    assert train.train(config(f'folder:{root}', steps=5), run) == (5, '')


@pytest.mark.slow
def test_pixels_that_change_under_a_name_are_refused(tmp_path: Path) -> None:
    path = tinyruns.images(tmp_path / 'x.npz')
    train.train(config(f'npz:{path}'), tmp_path / 'run')
    arrays = dict(np.load(path))
    arrays['x'][7, 3, 3] ^= 1
    np.savez(path, **arrays)
    with pytest.raises(errors.GaxError, match=r'other data than .*content: digest \w{16} there, \w{16} now'):
        train.train(config(f'npz:{path}', steps=3), tmp_path / 'run')


@pytest.mark.slow
def test_moved_data_and_what_only_computes_otherwise_may_change(tmp_path: Path) -> None:
    root, run = classes(tmp_path / 'set'), tmp_path / 'run'
    train.train(config(f'folder:{root}'), run)
    moved = root.rename(tmp_path / 'moved')
    other = {
        **{'data.device_limit_mib': 0, 'data.workers': 1, 'data.broken': 'skip'},
        **{'log_every': 1, 'steps_per_call': 1, 'parallel': 'shard_map', 'remat': 'g'},
    }
    assert train.train(config(f'folder:{moved}', steps=4, **other), run) == (4, '')
    with pytest.raises(errors.GaxError, match='batch_size: 8 there, 4 now'):
        train.train(config(f'folder:{moved}', steps=5, batch_size=4), run)


@pytest.mark.slow
def test_a_run_from_before_data_json_stays_with_its_name(tmp_path: Path) -> None:
    path, run = tinyruns.images(tmp_path / 'x.npz'), tmp_path / 'run'
    train.train(config(f'npz:{path}'), run)
    (run / 'data.json').unlink()
    with pytest.raises(errors.GaxError, match=r'data\.name: .* there'):
        train.train(config('embedded:emoji', steps=3), run)
    train.train(config(f'npz:{path}', steps=3), run)
    known = workdir.read_data(run)
    assert known is not None
    assert known.spec.size == 60


def test_damaged_data_json_is_said(tmp_path: Path) -> None:
    for text in ('{"name": ', '[]', '{}', '{"name": 1, "fields": 3}'):
        (tmp_path / 'data.json').write_text(text)
        with pytest.raises(errors.GaxError, match=r'data.json is damaged'):
            workdir.read_data(tmp_path)


@pytest.fixture(scope='module')
def handed_on(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run, and its data, which was moved away."""
    folder = tmp_path_factory.mktemp('handed')
    made = cgan_mnist.get_test_config()
    made.data.name, made.steps = f'folder:{classes(folder / "set", "abc")}', 2
    choose(made, 'd.net', 'mlp', widths=(8, 8))
    tinyruns.untrained(made, folder / 'run', 2)
    return folder / 'run', (folder / 'set').rename(folder / 'moved')


@pytest.mark.slow
def test_samples_need_no_data(handed_on: tuple[Path, Path], tmp_path: Path) -> None:
    run, moved = handed_on
    export.export(sampler.Request(run, str(tmp_path / 'a.npz'), 6))
    export.export(sampler.Request(run, str(tmp_path / 'a.png'), 20, interpolate=2))
    export.export(sampler.Request(run, str(tmp_path / 'folder'), 6))
    with pytest.raises(errors.GaxError, match=r'set does not exist \(if the data has moved, --data says'):
        export.export(sampler.Request(run, str(tmp_path / 'n.png'), 6, neighbours=2))
    export.export(sampler.Request(run, str(tmp_path / 'n.png'), 6, neighbours=2, data=f'folder:{moved}'))
    with pytest.raises(errors.GaxError, match='trained on other data'):
        export.export(sampler.Request(run, str(tmp_path / 'n.png'), 6, neighbours=2, data='embedded:emoji'))


@pytest.mark.slow
def test_samples_are_the_same_without_the_data(tmp_path: Path) -> None:
    path, run = tinyruns.images(tmp_path / 'x.npz'), tmp_path / 'run'
    train.train(config(f'npz:{path}'), run)
    export.export(sampler.Request(run, str(tmp_path / 'a.npz'), 6))
    path.unlink()
    export.export(sampler.Request(run, str(tmp_path / 'b.npz'), 6))
    (run / 'data.json').unlink()
    tinyruns.images(path)  # as a gax reads it that finds no data.json
    export.export(sampler.Request(run, str(tmp_path / 'c.npz'), 6))
    a, b, c = (np.load(tmp_path / f'{name}.npz')['images'] for name in 'abc')
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a, c)


def test_the_spec_alone_has_the_shapes_of_a_run(tmp_path: Path) -> None:
    made = config(f'npz:{tinyruns.images(tmp_path / "x.npz")}')
    whole = experiment.build(made)
    alone = experiment.build(made, source=data_identity.described(whole.source.spec))
    assert experiment.shapes(alone) == experiment.shapes(whole)


def test_a_workdir_is_whole_when_it_is_copied(handed_on: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(handed_on[0], tmp_path / 'copy')
    export.export(sampler.Request(tmp_path / 'copy', str(tmp_path / 'a.npz'), 3, label=2))
    assert np.load(tmp_path / 'a.npz')['labels'].tolist() == [2, 2, 2]


def test_a_run_is_evaluated_on_moved_data_and_refused_on_other(tmp_path: Path) -> None:
    root = classes(tmp_path / 'set')
    run = tinyruns.untrained(config(f'folder:{root}'), tmp_path / 'run', 2)
    moved = root.rename(tmp_path / 'moved')
    setting = Setting(metrics=('frechet',), features='raw', num=4, cache=tmp_path / 'cache')
    with pytest.raises(errors.GaxError, match=r'set does not exist \(if the data has moved, --data says'):
        evaluate.of_run(run, 'newest', setting)
    rows = evaluate.of_run(run, 'newest', setting, name=f'folder:{moved}')[1]
    assert rows[0]['step'] == 2
    (moved / 'a').rename(moved / 'z')
    with pytest.raises(errors.GaxError, match=r"other data .*\['a', 'b'\] there, \['b', 'z'\] now"):
        evaluate.of_run(run, 'newest', setting, name=f'folder:{moved}')


def test_settings_are_compared_by_their_data_wherever_it_lies(tmp_path: Path) -> None:
    def run(name: str, data: Path, seed: int, value: float) -> Path:
        made = config(f'npz:{data}', seed=seed)
        workdir.open_workdir(tmp_path / name, made, data_identity.of(load(made))).close()
        (tmp_path / name / 'metrics.jsonl').write_text(json.dumps({'step': 2, 'd/loss': value}) + '\n')
        return tmp_path / name

    load = data.load
    one, other = tinyruns.images(tmp_path / 'x.npz'), tinyruns.images(tmp_path / 'y.npz')
    third = tinyruns.images(tmp_path / 'z.npz', count=59)
    a = [run(f'a{seed}', one, seed, seed) for seed in range(3)]
    b = [run(f'b{seed}', other, seed, seed + 1 + seed % 2) for seed in range(3)]
    assert 'data' not in comparison.compare(a, b, 'd/loss')
    c = [run(f'c{seed}', third, seed, seed + 1 + seed % 2) for seed in range(3)]
    assert 'the data: ' in comparison.compare(a, c, 'd/loss')
    with pytest.raises(errors.GaxError, match=r'alike in all but the seed.*the data: '):
        comparison.compare([a[0], c[1]], b, 'd/loss')
