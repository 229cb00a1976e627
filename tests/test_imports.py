"""Which way imports point, and what the core must not bring along or mention."""

import ast
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# From the ground up. A module imports only what stands in a row above its own here; names may be patterns, and the
# first row that fits decides.
LAYERS = [
    [
        'gax',
        'gax.errors',
        'gax.core.rng',
        'gax.training.loop',
        'gax.training.pace',
        'gax.training.diagnostics',
        'gax.data.shuffle',
    ],
    ['gax.paths'],
    [
        'gax.config.fields',
        'gax.core.bounds',
        'gax.core.lookup',
        'gax.viz.images',
        'gax.training.tensorboard',
        'gax.training.progress',
        'gax.training.signals',
        'gax.distributed.coordination',
    ],
    [
        'gax.sweep.stats',
        'gax.sweep.launch',
        'gax.sweep.space',
        'gax.sweep.database',
        'gax.sweep.leases',
        'gax.sweep.tally',
        'gax.distributed.rendezvous',
    ],
    ['gax.sweep.subprocess_run'],
    ['gax.data.preprocess', 'gax.data.layouts', 'gax.data.decode', 'gax.data.threads', 'gax.data.walk'],
    ['gax.core.types', 'gax.core.optimizers', 'gax.viz.video', 'gax.viz.png_folder', 'gax.data.prefetch'],
    ['gax.nets.ops.winograd'],
    [
        'gax.objectives.losses',
        'gax.core.ema',
        'gax.core.metrics',
        'gax.distributed.sharding',
        'gax.core.forward',
        'gax.objectives.image_transforms',
        'gax.nets.ops.conv',
        'gax.nets.minibatch',
    ],
    ['gax.objectives.terms', 'gax.distributed.multihost', 'gax.config.sections'],
    ['gax.objectives.regularizers'],
    ['gax.objectives.penalties', 'gax.objectives.augment', 'gax.core.step'],
    ['gax.core.wrappers'],
    [
        'gax.objectives.players',
        'gax.core.sample',
        'gax.sampling.latents',
        'gax.data.source',
        'gax.nets.linen',
        'gax.nets.layers',
    ],
    ['gax.data.arrays', 'gax.data.synthetic', 'gax.data.resident', 'gax.data.tfds', 'gax.data.images'],
    ['gax.data.*', 'gax.nets.*'],
    ['gax.nets.registry'],
    ['gax.data', 'gax.nets', 'gax.data.identity'],
    [
        *(
            'gax.evals.metrics.mode_coverage',
            'gax.evals.metrics.float64',
            'gax.evals.features.resize',
            'gax.evals.features.torch_file',
        ),
        *(
            'gax.evals.features.classifier',
            'gax.evals.protocol',
            'gax.evals.cache',
            'gax.evals.metrics.ranking',
        ),
    ],
    [
        'gax.evals.metrics.distances',
        'gax.evals.features.inception',
        'gax.evals.features.tensor_file',
        'gax.evals.results',
    ],
    ['gax.evals.*', 'gax.gans.*'],
    ['gax.evals.features.extractors', 'gax.evals.registry'],
    ['gax.evals.collect', 'gax.evals.classes'],
    ['gax.evals.reference'],
    ['gax.evals.external_samples', 'gax.evals.evaluator'],
    ['gax.gans'],
    ['gax.config.choices'],
    ['gax.config.defaults'],
    ['gax.config.config_file'],
    ['gax.training.experiment'],
    [
        'gax.config.arguments',
        'gax.training.checkpoints',
        'gax.training.runner',
        'gax.training.start_report',
        'gax.data.write',
    ],
    ['gax.sweep.vmapped.program', 'gax.training.profiler', 'gax.training.workdir', 'gax.evals.memorization'],
    ['gax.training.trained_run'],
    ['gax.sampling.sampler'],
    ['gax.training.initialize'],
    ['gax.training.dry_run', 'gax.report.runs', 'gax.report.drawing', 'gax.sweep.vmapped.grouping'],
    ['gax.report.curves', 'gax.report.samples'],
    ['gax.report.tables'],
    ['gax.report'],
    ['gax.sweep.objective'],
    ['gax.sweep.plan', 'gax.sweep.table', 'gax.sweep.comparison'],
    ['gax.sweep.samplers', 'gax.sweep.plots'],
    ['gax.sweep.store', 'gax.sweep.page'],
    ['gax.sweep.worker'],
    ['gax.sweep.vmapped.worker'],
    ['gax.sweep.command'],
    ['gax.sweep'],
    ['gax.training.evaluate'],
    ['gax.training.model_selection'],
    ['gax.training.run_recorder'],
    ['gax.training.train', 'gax.sampling.export'],
    ['gax.sweep.vmapped.runner'],
    ['gax.sweep.vmapped.run_list'],
    ['gax.cli'],
    ['configs', 'configs.*'],
    ['experiments.*'],
]
MODULES = {
    '.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__'): path
    for folder in ('gax', 'configs', 'experiments')
    for path in sorted((ROOT / folder).rglob('*.py'))
}


def layer(module):
    """The row of a module, exact names before patterns."""
    exact = [i for i, row in enumerate(LAYERS) if module in row]
    fitting = exact or [i for i, row in enumerate(LAYERS) if any(fnmatch(module, p) for p in row)]
    assert fitting, f'{module} stands in no row of LAYERS: say where it belongs'
    return fitting[0]


def imports(module):
    """Every module of this project that `module` imports, at its head or within a function."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{module}: relative import'
            names = {f'{node.module}.{alias.name}' for alias in node.names}
            inside = {name for name in names if name in MODULES}
            # `from gax.core import rng` is an import of gax.core.rng, `from gax.core.types import View` one of gax.core.types.
            found |= inside
            if len(inside) < len(names):
                found.add(node.module)
    return {name for name in found if name in MODULES}


def test_the_walk_sees_imports():
    assert imports('gax.objectives.terms') == {'gax.errors', 'gax.objectives.losses', 'gax.core.types'}
    assert imports('experiments.train') >= {'gax.cli', 'gax.training.train'}
    assert len(MODULES) > 40


@pytest.mark.parametrize('module', MODULES)
def test_imports_point_down(module):
    for name in imports(module):
        assert layer(name) < layer(module) or siblings(name, module), f'{module} imports {name}'


def siblings(name, module):
    """Config files may vary one another."""
    return name.startswith('configs.') and module.startswith('configs.')


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
    code = f'import sys, gax.experiment; print(*[n for n in {HEAVY} if n in sys.modules])'
    assert run(code) == []


@pytest.mark.parametrize('module', [name for name in MODULES if name.startswith('experiments.')])
def test_experiments_are_importable_without_side_effects(module):
    """No output, no file, nothing parsed or trained; what training and sampling take to run waits for main."""
    code = (
        f'import sys, {module} as m; from absl import flags; assert callable(m.main);'
        f'assert not flags.FLAGS.is_parsed(); print(*[n for n in {HEAVY} if n in sys.modules])'
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


@pytest.mark.parametrize('module', ['gax.core.step', 'gax.training.loop'])
def test_the_step_knows_no_gan(module):
    used = words(module)
    gans = {name.rpartition('.')[2] for name in MODULES if name.startswith('gax.gans.')}
    assert len(gans) >= 2
    assert not used & {'isinstance', 'cond', 'switch', 'issubclass', *gans}
    # Which player or net is meant is the game's affair.
    assert not used & {'d', 'g', 'generator_loss', 'discriminator', 'critic'}
    assert 'range' in used or 'NamedTuple' in used
