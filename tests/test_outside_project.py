"""A project outside the repository: its own recipe, networks, loss, term, data, features, metric and config."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from gax import data, errors
from gax.config import choose, load_config
from gax.config import defaults as configs
from gax.core import lookup
from gax.evals import registry
from gax.training import experiment
from tests.helpers import tinyruns

PROJECT = Path(__file__).parent / 'helpers' / 'outside_project'


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The current folder, a copy of the project; what is imported from it is forgotten afterwards."""
    folder = tmp_path / 'project'
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns('__pycache__'))
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, 'path', [*sys.path, str(folder)])
    yield folder
    for name in [name for name in sys.modules if name.partition('.')[0] == 'stripes']:
        del sys.modules[name]


def command(python, name, *arguments, cwd, **env):
    """`gax-NAME ARGUMENTS` by a Python; what it prints."""
    words = [str(python), '-P', '-m', f'gax.main.{name}', *map(str, arguments)]
    done = subprocess.run(
        [*words, f'--compilation_cache={tinyruns.CACHE}'],
        cwd=cwd,
        env={**os.environ, 'JAX_PLATFORMS': 'cpu', **env},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_its_parts_are_found_from_its_folder(project):
    """Beside it gax is on PYTHONPATH alone; the run evaluates with the project's metric and features."""
    words = '--config=config.py', '--workdir=runs/first'
    done = command(sys.executable, 'train', *words, cwd=project, PYTHONPATH=str(tinyruns.ROOT))
    assert '20 steps done' in done
    (row,) = map(json.loads, (project / 'runs/first/eval.jsonl').read_text().splitlines())
    assert set(row['metrics']) == {'brightness_gap', 'frechet_rows'}
    logged = json.loads((project / 'runs/first/metrics.jsonl').read_text().splitlines()[0])
    assert 'd/small' in logged
    assert 'g/dark' in logged


def test_a_sources_arguments_are_fields_of_the_data(project):
    config = load_config('config.py')
    assert data.load(config).spec.size == 128
    choose(config, 'data', count=32, brightest=9)
    source = data.load(config)
    assert source.spec.size == 32
    assert int(source.arrays['image'].max()) == 9
    assert experiment.build(config).game.players.keys() == {'d', 'g'}
    choose(config, 'data', 'synthetic:ring')  # nothing of the other stays
    assert 'count' not in config.data
    with pytest.raises(errors.GaxError, match=r'unknown field config\.data\.count'):
        choose(config, 'data', count=32)


def test_what_its_fields_may_hold_is_checked(project):
    config = load_config('config.py')
    config.data.count = 0
    with pytest.raises(errors.GaxError, match=r'config\.data\.count must be at least 1, and is 0'):
        configs.check(config)


@pytest.mark.parametrize(
    ('name', 'says'),
    [
        ('stripes.data:sauce', r"cannot import the data source 'stripes.data:sauce' \(AttributeError"),
        ('nowhere.data:source', r"cannot import the data source 'nowhere.data:source' \(ModuleNotFound"),
        (
            'stripes.evals:brightness',
            r"the data source 'stripes.evals:brightness' is no function, but Metric",
        ),
        ('stripes.evals:rows', 'must return a gax.data.Source, and returned str'),
        ('embeded:mnist', "unknown data source 'embeded:mnist' \\(nearest: 'embedded:mnist'\\)"),
    ],
)
def test_data_that_cannot_be_had_is_one_line(name, says, project):
    config = load_config('config.py')
    if name == 'stripes.evals:rows':
        lookup.load('module', 'stripes.evals').rows = lambda section: 'no source'
    config.data.name = name
    with pytest.raises(errors.GaxError, match=says):
        data.load(config)


@pytest.mark.parametrize(
    ('name', 'says'),
    [
        ('stripes.evals:brightnes', "cannot import the metric 'stripes.evals:brightnes'"),
        ('stripes.evals:gap', 'must be a gax.evals.metric.Metric, and is function'),
    ],
)
def test_a_metric_that_cannot_be_had_is_one_line(name, says, project):
    config = load_config('config.py')
    config.eval.metrics = (name,)
    with pytest.raises(errors.GaxError, match=says):
        configs.check(config)


def test_two_metrics_may_not_give_the_same_number(project):
    module = lookup.load('module', 'stripes.evals')
    module.again = module.brightness._replace(needs=('features',))
    names = ('stripes.evals:brightness', 'stripes.evals:again')
    with pytest.raises(errors.GaxError, match='both give a number called brightness_gap'):
        registry.parse(names, 'raw')
    assert registry.parse(names[:1], 'raw') == {names[0]: module.brightness}


def test_configs_of_gax_are_found_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_config('acgan_mnist').gan == 'acgan'
    assert load_config('ring:pacgan2').pack == 2
    with pytest.raises(
        errors.GaxError, match=r'no config file minst \(nearest: mnist\); by name there are: ac'
    ):
        load_config('minst')
    (tmp_path / 'mnist.py').write_text(
        'from gax.config import base\n\ndef get_config(): return base("wgan")\n'
    )
    assert load_config('mnist.py').gan == 'wgan'  # a file of one's own comes first


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """A new environment with gax installed from a wheel (not editable); what gax needs is that of this one."""
    folder = tmp_path_factory.mktemp('installed')
    source, environment = folder / 'source', folder / 'environment'
    source.mkdir()
    for name in ('gax', 'configs'):
        skipped = shutil.ignore_patterns('__pycache__')
        shutil.copytree(tinyruns.ROOT / name, source / name, symlinks=True, ignore=skipped)
    for name in ('setup.cfg', 'pyproject.toml', 'README.md', 'LICENSE'):
        shutil.copy(tinyruns.ROOT / name, source)
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', environment], check=True)
    packages = next(environment.glob('lib/python*/site-packages'))
    (packages / 'needed.pth').write_text(sysconfig.get_paths()['purelib'] + '\n')
    pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check', '--python', environment / 'bin/python']
    subprocess.run(
        [*pip, 'install', '--quiet', '--no-deps', source],
        check=True,
        env={name: value for name, value in os.environ.items() if name != 'PYTHONPATH'},
    )
    shutil.rmtree(source)
    assert (packages / 'gax' / 'examples' / 'configs' / 'mnist.py').is_file()
    return environment / 'bin'


@pytest.mark.slow
def test_an_installed_gax_serves_it(installed, project):
    def run(name, *arguments):
        environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
        done = subprocess.run(
            [installed / name, *arguments],
            cwd=project,
            env={**environment, 'JAX_PLATFORMS': 'cpu', 'XDG_CACHE_HOME': str(project / 'cache')},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    done = run('gax-train', '--config=config.py', '--workdir=runs/first')
    assert 'Evaluation:    gax-evaluate --workdir=runs/first' in done
    run('gax-sample', '--workdir=runs/first', '--out=grid.png')
    assert (project / 'grid.png').is_file()
    asked = '--metrics=stripes.evals:brightness,frechet', '--features=stripes.evals:rows', '--num=64'
    assert 'frechet_rows' in run('gax-evaluate', '--workdir=runs/first', *asked)
    run('gax-sweep', '--config=config.py', '--sweep=darkness', '--workdir=runs/sweep')
    assert len([*(project / 'runs/sweep/runs').glob('*/checkpoints/20')]) == 2
    run('gax-report', '--workdir=runs/first', '--out=page.html')
    assert (project / 'page.html').is_file()
    assert '"gan": "acgan"' in run('gax-train', '--config=acgan_mnist', '--dry_run=json')
    first = run('gax-train', '--help').splitlines()[0]
    assert first == 'Train a GAN: gax-train --config=mnist --workdir=runs/mnist'
