"""What 1, 2, 4 and 8 devices tell each other in a step: python benchmarks/scaling.py

Compiles one step of every benchmark program for simulated devices, the global batch being the model's own,
and reads the compiled text; nothing is run and nothing timed. For each way to compile (`config.parallel`):
the collectives of a step, the bytes that they return on one device, and these as a share of `gradients`, the
bytes of all gradients that a step makes
(every move's: a D that moves five times counts five times), below which data parallelism cannot go. A ring of
n devices sends 2 (n - 1) / n times these bytes from each. Writes results/scaling.json and prints the table.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from absl import app, flags

os.environ.setdefault(
    'XLA_FLAGS', '--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0'
)
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
sys.path.insert(0, str(Path(__file__).parent))
import collectives
import models

DEVICES = (1, 2, 4, 8)
MODES = ('jit', 'shard_map')
HEADER = (
    '| program | parameters, MB | moves | jit: collectives on 2 / 4 / 8 | bytes / gradients '
    '| shard_map: collectives on 2 / 4 / 8 | bytes / gradients |\n|---|---|---|---|---|---|---|'
)

_MODELS = flags.DEFINE_list('models', list(models.ON_CPU), 'Programs to compile.')
_OUT = flags.DEFINE_string('out', '', 'JSON file; empty: benchmarks/results/scaling.json.')


def count(name: str, mode: str, devices: int) -> dict[str, Any]:
    """Of one step on so many devices."""
    import jax

    from gax.core import updates
    from gax.distributed import sharding
    from gax.training import experiment, programs

    config = models.MODELS[name].config()
    config.parallel = mode
    built = experiment.build(config, sharding.mesh(jax.devices()[:devices]))
    rows = experiment.row_shapes(built)
    lowered = programs.program(built, updates.Active(unroll=True)).lower(
        experiment.shapes(built), built.arrays, rows
    )
    moved = collectives.traffic(lowered.compile().as_text())
    return {'collectives': moved.count, 'bytes': moved.bytes}


def sizes(name: str) -> dict[str, int]:
    """Bytes of the parameters, of all gradients of a step, and the number of moves that make them."""
    import jax

    from gax import data, gans
    from gax.core import rng, updates
    from gax.core import step as steps

    config = models.MODELS[name].config()
    game = gans.make(config, data.load(config).spec)
    params = jax.eval_shape(lambda: steps.init(game, rng.root(0))).params
    size = {net: sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(params[net])) for net in params}
    moves = updates.moves(game)
    gradients = sum(size[net] for move in moves for net in game.players[move.player].nets)
    return {'parameters': sum(size.values()), 'gradients': gradients, 'moves': len(moves)}


def row(name: str, counts: dict[str, Any]) -> str:
    cells = [name, f'{counts["parameters"] / 1e6:.2f}', str(counts['moves'])]
    for mode in MODES:
        several = [counts[mode][str(n)] for n in DEVICES[1:]]
        cells.append(' / '.join(str(sum(one['collectives'].values())) for one in several))
        shares = [one['bytes'] / counts['gradients'] for one in several]
        same = max(shares) - min(shares) < 5e-4
        cells.append(f'{shares[0]:.3f}' if same else ' / '.join(f'{share:.3f}' for share in shares))
    return f'| `{cells[0]}` | {" | ".join(cells[1:])} |'


def write(path: Path, counts: dict[str, Any]) -> None:
    import jax
    import jaxlib

    versions = {'jax': jax.__version__, 'jaxlib': jaxlib.__version__}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + '.part')
    report = {'platform': f'{jax.default_backend()}, simulated devices', 'versions': versions}
    beside.write_text(json.dumps({**report, 'programs': counts}, indent=1) + '\n')
    beside.replace(path)


def main(argv: list[str]) -> None:
    del argv
    path = Path(_OUT.value or Path(__file__).parent / 'results' / 'scaling.json')
    for name in _MODELS.value:
        if name not in models.MODELS:
            sys.exit(f'scaling: unknown program {name!r}; there are: {", ".join(models.MODELS)}')
    # Convolutions as accelerators run them. On CPU gradients of kernels cross as values at points
    # (gax/nets/ops/winograd.py) instead, of which there are more than taps.
    from gax.nets.ops import conv

    conv.default_lowering = lambda: 'lax'
    counts: dict[str, Any] = {}
    for name in _MODELS.value:
        counts[name] = sizes(name)
        for mode in MODES:
            counts[name][mode] = {}
            for devices in DEVICES:
                print(f'{name}: {mode} on {devices} ...', file=sys.stderr)
                counts[name][mode][str(devices)] = count(name, mode, devices)
        write(path, counts)
    print(HEADER)
    print('\n'.join(row(name, counts_of_one) for name, counts_of_one in counts.items()))


if __name__ == '__main__':
    app.run(main)
