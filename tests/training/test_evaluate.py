"""The whole of an evaluation on tiny runs: checkpoints in, a table and a line of eval.jsonl out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from gax import errors
from gax.config import base
from gax.data import synthetic_table
from gax.distributed import sharding
from gax.evals import results
from gax.evals.evaluator import Evaluator, Setting, enough
from gax.sampling import export
from gax.sampling.sampler import Request
from gax.training import evaluate, evaluate_samples, evaluators, experiment, results_table, train
from tests.helpers import tinyruns


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp('evaluation')
    changes = {'data.name': 'embedded:mnist', 'checkpoint.every': 2, 'log_every': 100, 'sample_every': 100}
    with tinyruns.compiled_once():
        yield tinyruns.untrained(tinyruns.config(steps=4, **changes), folder / 'run', 2, 4)


@pytest.fixture(autouse=True)
def fresh(run: Path) -> None:
    (run / results.FILE).unlink(missing_ok=True)


@pytest.fixture
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return Setting(('frechet', 'prdc', 'score'), num=64, cache=tmp_path_factory.getbasetemp() / 'statistics')


@pytest.mark.slow
def test_every_checkpoint_by_one_command(run: Path, setting: Setting) -> None:
    evaluator, rows, _, kept = evaluate.of_run(run, 'all', setting)
    assert kept
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
        10_000,
        64,
        [9_936, 64],
        'evaluate',
    )
    text = results_table.table(evaluator, rows)
    lines = text.splitlines()
    assert lines[0].split() == ['metric', 'step', '2', 'step', '4', 'real', 'better']
    found = {line.split()[0]: line.split()[1:] for line in lines[2:] if line.startswith('frechet')}
    expected = [
        f'{n:.5g}' for n in (*(r['metrics']['frechet_mnist'] for r in rows), row['floor']['frechet_mnist'])
    ]
    assert found['frechet_mnist'] == [*expected, 'lower']
    assert '64 fakes against 10000 reals, seed 0 (metrics that hold examples: against 64 of them)' in text
    assert 'real: 64 reals in place of the fakes against 9936 others' in text
    assert 'not the numbers of the result' not in text


@pytest.mark.slow
def test_a_result_follows_from_the_seed(run: Path, setting: Setting) -> None:
    def metrics(**changes: object) -> dict[str, float]:
        return evaluate.of_run(run, 'newest', setting._replace(**changes))[1][0]['metrics']

    one = metrics()
    assert metrics() == one
    assert metrics(seed=1) != one
    assert len(results.read_rows(run)) == 3
    assert len(results.read_results(run)) == 2  # of one step, by two protocols


@pytest.mark.slow
def test_the_number_of_devices_changes_rounding_only(run: Path, setting: Setting, tmp_path: Path) -> None:
    config = tinyruns.config(**{'data.name': 'embedded:mnist'})
    found = []
    for count in (1, 4):
        built = experiment.build(config, sharding.mesh(jax.devices()[:count]))
        evaluator = evaluators.of_experiment(built, setting._replace(cache=tmp_path / str(count)))
        state = experiment.init(built).state
        found.append((evaluators.of_generator(built, evaluator)(state)[0], evaluator.floor))
    for name in found[0][0]:
        assert found[0][0][name] == pytest.approx(found[1][0][name], rel=1e-4)
        assert found[0][1][name] == pytest.approx(found[1][1][name], rel=1e-4)


@pytest.mark.slow
def test_results_of_another_protocol_are_refused_before_anything_is_computed(
    run: Path, setting: Setting
) -> None:
    with pytest.raises(errors.GaxError, match=r'has no results yet \(no eval.jsonl\)'):
        evaluate.of_run(run, 'newest', setting, against=run)
    evaluate.of_run(run, 'newest', setting)
    evaluator, rows, others, _ = evaluate.of_run(run, 'newest', setting, against=run)
    assert others[0]['metrics'] == rows[0]['metrics']
    assert 'against 4' in results_table.table(evaluator, rows, others)
    with pytest.raises(errors.GaxError, match=r'different protocols .*\(fake: 32 and 64\)'):
        evaluate.of_run(run, 'newest', setting._replace(num=32), against=run)
    assert len(results.read_rows(run)) == 2


def test_of_a_small_set_the_table_says_so(run: Path, setting: Setting, tmp_path: Path) -> None:
    data = np.load(Path(evaluate.__file__).parents[1] / 'data' / 'embedded' / 'mnist10k.npz')
    np.savez(tmp_path / 'made.npz', images=data['x'][::100], labels=data['y'][::100])
    np.savez(tmp_path / 'set.npz', x=data['x'][5::100])
    section = evaluate_samples.data_of(f'npz:{tmp_path / "set.npz"}', None)
    chosen = setting._replace(features='mnist', metrics=('frechet', 'accuracy'))
    with pytest.raises(errors.GaxError, match=r'accuracy compares with labels, and .*set.npz has none'):
        evaluate_samples.of_samples(tmp_path / 'made.npz', section, chosen)
    chosen = chosen._replace(metrics=('frechet',))
    evaluator, rows, *_ = evaluate_samples.of_samples(tmp_path / 'made.npz', section, chosen, workdir=run)
    assert (rows[0]['protocol']['fake'], rows[0]['floor_counts']) == (64, [50, 50])
    assert rows[0]['samples'] == str(tmp_path / 'made.npz')
    assert 'not the numbers of the result' in results_table.table(evaluator, rows)
    assert results.read_results(run) == []  # they are not of the run


def test_rows_of_a_csv_are_evaluated_by_the_metrics_of_their_table(tmp_path: Path) -> None:
    """Every row of the table itself is a copy; of rows whose amounts are moved by half a unit none is."""
    pandas = pytest.importorskip('pandas')
    pytest.importorskip('sklearn')
    drawn = pandas.DataFrame(synthetic_table.rows()).iloc[:100]
    drawn['amount'] = drawn['amount'].round()
    drawn.to_csv(tmp_path / 'table.csv', index=False)
    drawn.assign(amount=drawn['amount'].clip(-1, 1) + 0.5).to_csv(tmp_path / 'other.csv', index=False)
    section = evaluate_samples.data_of(f'table:{tmp_path / "table.csv"}', None)
    copied = {}
    for name in ('table', 'other'):
        done = evaluate_samples.of_samples(
            tmp_path / f'{name}.csv', section, Setting(('closest',), cache=tmp_path)
        )
        assert done.rows[0]['protocol']['fake'] == 100
        copied[name] = done.rows[0]['metrics']['copied']
    assert copied == {'table': 1.0, 'other': 0.0}
    with pytest.raises(errors.GaxError, match=r'a \.csv is for tables .* embedded:mnist is image data'):
        evaluate_samples.of_samples(
            tmp_path / 'other.csv',
            evaluate_samples.data_of('embedded:mnist', None),
            Setting(('swd',), num=10),
        )


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
        evaluate.of_run(run, which, setting)


@pytest.mark.parametrize(
    ('changes', 'says'),
    [
        ({'features': 'mnits'}, "unknown feature extractor 'mnits'"),
        ({'metrics': ('fid',)}, 'fid is the frechet on Inception features'),
        ({'metrics': ('modes',)}, 'modes are known of .* only, and the data are embedded:mnist'),
        ({'metrics': ('accuracy',)}, 'accuracy is of fakes that were made for a class, and vanilla'),
        ({'features': 'raw', 'metrics': ('score',)}, 'the features raw have no classes'),
        ({'num': 1}, 'frechet takes 2 fakes at least, and there is 1'),
        ({'num': 5}, 'prdc takes 6 fakes at least, and there are 5'),
        ({'reals': 5}, 'prdc takes 6 reals at least, and there are 5'),
        ({'num': -1}, 'neither can be below 0'),
    ],
)
def test_settings_that_cannot_be_are_said(
    run: Path, setting: Setting, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(errors.GaxError, match=says):
        evaluate.of_run(run, 'newest', setting._replace(**changes))
    assert not (run / results.FILE).exists()


@pytest.mark.slow
def test_an_evaluation_leaves_the_rest_of_the_workdir_as_it_was(run: Path, setting: Setting) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob('*') if path.is_file()}
    evaluate.of_run(run, '2', setting)
    after = {path: path.stat().st_mtime_ns for path in run.rglob('*') if path.is_file()}
    assert after.pop(run / results.FILE)
    assert after == before


def test_the_script(run: Path, setting: Setting) -> None:
    done = tinyruns.run('evaluate.py', f'--workdir={run}', '--num=64', f'--cache={setting.cache}')
    assert done.returncode == 0, done.stderr
    assert 'frechet_mnist' in done.stdout
    assert f'appended to {run / results.FILE}' in done.stdout
    assert done.stderr == ''


@pytest.mark.slow
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
        train.train(config, run)
        rows = tinyruns.metrics(run)
        assert [row['step'] for row in rows] == [1, 2]
        assert np.isfinite([row[name] for row in rows for name in ('d/loss', 'g/loss')]).all()
        assert sorted(tinyruns.pictures(run)) == ['0000000.png', '0000001.png', '0000002.png', 'reals.png']

        export.export(Request(run, str(tmp_path / 'made.npz'), num=20))
        with np.load(tmp_path / 'made.npz') as file:
            assert (file['images'].shape, file['images'].dtype) == ((20, 12, 20, 5), np.uint8)
        setting = Setting(('frechet',), 'raw', num=20, cache=tmp_path / 'cache')
        (row,) = evaluate.of_run(run, 'newest', setting)[1]
        assert row['protocol']['image'] == '12x20x5'
        assert np.isfinite(row['metrics']['frechet_raw'])
        section = evaluate_samples.data_of('', config)
        (row,) = evaluate_samples.of_samples(tmp_path / 'made.npz', section, setting)[1]
        assert row['protocol']['image'] == '12x20x5'
        np.savez(tmp_path / 'real.npz', images=x[:20])
        (real,) = evaluate_samples.of_samples(tmp_path / 'real.npz', section, setting)[1]
        assert real['metrics']['frechet_raw'] < row['metrics']['frechet_raw']


@pytest.mark.slow
def test_reals_are_the_same_however_a_run_reads_them(setting: Setting, tmp_path: Path) -> None:
    """Mirrored or cropped at random for training, or fetched row by row: the reference is none of these."""
    data = np.load(Path(evaluate.__file__).parents[1] / 'data' / 'embedded' / 'mnist10k.npz')
    np.savez(tmp_path / 'set.npz', x=data['x'][::50], y=data['y'][::50])
    found = []
    for name, changes in (
        ('plain', {}),
        ('flipped', {'data.flip': True}),
        ('cropped', {'data.random_crop': 4}),
        ('fetched', {'data.device_limit_mib': 0}),
    ):
        config = tinyruns.config(**{'data.name': f'npz:{tmp_path / "set.npz"}', **changes})
        built = experiment.build(config, sharding.mesh(jax.devices()[:1]))
        chosen = setting._replace(features='mnist', cache=tmp_path / name)
        evaluator = evaluators.of_experiment(built, chosen)
        found.append((evaluator.protocol(), evaluator.floor))
    assert all(other == found[0] for other in found[1:])


def emoji(folder: Path, count: int, size: int = 32) -> Path:
    """So many files of the embedded emoji, and no more."""
    folder.mkdir()
    with np.load(Path(evaluate.__file__).parents[1] / 'data' / 'embedded' / 'emoji32.npz') as file:
        for i, image in enumerate(file['x'][::7][:count]):
            Image.fromarray(image[:size, :size]).save(folder / f'{i:02d}.png')
    return folder


DEFAULT = ['frechet_emoji', 'swd', 'ms_ssim', 'kernel_emoji', 'kernel_emoji_std', 'precision_emoji']


@pytest.mark.slow
@pytest.mark.parametrize(
    ('count', 'size', 'names', 'floor', 'notes'),
    [
        (12, 32, DEFAULT, DEFAULT, []),
        (11, 32, DEFAULT, DEFAULT[:5], ['no number of real data for prdc: 11 reals are too few .*, 6 and 5']),
        (
            3,
            32,
            DEFAULT[:5],
            ['swd'],
            [
                'left out: prdc takes 6 reals at least, and there are 3',
                'no number of real data for frechet, ms_ssim, kernel: 3 reals are too few .*, 2 and 1',
            ],
        ),
        (
            1,
            32,
            ['swd', 'ms_ssim'],
            [],
            ['frechet takes 2 reals', 'kernel takes', 'prdc', 'swd, ms_ssim: 1 reals'],
        ),
        (12, 8, [DEFAULT[0], DEFAULT[1], *DEFAULT[3:]], None, ['ms_ssim takes images of 11 pixels']),
        (
            12,
            6,
            [DEFAULT[0], *DEFAULT[3:]],
            None,
            ['swd takes images of 7 pixels', 'ms_ssim takes images of 11'],
        ),
    ],
)
def test_what_few_reals_and_small_images_do_not_have_is_left_out_and_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    size: int,
    names: list[str],
    floor: list[str] | None,
    notes: list[str],
) -> None:
    """By default, without Inception weights. Many fakes are held against the few reals that there are."""
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.delenv('GAX_INCEPTION', raising=False)
    np.savez(
        tmp_path / 'made.npz', images=np.random.default_rng(0).integers(0, 256, (40, size, size, 3), np.uint8)
    )
    section = evaluate_samples.data_of(f'folder:{emoji(tmp_path / "few", count, size)}', None)
    setting = Setting(cache=tmp_path / 'cache')
    evaluator, (row,), _, kept = evaluate_samples.of_samples(tmp_path / 'made.npz', section, setting)
    found = [name for name in row['metrics'] if not name.startswith(('recall', 'density', 'coverage'))]
    assert found == names
    assert not kept
    assert (row['protocol']['real'], row['protocol']['fake']) == (count, 40)
    if floor is not None:
        assert [name for name in row['floor'] if name in DEFAULT] == floor
    text = results_table.table(evaluator, [row])
    for note in ['are no FID. For FID: no Inception weights: download'] * (
        names != ['swd', 'ms_ssim']
    ) + notes:
        assert re.search(f'^note: .*{note}', text, re.MULTILINE), note


def test_metrics_that_are_asked_for_and_that_few_reals_have_not_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / 'made.npz', images=np.zeros((40, 32, 32, 3), np.uint8))
    section = evaluate_samples.data_of(f'folder:{emoji(tmp_path / "few", 1)}', None)
    for name, least in (('frechet', 2), ('prdc', 6), ('nearest', 2), ('kernel', 2)):
        with pytest.raises(errors.GaxError, match=f'{name} takes {least} reals at least, and there is 1'):
            evaluate_samples.of_samples(tmp_path / 'made.npz', section, Setting(('swd', name), 'emoji'))


def test_as_many_fakes_as_there_are_reals_but_not_too_few_and_not_too_many(
    run: Path, setting: Setting
) -> None:
    built = evaluate.build(run)
    counts = {}
    for size in (3, 10_000, 60_000, 0):
        spec = built.source.spec._replace(size=size)
        made = built._replace(source=built.source._replace(spec=spec))
        counts[size] = enough(made.source.spec)
    assert counts == {3: 1000, 10_000: 10_000, 60_000: 50_000, 0: 10_000}


@pytest.mark.slow
def test_a_result_that_cannot_be_kept_is_shown(run: Path, setting: Setting) -> None:
    """A folder in the place of the file stands for a disk that is read-only: it also stops who may write
    anywhere.
    """
    (run / results.FILE).mkdir()
    try:
        evaluator, rows, _, kept = evaluate.of_run(run, 'all', setting._replace(metrics=('frechet',)))
        done = tinyruns.run(
            *('evaluate.py', f'--workdir={run}', '--metrics=frechet', '--num=64', f'--cache={setting.cache}')
        )
    finally:
        (run / results.FILE).rmdir()
    assert (len(rows), kept) == (2, False)
    assert [
        note.startswith(f'not kept in {run / results.FILE}: cannot write') for note in evaluator.notes
    ] == [True]
    assert done.returncode == 0
    assert f'{rows[1]["metrics"]["frechet_mnist"]:.5g}' in done.stdout
    assert 'note: not kept in' in done.stdout
    assert 'appended' not in done.stdout


def test_a_step_that_cannot_be_evaluated_takes_no_other_along(
    run: Path, setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = Evaluator.measure
    calls: list[int] = []

    def second_fails(self: Evaluator, chunks: object) -> tuple[dict[str, float], int]:
        calls.append(1)
        if len(calls) == 2:
            raise errors.GaxError('frechet_mnist is not finite')
        return measure(self, chunks)

    monkeypatch.setattr(Evaluator, 'measure', second_fails)
    evaluator, rows, *_ = evaluate.of_run(run, 'all', setting._replace(metrics=('frechet',)))
    assert [row['step'] for row in rows] == [2]
    assert evaluator.notes == ['step 4: frechet_mnist is not finite']


@pytest.mark.slow
def test_accuracy_is_of_classes_that_are_the_datas(tmp_path: Path) -> None:
    """Real digits, numbered otherwise: by three of the ten, and from nine down."""
    with np.load(Path(evaluate.__file__).parents[1] / 'data' / 'embedded' / 'mnist10k.npz') as file:
        x, y = file['x'][::20], file['y'][::20].astype(int)
    setting = Setting(('accuracy',), 'mnist', cache=tmp_path / 'cache')
    some = np.isin(y, (3, 5, 8))
    for name, images, labels, says in (
        ('three', x[some], np.searchsorted([3, 5, 8], y[some]), 'those of .*three.npz are 3: 0, 1, 2'),
        ('down', x, 9 - y, r'mnist call 0\.\d% of the real examples of .*down.npz by their own labels'),
    ):
        np.savez(tmp_path / f'{name}.npz', x=images, y=labels)
        np.savez(tmp_path / 'made.npz', images=images, labels=labels)
        section = evaluate_samples.data_of(f'npz:{tmp_path / name}.npz', None)
        with pytest.raises(errors.GaxError, match=says):
            evaluate_samples.of_samples(tmp_path / 'made.npz', section, setting)
    np.savez(tmp_path / 'right.npz', x=x, y=y)
    np.savez(tmp_path / 'made.npz', images=x, labels=y)
    section = evaluate_samples.data_of(f'npz:{tmp_path / "right.npz"}', None)
    (row,) = evaluate_samples.of_samples(tmp_path / 'made.npz', section, setting)[1]
    assert row['metrics']['accuracy_mnist'] > 0.97


@pytest.mark.slow
def test_standing_statistics_of_a_run(run: Path, setting: Setting, tmp_path: Path) -> None:
    """They change the fakes, and the protocol says so; the config's own number holds where none is given."""
    once = setting._replace(metrics=('frechet',))
    running, standing = (evaluate.of_run(run, 'newest', once._replace(standing=n)).rows[0] for n in (0, 2))
    assert 'standing' not in running['protocol']
    assert standing['protocol'] == {**running['protocol'], 'standing': 2}
    assert standing['metrics'] != running['metrics']
    images = {}
    for number in (None, 0, 2):
        out = tmp_path / f'{number}.npz'
        export.export(Request(run, str(out), num=8, standing=number))
        images[number] = np.load(out)['images']
    assert np.array_equal(images[None], images[0])
    assert not np.array_equal(images[2], images[0])
    with pytest.raises(errors.GaxError, match='--standing must be at least 0, and is -1'):
        export.export(Request(run, str(tmp_path / 'x.npz'), standing=-1))
