"""What each benchmark program costs, counted rather than timed, beside what was recorded: python
benchmarks/guard.py

A clock on a shared machine hides a regression of ten per cent; counts do not. For every model of models.py:

    real    flops of one step as it is handed to the compiler, at the benchmark's own sizes, on one device
    tiny    of the program compiled for two devices, layers as they are and few channels (`models.tiny`):
            flops, bytes_accessed    as XLA counts them, on one device
            collectives              by kind, and collective_bytes, what they return on one device
            donated_bytes            of the carry, that are written in place
            copied_bytes             by copy instructions
            instructions             of the optimised program as it is trained with: they stand for the
            seconds that it takes to compile
            programs                 compiled programs that 100 steps need
            changing_types           arrays of the carry that a step returns with another type: each compiles
            it again
            later_compilations       of anything, after the first of four steps

`--update` records what it finds in guard.json. Compared with another version of JAX, or on another platform
than CPU, only what does not depend on the compiler is held to: nothing compiles later, nothing is no longer
donated, FLOPs do not grow by more than 5 %, and collectives do not double.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import app, flags

os.environ.setdefault(
    'XLA_FLAGS', '--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0'
)
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
sys.path.insert(0, str(Path(__file__).parent))
import collectives
import models

RECORDED = Path(__file__).with_name('guard.json')
NAMES = tuple(name for name in models.MODELS if not name.endswith('_narrow'))
STEPS = 4
# Largest relative change, either way; 0: none.
TOLERANCE = {
    'flops': 0.01,
    'bytes_accessed': 0.05,
    'copied_bytes': 0.1,
    'collective_bytes': 0.01,
    'instructions': 0.02,
}
# With another compiler: the largest factor by which a count may grow. What is not here is not compared.
GROWTH = {
    'flops': 1.05,
    'instructions': 1.25,
    'collectives': 2.0,
    'programs': 1.0,
    'changing_types': 1.0,
    'later_compilations': 1.0,
}
HOW = 'python benchmarks/guard.py --update records it, where it is meant'

_UPDATE = flags.DEFINE_bool('update', False, 'Record what is found.')
_MODELS = flags.DEFINE_list('models', list(NAMES), 'Programs to count.')

Counts = dict[str, Any]


def real(name: str) -> Counts:
    """FLOPs of one step at the sizes of the benchmark, traced and lowered, not compiled."""
    import jax

    from gax.core import updates
    from gax.distributed import sharding
    from gax.training import experiment, programs

    built = experiment.build(models.MODELS[name].config(), sharding.mesh(jax.devices()[:1]))
    rows = experiment.row_shapes(built)
    lowered = programs.program(built, updates.Active(unroll=True)).lower(
        experiment.shapes(built), built.arrays, rows
    )
    return {'flops': (lowered.cost_analysis() or {}).get('flops', math.nan)}


def tiny(name: str) -> Counts:
    """The counts of the tiny program: compiled for two devices, run for STEPS steps from a state of zeros."""
    import jax

    from gax.core import updates
    from gax.distributed import sharding
    from gax.training import experiment, programs

    built = experiment.build(models.tiny(name), sharding.mesh(jax.devices()[:2]))
    like = experiment.shapes(built)
    active = updates.active_at(built.game, 0)
    # A loop's operations would be counted once, however often it runs.
    program = programs.program(built, active._replace(unroll=True))
    traced = program.trace(like, built.arrays, experiment.row_shapes(built))
    compiled = traced.lower().compile()
    # Where training repeats an update in a scan, its program is another.
    trained = None
    if updates.scans(built.game, active):
        repeated = programs.program(built, active)
        trained = repeated.lower(like, built.arrays, experiment.row_shapes(built)).compile()
    text, cost, memory = compiled.as_text(), compiled.cost_analysis() or {}, compiled.memory_analysis()
    moved = collectives.traffic(text)
    leaves = len(jax.tree.leaves(like))
    before, after = (
        [(x.shape, x.dtype, x.weak_type) for x in avals]
        for avals in (traced.jaxpr.in_avals[:leaves], traced.jaxpr.out_avals)
    )
    return {
        'flops': cost.get('flops', math.nan),
        'bytes_accessed': cost.get('bytes accessed', math.nan),
        'collectives': moved.count,
        'collective_bytes': moved.bytes,
        'donated_bytes': memory.alias_size_in_bytes,
        'copied_bytes': collectives.copied(text),
        'instructions': instructions(text if not trained else trained.as_text()),
        'programs': program_count(built),
        'changing_types': sum(
            before_type != after_type for before_type, after_type in zip(before, after, strict=True)
        ),
        'later_compilations': later_compilations(
            programs.advancer(built, {(active, programs.ANY): lambda: programs.Program(compiled, 1, 1)}),
            built,
            like,
        ),
    }


def instructions(text: str) -> int:
    """How many instructions the text of a compiled program has, in all its computations."""
    return len(re.findall(r'^\s+(?:ROOT )?%?[\w.-]+ = ', text, re.MULTILINE))


def program_count(built: Any) -> int:
    """The number of compiled programs that 100 steps need, in calls as long as those of training."""
    from gax.training import programs

    most = programs.longest_call(built)
    plan = programs.plan_of(built.game, 0, 100)
    return len({programs.key_of(built, active, min(count, most), most) for active, count in plan})


def later_compilations(advance: Callable[..., Any], built: Any, like: Any) -> int:
    """Compilations after the first of STEPS steps; the program of one step is compiled before."""
    import jax
    import numpy as np

    from gax.distributed import sharding

    compilations: list[str] = []

    def listen(event: str, seconds: float, **more: Any) -> None:
        if event.endswith('backend_compile_duration'):
            compilations.append(event)

    zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), like)
    carry = jax.device_put(zeros, sharding.replicated(built.mesh))
    first = 0
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        for step in range(STEPS):
            carry = advance(carry, step, 1)
            first = first or len(compilations)
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    jax.block_until_ready(carry)
    return len(compilations) - first


def differences(name: str, counts: Counts, recorded: Counts, same: bool) -> list[str]:
    """A line for each count that differs from the recorded one; `same`: whether the compiler is the same."""
    lines = []
    for field, count in counts.items():
        if field not in recorded:
            lines.append(f'{name}: {field} is not in {RECORDED.name}; {HOW}')
            continue
        recorded_count = recorded[field]
        if is_different(field, total(count), total(recorded_count), same) or (
            same and field == 'collectives' and count != recorded_count
        ):
            growth = total(count) - total(recorded_count)
            change = 'grew' if growth > 0 else 'shrank' if growth < 0 else 'changed'
            lines.append(
                f'{name}: {field} {change} from {count_text(recorded_count)} to {count_text(count)}; {HOW}'
            )
    return lines


def is_different(field: str, count: float, recorded_count: float, same: bool) -> bool:
    """Whether a count is outside its tolerance; always of a count that is not finite."""
    if not (math.isfinite(count) and math.isfinite(recorded_count)) or (
        field == 'donated_bytes' and count < recorded_count
    ):
        return True
    if not same:
        return field in GROWTH and count > GROWTH[field] * recorded_count
    return abs(count - recorded_count) > TOLERANCE.get(field, 0.0) * abs(recorded_count)


def total(count: Any) -> float:
    return sum(count.values()) if isinstance(count, dict) else count


def count_text(count: Any) -> str:
    if isinstance(count, dict):
        return ' + '.join(f'{n} {kind}' for kind, n in count.items()) or 'none'
    return f'{count:,.0f}'


def compiler() -> dict[str, str]:
    """The versions of JAX and jaxlib, and the platform: they decide how a program is compiled."""
    import jax
    import jaxlib

    versions = {'jax': jax.__version__, 'jaxlib': jaxlib.__version__}
    return {**versions, 'platform': jax.default_backend()}


def load() -> dict[str, Any]:
    return json.loads(RECORDED.read_text()) if RECORDED.exists() else {'compiler': {}, 'programs': {}}


def check(name: str, kinds: Sequence[str] = ('real', 'tiny')) -> list[str]:
    """The differences of one program. For tests and for `main`."""
    recorded = load()
    same = recorded['compiler'] == compiler()
    lines = []
    for kind in kinds:
        counts = {'real': real, 'tiny': tiny}[kind](name)
        lines += differences(
            f'{name}, {kind}', counts, recorded['programs'].get(name, {}).get(kind, {}), same
        )
    return lines


def main(argv: list[str]) -> int:
    del argv
    for name in _MODELS.value:
        if name not in NAMES:
            sys.exit(f'guard: unknown program {name!r}; there are: {", ".join(NAMES)}')
    if not _UPDATE.value:
        lines = [line for name in _MODELS.value for line in check(name)]
        print('\n'.join(lines) if lines else f'{len(_MODELS.value)} programs cost what was recorded')
        return 1 if lines else 0
    counts = {name: {'real': real(name), 'tiny': tiny(name)} for name in _MODELS.value}
    others = load()['programs'] if load()['compiler'] == compiler() else {}
    report = {'compiler': compiler(), 'programs': {**others, **counts}}
    temporary = RECORDED.with_suffix('.part')
    temporary.write_text(json.dumps(report, indent=1) + '\n')
    temporary.replace(RECORDED)
    return 0


if __name__ == '__main__':
    app.run(main)
