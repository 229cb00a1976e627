"""Whole runs in this process: what they leave, and how they end when something goes wrong."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from gax import cli, errors
from gax.evals import results
from gax.sweep import objective as objectives
from gax.training import experiment, programs, real_examples, start_report, train
from gax.training.checkpoints import Checkpoints
from gax.viz import curves, images
from tests.helpers import tinyruns
from tests.helpers.cases import with_slow

pytestmark = pytest.mark.usefixtures('compiled_once')

DIVERGES = {'d.optimizer.name': 'sgd', 'd.optimizer.learning_rate': 1e30}


def config(data: Path, **changes: object) -> ConfigDict:
    return tinyruns.config(**{'data.name': f'npz:{data}', **changes})


def test_what_a_run_leaves_and_that_it_is_not_done_twice(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / 'run'
    assert train.train(config(data), run) == (20, '')
    rows = [json.loads(line) for line in (run / 'metrics.jsonl').read_text().splitlines()]
    assert [row['step'] for row in rows] == [7, 14, 20]  # and the steps after the last that log_every divides
    wanted = {'step', 'd/loss', 'g/loss', 'd/accuracy', 'd/adversarial', *tinyruns.TIMING} - {'data_wait'}
    assert all(wanted <= row.keys() for row in rows)
    assert [p.name for p in sorted((run / 'samples').iterdir())] == [
        *(f'{s:07d}.png' for s in (0, 10, 20)),
        'reals.png',
    ]
    with Image.open(run / 'samples.gif') as animation, Image.open(run / 'curves.png') as drawn:
        assert animation.n_frames == 3  # type: ignore[attr-defined]
        assert drawn.width > 500
    assert Checkpoints(run / 'checkpoints', write=False).steps() == [12, 18, 20]
    assert list(run.glob('events.out.tfevents.*'))
    before = {path: path.read_bytes() for path in (run / 'samples').iterdir()}
    for name in ('curves.png', 'samples.gif', 'samples/0000020.png'):
        (run / name).unlink()
    with caplog.at_level(logging.INFO, 'gax'):
        assert train.train(config(data), run) == (20, '')
    assert 'all 20 steps are done' in caplog.text
    assert {path: path.read_bytes() for path in (run / 'samples').iterdir()} == before
    assert (run / 'curves.png').exists()
    assert (run / 'samples.gif').exists()
    assert cli.report(run, 20, 20, '') == 0
    assert all(name in capsys.readouterr().out for name in [str(run / 'samples' / '0000020.png')])


@pytest.mark.parametrize('log_every', with_slow([1, 1000], 0))
def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path, data: Path, log_every: int) -> None:
    """Found when it is logged; or, where no line is due, before it could be saved."""
    changes = {**DIVERGES, 'log_every': log_every, 'checkpoint.every': 1}
    with pytest.raises(
        errors.GaxError, match=r'(loss|adversarial|logit|norm|parameter|state).* not finite at step \d+'
    ) as found:
        train.train(config(data, steps=2000, **changes), tmp_path / 'run')
    steps = Checkpoints(tmp_path / 'run' / 'checkpoints', write=False).steps()
    assert ('no checkpoint yet' if not steps else f'of step {steps[-1]}, stays') in str(found.value)
    for row in tinyruns.metrics(tmp_path / 'run'):
        assert all(abs(value) < float('inf') for value in row.values())


def full(*arguments: object, **named: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.slow
@pytest.mark.parametrize(
    'what',
    ['checkpoint', *(pytest.param(what, marks=pytest.mark.slow) for what in ('picture', 'curves'))],
)
def test_a_full_disk_ends_the_run_and_the_same_command_goes_on(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    whole, run, count = tmp_path / 'whole', tmp_path / 'run', iter(range(100))
    train.train(config(data), whole)
    owner, name = {
        'checkpoint': (Checkpoints, '_write'),  # in its thread
        'picture': (images, 'save'),
        'curves': (curves, 'curves'),
    }[what]
    real = getattr(owner, name)

    def fill(*arguments: object, **named: object) -> object:
        if next(count) == (0 if what == 'curves' else 1):
            with errors.plain_os_errors(run):
                full()
        return real(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fill)
        with pytest.raises(
            errors.GaxError, match=r'no space left on the disk of .* run the same command again'
        ):
            train.train(config(data), run)
    assert train.train(config(data), run) == (20, '')
    tinyruns.same(whole, run, 20)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes; root alone can make one."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    command = ['mount', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', str(folder)]
    if os.getuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip('mounting a small tmpfs takes root')
    yield folder
    subprocess.run(['umount', '-l', str(folder)], check=True)


@pytest.mark.slow
def test_a_disk_that_is_really_full(
    tmp_path: Path,
    small_disk: Path,
    data: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    run, changes = small_disk / 'run', {'checkpoint.every': 2, 'steps': 16}
    train.train(config(data, **changes), tmp_path / 'whole')
    train.train(config(data, **{**changes, 'steps': 4}), run)
    stuff = small_disk / 'stuff'
    with open(stuff, 'wb', buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b'0' * 4096):
            pass
    with pytest.raises(errors.GaxError, match=r'no space left on the disk of .* \(0 MiB free\)'):
        train.train(config(data, **changes), run)
    assert Checkpoints(run / 'checkpoints', write=False).steps()[-1] >= 4
    with open(stuff, 'r+b') as file:  # a little room: enough to begin, not to save
        file.truncate(stuff.stat().st_size - 80 * 1024)
    with pytest.raises(errors.GaxError, match='no space left on the disk of'):
        train.train(config(data, **{**changes, 'steps': 4000}), run)
    assert Checkpoints(run / 'checkpoints', write=False).steps()[-1] >= 4
    assert 'Traceback' not in capfd.readouterr().err + caplog.text
    stuff.unlink()
    last = Checkpoints(run / 'checkpoints', write=False).steps()[-1]
    assert train.train(config(data, **{**changes, 'steps': max(16, last)}), run)[0] >= 16


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, data: Path) -> None:
    with pytest.raises(errors.GaxError, match='cannot write to /proc/run'):
        train.train(config(data), Path('/proc/run'))
    mounted = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'ro', 'tmpfs', str(tmp_path)], capture_output=True
    )
    if mounted.returncode == 0:
        with pytest.raises(errors.GaxError, match=r'cannot write to .*: Read-only file system'):
            train.train(config(data), tmp_path / 'run')
        subprocess.run(['umount', '-l', str(tmp_path)], check=True)


def test_a_refused_config_makes_nothing(tmp_path: Path, data: Path) -> None:
    for changes in ({'batch_size': 6}, {'loss': 'hing'}, {'steps': 0}, {'data.name': 'npz:nowhere'}):
        with pytest.raises(errors.GaxError):
            train.train(config(data, **changes), tmp_path / 'run')
    assert not (tmp_path / 'run').exists()


@pytest.mark.slow
def test_a_damaged_newest_checkpoint_costs_its_steps_only(
    tmp_path: Path, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train.train(config(data), tmp_path / 'whole')
    train.train(config(data), tmp_path / 'run')
    (tmp_path / 'run' / 'checkpoints' / '20' / 'manifest.json').write_text('')
    with caplog.at_level(logging.INFO, 'gax'):
        assert train.train(config(data), tmp_path / 'run') == (20, '')
    assert 'checkpoint 20 in' in caplog.text
    assert 'going on from step 18' in caplog.text
    tinyruns.same(tmp_path / 'whole', tmp_path / 'run', 20)


@pytest.mark.slow
def test_metrics_are_read_when_the_next_step_is_on_its_way(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    make, measured = programs.advancer, train.Progress.measured

    def advancer(*arguments: object) -> object:
        advance = make(*arguments)  # type: ignore[arg-type]
        return lambda carry, step, count: (said.append(f'step {step}'), advance(carry, step, count))[1]

    def note(self: train.Progress, row: dict[str, float]) -> None:
        said.append(f'row {row["step"]}')
        measured(self, row)

    monkeypatch.setattr(programs, 'advancer', advancer)
    monkeypatch.setattr(train.Progress, 'measured', note)
    train.train(config(data, steps=4, log_every=2, steps_per_call=1), tmp_path / 'run')
    assert said == ['step 0', 'step 1', 'step 2', 'row 2', 'step 3', 'row 4']


@pytest.mark.slow
def test_a_run_that_goes_on_keeps_no_copy_of_its_checkpoint(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, kept, save = tmp_path / 'run', [], train.Run.on_save
    train.train(config(data), run)

    def on_save(self: train.Run, *arguments: object) -> object:
        kept.append((self.restored, self.record.restored))
        return save(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(train.Run, 'on_save', on_save)
    assert train.train(config(data, steps=22), run) == (22, '')
    assert kept == [(None, None)]


@pytest.mark.slow
def test_the_first_lines_say_what_runs_and_the_log_file_has_them_with_versions(
    tmp_path: Path, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / 'run'
    with caplog.at_level(logging.INFO, 'gax'):
        train.train(config(data, steps=2), run)
    wanted = [
        f'device: {len(jax.devices())} x cpu',
        f'data: npz:{data}, 60 examples, image 8x8x1, 3 classes',
        'networks, by parameters: d ',
        f'log: {run / "log.txt"}',
        'compiling',
        'compiled in ',
        'step 2 of 2: ',
    ]
    lines = iter(caplog.messages)
    assert all(any(line.startswith(start) for line in lines) for start in wanted), caplog.messages
    log = (run / 'log.txt').read_text()
    assert all(
        text in log
        for text in [*wanted, 'jax 0.', 'numpy ', socket.gethostname(), 'command: ', 'done: saved at step 2']
    )
    with (
        Image.open(run / 'samples' / 'reals.png') as reals,
        Image.open(run / 'samples' / '0000000.png') as fakes,
    ):
        assert reals.size == fakes.size
    with pytest.raises(errors.GaxError):
        train.train(config(data, steps=2000, **{**DIVERGES, 'seed': 0}), run)
    assert 'another config' not in log  # a workdir that is refused stays as it was
    with pytest.raises(errors.GaxError):
        train.train(config(data, steps=2000, **DIVERGES), tmp_path / 'diverges')
    assert 'is not finite at step' in (tmp_path / 'diverges' / 'log.txt').read_text().splitlines()[-1]


def test_counts_of_parameters_are_those_of_the_networks(tmp_path: Path, data: Path) -> None:
    built = experiment.build(config(data))
    line = start_report.networks(experiment.shapes(built).state.params)
    params = experiment.init(built).state.params
    for name, tree in params.items():
        assert f'{name} {sum(np.asarray(x).size for x in jax.tree.leaves(tree)):,}' in line


def test_a_picture_of_reals_does_not_depend_on_the_order_of_the_set(data: Path) -> None:
    """60 examples, sorted by class: the first 20 are of one class alone."""
    labels = real_examples.reals(experiment.build(config(data)), 24)['label']
    assert set(labels.tolist()) == {0, 1, 2}


@pytest.mark.slow
@pytest.mark.parametrize('log_every', [pytest.param(20, marks=pytest.mark.slow), 1000])
def test_a_run_shorter_than_its_rhythm_logs_all_its_steps_at_the_end(
    tmp_path: Path, data: Path, log_every: int
) -> None:
    train.train(config(data, log_every=1), tmp_path / 'each')
    train.train(config(data, log_every=log_every), tmp_path / 'run')
    (row,) = tinyruns.metrics(tmp_path / 'run')
    assert row['step'] == 20
    each = tinyruns.metrics(tmp_path / 'each')
    for name in ('d/loss', 'g/loss', 'd/accuracy'):
        assert row[name] == pytest.approx(sum(r[name] for r in each) / 20, rel=1e-5)
    goal = objectives.parse('d/loss', 'minimize')
    assert goal is not None
    assert objectives.value(goal, objectives.measure(tmp_path / 'run')) == row['d/loss']


@pytest.mark.slow
def test_a_row_before_it_was_due_is_replaced_by_the_one_that_is(tmp_path: Path, data: Path) -> None:
    """10 steps end with a row of steps 8 to 10; a run that goes on writes those of 8 to 14 instead, as one
    that never stopped.
    """
    train.train(config(data), tmp_path / 'whole')
    train.train(config(data, steps=10), tmp_path / 'parts')
    assert [row['step'] for row in tinyruns.metrics(tmp_path / 'parts')] == [7, 10]
    train.train(config(data, steps=10), tmp_path / 'parts')  # nothing left to do: the row stays
    assert [row['step'] for row in tinyruns.metrics(tmp_path / 'parts')] == [7, 10]
    train.train(config(data), tmp_path / 'parts')
    assert [row['step'] for row in tinyruns.metrics(tmp_path / 'parts')] == [7, 14, 20]
    tinyruns.same(tmp_path / 'whole', tmp_path / 'parts', 20)


@pytest.mark.slow
def test_what_a_killed_run_left_of_steps_not_reached_again_is_not_the_newest(
    tmp_path: Path, data: Path
) -> None:
    run = tmp_path / 'run'
    train.train(config(data), run)
    protocol, late = {'features': 'raw'}, run / 'samples' / '0000040.png'
    rows = [
        {'step': step, 'metrics': {'frechet_raw': 1.0}, 'protocol': protocol, 'by': by}
        for step, by in ((12, 'training'), (40, 'training'), (40, 'evaluate'), (None, 'evaluate'))
    ]
    for row in rows:
        results.append(run, row)
    late.write_bytes((run / 'samples' / '0000020.png').read_bytes())
    train.train(config(data, steps=22), run)
    assert results.read_rows(run) == [rows[0], rows[3]]
    assert results.read_results(run)[-1]['step'] == 12
    assert json.loads((run / 'damaged' / results.FILE).read_text()) == rows[2]  # somebody's work: kept
    assert not late.exists()


@pytest.mark.slow
def test_saving_does_not_stop_the_loop(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint is held back until training is two steps further; all are there in the end, and hold
    their own step.
    """
    released, real, steps = threading.Event(), Checkpoints._write, []

    def slow(self: Checkpoints, step: int, *rest: object) -> None:
        if step == 6:
            assert released.wait(60)
        real(self, step, *rest)  # type: ignore[arg-type]

    def on_progress(self: train.Run, step: int) -> None:
        steps.append((step, Checkpoints(tmp_path / 'run' / 'checkpoints', write=False).steps()))
        if step >= 8:
            released.set()

    monkeypatch.setattr(Checkpoints, '_write', slow)
    monkeypatch.setattr(train.Run, 'on_progress', on_progress)
    train.train(config(data, steps_per_call=1), tmp_path / 'run')
    assert (8, []) in steps
    assert Checkpoints(tmp_path / 'run' / 'checkpoints', write=False).steps() == [12, 18, 20]
    values = tinyruns.values(tmp_path / 'run', 12)
    assert values['.state.step'] == 12
