"""Bad input: one clear line, status 2, no traceback, and nothing made. Most cases run in this process."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import grain  # noqa: F401  # it defines flags of its own, which are not to be shown
import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver

import gax.cli
from gax import errors
from gax.config import config_file, fields
from gax.objectives import term_registry
from gax.sweep import command
from gax.training import train as training
from tests.helpers import tinyruns

# ml_collections loads config files by a method that importlib is to lose.
pytestmark = pytest.mark.filterwarnings('ignore:the load_module:DeprecationWarning')

TRAIN, SAMPLE, REPORT = 'train.py', 'sample.py', 'report.py'
EVALUATE, TRANSLATE = 'evaluate.py', 'translate.py'
CONFIG = '--config=configs/mnist.py'
HERE = '--workdir={tmp}/run'


class Case(NamedTuple):
    """What is typed, and what the answer must say.

    {tmp} stands for a folder with the files of `broken_files`.
    """

    name: str
    arguments: list[str]
    says: list[str]
    script: str = TRAIN


def field(value: str, *says: str, config: str = CONFIG) -> Case:
    return Case(value, [config, HERE, f'--config.{value}'], list(says))


CASES = [
    # The config file.
    Case('no config', [HERE], ['missing --config', 'mnist']),
    Case('no workdir', [CONFIG], ['missing --workdir', 'runs/mnist']),
    Case('empty workdir', [CONFIG, '--workdir='], ['--workdir is empty']),
    Case(
        'unknown config',
        ['--config=configs/mnits.py', HERE],
        ['no config file configs/mnits.py', 'nearest: configs/mnist.py'],
    ),
    Case('config is a folder', ['--config=configs', HERE], ['no config file configs', 'mnist']),
    Case('config is no Python', ['--config={tmp}/config.txt', HERE], ['no config file']),
    Case(
        'config with a syntax error',
        ['--config={tmp}/syntax.py', HERE],
        ['syntax.py cannot be used', 'SyntaxError', 'line 2'],
    ),
    Case(
        'config that raises',
        ['--config={tmp}/raises.py', HERE],
        ['raises.py cannot be used', 'ZeroDivisionError', 'line 3'],
    ),
    Case('config without get_config', ['--config={tmp}/without.py', HERE], ['defines no get_config()']),
    Case(
        'config of another type', ['--config={tmp}/none.py', HERE], ['must return a ConfigDict', 'NoneType']
    ),
    Case(
        'config with an unknown gan',
        ['--config={tmp}/gan.py', HERE],
        ['gan.py', "unknown gan 'dcgam'", "nearest: 'dcgan'"],
    ),
    Case(
        'config with a misspelt field',
        ['--config={tmp}/field.py', HERE],
        ['unknown field config.bacth_size', 'nearest: config.batch_size'],
    ),
    Case('config with a wrong type', ['--config={tmp}/type.py', HERE], ['config.loss must be a text', '3']),
    Case(
        'config without a field',
        ['--config={tmp}/missing.py', HERE],
        ['config.d.net.kernel is missing', "gan 'dcgan'"],
    ),
    # Names.
    field(
        'd.optimiser.name=adam', 'unknown field config.d.optimiser.name', 'nearest: config.d.optimizer.name'
    ),
    field('lerning_rate=1', 'unknown field config.lerning_rate', 'nearest'),
    field('gan=dcgna', "unknown gan 'dcgna'", "nearest: 'dcgan'"),
    field('gan=vanilla', "unknown field config.conditional of gan 'vanilla'"),
    field('loss=hing', "unknown loss 'hing'", "nearest: 'hinge'"),
    field('d.optimizer.name=adma', "unknown optimizer 'adma'", 'nearest: '),
    field('g.optimizer.schedule.name=cosine', "unknown schedule 'cosine'", 'nearest: '),
    field(
        'd.optimizer.momentum=0.9',
        'unknown field config.d.optimizer.momentum',
        'config.d.optimizer has: b1, b2',
    ),
    field('data.name=mnist', "unknown data source 'mnist'", "nearest: 'embedded:mnist'"),
    field('data.name=embeded:mnist', "unknown data source 'embeded:mnist'", "nearest: 'embedded:mnist'"),
    field('data.name=embedded:mnits', "'mnits'", "nearest: 'mnist'"),
    field('data.name=synthetic:rings', "'rings'", "nearest: 'ring'", config='--config=configs/mlp2d.py'),
    field('data.name=synthetic:ring', 'dcgan makes images, and synthetic:ring has none'),
    # Values.
    field('batch_size=abc', 'config.batch_size must be a whole number', "'abc'"),
    field('batch_size=1.5', 'config.batch_size must be a whole number', "'1.5'"),
    field('batch_size=', 'config.batch_size must be a whole number'),
    field('batch_size=6', 'config.batch_size 6 cannot be divided among 4 devices', 'nearest that can is 8'),
    field('batch_size=0', 'config.batch_size must be positive'),
    field('batch_size=True', 'config.batch_size must be a whole number'),
    field('conditional=maybe', 'config.conditional must be true or false', "'maybe'"),
    field('g.net.widths=3', 'config.g.net.widths must be a tuple', "'3'"),
    field('g.net.widths=(8', 'config.g.net.widths must be a tuple', "'(8'"),
    field('g.net.widths=8 4', 'config.g.net.widths must be a tuple', "'8 4'"),
    field('g.net.widths=(8,)', 'g.net.strides', 'g.net.widths', 'one length'),
    field('g.net.widths=(8,-4)', 'config.g.net.widths must be positive whole numbers'),
    field('g.net.widths=(8,0.5)', 'config.g.net.widths must be positive whole numbers'),
    field('d.net.kernel=0', 'config.d.net.kernel must be positive whole numbers'),
    field('d.net.dropout=1.0', 'config.d.net.dropout must be from 0 to below 1'),
    field('d.optimizer.learning_rate=-1e-4', 'config.d.optimizer.learning_rate must be positive', '-0.0001'),
    field('d.optimizer.learning_rate=fast', 'config.d.optimizer.learning_rate must be a number', "'fast'"),
    field('d.optimizer.learning_rate=nan', 'config.d.optimizer.learning_rate must be finite'),
    field('d.optimizer=adam', 'config.d.optimizer is a section', '--config.d.optimizer.name'),
    field('steps=0', 'config.steps must be positive', '0'),
    field('seed=-1', 'config.seed must be from 0'),
    field('ema.decay=1.5', 'config.ema.decay must be from 0.0 to 1.0'),
    field('terms.r1.weight=-1', 'config.terms.r1.weight must be at least 0'),
    field('log_every=0', 'config.log_every must be positive'),
    field('label_smoothing=0.7', 'config.label_smoothing must be from 0 to below 0.5'),
    # Data.
    field('data.image_size=30', 'dcgan cannot make 30x30 images', 'multiples of 4'),
    field('data.image_size=-1', 'config.data.image_size must be from 0'),
    field('data.name=npz:{tmp}/absent.npz', 'absent.npz does not exist'),
    field('data.name=npz:{tmp}', 'is not a file'),
    field('data.name=npz:{tmp}/empty.npz', 'cannot read', 'empty.npz'),
    field('data.name=npz:{tmp}/truncated.npz', 'cannot read', 'truncated'),
    field('data.name=npz:{tmp}/text.npz', 'cannot read', 'text.npz'),
    field('data.name=npz:{tmp}/shape.npz', "'x' in", '[N, H, W]', '(4, 5)'),
    field('data.name=npz:{tmp}/none.npz', "'x' in", 'not empty', '(0, 28, 28)'),
    field('data.name=npz:{tmp}/float.npz', 'float64 from', 'no range for certain', 'make it uint8'),
    field('data.name=npz:{tmp}/other.npz', "no array 'x'", 'found: pictures'),
    field('data.name=npz:{tmp}/labels.npz', "'y' in", '5 integers'),
    field('data.name=npz:{tmp}/unlabelled.npz', 'conditional=True needs labels'),
    # Flags.
    Case('unknown flag', [CONFIG, '--workdri={tmp}/run'], ['unknown flag --workdri', 'nearest: --workdir']),
    Case('stray argument', [CONFIG, HERE, 'now'], ["unexpected argument 'now'", '--workdir=']),
    Case(
        'override before config',
        ['--config.steps=3', CONFIG, HERE],
        ['--config.steps must come after --config=FILE'],
    ),
    # What absl or ml_collections would read otherwise than it is meant, or not at all.
    Case(
        'a boolean apart',
        [CONFIG, HERE, '--config.extragradient', 'False'],
        ["unexpected argument 'False'", 'write --config.extragradient=False'],
    ),
    Case(
        'a boolean apart, first',
        [CONFIG, '--profile', 'false', HERE],
        ["unexpected argument 'false'", 'write --profile=false'],
    ),
    Case(
        'words after --', [CONFIG, HERE, '--', '--config.seed=1'], ["unexpected argument '--config.seed=1'"]
    ),
    Case(
        'a flag for a value',
        [CONFIG, HERE, '--config.remat', '--config.seed=1'],
        ['--config.remat needs a value', "'--config.seed=1' looks like a flag"],
    ),
    Case(
        'no value',
        [CONFIG, HERE, '--config.steps'],
        ['config.steps must be a whole number', "'--compilation_cache='"],
    ),
    Case('no with a value', [CONFIG, HERE, '--nodebug=1'], ['--nodebug=1 does not take an argument']),
    Case('two configs', [CONFIG, HERE, '--config.seed=1', CONFIG], ['--config is given twice']),
    field('d={"updates": 2}', 'config.d is a section', '--config.d.'),
    field('g.net.widths[0]=8', 'unknown field config.g.net.widths[0]', 'nearest: config.g.net.widths'),
    field('update=3', 'unknown field config.update'),
    field('loss.weight=3', 'unknown field config.loss.weight'),
    field('d..updates=3', 'unknown field config.d..updates', 'nearest: config.d.updates'),
    field('eval.metrics=frechet', 'config.eval.metrics must be a tuple', "'frechet'"),
    field('g.optimizer.schedule.transition_steps=half', 'transition_steps must be a number', "'half'"),
    field(
        'g.optimizer.schedule.transition_steps=1.5',
        'transition_steps must be a whole number of steps, or a share',
    ),
    Case('debug=maybe', [CONFIG, HERE, '--debug=maybe'], ['--debug must be true or false']),
    # The workdir.
    Case('workdir is a file', [CONFIG, '--workdir={tmp}/config.txt'], ['config.txt is a file']),
    Case('workdir below a file', [CONFIG, '--workdir={tmp}/config.txt/run'], ['config.txt is a file']),
    Case('workdir in /proc', [CONFIG, '--workdir=/proc/gax'], ['cannot write to /proc/gax']),
    # Sampling.
    Case('sample: no workdir', [], ['missing --workdir'], SAMPLE),
    Case('sample: folder that is no workdir', ['--workdir={tmp}'], ['is no workdir of a gax run'], SAMPLE),
    Case(
        'sample: no checkpoint',
        ['--workdir={tmp}/fresh', '--out={tmp}/a.png'],
        ['has no checkpoint yet'],
        SAMPLE,
    ),
    Case(
        'sample: damaged config.json',
        ['--workdir={tmp}/broken', '--out={tmp}/a.png'],
        ['config.json is damaged'],
        SAMPLE,
    ),
    Case(
        'sample: suffix', ['--workdir={tmp}', '--out={tmp}/a.jpg'], ['a.jpg must end in .png', '.npz'], SAMPLE
    ),
    Case(
        'sample: folder of --out', ['--workdir={tmp}', '--out={tmp}/no/a.png'], ['no does not exist'], SAMPLE
    ),
    Case(
        'sample: none',
        ['--workdir={tmp}', '--out={tmp}/a.png', '--num=0'],
        ['--num must be positive, and is 0'],
        SAMPLE,
    ),
    Case(
        'sample: number',
        ['--workdir={tmp}', '--num=many'],
        ["--num must be a whole number, and is 'many'"],
        SAMPLE,
    ),
    Case(
        'sample: class',
        ['--workdir={tmp}/fresh', '--out={tmp}/a.png', '--label=10'],
        ['--label 10', '10 classes'],
        SAMPLE,
    ),
    Case(
        'sample: contradiction',
        ['--workdir={tmp}', '--traverse=z:0', '--interpolate=3'],
        ['ask for one at a time'],
        SAMPLE,
    ),
    Case(
        'sample: film',
        ['--workdir={tmp}', '--out={tmp}/a.gif'],
        ['a.gif must end in', 'films are of --interpolate'],
        SAMPLE,
    ),
    Case(
        'sample: full folder', ['--workdir={tmp}', '--out={tmp}'], ['is a folder that is not empty'], SAMPLE
    ),
    Case('sample: flag', ['--workdir={tmp}', '--nun=3'], ['unknown flag --nun', 'nearest: --num'], SAMPLE),
    # Reports.
    Case('report: no workdir', [], ['missing --workdir'], REPORT),
    Case('report: empty workdir', ['--workdir='], ['--workdir is empty'], REPORT),
    Case('report: folder that is no workdir', ['--workdir={tmp}'], ['is no workdir of a gax run'], REPORT),
    Case(
        'report: one of two',
        ['--workdir={tmp}/fresh', '--workdir={tmp}/broken'],
        ['config.json is damaged'],
        REPORT,
    ),
    Case(
        'report: twice',
        ['--workdir={tmp}/fresh', '--workdir={tmp}/./fresh'],
        ['fresh is given twice'],
        REPORT,
    ),
    Case(
        'report: suffix', ['--workdir={tmp}/fresh', '--out={tmp}/a.pdf'], ['a.pdf must end in .html'], REPORT
    ),
    Case(
        'report: folder of --out',
        ['--workdir={tmp}/fresh', '--out={tmp}/no/a.html'],
        ['no does not exist'],
        REPORT,
    ),
    # Evaluation.
    Case('evaluate: nothing', [], ['give --workdir=RUN, or --samples=DIR, FILE.npz or FILE.csv'], EVALUATE),
    Case(
        'evaluate: folder that is no workdir', ['--workdir={tmp}'], ['is no workdir of a gax run'], EVALUATE
    ),
    Case('evaluate: no checkpoint', ['--workdir={tmp}/fresh'], ['fresh has no checkpoint yet'], EVALUATE),
    Case('evaluate: flag', ['--workdir={tmp}', '--metric=fid'], ['nearest: --metrics'], EVALUATE),
    Case(
        'evaluate: samples without a reference',
        ['--samples={tmp}/unlabelled.npz'],
        ['--data=embedded:mnist, or the --workdir of a run'],
        EVALUATE,
    ),
    Case(
        'evaluate: samples that are not there',
        ['--samples={tmp}/nowhere', '--data=embedded:mnist'],
        ['nowhere is no folder of images and no .npz file'],
        EVALUATE,
    ),
    Case(
        'evaluate: samples of another shape',
        ['--samples={tmp}/unlabelled.npz', '--data=embedded:emoji'],
        ['are 28x28x1 and the reference embedded:emoji is 32x32x3'],
        EVALUATE,
    ),
    Case(
        'evaluate: metric',
        ['--samples={tmp}/unlabelled.npz', '--data=embedded:mnist', '--metrics=frechet,prcd', '--num=4'],
        ["unknown metric 'prcd'", "nearest: 'prdc'"],
        EVALUATE,
    ),
    Case(
        'evaluate: a FID of other features',
        ['--samples={tmp}/unlabelled.npz', '--data=embedded:mnist', '--metrics=fid', '--num=4'],
        ['fid is the frechet on Inception features', 'called frechet_mnist'],
        EVALUATE,
    ),
    Case(
        'evaluate: data of a run that is not there',
        ['--workdir={tmp}/fresh', '--data=folder:{tmp}/none'],
        ['none does not exist', '--data says where it is'],
        EVALUATE,
    ),
    Case(
        'evaluate: against nothing',
        [
            *('--samples={tmp}/unlabelled.npz', '--data=embedded:mnist', '--metrics=frechet'),
            *('--num=4', '--against={tmp}/fresh'),
        ],
        ['fresh has no results yet (no eval.jsonl)'],
        EVALUATE,
    ),
    # Evaluation while a run trains.
    field('eval.metrics=("frecet",)', "unknown metric 'frecet'", "nearest: 'frechet'"),
    field('eval.patience=2', 'config.eval.patience=2 needs config.eval.every'),
    field('eval.every=-1', 'config.eval.every must be at least 0'),
    field('eval.num=1', 'config.eval.num must be at least 2'),
    Case(
        'evaluation on held-out examples of a run on all',
        [CONFIG, HERE, '--config.eval.every=5', '--config.eval.split=test'],
        ['config.eval.split=test: this run was trained on all examples', 'leave --config.eval.split out'],
    ),
    # Translation.
    Case('translate: no input', [HERE, '--out={tmp}/out'], ['missing --input'], TRANSLATE),
    Case(
        'translate: no run',
        ['--workdir={tmp}/none', '--input=docs/pictures/mnist.png', '--out={tmp}/out'],
        ['/none'],
        TRANSLATE,
    ),
    Case(
        'translate: a run that makes images from noise',
        ['--workdir={tmp}/fresh', '--input=docs/pictures/mnist.png', '--out={tmp}/out'],
        ['makes no images from images: use gax-sample'],
        TRANSLATE,
    ),
    Case(
        'translate: direction',
        ['--workdir={tmp}/fresh', '--input={tmp}', '--out={tmp}/out', '--direction=bc'],
        ['direction'],
        TRANSLATE,
    ),
]


def broken_files(folder: Path) -> None:
    """What the cases refer to."""
    good = np.zeros((5, 28, 28), np.uint8)
    np.savez(folder / 'unlabelled.npz', x=good)
    whole = (folder / 'unlabelled.npz').read_bytes()
    (folder / 'truncated.npz').write_bytes(whole[: len(whole) // 2])
    (folder / 'empty.npz').write_bytes(b'')
    (folder / 'text.npz').write_text('not an archive')
    np.savez(folder / 'shape.npz', x=np.zeros((4, 5), np.uint8))
    np.savez(folder / 'none.npz', x=good[:0])
    np.savez(folder / 'float.npz', x=good.astype(float) - 300)
    np.savez(folder / 'other.npz', pictures=good)
    np.savez(folder / 'labels.npz', x=good, y=np.zeros(3, int))
    (folder / 'config.txt').write_text('no config')
    begin = 'from gax.config import base\ndef get_config():\n'
    (folder / 'syntax.py').write_text('def get_config():\n    return (\n')
    (folder / 'raises.py').write_text(f'{begin}    return 1 / 0\n')
    (folder / 'without.py').write_text('config = 3\n')
    (folder / 'none.py').write_text(f'{begin}    base("dcgan")\n')
    (folder / 'gan.py').write_text(f'{begin}    return base("dcgam")\n')
    (folder / 'field.py').write_text(
        f'{begin}    config = base("dcgan")\n    config.bacth_size = 3\n    return config\n'
    )
    (folder / 'missing.py').write_text(
        f'{begin}    config = base("dcgan")\n    del config.d.net.kernel\n    return config\n'
    )
    change = 'dict = config.to_dict()\n    dict["loss"] = 3\n    return type(config)(dict)\n'
    (folder / 'type.py').write_text(f'{begin}    config = base("dcgan")\n    {change}')
    (folder / 'broken').mkdir()
    (folder / 'broken' / 'config.json').write_text('{"gan": ')
    (folder / 'fresh').mkdir()
    fresh = tinyruns.config(**{'data.name': 'embedded:mnist'})
    (folder / 'fresh' / 'config.json').write_text(fresh.to_json())


@pytest.fixture(scope='module')
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('files')
    broken_files(folder)
    return folder


Script = Callable[..., int]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Runs a script in this process, with flags of its own; returns its exit status."""

    def run(name: str, *arguments: object) -> int:
        path = str(tinyruns.ROOT / 'experiments' / name)
        monkeypatch.chdir(tinyruns.ROOT)
        # It would leave this process logging to a stream that pytest closes.
        monkeypatch.setattr(gax.cli, 'configure', lambda *arguments: None)
        monkeypatch.setattr(sys, 'argv', [path, *map(str, arguments)])
        with flagsaver.flagsaver(), pytest.raises(SystemExit) as end:
            runpy.run_path(path, run_name='__main__')
        return int(end.value.code or 0)

    saved = set(flags.FLAGS)
    yield run  # type: ignore[misc]
    for name in set(flags.FLAGS) - saved:
        delattr(flags.FLAGS, name)


