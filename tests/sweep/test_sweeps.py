"""Whole sweeps by the script, with real trainings in processes of their own."""

from __future__ import annotations

import csv
import json
import logging
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import pytest
from absl import flags
from absl.testing import flagsaver

import gax.cli  # defines its flags once, before any test looks
from tests.helpers import tinyruns, xla

# ml_collections loads config files by a method that importlib is to lose.
pytestmark = pytest.mark.filterwarnings('ignore:the load_module:DeprecationWarning')
Script = Callable[..., int]

CONFIG = '--config=tests/helpers/tiny_sweep.py'
CACHE = f'--compilation_cache={tinyruns.CACHE}'
SCRIPT = 'sweep.py'
RATE = 'g.optimizer.learning_rate'


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """Runs a script in this process, with flags of its own; returns its exit status."""

    def run(name: str, *arguments: object) -> int:
        path = str(tinyruns.ROOT / 'experiments' / name)
        monkeypatch.chdir(tinyruns.ROOT)
        jax.devices()  # this process has its own by now, whatever the environment says from here on
        # What it starts has one device, as the runs that tinyruns starts.
        monkeypatch.setenv('XLA_FLAGS', xla.QUICK)
        monkeypatch.setenv('PYTHONPATH', str(tinyruns.ROOT))
        # It would leave this process logging to a stream that pytest closes.
        monkeypatch.setattr(gax.cli, 'configure', lambda *arguments: None)
        monkeypatch.setattr(sys, 'argv', [path, *map(str, arguments)])
        with flagsaver.flagsaver(), pytest.raises(SystemExit) as end:
            runpy.run_path(path, run_name='__main__')
        return int(end.value.code or 0)

    saved = set(flags.FLAGS)
    yield run
    for name in set(flags.FLAGS) - saved:
        delattr(flags.FLAGS, name)


def table(workdir: Path) -> list[dict[str, str]]:
    with open(workdir / 'sweep.csv') as file:
        return list(csv.DictReader(file))


def until(condition: Any, process: subprocess.Popen[str] | None = None) -> None:
    last = time.monotonic() + 150
    while not condition():
        assert time.monotonic() < last
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.02)


def checkpoints(workdir: Path) -> list[int]:
    return sorted(int(p.name) for p in workdir.glob('runs/*/checkpoints/*') if p.name.isdigit())


@pytest.mark.slow
def test_a_grid_in_which_a_run_fails(
    tmp_path: Path,
    script: Script,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    sweep = tmp_path / 'sweep'
    arguments = (CONFIG, f'--workdir={sweep}', '--sweep=diverges', '--config.loss=hinge', CACHE)
    with caplog.at_level(logging.INFO, 'gax'):
        assert script(SCRIPT, *arguments, '--objective=d/loss:mean', '--direction=minimize') == 1
    out = capfd.readouterr().out
    for line in (
        r'run 1 of 2: .*: begins',
        r': done, d/loss:mean [-\d.e]+, \d+ s \(1 of 2 runs, \d\d:\d\d left\)',
        r'run 2 of 2: .*: begins',
        r': failed: .* is not finite .* \(2 of 2 runs\)',
    ):
        assert re.search(line, caplog.text), caplog.text
    good, bad = table(sweep)
    assert (good['state'], good['g.optimizer.learning_rate'], good['steps']) == ('done', '0.001', '20')
    assert (bad['state'], bad['g.optimizer.learning_rate'], bad['objective d/loss:mean']) == (
        'failed',
        '1e+30',
        '',
    )
    assert re.search(r'not finite at step \d+', bad['error'])
    rows = tinyruns.metrics(sweep / good['folder'])
    mean = sum(row['d/loss'] for row in rows) / len(rows)
    assert float(good['objective d/loss:mean']) == pytest.approx(mean, rel=1e-12)
    config = json.loads((sweep / good['folder'] / 'config.json').read_text())
    assert (config['loss'], config['d']['optimizer']['learning_rate'], config['seed']) == ('hinge', 1e-3, 0)
    assert f'Best run:  {sweep / good["folder"]}' in out
    assert 'gax: 2 runs: 1 done, 1 failed' in out
    page = (sweep / 'sweep.html').read_text()
    assert page.count(f'href="{good["folder"]}/"') == 2  # the best run, and the table of all
    assert bad['error'][:30] in page
    assert 'data:image/png' in page
    # Again, with another objective: nothing is trained, and the dry run tells how things stand.
    before = {p: p.stat().st_mtime_ns for p in sweep.rglob('*') if 'runs' in p.parts}
    assert script(SCRIPT, *arguments, '--objective=g/loss', '--direction=maximize') == 1
    assert float(table(sweep)[0]['objective g/loss']) == rows[-1]['g/loss']
    assert script(SCRIPT, *arguments, '--objective=d/los', '--direction=maximize') == 2
    said = capfd.readouterr().err.splitlines()[-1]
    assert said.startswith("gax: error: no run reports 'd/los' (nearest: d/loss); reported: d/accuracy, ")
    assert script(SCRIPT, *arguments, '--dry_run') == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ['done', 'failed']
    assert good['folder'] in lines[0]
    assert {p: p.stat().st_mtime_ns for p in sweep.rglob('*') if 'runs' in p.parts} == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != 'linux', reason='elsewhere a run does not hear of its worker')
