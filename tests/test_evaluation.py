"""The whole of an evaluation on tiny runs: checkpoints in, a table and a line of eval.jsonl out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
import tinyruns

from gax import errors, evaluation, experiment, export, parallel, training
from gax.config import base
from gax.evals import results
from gax.evals.evaluator import Setting
from gax.fakes import Request


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp('evaluation')
    changes = {'data.name': 'embedded:mnist', 'checkpoint.every': 2, 'log_every': 100, 'sample_every': 100}
    with tinyruns.compiled_once():
        training.train(tinyruns.config(steps=4, **changes), folder / 'run')
        yield folder / 'run'


@pytest.fixture(autouse=True)
def fresh(run: Path) -> None:
    (run / results.FILE).unlink(missing_ok=True)


@pytest.fixture
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return Setting(('frechet', 'prdc', 'score'), num=64, cache=tmp_path_factory.getbasetemp() / 'statistics')


def test_every_checkpoint_by_one_command(run: Path, setting: Setting) -> None:
    evaluator, rows, _ = evaluation.of_run(run, 'all', setting)
    assert [row['step'] for row in rows] == [2, 4]
    assert (
        results.read_results(run)
        == rows
        == [json.loads(line) for line in (run / results.FILE).read_text().splitlines()]
    )
    row = rows[1]
    assert list(row['metrics']) == list(row['floor']) == list(evaluator.names)
    assert set(row['metrics']) >= {'frechet_mnist', 'precision_mnist', 'coverage_mnist', 'score_mnist'}
    # A net that has taken four steps is nothing like digits, and digits are like digits.
    assert row['metrics']['frechet_mnist'] > 3 * row['floor']['frechet_mnist'] > 0
    assert row['floor']['precision_mnist'] > 0.7
    protocol = row['protocol']
    assert (protocol['features'], protocol['data'], protocol['image']) == (
        'mnist',
        'embedded:mnist',
        '28x28x1',
    )
    assert (protocol['real'], protocol['fake'], row['floor_counts'], row['by']) == (
        64,
        64,
        [64, 64],
        'evaluate',
    )
    text = evaluation.table(evaluator, rows)
    lines = text.splitlines()
    assert lines[0].split() == ['metric', 'step', '2', 'step', '4', 'real', 'better']
    found = {line.split()[0]: line.split()[1:] for line in lines[2:] if line.startswith('frechet')}
    expected = [
        f'{n:.5g}' for n in (*(r['metrics']['frechet_mnist'] for r in rows), row['floor']['frechet_mnist'])
    ]
    assert found['frechet_mnist'] == [*expected, 'lower']
    assert 'real: 64 reals in place of the fakes against 64 others' in text
    assert 'not the numbers of the result' not in text


def test_a_result_follows_from_the_seed(run: Path, setting: Setting) -> None:
    def metrics(**changes: object) -> dict[str, float]:
        return evaluation.of_run(run, 'newest', setting._replace(**changes))[1][0]['metrics']

    one = metrics()
    assert metrics() == one
    assert metrics(seed=1) != one
    assert len(results.read_rows(run)) == 3
    assert len(results.read_results(run)) == 2  # of one step, by two protocols


def test_the_number_of_devices_changes_rounding_only(run: Path, setting: Setting, tmp_path: Path) -> None:
    config = tinyruns.config(**{'data.name': 'embedded:mnist'})
    found = []
    for count in (1, 4):
        built = experiment.build(config, parallel.mesh(jax.devices()[:count]))
        evaluator = evaluation.of_experiment(built, setting._replace(cache=tmp_path / str(count)))
        state = experiment.init(built).state
        found.append((evaluation.of_generator(built, evaluator)(state)[0], evaluator.floor))
    for name in found[0][0]:
        assert found[0][0][name] == pytest.approx(found[1][0][name], rel=1e-4)
        assert found[0][1][name] == pytest.approx(found[1][1][name], rel=1e-4)


def test_results_of_another_protocol_are_refused_before_anything_is_computed(
    run: Path, setting: Setting
) -> None:
    with pytest.raises(errors.GaxError, match=r'has no results yet \(no eval.jsonl\)'):
        evaluation.of_run(run, 'newest', setting, against=run)
    evaluation.of_run(run, 'newest', setting)
    evaluator, rows, others = evaluation.of_run(run, 'newest', setting, against=run)
    assert others[0]['metrics'] == rows[0]['metrics']
    assert 'against 4' in evaluation.table(evaluator, rows, others)
    with pytest.raises(errors.GaxError, match=r'different protocols .*\(real: 32 and 64; fake: 32 and 64\)'):
        evaluation.of_run(run, 'newest', setting._replace(num=32), against=run)
    assert len(results.read_rows(run)) == 2


def test_of_a_small_set_the_table_says_so(run: Path, setting: Setting, tmp_path: Path) -> None:
    data = np.load(Path(evaluation.__file__).parent / 'data' / 'embedded' / 'mnist10k.npz')
    np.savez(tmp_path / 'made.npz', images=data['x'][::100], labels=data['y'][::100])
    np.savez(tmp_path / 'set.npz', x=data['x'][5::100])
    section = evaluation.data_of(f'npz:{tmp_path / "set.npz"}', None)
    chosen = setting._replace(features='mnist', metrics=('frechet', 'accuracy'))
    with pytest.raises(errors.GaxError, match=r'accuracy compares with labels, and .*set.npz has none'):
        evaluation.of_samples(tmp_path / 'made.npz', section, chosen)
    chosen = chosen._replace(metrics=('frechet',))
    evaluator, rows, _ = evaluation.of_samples(tmp_path / 'made.npz', section, chosen, workdir=run)
    assert (rows[0]['protocol']['fake'], rows[0]['floor_counts']) == (64, [32, 32])
    assert rows[0]['samples'] == str(tmp_path / 'made.npz')
    assert 'not the numbers of the result' in evaluation.table(evaluator, rows)
    assert results.read_results(run) == []  # they are not of the run


@pytest.mark.parametrize(
    ('which', 'says'),
    [
        ('3', 'has no checkpoint of step 3; there are those of step 2, step 4'),
        (
            'best',
            'no best checkpoint is kept in .*: train with --config.eval.every and --config.eval.best=METRIC',
        ),
        ('last', '--step=last: give a step, all, best or newest'),
    ],
)
def test_steps_that_are_not_there_are_said(run: Path, setting: Setting, which: str, says: str) -> None:
    with pytest.raises(errors.GaxError, match=says):
        evaluation.of_run(run, which, setting)


@pytest.mark.parametrize(
    ('changes', 'says'),
    [
        ({'features': 'mnits'}, "unknown feature extractor 'mnits'"),
        ({'metrics': ('fid',)}, 'fid is the frechet on Inception features'),
        ({'metrics': ('modes',)}, 'modes are known of .* only, and the data are embedded:mnist'),
        ({'metrics': ('accuracy',)}, 'accuracy is of fakes that were made for a class, and vanilla'),
        ({'features': 'raw', 'metrics': ('score',)}, 'the features raw have no classes'),
        ({'num': 1}, 'an evaluation takes 2 samples at least, and num is 1'),
    ],
)
def test_settings_that_cannot_be_are_said(
    run: Path, setting: Setting, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(errors.GaxError, match=says):
        evaluation.of_run(run, 'newest', setting._replace(**changes))
    assert not (run / results.FILE).exists()


def test_an_evaluation_leaves_the_rest_of_the_workdir_as_it_was(run: Path, setting: Setting) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob('*') if path.is_file()}
    evaluation.of_run(run, '2', setting)
    after = {path: path.stat().st_mtime_ns for path in run.rglob('*') if path.is_file()}
    assert after.pop(run / results.FILE)
    assert after == before


def test_the_script(run: Path, setting: Setting) -> None:
    done = tinyruns.run('evaluate.py', f'--workdir={run}', '--num=64', f'--cache={setting.cache}')
    assert done.returncode == 0, done.stderr
    assert 'frechet_mnist' in done.stdout
    assert f'appended to {run / results.FILE}' in done.stdout
    assert done.stderr == ''


def test_images_of_many_channels_that_are_not_square(tmp_path: Path) -> None:
    """Five channels, 12x20, as a satellite has them: two steps, pictures, arrays and a distance."""
    colours = np.random.default_rng(0).integers(0, 256, (40, 1, 1, 5), np.uint8)
    x = np.broadcast_to(colours, (40, 12, 20, 5))
    np.savez(tmp_path / 'five.npz', x=x, y=np.arange(40) % 3)
    config = base('dcgan')
    config.g.net.update({'widths': (4, 4), 'strides': (2, 2)})
    config.d.net.widths = (4, 4)
    config.data.name, config.latent_dim, config.batch_size = f'npz:{tmp_path / "five.npz"}', 4, 8
    config.steps, config.log_every, config.sample_every = 2, 1, 1
    run = tmp_path / 'run'
    with tinyruns.compiled_once():
        training.train(config, run)
        rows = tinyruns.metrics(run)
        assert [row['step'] for row in rows] == [1, 2]
        assert np.isfinite([row[name] for row in rows for name in ('d/loss', 'g/loss')]).all()
        assert sorted(tinyruns.pictures(run)) == ['0000000.png', '0000001.png', '0000002.png']

        export.export(Request(run, str(tmp_path / 'made.npz'), num=20))
        with np.load(tmp_path / 'made.npz') as file:
            assert (file['images'].shape, file['images'].dtype) == ((20, 12, 20, 5), np.uint8)
        setting = Setting(('frechet',), 'raw', num=20, cache=tmp_path / 'cache')
        (row,) = evaluation.of_run(run, 'newest', setting)[1]
        assert row['protocol']['image'] == '12x20x5'
        assert np.isfinite(row['metrics']['frechet_raw'])
        section = evaluation.data_of('', config)
        (row,) = evaluation.of_samples(tmp_path / 'made.npz', section, setting)[1]
        assert row['protocol']['image'] == '12x20x5'
        np.savez(tmp_path / 'real.npz', images=x[:20])
        (real,) = evaluation.of_samples(tmp_path / 'real.npz', section, setting)[1]
        assert real['metrics']['frechet_raw'] < row['metrics']['frechet_raw']


def test_reals_are_the_same_however_a_run_reads_them(setting: Setting, tmp_path: Path) -> None:
    """Mirrored or cropped at random for training, or fetched row by row: the reference is none of these."""
    data = np.load(Path(evaluation.__file__).parent / 'data' / 'embedded' / 'mnist10k.npz')
    np.savez(tmp_path / 'set.npz', x=data['x'][::50], y=data['y'][::50])
    found = []
    for name, changes in (
        ('plain', {}),
        ('flipped', {'data.flip': True}),
        ('cropped', {'data.random_crop': 4}),
        ('fetched', {'data.device_limit_mib': 0}),
    ):
        config = tinyruns.config(**{'data.name': f'npz:{tmp_path / "set.npz"}', **changes})
        built = experiment.build(config, parallel.mesh(jax.devices()[:1]))
        chosen = setting._replace(features='mnist', cache=tmp_path / name)
        evaluator = evaluation.of_experiment(built, chosen)
        found.append((evaluator.protocol(), evaluator.floor))
    assert all(other == found[0] for other in found[1:])
