"""What LLVM's optimizations cost and bring, on CPU: python benchmarks/levels.py [CONFIG ...]

Compiles the step of each config, without lazy terms, at the levels 1, 2 and 3 of
xla_backend_optimization_level (3 is XLA's default), without any cache. Then the programs take turns, and the
best window of each counts. Prints seconds of CPU and on the clock to lower and compile, and milliseconds a step, as
shares of those of level 3. Adds the configs to results/levels.json. They are given as to train.py:
configs/gat.py:emoji.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

from absl import app, flags

os.environ.setdefault('JAX_PLATFORMS', 'cpu')
sys.path.insert(0, str(Path(__file__).parent / 'peers'))
import report

LEVELS = (3, 2, 1)
CONFIGS = tuple(f'configs/{name}.py' for name in ('mlp2d', 'dcgan_mnist', 'wgan_gp_mnist', 'sngan_mnist'))

_OUT = flags.DEFINE_string('out', '', 'JSON file; empty: benchmarks/results/levels.json.')
_STEPS = flags.DEFINE_integer('steps', 5, 'Steps of a window.', lower_bound=1)
_WINDOWS = flags.DEFINE_integer('windows', 8, 'Windows of each level.', lower_bound=1)


def compiled(experiment: Any, active: Any, like: Any, level: int) -> tuple[Any, dict[str, float]]:
    """The program of any number of steps at a level, and what it took to lower and compile it."""
    from gax.distributed import sharding
    from gax.training import programs

    sharding.OPTIONS['cpu']['xla_backend_optimization_level'] = level
    maker, most = programs.maker_of(experiment), programs.longest_call(experiment)
    clock, cpu = time.perf_counter(), time.process_time()
    program = programs.compiled(experiment, maker, (active, programs.ANY), most, like)
    seconds = {'compile_s': time.perf_counter() - clock, 'compile_cpu_s': time.process_time() - cpu}
    return program, seconds


def milliseconds(experiment: Any, like: Any, by_level: dict[int, Any]) -> dict[int, float]:
    """The best window of each level's program, in milliseconds a step."""
    import jax
    import jax.numpy as jnp

    from gax.training import experiment as experiments
    from gax.training import programs

    start, most = jax.device_get(experiments.init(experiment, like)), programs.longest_call(experiment)
    rows = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), programs.maker_of(experiment).rows(most))
    count = min(_STEPS.value, most)
    best = dict.fromkeys(by_level, math.inf)
    for _ in range(_WINDOWS.value):
        for level, program in by_level.items():
            warmup, window = (programs.constants(experiment, program.length, n) for n in (1, count))
            carry = jax.tree.map(lambda x: jnp.array(x, copy=True), start)
            carry = jax.block_until_ready(program.run(carry, warmup, rows))
            began = time.perf_counter()
            jax.block_until_ready(program.run(carry, window, rows))
            best[level] = min(best[level], (time.perf_counter() - began) / count * 1e3)
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
    rows_of_step = experiments.row_shapes(experiment)  # traced here, once for all levels
    jax.eval_shape(experiments.traced_step(experiment, plain), like.state, experiment.arrays, rows_of_step)
    by_level, rows = {}, {}
    for level in LEVELS:
        by_level[level], rows[level] = compiled(experiment, plain, like, level)
    for level, value in milliseconds(experiment, like, by_level).items():
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