def test_killed_outright_and_taken_up_again(tmp_path: Path, script: Script) -> None:
    """SIGKILL to the worker; the next one goes on from the checkpoint, and the run ends as if nothing had
    happened.
    """
    sweep, changes = tmp_path / 'sweep', ('--config.steps=240', '--config.checkpoint.every=20')
    arguments = (CONFIG, f'--workdir={sweep}', '--seeds=1', *changes)
    worker = tinyruns.start(SCRIPT, *arguments)
    until(lambda: checkpoints(sweep), worker)
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    assert script(SCRIPT, *arguments, CACHE) == 0
    (row,) = table(sweep)
    assert (row['state'], row['steps']) == ('done', '240')
    said = (sweep / row['folder'] / 'run.log').read_text()
    assert 'SIGTERM: saving' in said
    (step,) = re.findall(r'going on from step (\d+)', said)
    assert 20 <= int(step) < 240
    whole = tmp_path / 'whole'
    assert tinyruns.run('train.py', CONFIG, f'--workdir={whole}', *changes).returncode == 0
    tinyruns.same(whole, sweep / row['folder'], 240)


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_stopped_by_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    sweep, changes = tmp_path / 'sweep', ('--config.steps=500', '--config.checkpoint.every=500')
    arguments = (CONFIG, f'--workdir={sweep}', '--sweep=lr', '--seeds=1', *changes)
    worker = tinyruns.start(SCRIPT, *arguments)
    until(lambda: list(sweep.glob('runs/*/metrics.jsonl')), worker)
    until(lambda: any('"step"' in p.read_text() for p in sweep.glob('runs/*/metrics.jsonl')), worker)
    worker.send_signal(number)
    out, err = worker.communicate(timeout=100)
    assert worker.returncode == 128 + number, err
    assert 'the same command goes on' in out
    (step,) = checkpoints(sweep)
    assert 0 < step < 500
    assert [row['state'] for row in table(sweep)] == ['waiting', 'waiting']
    again = tinyruns.run(SCRIPT, *arguments, '--retry_failed')
    assert again.returncode == 0, again.stderr
    assert [row['steps'] for row in table(sweep)] == ['500', '500']
    assert f'going on from step {step}' in ''.join(p.read_text() for p in sweep.glob('runs/*/run.log'))


def two_workers(arguments: tuple[str, ...], workdirs: tuple[Path, Path], kill: bool) -> None:
    """Two at once; one of them is killed outright where `kill` says so."""
    workers = [tinyruns.start(SCRIPT, f'--workdir={workdir}', *arguments) for workdir in workdirs]
    if kill:
        until(lambda: len({p.parts[-3] for p in workdirs[0].glob('runs/*/checkpoints/*')}) > 1, workers[0])
        workers[1].send_signal(signal.SIGKILL)
    for worker in workers:
        out, err = worker.communicate(timeout=400)
        assert worker.returncode == (-signal.SIGKILL if kill and worker is workers[1] else 0), (out, err)


@pytest.mark.slow
@pytest.mark.parametrize('kill', [False, True])
def test_two_workers_share_a_sweep(tmp_path: Path, kill: bool) -> None:
    sweep = tmp_path / 'sweep'
    changes = ('--config.steps=300', '--config.checkpoint.every=20')
    two_workers((CONFIG, '--sweep=lr,seed', *changes), (sweep, sweep), kill)
    rows = table(sweep)
    assert [(row['state'], row['steps']) for row in rows] == [('done', '300')] * 4
    logs = [(sweep / row['folder'] / 'run.log').read_text() for row in rows]
    assert [log.count('300 steps done') for log in logs] == [1, 1, 1, 1]  # no run was trained twice
    assert sum('going on from step' in log for log in logs) == kill


