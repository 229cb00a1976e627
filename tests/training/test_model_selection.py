"""Evaluation while a run trains: it changes nothing of the training, keeps the best, and ends a run that
gets no better.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.monitoring
import pytest

from gax import errors
from gax.evals import results
from gax.evals.evaluator import Evaluator
from gax.training import evaluate as evaluation
from gax.training import model_selection, train
from gax.training.checkpoints import Checkpoints
from tests.helpers import tinyruns

pytestmark = pytest.mark.usefixtures('compiled_once')

EVERY = {'eval.every': 4, 'eval.num': 20, 'eval.features': 'raw', 'eval.best': 'frechet'}
# One step a call: what else falls due when decides how many there are otherwise, and with it the rounding.
SINGLE = {'steps': 20, 'steps_per_call': 1}
# Made-up distances by step: the best is at 8, and nothing after 12 is better.
CURVE = {4: 5.0, 8: 3.0, 12: 4.0, 16: 3.5, 20: 9.0}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))


@pytest.fixture
def config(data: Path) -> Callable[..., Any]:
    return lambda **changes: tinyruns.config(**{'data.name': f'npz:{data}', **SINGLE, **changes})


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations give CURVE, whatever the net has learnt."""
    row = Evaluator.row

    def told(self: Evaluator, step: int, found: dict[str, float], *rest: Any) -> dict[str, Any]:
        return row(self, step, {'frechet_raw': CURVE[step]} if step in CURVE else found, *rest)

    monkeypatch.setattr(Evaluator, 'row', told)


def best_of(run: Path) -> tuple[int | None, list[int]]:
    kept = Checkpoints(run / 'checkpoints', write=False)
    return kept.best(), kept.steps()