@pytest.mark.parametrize('case', CASES, ids=lambda case: case.name)
def test_bad_input_is_one_line(
    case: Case, files: Path, script: Script, capfd: pytest.CaptureFixture[str]
) -> None:
    before = set(files.rglob('*'))
    arguments = [argument.replace('{tmp}', str(files)) for argument in case.arguments]
    status = script(case.script, *arguments, '--compilation_cache=')
    said = capfd.readouterr()
    lines = said.err.strip().splitlines()
    assert status == 2, said
    assert len(lines) == 1, said.err
    assert lines[0].startswith('gax: error: ')
    assert said.out == ''
    for part in case.says:
        assert part in lines[0]
    assert set(files.rglob('*')) == before


def test_debug_shows_the_traceback(files: Path, script: Script, capfd: pytest.CaptureFixture[str]) -> None:
    status = script(
        TRAIN, CONFIG, f'--workdir={files}/run', '--config.loss=hing', '--debug', '--compilation_cache='
    )
    said: Any = capfd.readouterr()
    assert status == 2
    assert 'Traceback' in said.err
    assert said.err.strip().splitlines()[-1].startswith("gax: error: unknown loss 'hing'")


@pytest.mark.parametrize(
    ('name', 'shown'),
    [
        (TRAIN, ['--config', '--workdir']),
        (SAMPLE, ['--num', '--label']),
        (REPORT, ['--out']),
        (TRANSLATE, ['--tile']),
    ],
)
def test_help_helps(name: str, shown: list[str], script: Script, capfd: pytest.CaptureFixture[str]) -> None:
    assert script(name, '--help') == 0
    said = capfd.readouterr()
    assert f'python experiments/{name} --' in said.out.splitlines()[0]
    assert all(f'  {flag} ' in said.out for flag in (*shown, '--debug', '--compilation_cache'))
    assert len(said.out.splitlines()) <= 70  # a tall screen: sample.py has 31 flags
    assert said.err == ''


