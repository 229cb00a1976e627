"""The folder of a run: whose it is, what is in it, and disks that fail."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gax import cli, errors, report
from gax.sampling import export, sampler
from gax.training import train, workdir
from gax.training.tensorboard import Board
from tests.helpers import tinyruns


def test_config_json_is_complete_and_resolved(tmp_path: Path) -> None:
    config = tinyruns.config(seed=7)
    workdir.open_workdir(tmp_path / 'run', config).close()
    written = json.loads((tmp_path / 'run' / 'config.json').read_text())
    assert written['seed'] == 7
    assert written['d']['optimizer']['b1'] == 0.5
    assert workdir.configs.flat(
        workdir.read_config(tmp_path / 'run' / 'config.json')
    ) == workdir.configs.flat(config)


def test_another_config_is_refused_by_the_names_of_its_fields(tmp_path: Path) -> None:
    workdir.open_workdir(tmp_path, tinyruns.config()).close()
    other = tinyruns.config(seed=1, **{'d.optimizer.learning_rate': 0.5})
    with pytest.raises(
        errors.GaxError, match=r'another config .*learning_rate: 0.001 there, 0.5 now; seed: 0 there, 1 now'
    ):
        workdir.open_workdir(tmp_path, other)
    free = tinyruns.config(steps=999, sample_every=3, **{'checkpoint.every': 5, 'checkpoint.keep': 1})
    workdir.open_workdir(tmp_path, free).close()
    assert workdir.read_config(tmp_path / 'config.json').steps == 999


def test_schedules_that_follow_more_steps_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    share = {'d.optimizer.schedule.name': 'cosine_decay_schedule', 'd.optimizer.schedule.decay_steps': 0.5}
    for steps, changes in ((20, share), (20, share), (40, share)):
        caplog.clear()
        workdir.open_workdir(tmp_path / 'share', tinyruns.config(steps=steps, **changes)).close()
    assert caplog.messages == [
        'config.steps was 20 and is 40: learning rates that follow it change from here on '
        '(config.d.optimizer.schedule.decay_steps=0.5)'
    ]
    caplog.clear()
    for steps in (20, 40):
        fixed = tinyruns.config(steps=steps, **{**share, 'd.optimizer.schedule.decay_steps': 10})
        workdir.open_workdir(tmp_path / 'fixed', fixed).close()
    assert caplog.messages == []


def test_a_run_of_before_a_field_was_there_goes_on_with_its_default(tmp_path: Path) -> None:
    config = tinyruns.config(seed=3)
    old = config.to_dict()
    del old['eval'], old['data']['flip'], old['parallel']
    workdir.write_json(tmp_path / 'config.json', old)
    read = workdir.read_config(tmp_path / 'config.json')
    assert workdir.configs.flat(read) == workdir.configs.flat(config)
    workdir.configs.check(read)
    workdir.open_workdir(tmp_path, config).close()
    with pytest.raises(errors.GaxError, match=r'data.flip: False there, True now'):
        workdir.open_workdir(tmp_path, tinyruns.config(seed=3, **{'data.flip': True}))
    workdir.write_json(tmp_path / 'config.json', {'gan': 'gone', 'data': 1})
    assert workdir.read_config(tmp_path / 'config.json').to_dict() == {'gan': 'gone', 'data': 1}
    workdir.write_json(tmp_path / 'config.json', {**old, 'data': 1})
    with pytest.raises(errors.GaxError, match=r'config\.data'):
        workdir.configs.check(workdir.read_config(tmp_path / 'config.json'))


def test_two_processes_do_not_share_a_workdir(tmp_path: Path) -> None:
    code = (
        'import fcntl, sys\n'
        'try: fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)\n'
        'except BlockingIOError: print("in use")'
    )

    def another_process() -> str:
        command = [sys.executable, '-c', code, str(tmp_path / '.lock')]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    hold = workdir.open_workdir(tmp_path, tinyruns.config())
    assert another_process() == 'in use\n'
    with pytest.raises(errors.GaxError, match=f'^--workdir {tmp_path} is in use by another process$'):
        workdir.open_workdir(tmp_path, tinyruns.config())
    hold.close()
    assert another_process() == ''


def test_a_refused_config_leaves_the_lock_free(tmp_path: Path) -> None:
    workdir.open_workdir(tmp_path, tinyruns.config()).close()
    with pytest.raises(errors.GaxError, match='another config'):
        workdir.open_workdir(tmp_path, tinyruns.config(seed=1))
    workdir.open_workdir(tmp_path, tinyruns.config()).close()


def test_damaged_config_json_is_said(tmp_path: Path) -> None:
    (tmp_path / 'config.json').write_text('{"seed": ')
    with pytest.raises(errors.GaxError, match=r'config.json is damaged'):
        workdir.open_workdir(tmp_path, tinyruns.config())


def test_rows_past_the_checkpoint_and_half_lines_are_dropped(tmp_path: Path) -> None:
    lines = [json.dumps({'step': step, 'd/loss': 1.0}) for step in (10, 20, 30)]
    (tmp_path / 'metrics.jsonl').write_text('\n'.join(lines) + '\n{"step": 4')
    assert [row['step'] for row in workdir.read_metrics(tmp_path)] == [10, 20, 30]
    writer = workdir.MetricsWriter(tmp_path, 20)
    writer.write({'step': 25, 'd/loss': 2.0})
    writer.close()
    assert [row['step'] for row in tinyruns.metrics(tmp_path)] == [10, 20, 25]
    assert [row['step'] for row in writer.rows] == [10, 20, 25]


def events(folder: Path) -> list[Any]:
    """Every record of the event files, as TensorBoard reads them: length, checksum, bytes, checksum."""
    import struct

    from tensorboardX.crc32c import crc32c
    from tensorboardX.proto import event_pb2

    found = []
    for path in sorted(folder.glob('events.out.tfevents.*')):
        data = path.read_bytes()
        while data:
            (length,), (check,) = struct.unpack('<Q', data[:8]), struct.unpack('<I', data[8:12])
            crc = crc32c(data[:8])
            assert check == (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
            found.append(event_pb2.Event.FromString(data[12 : 12 + length]))
            data = data[16 + length :]
    return found


def test_event_files_are_readable_at_once(tmp_path: Path) -> None:
    board = Board(tmp_path, purge=21)
    board.write(30, {'d/loss': 1.5, 'g/loss': 0.5})
    head, purge, row = events(tmp_path)  # before it is closed: nothing waits in a queue
    assert head.file_version == 'brain.Event:2'
    assert (purge.step, purge.session_log.status) == (21, 1)
    assert (row.step, {value.tag: value.simple_value for value in row.summary.value}) == (
        30,
        {'d/loss': 1.5, 'g/loss': 0.5},
    )
    board.close()


def test_event_files_hold_pictures_and_the_config(tmp_path: Path) -> None:
    """As TensorBoard shows them: an image by its step, text, and hyperparameters with the metrics to compare
    by.
    """
    board = Board(tmp_path)
    board.config(
        {'seed': 3, 'gan': 'vanilla', 'g.widths': (8, 8), 'g.optimizer.b1': None, 'data.name': 'caf\udce9'},
        ['d/loss'],
    )
    board.image(10, 'samples', Image.new('L', (6, 4), 200))
    _, text, experiment, session, picture = events(tmp_path)
    assert 'seed | 3' in text.summary.value[0].tensor.string_val[0].decode()
    names = [value.tag for event in (experiment, session) for value in event.summary.value]
    assert names == ['_hparams_/experiment', '_hparams_/session_start_info']
    assert b'd/loss' in experiment.summary.value[0].metadata.plugin_data.content
    assert b'g.widths' in session.summary.value[0].metadata.plugin_data.content
    (value,) = picture.summary.value
    assert (picture.step, value.image.width, value.image.height) == (10, 6, 4)
    with Image.open(io.BytesIO(value.image.encoded_image_string)) as image:
        assert image.convert('L').getpixel((3, 2)) == 200
    board.close()


def test_without_tensorboardx_nothing_is_written_and_that_is_said_once(tmp_path: Path) -> None:
    code = (
        'import sys, logging; sys.modules["tensorboardX"] = None; from pathlib import Path; from PIL import Image\n'
        'logging.basicConfig(level=logging.INFO, format="%(message)s")\n'
        'from gax.training import workdir\n'
        'for i in range(2):\n'
        '    writer = workdir.MetricsWriter(Path(sys.argv[1]), 0); writer.write({"step": 1, "d/loss": 1.0})\n'
        '    writer.image(1, "samples", Image.new("L", (2, 2))); writer.config({}, []); writer.close()\n'
    )
    command = [sys.executable, '-c', code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tinyruns.ROOT, check=True)
    assert (
        done.stderr == "no TensorBoard event files are written: that takes pip install 'gax[tensorboard]'\n"
    )
    assert not list(tmp_path.glob('events.*'))
    assert [row['step'] for row in workdir.read_metrics(tmp_path)] == [1]


def test_a_disk_that_fills_up_under_the_metrics_is_said(tmp_path: Path) -> None:
    writer = workdir.MetricsWriter(tmp_path, 0)
    writer._file.close()
    writer._file = open('/dev/full', 'w')  # noqa: SIM115 (a disk that is always full; closed by the writer)
    with pytest.raises(errors.GaxError, match=f'no space left on the disk of {tmp_path}'):
        writer.write({'step': 1, 'd/loss': 1.0})
    writer.close()


ODD = ' a%20#?\'"<b>&[x]*\\ $H ;|\n caf\udce9 日本'


@pytest.mark.slow
def test_a_workdir_and_its_data_may_have_any_name(tmp_path: Path) -> None:
    data = tinyruns.images(tmp_path / f'{ODD}.npz')
    config = tinyruns.config(steps=2, **{'data.name': f'npz:{data}'})
    with tinyruns.compiled_once():
        assert train.train(config, tmp_path / ODD) == (2, '')
        longer = tinyruns.config(steps=3, **{'data.name': f'npz:{data}'})
        assert train.train(longer, tmp_path / ODD) == (3, '')
        data.unlink()
        assert export.export(sampler.Request(tmp_path / ODD, str(tmp_path / ODD / 'a.png'), 4)).step == 3
    assert 'caf\\udce9' in (tmp_path / ODD / 'log.txt').read_text(encoding='utf-8')
    assert 'damaged' not in {path.name for path in (tmp_path / ODD).iterdir()}
    page = report.write([tmp_path / ODD]).read_text(encoding='utf-8')
    assert '<b>' not in page.partition('<body')[2].partition('</h1>')[0]
    assert [path.name for path in tmp_path.iterdir()] == [ODD]


def test_commands_for_copying_are_quoted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "it's a $run"
    folder.mkdir()
    Board(folder).close()
    assert cli.report(folder, 2, 2, '') == 0
    lines = [shlex.split(line) for line in capsys.readouterr().out.splitlines()[1:]]
    assert [word for line in lines for word in line if str(folder) in word] == [
        f'--logdir={folder}',
        *[f'--workdir={folder}'] * 2,
    ]
