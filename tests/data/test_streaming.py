"""Runs on data that is fetched step by step: the same as on the device, bit for bit, also when stopped and
continued.
"""

import json
import os
import signal
import time

import jax
import numpy as np
import pytest

from gax import errors
from gax.distributed import sharding
from gax.training import experiment, feed, programs, train
from tests.helpers import imagefiles, tinyruns

pytest.importorskip('grain', reason='streams need grain: pip install gax[stream]')


@pytest.fixture(scope='module', autouse=True)
def compiled_once():
    with tinyruns.compiled_once():
        yield


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return imagefiles.folder(tmp_path_factory.mktemp('data'), {'a': 20, 'b': 17}, 8, 6, 1)


def config(folder, limit=0, **changes):
    fields = {'data.name': f'folder:{folder}', 'data.device_limit_mib': limit}
    fields |= {'data.flip': True, 'data.random_crop': 2}
    return tinyruns.config(**{**fields, 'd.updates': 2, **changes})


def carried(config, devices, calls):
    """All that a run carries after `calls`, of several steps each."""
    built = experiment.build(config, sharding.mesh(jax.devices()[:devices]))
    rows = feed.feeder(built)
    advance, carry, step = programs.advancer(built, {}, rows), experiment.init(built), 0
    for count in calls:
        carry = advance(carry, step, count)
        step += count
    rows.close()
    return jax.device_get(carry)


@pytest.mark.slow
@pytest.mark.parametrize('devices', [pytest.param(1, marks=pytest.mark.slow), 4])
def test_fetched_is_trained_on_as_what_lives_on_the_device(folder, devices):
    """d.updates=2: 16 rows a step of 37 images, so that epochs end within steps."""
    one, other = (carried(config(folder, limit), devices, (3, 3)) for limit in (0, 1))
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.mark.slow
def test_stopped_and_continued(tmp_path, folder, monkeypatch):
    made = config(folder, steps_per_call=2, log_every=5, **{'d.updates': 1})
    assert train.train(made, tmp_path / 'whole') == (20, '')
    make, sent = programs.advancer, []

    def advancer(*arguments):
        advance = make(*arguments)

        def hit(carry, step, count):
            if step >= 7 and not sent:
                sent.append(step)
                signal.raise_signal(signal.SIGTERM)
            return advance(carry, step, count)

        return hit

    monkeypatch.setattr(programs, 'advancer', advancer)
    stopped = train.train(made, tmp_path / 'parts')
    assert stopped[1] == 'SIGTERM'
    assert 0 < stopped[0] < 20
    monkeypatch.setattr(programs, 'advancer', make)
    assert train.train(made, tmp_path / 'parts') == (20, '')
    tinyruns.same(tmp_path / 'whole', tmp_path / 'parts', 20)
    rows = [json.loads(line) for line in (tmp_path / 'parts' / 'metrics.jsonl').read_text().splitlines()]
    assert all(0 <= row['data_wait'] <= 1 for row in rows)


def test_a_file_that_breaks_while_training_is_named(tmp_path):
    """The shape is known from the config, so that nothing is read before."""
    folder = imagefiles.folder(tmp_path / 'data', {'': 30}, 8, 8, 1)
    (folder / '011.png').write_bytes(b'no image')
    made = config(folder, **{'data.image_size': 8, 'data.channels': 1})
    with pytest.raises(errors.GaxError) as info:
        train.train(made, tmp_path / 'run')
    assert str(info.value).startswith(f'{folder}/011.png cannot be read as an image')


@pytest.mark.slow
@pytest.mark.parametrize('workers', [0, 2])
def test_from_the_command_line(tmp_path, workers):
    """Processes of their own; stopped by SIGTERM to the whole group, as a terminal or a scheduler does it,
    and continued.
    """
    folder = imagefiles.folder(tmp_path / 'data', {'a': 40, 'b': 33}, 8, 6)
    fields = {
        'steps': 400,
        'log_every': 50,
        'sample_every': 200,
        'checkpoint.every': 90,
        'data.name': f'folder:{folder}',
    }
    fields |= {'data.device_limit_mib': 0, 'data.workers': workers, 'data.flip': True}
    flags = [f'--config={tinyruns.CONFIG}', *(f'--config.{name}={value}' for name, value in fields.items())]
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    done = tinyruns.run('train.py', *flags, f'--workdir={whole}')
    assert done.returncode == 0, done.stderr
    process = tinyruns.start('train.py', *flags, f'--workdir={parts}', start_new_session=True)
    limit = time.monotonic() + 120
    while not (parts / 'checkpoints' / '90').exists() and time.monotonic() < limit:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 143, said
    assert 'Traceback' not in said
    last = tinyruns.run('train.py', *flags, f'--workdir={parts}')
    assert last.returncode == 0, last.stderr
    tinyruns.same(whole, parts, 400)
