"""Convolutions by values at points against the plain sum, layer by layer: python benchmarks/layers.py

Forward pass and both gradients of one layer in a compiled loop, on CPU; the plain sum and the three plans of
least cost take turns, and the best of several windows counts. Prints milliseconds, what conv.py takes, and
the share of the plain sum's time that this needs. Writes results/layers.json. The costs in
gax/nets/ops/winograd.py were fitted to an earlier run of this on the same machine.
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

STEPS, WINDOWS = 6, 9
BATCHES = (16, 64)
# Side, kernel, stride, channels in and out: those of dcgan_mnist, dcgan64, wgan_gp_mnist and sngan32_narrow.
LAYERS = (
    *((7, 5, 1, 128, 256), (14, 5, 2, 64, 128), (28, 5, 2, 1, 64)),
    *((8, 4, 2, 256, 512), (16, 4, 2, 128, 256), (32, 4, 2, 64, 128), (64, 4, 2, 3, 64)),
    *((14, 4, 2, 32, 64), (28, 4, 2, 1, 32)),
    *((8, 4, 2, 64, 64), (16, 4, 2, 64, 64), (32, 4, 2, 64, 64), (16, 4, 2, 32, 32), (32, 4, 2, 32, 32)),
    *((8, 3, 1, 64, 64), (16, 3, 1, 64, 64), (32, 3, 1, 64, 64), (8, 3, 1, 32, 32), (16, 3, 1, 32, 32)),
)

_OUT = flags.DEFINE_string('out', '', 'JSON file; empty: benchmarks/results/layers.json.')
_BATCHES = flags.DEFINE_list('batches', [str(size) for size in BATCHES], 'Batch sizes.')


def program(fn: Callable[..., Any]) -> Callable[..., Any]:
    """(x, kernel) -> the same after STEPS passes there and back."""
    import jax

    def one(carry: Any, _: None) -> tuple[Any, None]:
        y, pull = jax.vjp(fn, *carry)
        return jax.tree.map(lambda a, b: a + 1e-6 * b, carry, pull(y)), None

    return jax.jit(lambda *carry: jax.lax.scan(one, carry, None, length=STEPS)[0])


def best_of(ways: dict[str, Callable[..., Any]], *arguments: Any) -> dict[str, float]:
    """Milliseconds a pass, of windows taken in turn."""
    import jax

    jax.block_until_ready([way(*arguments) for way in ways.values()])
    best = dict.fromkeys(ways, math.inf)
    for _ in range(WINDOWS):
        for name, way in ways.items():
            began = time.perf_counter()
            jax.block_until_ready(way(*arguments))
            best[name] = min(best[name], (time.perf_counter() - began) / STEPS * 1e3)
    return best


def measure(batch: int, side: int, size: int, stride: int, cin: int, cout: int) -> dict[str, Any]:
    """One layer, padded as 'SAME'."""
    import jax

    from gax.core import rng
    from gax.nets.ops import conv, winograd

    low, high = jax.lax.padtype_to_pads((side,), (size,), (stride,), 'SAME')[0]
    axis = winograd.Axis(side, size, stride, low, -(-side // stride))
    x = jax.random.normal(rng.key(0), (batch, side, side, cin))
    kernel = jax.random.normal(rng.key(1), (size, size, cin, cout)) * 0.01
    sum_of = functools.partial(
        conv.conv, strides=(stride,) * 2, padding=[(low, high)] * 2, lowering='patches'
    )
    ways: dict[str, Any] = {'plain': program(sum_of)}
    cost = functools.partial(winograd.cost, examples=batch, cin=stride**2 * cin, cout=cout)
    alike = [(plan, plan) for plan in winograd.plans(axis)]
    taken = winograd.cheapest(axis, axis, batch, cin, cout)
    for pair in sorted(alike, key=lambda pair: cost(*pair))[:3]:
        ways[name(*pair)] = program(functools.partial(winograd.conv, axes=(axis, axis), plan=pair))
    layer = {'batch': batch, 'side': side, 'kernel': size, 'stride': stride, 'cin': cin, 'cout': cout}
    return {**layer, 'ms': best_of(ways, x, kernel), 'taken': name(*taken) if taken else 'plain'}


def name(h: Any, w: Any) -> str:
    from gax.nets.ops import winograd

    return f'{winograd.products(h, w)} products, {h.tiles}x{w.tiles} tiles'


def row(result: dict[str, Any]) -> str:
    ms = dict(result['ms'])
    plain, fastest = ms.pop('plain'), min(ms, key=lambda way: ms[way])
    kernel, side = result['kernel'], result['side']
    layer = f'{kernel}x{kernel} stride {result["stride"]}, {result["cin"]} -> {result["cout"]}, {side}x{side}'
    taken = result['taken']
    share, best = result['ms'][taken] / plain, f'{ms[fastest]:.2f} ({fastest})'
    return f'| {result["batch"]} | {layer} | {plain:.2f} | {best} | {taken} | {share:.2f} |'


def main(argv: list[str]) -> None:
    del argv
    machine = report.describe_machine()
    path = Path(_OUT.value or Path(__file__).parent / 'results' / 'layers.json')
    results = []
    print('| batch | layer | plain, ms | fastest plan, ms | taken | of plain |\n|---|---|---|---|---|---|')
    for layer in LAYERS:
        for batch in _BATCHES.value:
            results.append(measure(int(batch), *layer))
            print(row(results[-1]), flush=True)
    path.write_text(json.dumps({**machine, 'layers': results}, indent=1) + '\n')


if __name__ == '__main__':
    app.run(main)
