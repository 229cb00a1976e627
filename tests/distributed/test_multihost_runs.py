"""Two processes of two devices each are one run: they compute what one process of four does, and they end
together.
"""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from gax.distributed import sharding
from gax.training import train
from tests.helpers import hostruns, tinyruns

STREAMED = ('--config.data.device_limit_mib=0',)


# The gradients of biases before batch-norm are nothing but rounding, which Adam with its usual epsilon makes
# steps of.
TAME = {'g.optimizer.eps': 0.01, 'd.optimizer.eps': 0.01}


def fields(data: Path, steps: int = 6, **changes: object) -> dict[str, object]:
    rhythm = {'steps': steps, 'log_every': 3, 'sample_every': 1000}
    return {'data.name': f'npz:{data}', **rhythm, **TAME, **changes}


def arguments(data: Path, steps: int = 6, **changes: object) -> list[str]:
    return [f'--config.{name}={value}' for name, value in fields(data, steps, **changes).items()]


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tinyruns.images(tmp_path_factory.mktemp('data') / 'images.npz')


def of_one_process(workdir: Path, data: Path, steps: int = 6, **changes: object) -> None:
    """The same run on the four devices of this process."""
    config = tinyruns.config(**fields(data, steps, **changes))
    with tinyruns.compiled_once():
        assert train.train(config, workdir) == (steps, '')


def furthest(one: Path, other: Path, step: int) -> float:
    """The largest difference of any array of two checkpoints, relative to the larger of 1 and its size."""
    gap, (left, right) = 0.0, (tinyruns.values(path, step) for path in (one, other))
    assert left.keys() == right.keys()
    for name, array in left.items():
        wide = [np.asarray(x, np.float64) for x in (array, right[name])]
        gap = max(
            gap, float(np.max(np.abs(wide[0] - wide[1]) / np.maximum(1.0, np.abs(wide[0])), initial=0.0))
        )
    return gap