@pytest.fixture(scope='module')
def plain(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A run of 20 steps without evaluation."""
    run = tmp_path_factory.mktemp('plain') / 'run'
    train.train(tinyruns.config(**{'data.name': f'npz:{data}', **SINGLE}), run)
    return run


@pytest.fixture(scope='module')
def judged(tmp_path_factory: pytest.TempPathFactory, data: Path) -> tuple[Path, list[int]]:
    """The same with, and how many programs were compiled in each evaluation."""
    folder, compiled, counts = tmp_path_factory.mktemp('judged'), [], []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, seconds, **more: compiled.append(name) if 'backend_compile' in name else None
    )
    evaluate = model_selection.Selection.evaluate

    def counted(self: Any, step: int, state: Any) -> Any:
        before = len(compiled)
        row = evaluate(self, step, state)
        counts.append(len(compiled) - before)
        return row

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('XDG_CACHE_HOME', str(folder / 'cache'))
        patch.setattr(model_selection.Selection, 'evaluate', counted)
        train.train(tinyruns.config(**{'data.name': f'npz:{data}', **SINGLE, **EVERY}), folder / 'run')
    jax.monitoring.clear_event_listeners()
    return folder / 'run', counts


@pytest.mark.slow
def test_training_is_the_same_with_and_without(plain: Path, judged: tuple[Path, list[int]]) -> None:
    tinyruns.same(plain, judged[0], 20)
    assert [row['step'] for row in results.read_results(judged[0])] == [4, 8, 12, 16, 20]
    assert not (plain / results.FILE).exists()
    board = next(judged[0].glob('events.out.tfevents.*')).read_bytes()
    assert board.count(b'eval/frechet_raw') == 5


@pytest.mark.slow
def test_calls_of_several_steps_are_the_same_where_an_evaluation_ends_none_early(
    tmp_path: Path, config: Callable[..., Any]
) -> None:
    changes = {'steps_per_call': 2, 'log_every': 4, 'steps': 8}
    train.train(config(**changes), tmp_path / 'without')
    train.train(config(**{**EVERY, **changes}), tmp_path / 'with')
    tinyruns.same(tmp_path / 'without', tmp_path / 'with', 8)


@pytest.mark.slow
def test_evaluations_compile_nothing_after_the_first(judged: tuple[Path, list[int]]) -> None:
    assert judged[1][0] > 0
    assert judged[1][1:] == [0, 0, 0, 0]


@pytest.mark.slow
def test_by_hand_the_same_numbers_are_found(
    tmp_path: Path, config: Callable[..., Any], judged: tuple[Path, list[int]]
) -> None:
    run = shutil.copytree(judged[0], tmp_path / 'run')
    in_training = results.read_results(run)[-1]
    by_hand = evaluation.of_run(run, 'newest', model_selection.setting_of(config(**EVERY).eval))[1][0]
    assert by_hand['protocol'] == in_training['protocol']
    assert by_hand['metrics'] == pytest.approx(in_training['metrics'], rel=1e-6)
    assert by_hand['floor'] == in_training['floor']


def test_the_best_is_kept_beside_the_newest(
    tmp_path: Path, config: Callable[..., Any], measured: None
) -> None:
    run = tmp_path / 'run'
    train.train(config(**EVERY, **{'checkpoint.every': 1, 'checkpoint.keep': 2}), run)
    assert best_of(run) == (8, [8, 19, 20])
    assert json.loads((run / 'checkpoints' / 'best.json').read_text()) == {
        'step': 8,
        'metric': 'frechet_raw',
        'value': 3.0,
    }
    assert evaluation.chosen(Checkpoints(run / 'checkpoints', write=False), run, 'best') == [8]
    assert evaluation.chosen(Checkpoints(run / 'checkpoints', write=False), run, 'newest') == [20]


@pytest.mark.slow
def test_a_run_that_gets_no_better_ends(
    tmp_path: Path, config: Callable[..., Any], measured: None, plain: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run, patient = tmp_path / 'run', {**EVERY, 'eval.patience': 2, 'checkpoint.every': 100}
    for _ in range(2):  # the same command says so again, and does nothing
        caplog.clear()
        with caplog.at_level(logging.INFO, 'gax'):
            assert train.train(config(**patient), run) == (16, '')
        assert (
            'stopped early at step 16: frechet_raw was 3 at step 8, and no better in 2 evaluations'
            in caplog.text
        )
        assert best_of(run) == (8, [4, 8, 16])
    assert train.train(config(**{**patient, 'eval.patience': 0}), run) == (20, '')
    assert tinyruns.metrics(plain) == tinyruns.metrics(run)
    assert tinyruns.arrays(plain, 20) == tinyruns.arrays(run, 20)


@pytest.mark.slow
def test_stopped_and_continued_it_ends_where_it_would_have(
    tmp_path: Path, config: Callable[..., Any], measured: None
) -> None:
    patient = {**EVERY, 'eval.patience': 2}
    for steps, done in (
        (6, 6),
        (13, 13),
        (20, 16),
    ):  # 6 and 13 are evaluated, too, as ends, and count for nothing
        assert train.train(config(**{**patient, 'steps': steps}), tmp_path / 'run') == (done, '')
    assert [row['step'] for row in results.read_results(tmp_path / 'run')] == [4, 6, 8, 12, 13, 16]


@pytest.mark.slow
@pytest.mark.parametrize('at', ['save', 'mark'])
def test_a_process_that_dies_while_it_judges_loses_nothing(
    tmp_path: Path,
    config: Callable[..., Any],
    measured: None,
    plain: Path,
    monkeypatch: pytest.MonkeyPatch,
    at: str,
) -> None:
    """Before the checkpoint of step 8 is written, and before it is marked; its row is there."""
    run, changes = tmp_path / 'run', {**EVERY, 'checkpoint.every': 3, 'checkpoint.keep': 2}
    name = {'save': '_write', 'mark': 'mark_best'}[at]  # both in the thread that writes
    real = getattr(Checkpoints, name)

    def die(*arguments: Any) -> Any:
        if arguments[1] == 8:
            raise SystemExit('killed')
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, name, die)
        with pytest.raises(SystemExit):
            train.train(config(**changes), run)
    assert best_of(run)[0] == 4
    train.train(config(**changes), run)
    assert best_of(run) == (8, [8, 18, 20])
    tinyruns.same(plain, run, 20)


@pytest.mark.slow
def test_killed_while_evaluations_and_saves_go_on(tmp_path: Path, data: Path) -> None:
    """SIGKILL at whatever moment: the best of eval.jsonl is the one that is marked, and its checkpoint is
    whole.
    """
    run = tmp_path / 'run'
    arguments = [
        *(f'--config={tinyruns.CONFIG}', f'--workdir={run}', f'--config.data.name=npz:{data}'),
        *('--config.steps=120', '--config.checkpoint.every=3', '--config.checkpoint.keep=1'),
        *(f'--config.{name}={value}' for name, value in EVERY.items()),
    ]
    for wanted in (20, 60):
        process = tinyruns.start('train.py', *arguments)
        while process.poll() is None and not any(r['step'] >= wanted for r in results.read_rows(run)):
            pass
        process.kill()
        process.communicate()
    assert tinyruns.run('train.py', *arguments).returncode == 0
    rows = results.read_results(run)
    assert [row['step'] for row in rows] == list(range(4, 121, 4))
    best = min(rows, key=lambda row: row['metrics']['frechet_raw'])['step']
    assert best_of(run) == (best, sorted({best, 120}))
    assert tinyruns.arrays(run, best)


@pytest.mark.parametrize(
    ('changes', 'says'),
    [
        ({'eval.metrics': ('frecet',)}, r"unknown metric 'frecet' \(nearest: 'frechet'\)"),
        (
            {'eval.metrics': ('fid',), 'eval.every': 2, 'eval.features': 'raw'},
            'fid is the frechet on Inception',
        ),
        (
            {'eval.features': 'mnits', 'eval.every': 2},
            r"unknown feature extractor 'mnits' \(nearest: 'mnist'\)",
        ),
        (
            {**EVERY, 'eval.best': 'coverage'},
            "unknown number to be the best by 'coverage'; valid: frechet_raw",
        ),
        ({'eval.patience': 3}, 'config.eval.patience=3 needs config.eval.every, and config.eval.best'),
        ({'eval.every': -1}, 'config.eval.every must be at least 0, and is -1'),
        ({'eval.num': 1}, 'config.eval.num must be at least 2, and is 1'),
    ],
)
def test_an_evaluation_that_cannot_be_is_refused_before_anything_is_made(
    tmp_path: Path, config: Callable[..., Any], changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(errors.GaxError, match=says):
        train.train(config(**changes), tmp_path / 'run')
    assert not (tmp_path / 'run').exists()


@pytest.mark.slow
def test_an_evaluation_that_fails_takes_neither_the_run_nor_its_steps(
    tmp_path: Path,
    config: Callable[..., Any],
    plain: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever it fails by: the state is saved, one line says so, and training ends where it would have."""
    real, run = model_selection.Selection.evaluate, tmp_path / 'run'

    def fails(self: Any, step: int, state: Any) -> Any:
        if step == 8:
            raise RuntimeError('RESOURCE_EXHAUSTED: Out of memory\nwhile trying')
        if step == 12:
            assert 8 in Checkpoints(run / 'checkpoints', write=False).steps()
        return real(self, step, state)

    monkeypatch.setattr(model_selection.Selection, 'evaluate', fails)
    with caplog.at_level(logging.INFO, 'gax'):
        assert train.train(config(**EVERY, **{'checkpoint.every': 100}), run) == (20, '')
    lines = [record.getMessage() for record in caplog.records if 'evaluation failed' in record.getMessage()]
    assert lines == [
        'step 8: the evaluation failed, and training goes on: RESOURCE_EXHAUSTED: Out of memory while trying'
    ]
    assert [row['step'] for row in results.read_results(run)] == [4, 12, 16, 20]
    tinyruns.same(plain, run, 20)


@pytest.mark.parametrize(
    ('count', 'changes', 'says'),
    [
        (3, {'eval.metrics': ('frechet', 'prdc')}, 'prdc takes 6 reals at least, and there are 3'),
        (1, {}, 'frechet takes 2 reals at least, and there is 1'),
        (
            8,
            {'eval.metrics': ('frechet', 'ms_ssim')},
            'ms_ssim takes images of 11 pixels or more to a side, and .* 8',
        ),
        (
            8,
            {'eval.metrics': (1,)},
            r'config.eval.metrics must be a tuple of names, .* and holds 1; valid: frechet',
        ),
    ],
)
def test_what_counts_and_shapes_tell_is_refused_before_the_first_step(
    tmp_path: Path, config: Callable[..., Any], count: int, changes: dict[str, Any], says: str
) -> None:
    few = tinyruns.images(tmp_path / 'few.npz', count)
    with pytest.raises(errors.GaxError, match=says):
        train.train(config(**{**EVERY, 'data.name': f'npz:{few}', **changes}), tmp_path / 'run')
    assert not (tmp_path / 'run').exists()


@pytest.mark.slow
def test_few_reals_are_enough_to_be_judged_by(tmp_path: Path, config: Callable[..., Any]) -> None:
    few = tinyruns.images(tmp_path / 'few.npz', 3)
    train.train(config(**{**EVERY, 'data.name': f'npz:{few}', 'steps': 4}), tmp_path / 'run')
    (row,) = results.read_results(tmp_path / 'run')
    assert row['metrics']['frechet_raw'] > 0
    assert row['floor'] == {}


@pytest.mark.slow
def test_how_a_run_is_evaluated_may_change_as_it_goes_on(tmp_path: Path, config: Callable[..., Any]) -> None:
    run = tmp_path / 'run'
    train.train(config(steps=8), run)
    train.train(config(steps=16, **EVERY), run)
    train.train(config(steps=20, **{**EVERY, 'eval.num': 16}), run)
    assert [(row['step'], row['protocol']['fake']) for row in results.read_results(run)] == [
        (12, 20),
        (16, 20),
        (20, 16),
    ]
    assert best_of(run)[0] == 20  # of its own protocol the only one


def test_a_damaged_mark_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = Checkpoints(tmp_path / 'checkpoints')
    (tmp_path / 'checkpoints' / 'best.json').write_text('{"st')
    with caplog.at_level(logging.WARNING, 'gax'):
        assert kept.best() is None
    assert 'best.json is damaged' in caplog.text


@pytest.mark.slow
def test_features_that_only_keep_their_name_are_refused(
    tmp_path: Path, config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = 'def pixels(x):\n    return x.reshape(len(x), -1).astype("float32")\n'
    module = tmp_path / 'features_of_a_user.py'
    module.write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    judged = {**EVERY, 'eval.features': 'features_of_a_user:pixels'}
    train.train(config(steps=4, **judged), tmp_path / 'run')
    module.write_text(source + '# another function, for all that the name says\n')
    with pytest.raises(
        errors.GaxError, match=r'judged by other features .*:pixels \w{16} there, .*accept_changes'
    ):
        train.train(config(steps=8, **judged), tmp_path / 'run')
    assert train.train(config(steps=6, **{**EVERY, 'eval.features': 'raw'}), tmp_path / 'run') == (6, '')
    module.write_text(source)
    train.train(config(steps=8, **judged), tmp_path / 'run')
    module.write_text(source + '#')
    assert train.train(config(steps=12, **judged), tmp_path / 'run', accept=True) == (12, '')