@pytest.mark.slow
def test_a_search_prunes_and_finds(tmp_path: Path) -> None:
    """Adam's updates are as long as its rate: a search for short ones drops those of large rates when it has
    seen them.
    """
    sweep, goal = tmp_path / 'sweep', ('--objective=g/update_norm', '--direction=minimize')
    arguments = (CONFIG, f'--workdir={sweep}', '--sweep=rate', '--search=random', '--trials=8', *goal)
    changes = ('--config.steps=1500', '--config.log_every=50', '--config.checkpoint.every=1500')
    worker = tinyruns.start(SCRIPT, *arguments, *changes)
    out, err = worker.communicate(timeout=500)
    assert worker.returncode == 0, err
    rows = sorted(table(sweep), key=lambda row: float(row[RATE]))
    assert len(rows) == 8
    assert {row['state'] for row in rows} == {'done', 'pruned'}
    for row in rows:
        assert (int(row['steps']) == 1500) == (row['state'] == 'done')
        assert row['state'] == 'done' or int(row['steps']) >= 375  # a quarter is waited for
        assert row['state'] == 'done' or int(row['trial']) >= 4  # and four others
    assert rows[0]['state'] == 'done'
    assert f'Best run:  {sweep / rows[0]["folder"]}' in out


DEBIAN = sorted(Path('/usr/lib/postgresql').glob('*/bin/initdb'))


@pytest.fixture
def server(tmp_path: Path) -> Any:
    """A PostgreSQL server of its own on loopback, as the user `nobody` where the tests are run by root."""
    import shutil
    import socket
    import tempfile

    if not DEBIAN:
        pytest.skip("needs Debian's postgresql")
    place = Path(tempfile.mkdtemp(prefix='gax-postgres-', dir='/tmp'))
    user = {'user': 'nobody', 'group': 'nogroup'} if os.getuid() == 0 else {}
    if user:
        shutil.chown(place, **user)
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    (place / 'password').write_text('sesame')
    made = ['-D', place / 'data', '-U', 'gax', '-A', 'scram-sha-256', f'--pwfile={place / "password"}']
    env = {**os.environ, 'LC_ALL': 'C'}
    quiet = {'stdout': subprocess.DEVNULL, 'cwd': place, 'env': env, **user}
    subprocess.run([DEBIAN[-1], *made], check=True, **quiet)
    flags = ['-D', place / 'data', '-h', '127.0.0.1', '-p', str(port), '-k', place]
    with open(place / 'log', 'w') as file:
        process = subprocess.Popen([DEBIAN[-1].with_name('postgres'), *flags], stderr=file, **quiet)
    try:
        until(lambda: 'ready to accept connections' in (place / 'log').read_text())
        yield f'postgresql://gax:sesame@127.0.0.1:{port}/postgres'
    finally:
        process.send_signal(signal.SIGINT)  # fast shutdown
        process.wait()
        shutil.rmtree(place)


@pytest.mark.postgres
@pytest.mark.parametrize('kill', [False, True])
def test_two_workers_share_a_postgresql_server(tmp_path: Path, server: str, kill: bool) -> None:
    """As two machines that share the folder would; then as two that do not: the tables of both have all
    runs.
    """
    sweep = tmp_path / 'sweep'
    changes = ('--config.steps=300', '--config.checkpoint.every=20')
    two_workers((CONFIG, '--sweep=lr,seed', f'--storage={server}', *changes), (sweep, sweep), kill)
    rows = table(sweep)
    assert [(row['state'], row['steps']) for row in rows] == [('done', '300')] * 4
    logs = [(sweep / row['folder'] / 'run.log').read_text() for row in rows]
    assert [log.count('300 steps done') for log in logs] == [1, 1, 1, 1]
    assert not list(sweep.glob('*.db'))
    assert not [p for p in sweep.rglob('*') if p.is_file() and b'sesame' in p.read_bytes()]
    wrong = tinyruns.run(
        SCRIPT,
        CONFIG,
        f'--workdir={tmp_path}/no',
        '--seeds=1',
        f'--storage={server.replace("sesame", "wrong")}',
    )
    assert wrong.returncode == 2
    assert 'password authentication failed' in wrong.stderr
    assert 'wrong' not in wrong.stderr
    if not kill:
        apart = (tmp_path / 'a' / 'apart', tmp_path / 'b' / 'apart')
        two_workers((CONFIG, '--sweep=loss', '--seeds=2', f'--storage={server}', *changes), apart, kill)
        one, other = (sorted(row['folder'] for row in table(workdir)) for workdir in apart)
        assert one == other
        assert len(one) == 4
        assert sorted(p.name for w in apart for p in w.glob('runs/*')) == [
            f.removeprefix('runs/') for f in one
        ]


