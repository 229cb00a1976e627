"""What LLVM's optimizations cost and bring, on CPU: python benchmarks/levels.py [CONFIG ...]

Compiles the step of each config, without lazy terms, at the levels 1, 2 and 3 of xla_backend_optimization_level
(3 is XLA's default), without any cache. Then the programs take turns, and the best window of each counts. Prints seconds of CPU and on the clock to compile, and milliseconds a step, as shares
of those of level 3. Adds the configs to results/levels.json. They are given as to train.py: configs/gat.py:emoji.
"""

from __future__ import annotations

import functools
import json
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import app, flags

os.environ.setdefault('JAX_PLATFORMS', 'cpu')
sys.path.insert(0, str(Path(__file__).parent / 'peers'))
import report

LEVELS = (3, 2, 1)
CONFIGS = ('configs/mlp2d.py', 'configs/dcgan_mnist.py', 'configs/wgan_gp_mnist.py')

_OUT = flags.DEFINE_string('out', '', 'JSON file; empty: benchmarks/results/levels.json.')
_STEPS = flags.DEFINE_integer('steps', 5, 'Steps of a window.', lower_bound=1)
_WINDOWS = flags.DEFINE_integer('windows', 8, 'Windows of each level.', lower_bound=1)


def compiled(
    experiment: Any, like: Any, active: Any, level: int
) -> tuple[Callable[..., Any], dict[str, float]]:
    """The program of any number of steps at a level, and what it took to compile."""
    from gax.distributed import sharding
    from gax.training import programs

    sharding.OPTIONS['cpu']['xla_backend_optimization_level'] = level
    maker = programs.maker_of(experiment)
    program = maker.program(active, programs.ANY)
    bound = getattr(program, 'args', ())
    function = getattr(program, 'func', program)
    rows = maker.rows(programs.longest_call(experiment))
    lowered = function.lower(*bound, like, programs.constants(experiment, programs.ANY, 1), rows)
    clock, cpu = time.perf_counter(), time.process_time()
    run = lowered.compile()
    seconds = {'compile_s': time.perf_counter() - clock, 'compile_cpu_s': time.process_time() - cpu}
    return functools.partial(run, *bound), seconds


def milliseconds(experiment: Any, like: Any, runs: dict[int, Callable[..., Any]]) -> dict[int, float]:
    """The best window of each level, in milliseconds a step."""
    import jax
    import jax.numpy as jnp

    from gax.training import experiment as experiments
    from gax.training import programs

    start = jax.device_get(experiments.init(experiment, like))
    most = programs.longest_call(experiment)
    rows = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), programs.maker_of(experiment).rows(most))
    best = dict.fromkeys(runs, math.inf)
    for _ in range(_WINDOWS.value):
        for level, run in runs.items():
            carry = jax.tree.map(lambda x: jnp.array(x, copy=True), start)
            carry = jax.block_until_ready(run(carry, programs.constants(experiment, programs.ANY, 1), rows))
            count = programs.constants(experiment, programs.ANY, min(_STEPS.value, most))
            began = time.perf_counter()
            jax.block_until_ready(run(carry, count, rows))
            best[level] = min(best[level], (time.perf_counter() - began) / min(_STEPS.value, most) * 1e3)
    return best


def measure(path: str) -> dict[str, dict[str, float]]:
    """{level: {measurement: value}} of one config."""
    import jax

    from gax.config import config_file
    from gax.distributed import sharding
    from gax.training import experiment as experiments
    from gax.training import programs

    experiment = experiments.build(config_file.load_config(path), sharding.mesh(jax.devices()[:1]))
    like = experiments.shapes(experiment)
    plan = programs.plan_of(experiment.game, 0, programs.LOOK_AHEAD)
    plain = min((active for active, _ in plan), key=lambda active: len(active.due or ()))
    runs, rows = {}, {}
    for level in LEVELS:
        runs[level], rows[level] = compiled(experiment, like, plain, level)
    for level, value in milliseconds(experiment, like, runs).items():
        rows[level]['step_ms'] = value
    return {str(level): row for level, row in rows.items()}


def main(argv: list[str]) -> None:
    import jax

    jax.config.update('jax_enable_compilation_cache', False)
    results = {}
    for path in argv[1:] or CONFIGS:
        rows = measure(path)
        results[path] = {'windows': _WINDOWS.value, 'levels': rows}
        for level, row in rows.items():
            shares = '  '.join(
                f'{name} {value:.3f} ({value / rows["3"][name]:.2f})' for name, value in row.items()
            )
            print(f'{path} level {level}: {shares}', flush=True)
    out = Path(_OUT.value or Path(__file__).parent / 'results' / 'levels.json')
    before = json.loads(out.read_text())['configs'] if out.exists() else {}
    record = {**report.describe_machine(), 'configs': {**before, **results}}
    out.write_text(json.dumps(record, indent=1) + '\n')


if __name__ == '__main__':
    app.run(main)
