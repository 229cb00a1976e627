"""Which way imports point, and what the core must not bring along or mention."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import gax

ROOT = Path(__file__).parents[1]
# From the ground up: a package imports only packages in the rows above its own.
LAYERS = [
    {'gax.errors'},
    {'gax.paths'},
    {'gax.core', 'gax.viz'},
    {'gax.objectives', 'gax.nets', 'gax.data', 'gax.distributed'},
    {'gax.gans', 'gax.evals'},
    {'gax.config'},
    {'gax.training', 'gax.cli'},
    {'gax.sweep', 'gax.sampling', 'gax.report'},
    {'gax', 'configs'},
    {'gax.main', 'gax.examples'},
    {'experiments'},
]
MODULES = {
    '.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__'): path
    for folder in ('gax', 'configs', 'experiments')
    for path in sorted((ROOT / folder).rglob('*.py'))
}


def package(module):
    """'gax.core.step' -> 'gax.core', 'configs.mnist' -> 'configs'."""
    parts = module.split('.')
    return '.'.join(parts[:2]) if parts[0] == 'gax' else parts[0]


def layer(module):
    rows = [i for i, row in enumerate(LAYERS) if package(module) in row]
    assert rows, f'{package(module)} stands in no row of LAYERS: say where it belongs'
    return rows[0]


def imports(module):
    """Every module of this project that `module` imports, at its head or within a function."""
    names = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{module}: relative import'
            members = {f'{node.module}.{alias.name}' for alias in node.names}
            inside = members & MODULES.keys()
            # `from gax.core import rng` imports gax.core.rng, `from gax.core.types import Net`
            # gax.core.types.
            names |= inside if len(inside) == len(members) else inside | {node.module}
    return names & MODULES.keys() - {module}


def test_the_walk_sees_imports():
    assert imports('gax.objectives.penalties') >= {'gax.core.forward', 'gax.objectives.terms'}
    assert imports('experiments.train') >= {'gax.main.train'}
    assert imports('gax.main.train') >= {'gax.cli', 'gax.training.train'}
    assert len(MODULES) > 40


def test_imports_point_down():
    upward = [
        f'{module} imports {name}'
        for module in MODULES
        for name in sorted(imports(module))
        if package(name) != package(module) and layer(name) >= layer(module)
    ]
    assert not upward, '\n'.join(upward)


def test_no_modules_import_each_other_in_a_circle():
    graph = {module: imports(module) for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(' -> '.join(error.args[1]))


def test_few_modules_lie_directly_under_gax():
    direct = sorted(path.stem for path in (ROOT / 'gax').glob('*.py') if path.stem != '__init__')
    assert len(direct) <= 5, direct


def test_the_public_face_hands_on_every_name_and_imports_no_jax_before():
    for name in gax.__all__:
        assert getattr(gax, name).__name__ == name
    assert run('import sys, gax; print(*[n for n in ("jax", "flax") if n in sys.modules])') == []
    with pytest.raises(AttributeError, match="'gax' has no attribute 'Discriminator'"):
        gax.Discriminator  # noqa: B018


def test_recipes_stand_by_themselves():
    """A GAN is one file: no recipe imports another."""
    for module in MODULES:
        if module.startswith('gax.gans.'):
            assert not [name for name in imports(module) if name.startswith('gax.gans')], module


def run(code):
    done = subprocess.run(
        [sys.executable, '-W', 'error', '-c', code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


HEAVY = [
    'tensorflow',
    'torch',
    'matplotlib',
    'orbax',
    'tensorboardX',
    'tensorflow_datasets',
    'tqdm',
    'grain',
    'optuna',
    'av',
]


def test_the_core_imports_nothing_heavy():
    """To build and train a game in a notebook takes JAX, Flax, optax, and no more."""
    code = f'import sys, gax.training.experiment; print(*[n for n in {HEAVY} if n in sys.modules])'
    assert run(code) == []


@pytest.mark.slow
def test_experiments_are_importable_without_side_effects():
    """No output, no file, nothing parsed or trained; what training and sampling take to run waits for
    main.
    """
    modules = [name for name in MODULES if name.startswith(('experiments.', 'gax.main.'))]
    code = (
        'import importlib, sys; from absl import flags\n'
        f'for name in {modules}:\n'
        '    module = importlib.import_module(name)\n'
        '    assert callable(module.main) and not flags.FLAGS.is_parsed(), name\n'
        f'    assert not (heavy := [n for n in {HEAVY} if n in sys.modules]), (name, heavy)'
    )
    before = set(ROOT.iterdir())
    assert run(code) == []
    assert set(ROOT.iterdir()) - before <= {ROOT / '__pycache__'}


def words(module):
    """The names that a module's code uses: its docstrings and comments may mention what they like."""
    tree = ast.parse(MODULES[module].read_text())
    nodes = list(ast.walk(tree))
    docstrings = {
        ast.get_docstring(n, clean=False)
        for n in nodes
        if isinstance(n, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
    }
    found = {n.id for n in nodes if isinstance(n, ast.Name)}
    found |= {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    found |= {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)} - docstrings
    return found


@pytest.mark.parametrize('module', ['gax.core.step', 'gax.core.player_loss', 'gax.training.loop'])
def test_the_step_knows_no_gan(module):
    used = words(module)
    gans = {name.rpartition('.')[2] for name in MODULES if name.startswith('gax.gans.')}
    assert len(gans) >= 2
    assert not used & {'isinstance', 'cond', 'switch', 'issubclass', *gans}
    # Which player or net is meant is the game's affair.
    assert not used & {'d', 'g', 'generator_loss', 'discriminator', 'critic'}
    assert used & {'range', 'NamedTuple', 'Callable'}
