"""A run shown by Weights & Biases, offline: what is in the file that `wandb sync` would send."""

import json
import signal
import struct
import sys
import time
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from gax import errors
from gax.training import train, wandb_writer, workdir
from tests.helpers import tinyruns

installed = pytest.mark.skipif(not find_spec('wandb'), reason='wandb is not installed')


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv('WANDB_MODE', 'offline')
    monkeypatch.delenv('WANDB_RUN_GROUP', raising=False)
    yield
    if 'wandb' in sys.modules:
        sys.modules['wandb'].teardown()


def records(folder):
    """The records of each of wandb's files of a run, in their order.

    A file is a log of LevelDB: after 7 bytes blocks of 32 KiB of parts, each (checksum, length, type) and
    bytes; of a record that is cut up the first part has type 2, the last one 4.
    """
    from wandb.proto.wandb_internal_pb2 import Record

    for file in sorted((folder / 'wandb').glob('offline-run-*/*.wandb')):
        content, at, parts, found = file.read_bytes(), 7, [], []
        while at + 7 <= len(content):
            if (left := 2**15 - at % 2**15) < 7:
                at += left
                continue
            _, length, kind = struct.unpack_from('<IHB', content, at)
            parts.append(content[at + 7 : at + 7 + length])
            at += 7 + length
            if kind in (1, 4):
                found.append(Record.FromString(b''.join(parts)))
                parts = []
        yield found


def ended(folder):
    """The records of a run that has ended; wandb's own process may still be writing when `finish` returns."""
    last = time.monotonic() + 30
    while time.monotonic() < last:
        files = list(records(folder))
        if all(any(r.WhichOneof('record_type') == 'exit' for r in found) for found in files):
            return files
        time.sleep(0.1)
    raise AssertionError('wandb has written no end')


def history(record):
    """A row {name: value} of a record; {} of what is no row."""
    items = record.history.item
    return {item.key or '.'.join(item.nested_key): json.loads(item.value_json) for item in items}


def rows(found):
    return [row for record in found if (row := history(record))]


@pytest.mark.slow
@installed
def test_rows_pictures_and_config_of_a_run_are_sent(tmp_path, monkeypatch):
    monkeypatch.setenv('WANDB_RUN_GROUP', 'sweep')
    config = tinyruns.config(**{'log.wandb': 'entity/project'})
    with tinyruns.compiled_once():
        train.train(config, tmp_path / 'run')
    (found,) = ended(tmp_path / 'run')
    sent = rows(found)
    logged = workdir.read_metrics(tmp_path / 'run')
    assert [r['step'] for r in logged] == [7, 14, 20]
    by_step = {r['step']: r for r in sent if 'd/loss' in r}
    for row in logged:
        assert {name: by_step[row['step']][name] for name in row} == row
    assert [r['step'] for r in sent if 'samples._type' in r] == [0, 10, 20]
    assert [r['step'] for r in sent if 'reals._type' in r] == [0]
    assert {r['samples._type'] for r in sent if 'samples._type' in r} == {'image-file'}
    (run,) = (r.run for r in found if r.WhichOneof('record_type') == 'run')
    assert (run.entity, run.project, run.display_name, run.run_group) == (
        *('entity', 'project', 'run'),
        'sweep',
    )
    updates = {item.key: json.loads(item.value_json) for r in found for item in r.config.update}
    assert updates['d.optimizer.learning_rate'] == 0.001
    assert updates['g.net.widths'] == [8, 8]
    assert any(r.exit.exit_code == 0 for r in found if r.WhichOneof('record_type') == 'exit')
    again = tinyruns.config(steps=24, **{'log.wandb': 'entity/project'})
    with tinyruns.compiled_once():  # it goes on as the same run
        train.train(again, tmp_path / 'run')
    _, more = ended(tmp_path / 'run')
    assert {r.run.run_id for r in more if r.WhichOneof('record_type') == 'run'} == {run.run_id}
    assert [r['step'] for r in rows(more) if 'd/loss' in r] == [21, 24]


@installed
def test_another_project_is_no_other_run(tmp_path):
    workdir.open_workdir(tmp_path, tinyruns.config()).close()
    workdir.open_workdir(tmp_path, tinyruns.config(**{'log.wandb': 'other'})).close()


@installed
def test_two_runs_of_one_process_do_not_mix(tmp_path):
    for name in 'ab':
        (tmp_path / name).mkdir()
    writers = {name: wandb_writer.WandbWriter(tmp_path / name, 'project') for name in 'ab'}
    for step, name in enumerate('abab'):
        writers[name].write(step, {name: 1.0})
    for writer in writers.values():
        writer.close()
    for name, steps in (('a', [0, 2]), ('b', [1, 3])):
        (found,) = ended(tmp_path / name)
        assert [row['step'] for row in rows(found)] == steps
        assert all(name in row for row in rows(found))


@pytest.mark.slow
@installed
def test_a_server_that_cannot_be_reached_stops_nothing(tmp_path, monkeypatch, caplog):
    monkeypatch.delenv('WANDB_MODE')
    monkeypatch.setenv('WANDB_API_KEY', 'a' * 40)
    monkeypatch.setenv('WANDB_BASE_URL', 'http://127.0.0.1:9')  # where nobody listens
    monkeypatch.setattr(wandb_writer, 'SECONDS', 2)
    writer = wandb_writer.WandbWriter(tmp_path, 'project')
    assert 'wandb cannot be reached, and the run is kept offline' in caplog.text
    writer.write(5, {'d/loss': 0.5})
    writer.image(5, 'samples', Image.fromarray(np.zeros((4, 4), np.uint8)))
    writer.close()
    (found,) = ended(tmp_path)
    assert [row['step'] for row in rows(found)] == [5, 5]


@installed
def test_an_error_of_wandb_is_warned_of_once(tmp_path, caplog):
    writer = wandb_writer.WandbWriter(tmp_path, 'project')
    run = writer._run
    run.finish()
    for step in (1, 2):
        writer.write(step, {'d/loss': 0.5})
    assert [message for message in caplog.messages if 'gets no more of this run' in message] == [
        caplog.messages[-1]
    ]


def test_without_wandb_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(wandb_writer, 'find_spec', lambda name: None)
    config = tinyruns.config(**{'log.wandb': 'project'})
    with pytest.raises(
        errors.GaxError, match=r"config\.log\.wandb=project needs wandb: pip install 'gax\[wandb\]'"
    ):
        train.train(config, tmp_path / 'run')
    assert not (tmp_path / 'run').exists()
    wandb_writer.require('')


@installed
@pytest.mark.slow
def test_what_a_killed_run_has_logged_is_there_after_some_seconds(tmp_path):
    """wandb writes some seconds after it was given a row: measured with wandb 0.31, within 12."""
    arguments = (
        '--config=tests/helpers/tiny_config.py',
        f'--workdir={tmp_path}',
        '--config.log.wandb=project',
    )
    process = tinyruns.start('train.py', *arguments, '--config.steps=100000000', '--config.log_every=100')
    try:
        last = time.monotonic() + 120
        while not workdir.read_metrics(tmp_path) and time.monotonic() < last:
            time.sleep(0.2)
        first = workdir.read_metrics(tmp_path)[0]
        time.sleep(12)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    sent = [row for found in records(tmp_path) for row in rows(found) if 'd/loss' in row]
    assert first.items() <= sent[0].items()