BAD = [
    ('--sweep=lrr', "unknown sweep 'lrr' (nearest: 'lr'); valid: "),
    (
        '--sweep=misspelt',
        'unknown field config.g.optimizer.learning_rat (nearest: config.g.optimizer.learning_rate)',
    ),
    ('--sweep=wrong_type', "config.batch_size must be a whole number, and is 'many'"),
    ('--sweep=number_for_text', 'config.loss must be a text, and is 3'),
    ('--sweep=wrong_value', 'optimizer.learning_rate must be positive, and is -1.0'),
    ('--sweep=empty', 'sweep_empty() must yield settings'),
    (
        '--sweep=raises',
        'tests/helpers/tiny_sweep.py cannot be used: ZeroDivisionError: division by zero',
    ),
    ('--sweep=lr,lr_again', 'sweep_lr() and sweep_lr_again() both set config.g.optimizer.learning_rate'),
    ('--sweep=lr,lr', '--sweep names lr twice'),
    ('--sweep=twice', 'the sweep has loss=hinge twice'),
    ('--sweep=r1', 'sweep_r1() has a Range: add --search=tpe'),
    ('--retry_failed', 'nothing is swept: give --sweep=NAME or --seeds=N'),
    ('--sweep=lr --objective=d/loss', 'it is not known whether d/loss should be small or large'),
    ('--sweep=lr --objective=fid:best', "unknown value of --objective 'best'"),
    ('--sweep=r1 --search=tpe', '--search needs --objective=METRIC'),
    ('--seeds=3 --search=tpe --objective=fid', '--search needs --sweep=NAME'),
    ('--sweep=r1 --search=tpe --objective=fid --trials=0', '--trials must be positive, and is 0'),
    ('--sweep=r1 --search=tpe --objective=fid', 'fid'),
    ('--sweep=r1 --search=grid --objective=fid', '--search'),
    ('--sweep=lr --storage=mysql://a:sesame@b/c', '--storage must be postgresql://USER@HOST/DATABASE'),
    ('--sweep=lr --storage=postgresql://a:sesame@127.0.0.1:1/c', 'a:***@127.0.0.1:1/c cannot be used'),
]


@pytest.mark.parametrize(('arguments', 'says'), BAD, ids=[a for a, _ in BAD])
def test_bad_input_is_one_line_and_makes_nothing(
    arguments: str, says: str, tmp_path: Path, script: Script, capfd: pytest.CaptureFixture[str]
) -> None:
    status = script(SCRIPT, CONFIG, f'--workdir={tmp_path}/sweep', *arguments.split(), '--compilation_cache=')
    said = capfd.readouterr()
    assert status == 2, said
    (line,) = said.err.strip().splitlines()
    assert line.startswith('gax: error: ')
    assert says in line
    assert 'sesame' not in line
    assert list(tmp_path.iterdir()) == []


def test_a_list_is_a_tuple(script: Script, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert (
        script(SCRIPT, CONFIG, f'--workdir={tmp_path}/sweep', '--sweep=lists', '--seeds=1', '--dry_run') == 0
    )
    (line,) = capfd.readouterr().out.splitlines()
    assert line.startswith('new      runs/widths=_4_4-')
    assert line.endswith("'--config.g.net.widths=(4, 4)' '--config.d.net.widths=(4, 4)' --config.seed=0")


def test_help_says_how(script: Script, capfd: pytest.CaptureFixture[str]) -> None:
    for name in (SCRIPT, 'compare.py'):
        assert script(name, '--help') == 0
        assert f'python experiments/{name} --' in capfd.readouterr().out.splitlines()[0]
