"""The commands that an installed gax has, and the scripts of a clone, which are the same."""

import configparser
import importlib
import subprocess
import sys

import pytest
from absl import flags
from absl.testing import flagsaver

from gax import errors
from tests.helpers import tinyruns

ROOT = tinyruns.ROOT


def entry_points():
    """{command: 'module:function'} of setup.cfg."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / 'setup.cfg')
    lines = setup['options.entry_points']['console_scripts'].split('\n')
    return dict(line.split(' = ') for line in lines if line)


COMMANDS = entry_points()


@pytest.mark.parametrize('name', COMMANDS)
def test_help_names_the_command_that_was_started(name, monkeypatch, capsys):
    module, _, function = COMMANDS[name].partition(':')
    monkeypatch.setattr(sys, 'argv', [f'/usr/bin/{name}', '--help'])
    with flagsaver.flagsaver(), pytest.raises(SystemExit) as end:
        getattr(importlib.import_module(module), function)()
    assert end.value.code == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert f': {name} --' in first
    assert 'experiments' not in first


def test_every_script_of_a_command_calls_it():
    """But for the one that makes what gax ships, which is no command."""
    scripts = {path.stem for path in (ROOT / 'experiments').glob('*.py')} - {'train_classifier'}
    assert {f'gax-{name.replace("_", "-")}' for name in scripts} == set(COMMANDS)
    for name in scripts:
        script, main = (importlib.import_module(f'{place}.{name}') for place in ('experiments', 'gax.main'))
        assert (script.run, script.main) == (main.run, main.main)


def test_commands_can_be_imported_together_and_define_no_flags():
    """A program of one's own that uses gax has its own --workdir and --debug."""
    before = set(flags.FLAGS)
    for name in COMMANDS.values():
        importlib.import_module(name.partition(':')[0])
    code = (
        'import sys; from absl import flags; flags.DEFINE_string("workdir", "", ""); flags.DEFINE_bool("debug", False, "");'
        'import gax.cli, gax.main.train, gax.main.sample'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(flags.FLAGS) == before


def test_what_to_type_next_is_what_can_be_typed(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['experiments/train.py'])
    assert errors.command('train-many') == 'python experiments/train_many.py'
    monkeypatch.setattr(errors, 'EXPERIMENTS', tmp_path / 'nowhere')  # as where gax is installed
    assert errors.command('train-many') == 'gax-train-many'
    monkeypatch.undo()
    monkeypatch.setattr(sys, 'argv', ['/usr/bin/gax-train'])
    assert errors.command('sample') == 'gax-sample'