def test_help_lists_the_fields_of_a_config(script: Script, capfd: pytest.CaptureFixture[str]) -> None:
    assert script(TRAIN, '--help') == 0
    assert '--help --config=FILE' in capfd.readouterr().out.splitlines()[-1]
    for words in (['--config=configs/ring.py:pacgan2'], ['--config', 'configs/ring.py:pacgan2']):
        assert script(TRAIN, *words, '--help') == 0
        lines = capfd.readouterr().out.splitlines()
        for line in (
            '  --config.pack=2',
            "  --config.g.net.widths='(128, 128)'",
            'more in config.terms: ' + ', '.join([*term_registry.D_TERMS, *term_registry.G_TERMS]),
        ):
            assert line in lines
    assert script(TRAIN, '--config=configs/rign.py', '--help') == 2
    assert 'nearest: configs/ring.py' in capfd.readouterr().err


@pytest.mark.parametrize(
    'words',
    [
        ['--help'],
        pytest.param(['--sweep=lr', '--seeds=2', '--workdir=absent', '--dry_run'], marks=pytest.mark.slow),
    ],
)
def test_output_that_nobody_reads_ends_the_script_quietly(words: list[str]) -> None:
    """As in `| head -1`: status 141 of SIGPIPE, and not a word, neither from print nor from Python's end."""
    config = ['--config=tests/helpers/tiny_sweep.py'] * (words != ['--help'])
    done = piped_to_nobody('sweep.py', *config, *words)
    assert (done.returncode, done.stderr) == (141, '')