@pytest.mark.slow
def test_two_processes_of_two_devices_are_one_of_four(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though a proxy is set, that leads nowhere: by themselves JAX's processes would warn of it, and wait
    for ever.
    """
    for name in ('http_proxy', 'https_proxy'):
        monkeypatch.setenv(name, 'http://127.0.0.1:9')
    hostruns.run(tmp_path / 'two', *arguments(data))
    of_one_process(tmp_path / 'one', data)
    assert furthest(tmp_path / 'one', tmp_path / 'two', 6) < 1e-6
    steps = [[row['step'] for row in tinyruns.metrics(tmp_path / name)] for name in ('one', 'two')]
    assert steps[0] == steps[1] == [3, 6]
    assert tinyruns.pictures(tmp_path / 'two').keys() == tinyruns.pictures(tmp_path / 'one').keys()


@pytest.mark.slow
def test_a_finished_run_is_drawn_on_the_devices_of_process_0(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program for those of all could wait for processes that do not come; here two of four are taken for
    its own.
    """
    of_one_process(tmp_path, data, 2)
    (tmp_path / 'samples' / '0000002.png').unlink()
    mine, seen = sharding.mesh(jax.devices()[:2]), []

    def look(run: train.Run, step: int, carry: object) -> None:
        seen.extend(jax.tree.leaves(carry))

    monkeypatch.setattr(sharding, 'local', lambda mesh: mine)
    monkeypatch.setattr(train.Run, 'on_sample', look)
    of_one_process(tmp_path, data, 2)
    assert {device for leaf in seen for device in leaf.sharding.device_set} == set(jax.devices()[:2])


@pytest.mark.slow
def test_a_finished_run_draws_its_last_picture_again(tmp_path: Path, data: Path) -> None:
    """Which process 0 does alone."""
    hostruns.run(tmp_path, *arguments(data))
    before = tinyruns.pictures(tmp_path)
    (tmp_path / 'samples' / '0000006.png').unlink()
    hostruns.run(tmp_path, *arguments(data))
    assert tinyruns.pictures(tmp_path) == before


@pytest.mark.slow
@pytest.mark.parametrize('mode', ['shard_map', 'pmap'])
def test_in_every_mode(tmp_path: Path, data: Path, mode: str) -> None:
    changes = {'parallel': mode, 'g.net.batch_norm': False}  # of two rows it is no smooth function
    hostruns.run(tmp_path / 'two', *arguments(data, **changes))
    of_one_process(tmp_path / 'one', data, **changes)
    assert furthest(tmp_path / 'one', tmp_path / 'two', 6) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize('num', [2, 4])
def test_rows_that_are_streamed(tmp_path: Path, data: Path, num: int) -> None:
    pytest.importorskip('grain')
    hostruns.run(tmp_path / 'two', *arguments(data), *STREAMED, num=num, devices=4 // num)
    of_one_process(tmp_path / 'one', data)
    assert furthest(tmp_path / 'one', tmp_path / 'two', 6) < 1e-6


@pytest.mark.slow
def test_evaluated_by_process_0_and_stopped_early_by_all(tmp_path: Path, data: Path) -> None:
    """No evaluation is better than the first where the learning rate is next to nothing."""
    changes = {'eval.every': 2, 'eval.num': 16, 'eval.features': 'raw', 'eval.best': 'frechet_raw'}
    changes |= {'eval.patience': 1, 'g.optimizer.learning_rate': 1e-30, 'ema.decay': 0.0}
    hostruns.run(tmp_path / 'two', *arguments(data, 50, **changes))
    made = sorted(int(path.name) for path in (tmp_path / 'two' / 'checkpoints').glob('[0-9]*'))
    assert made[-1] < 50
    hostruns.run(tmp_path / 'two', *arguments(data, 50, **changes))


LONG = {'steps': 150, 'checkpoint.every': 20, 'log_every': 10, 'sample_every': 50}


def newest(workdir: Path) -> int:
    return max((int(p.name) for p in workdir.glob('checkpoints/*') if p.name.isdigit()), default=0)


def disturbed(workdir: Path, data: Path, which: int, number: signal.Signals) -> list[tuple[int, str]]:
    """The run, begun or gone on with until it has a new checkpoint; then one process gets a signal."""
    processes = hostruns.start(workdir, *arguments(data, **LONG))
    before = newest(workdir)
    hostruns.wait_for(lambda: newest(workdir) > before, processes)
    processes[which].send_signal(number)
    began = time.monotonic()
    found = hostruns.ended(processes, 60)
    print(f'{number.name} at process {which}: all had ended after {time.monotonic() - began:.1f} s')
    return found


@pytest.mark.slow
def test_disturbed_again_and_again_it_is_the_same_run(tmp_path: Path, data: Path) -> None:
    """A signal stops all at one step; a process that is killed ends the others, who say so; the same
    commands go on.
    """
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    hostruns.run(whole, *arguments(data, **LONG))
    for which in (1, 0):
        found = disturbed(parts, data, which, signal.SIGTERM)
        assert [status for status, _ in found] == [143, 143], found
    for which in (1, 0):
        found = disturbed(parts, data, which, signal.SIGKILL)
        status, said = found[1 - which]
        assert found[which][0] == -signal.SIGKILL
        assert status == 75, said
        (line,) = [line for line in said.splitlines() if line.startswith('gax: ')]
        assert line.startswith(f'gax: error: process {which} of 2 (')
        told = re.search(r'the run goes on from its last checkpoint, of step (\d+) or later$', line)
        assert told is not None, line
        assert newest(parts) - 20 <= int(told.group(1)) <= newest(parts)
        assert 'Traceback' not in said
    hostruns.run(parts, *arguments(data, **LONG))
    tinyruns.same(whole, parts, 150)


@pytest.mark.slow
@pytest.mark.parametrize(('which', 'more'), [(0, 'steps=7'), (1, 'd.optimizer.learning_rate=0.5')])
def test_an_error_in_one_is_told_by_both(tmp_path: Path, data: Path, which: int, more: str) -> None:
    """Of other configs, and (0) in a workdir that another run has."""
    if which == 0:
        of_one_process(tmp_path / 'run', data, batch_size=4)
        processes = hostruns.start(tmp_path / 'run', *arguments(data))
        wanted = 'holds a run of another config'
    else:
        port = hostruns.free_port()
        own = [f'--config={tinyruns.CONFIG}', f'--workdir={tmp_path / "run"}', *arguments(data)]
        own += [f'--coordinator=127.0.0.1:{port}', '--num_processes=2', '--join_timeout=60']
        processes = [
            tinyruns.start('train.py', *own, f'--process_id={i}', *[f'--config.{more}'] * i, devices=2)
            for i in range(2)
        ]
        wanted = f'config.{more.partition("=")[0]} is 0.5 here'
    found = hostruns.ended(processes)
    assert [status for status, _ in found] == [2, 2], found
    for index, (_, said) in enumerate(found):
        (line,) = [line for line in said.splitlines() if line.startswith('gax: ')]
        assert wanted in line
        assert line.startswith('gax: error: process') or index == which
