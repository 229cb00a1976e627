"""Tiny runs for the tests of the workdir: a game that compiles in a second, and scripts in processes of
their own.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from ml_collections import ConfigDict

from tests.helpers import xla

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'tests' / 'helpers' / 'tiny_config.py'
TIMING = ('steps_per_sec', 'images_per_sec', 'sec_per_kimg', 'seconds', 'data_wait')
CACHE = Path(tempfile.gettempdir()) / f'gax-test-cache-{os.getuid()}'


@contextlib.contextmanager
def compiled_once() -> Iterator[None]:
    """In the block compiled programs are kept on disk, as the scripts keep them."""
    import jax

    before = jax.config.jax_compilation_cache_dir
    jax.config.update('jax_compilation_cache_dir', str(CACHE))
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.0)
    yield
    jax.config.update('jax_compilation_cache_dir', before)
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 1.0)


@contextlib.contextmanager
def benchmark(name: str, *arguments: str) -> Iterator[Any]:
    """benchmarks/NAME.py as a module, its flags set by `arguments`; the next one may define flags of the
    same names.
    """
    before, path, parsed = set(flags.FLAGS), list(sys.path), flags.FLAGS.is_parsed()
    sys.path.insert(0, str(ROOT / 'benchmarks'))
    try:
        module = importlib.import_module(name)
        if arguments:
            flags.FLAGS([name, *arguments])
        yield module
    finally:
        sys.path[:] = path
        sys.modules.pop(name, None)
        for added in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, added)
        if not parsed:
            flags.FLAGS.unparse_flags()


def config(gan: str = 'vanilla', **changes: Any) -> ConfigDict:
    """The tiny config of a recipe, with fields changed: config(steps=3, **{'d.updates': 2})."""
    from gax.config import choices
    from tests.helpers.tiny_config import get_config

    made = get_config(gan)
    choices.set_all(made, {name.replace('__', '.'): value for name, value in changes.items()})
    return made.lock()


def images(path: Path, count: int = 60, size: int = 8) -> Path:
    """An .npz of noise with labels."""
    rng = np.random.default_rng(0)
    np.savez(path, x=rng.integers(0, 256, (count, size, size), np.uint8), y=np.arange(count) % 3)
    return path


def start(
    script: str, *arguments: object, devices: int = 1, fast: bool = True, **options: Any
) -> subprocess.Popen[str]:
    """`python experiments/SCRIPT ARGUMENTS`, begun. fast: compiled quickly, to slow code."""
    xla_flags = xla.flags(devices, quick=fast)
    env = {**os.environ, 'PYTHONPATH': str(ROOT), 'XLA_FLAGS': xla_flags, 'JAX_PLATFORMS': 'cpu'}
    command = [sys.executable, f'experiments/{script}', *map(str, arguments), f'--compilation_cache={CACHE}']
    pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, 'text': True}
    return subprocess.Popen(command, env=env, cwd=ROOT, **{**pipes, **options})


def run(script: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    process = start(script, *arguments, **options)
    out, err = process.communicate(timeout=180)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def untrained(made: ConfigDict, workdir: Path, *steps: int) -> Path:
    """A workdir with checkpoints of `steps`, for tests of what reads one: no step is compiled.

    The parameters and their averages are the initial ones, longer by a tenth a step.
    """
    import jax

    from gax.data import identity
    from gax.training import experiment
    from gax.training.checkpoints import Checkpoints
    from gax.training.workdir import open_workdir

    built = experiment.build(made)
    fresh = jax.device_get(experiment.init(built))
    with open_workdir(workdir, made, identity.of(built.source)):
        checkpoints = Checkpoints(workdir / 'checkpoints', keep=len(steps))
        for step in steps:
            longer = jax.tree.map(lambda x, step=step: x * np.float32(1 + step / 10), fresh.state.params)
            average = {name: {**part, 'params': longer[name]} for name, part in fresh.state.ema.items()}
            state = fresh.state.replace(params=longer, ema=average, step=np.int32(step))
            checkpoints.save(step, fresh._replace(state=state))
        checkpoints.close()
    return workdir


def metrics(workdir: Path) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl without what depends on the clock; every line must be whole."""
    rows = [json.loads(line) for line in (workdir / 'metrics.jsonl').read_text().splitlines()]
    return [{k: v for k, v in row.items() if k not in TIMING} for row in rows]


def arrays(workdir: Path, step: int) -> dict[str, bytes]:
    """The bytes of every array of a checkpoint, by its path."""
    return {path: array.tobytes() for path, array in values(workdir, step).items()}


def values(workdir: Path, step: int) -> dict[str, np.ndarray]:
    """Every array of a checkpoint, by its path: parameters, optimizer, averages, random state, meter."""
    import jax

    from gax.training import experiment
    from gax.training.checkpoints import Checkpoints
    from gax.training.workdir import read_config

    like = experiment.shapes(experiment.build(read_config(workdir / 'config.json')))
    found = Checkpoints(workdir / 'checkpoints', write=False).restore(like, step)
    assert found is not None
    leaves = jax.tree_util.tree_leaves_with_path(found[1])
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


def pictures(workdir: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((workdir / 'samples').glob('*.png'))}


def same(one: Path, other: Path, step: int) -> None:
    """Asserts that two workdirs hold the same run, bit for bit."""
    assert metrics(one) == metrics(other)
    assert pictures(one) == pictures(other)
    left, right = arrays(one, step), arrays(other, step)
    assert [name for name in left if left[name] != right[name]] == []
    assert left.keys() == right.keys()