@pytest.mark.slow
def test_a_training_whose_output_nobody_reads_is_saved(tmp_path: Path) -> None:
    done = piped_to_nobody(
        TRAIN, '--config=tests/helpers/tiny_config.py', f'--workdir={tmp_path}', '--config.steps=4'
    )
    assert done.returncode == 141
    assert 'Traceback' not in done.stderr
    assert 'Exception' not in done.stderr
    assert (tmp_path / 'checkpoints' / '4').is_dir()


def piped_to_nobody(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    read, write = os.pipe()
    os.close(read)
    env = {**os.environ, 'PYTHONPATH': str(tinyruns.ROOT), 'JAX_PLATFORMS': 'cpu'}
    command = [sys.executable, f'experiments/{name}', *words, f'--compilation_cache={tinyruns.CACHE}']
    try:
        return subprocess.run(
            command,
            cwd=tinyruns.ROOT,
            env=env,
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
        )
    finally:
        os.close(write)


def test_another_pipe_that_breaks_is_no_quiet_end() -> None:
    def broken() -> int:
        raise BrokenPipeError('of a worker')

    with pytest.raises(BrokenPipeError, match='of a worker'):
        gax.cli.piped(broken)


def test_a_copied_config_finds_the_configs_that_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of gax's repository; where there are none, the line says what to copy.

    Its own folder comes first.
    """
    monkeypatch.setattr(sys, 'path', [p for p in sys.path if not (Path(p) / 'configs').is_dir()])
    monkeypatch.chdir(tmp_path)
    copied = tmp_path / 'mine' / 'acgan_mnist.py'
    copied.parent.mkdir()
    copied.write_bytes((tinyruns.ROOT / 'configs' / 'acgan_mnist.py').read_bytes())
    assert config_file.load_config(str(copied)).gan == 'acgan'
    for name in [n for n in sys.modules if n.partition('.')[0] == 'configs']:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(config_file, 'ROOT', tmp_path / 'installed')
    sys.path[:] = [p for p in sys.path if not (Path(p) / 'configs').is_dir()]
    with pytest.raises(errors.GaxError, match=r'imports configs\.?\w*, which is not there: copy configs'):
        config_file.load_config(str(copied))


def test_a_flag_value_may_stand_apart(files: Path, script: Script, capfd: pytest.CaptureFixture[str]) -> None:
    """`--flag value`, `-flag=value` and `--noflag` are read as absl reads them."""
    status = script(
        TRAIN, '-config', 'configs/mnist.py', '--workdir', f'{files}/run', '--config.noconditional=1'
    )
    assert 'unknown field config.noconditional' in capfd.readouterr().err
    assert status == 2
    arguments = [
        '--config',
        'configs/mnist.py',
        '-workdir',
        f'{files}/run',
        '--nodebug',
        '--config.conditional',
    ]
    assert script(TRAIN, *arguments, '--config.loss', 'hing') == 2
    assert "unknown loss 'hing'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ('words', 'path', 'value'),
    [
        (['--config.extragradient=False'], 'extragradient', False),
        (['--config.extragradient'], 'extragradient', True),
        (['--config.extragradient', '--noconfig.extragradient'], 'extragradient', False),
        (['--config.seed', '7', '--config.seed', '8'], 'seed', 8),
        (['--config.g.net.widths', '(3, 4)'], 'g.net.widths', (3, 4)),
        (['--config.d.optimizer.eps', '-1'], 'd.optimizer.eps', -1.0),
        (['--config.g.optimizer.schedule.transition_steps', '7'], 'g.optimizer.schedule.transition_steps', 7),
        (
            ['--config.g.optimizer.schedule.transition_steps=1.0'],
            'g.optimizer.schedule.transition_steps',
            1.0,
        ),
        (['--config.remat='], 'remat', ''),
        (['--config.g.net.momentum=0.5', '--config.g.net.kind=sngan'], 'g.net.momentum', 0.5),
        (['--config.terms.lecam.weight=0.3'], 'terms.lecam.decay', 0.99),
        (['--config.init.from=runs/a', '--config.init.nets', 'g'], 'init.from', 'runs/a'),
        (['--config.init.from', 'runs/a'], 'init.from', 'runs/a'),
        (['--config.d.optimizer.decay=0.5', '--config.d.optimizer.name=rmsprop'], 'd.optimizer.decay', 0.5),
    ],
    ids=str,
)
def test_what_is_typed_is_what_is_trained(
    words: list[str], path: str, value: object, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what a sweep passes on to train.py."""
    trained: list[object] = []
    passed: list[str] = []

    def train(config: Any, *_: object) -> tuple[int, str]:
        trained.append(fields.get(config, path))
        passed.extend(command.passed_on())
        return 0, 'SIGTERM'

    monkeypatch.setattr(training, 'train', train)
    assert script(TRAIN, CONFIG, '--workdir=run', *words) == 143
    first = [word for word in passed if not word.startswith('--compilation')]
    assert first[0] == CONFIG
    assert script(TRAIN, '--workdir=run', *first) == 143
    assert trained == [value, value]
    assert [type(v) for v in trained] == [type(value)] * 2


@pytest.mark.parametrize('name', [TRAIN, SAMPLE, REPORT, TRANSLATE])
def test_importing_a_script_does_nothing(name: str) -> None:
    with flagsaver.flagsaver():
        saved = set(flags.FLAGS)
        assert callable(
            runpy.run_path(str(tinyruns.ROOT / 'experiments' / name), run_name='imported')['main']
        )
        for flag in set(flags.FLAGS) - saved:
            delattr(flags.FLAGS, flag)


@pytest.mark.parametrize(
    ('variable', 'words', 'expected'),
    [
        (None, [], f'{Path.home()}/.cache/gax'),
        ('/set', ['--compilation_cache='], 'None'),
        pytest.param('gs://bucket/jax', [], 'gs://bucket/jax', marks=pytest.mark.slow),
        pytest.param('/set', ['--compilation_cache=/named'], '/named', marks=pytest.mark.slow),
        pytest.param(
            '/set',
            ['--compilation_cache=~/.cache/gax'],
            f'{Path.home()}/.cache/gax',
            marks=pytest.mark.slow,
        ),
        pytest.param(None, ['--compilation_cache='], 'None', marks=pytest.mark.slow),
    ],
)
def test_where_compiled_programs_are_kept(variable: str | None, words: list[str], expected: str) -> None:
    """The flag says it, else JAX's own variable, else gax."""
    code = (
        'import sys, jax; from gax import cli\n'
        'cli.run(lambda argv: print(jax.config.jax_compilation_cache_dir))'
    )
    env = {name: value for name, value in os.environ.items() if name != 'JAX_COMPILATION_CACHE_DIR'}
    env |= {'JAX_COMPILATION_CACHE_DIR': variable} if variable else {}
    done = subprocess.run(
        [sys.executable, '-c', code, *words],
        env=env,
        cwd=tinyruns.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.returncode) == (expected, 0), done.stderr
