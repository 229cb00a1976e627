"""Where the time of a training step goes: a trace that TensorBoard and Perfetto open, and a table of a few
numbers.
"""

from __future__ import annotations

import functools
import json
import logging
import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gax import errors, paths
from gax.core import step as steps
from gax.core import wrappers
from gax.distributed import sharding
from gax.training import experiment
from gax.training.experiment import Carry, Experiment

log = logging.getLogger('gax')

CALLS = 10  # of the compiled program, in each of the windows that are timed and the one that is traced
SIDE = {'cpu': 1024}  # of the square matrices whose product is the peak; on accelerators LARGE
LARGE = 8192


class Table(NamedTuple):
    """Means over `steps` training steps, of all `devices` together.

    seconds: a step takes when calls follow one another as they do in training. device: when each call is
        waited for, and
    the data is there already: the devices' work, and starting it. data_wait: the share of `seconds` that the
        host waits
    for data, 0 to 1. flops: floating-point operations of a step, see `flops_of`. flops_per_second: flops /
    seconds. peak: the best rate of a product of square matrices, in the networks' precision, measured on the
        same devices.
    share_of_peak: flops_per_second / peak.
    """

    steps: int
    seconds: float
    device: float
    data_wait: float
    flops: float
    flops_per_second: float
    peak: float
    share_of_peak: float
    devices: int
    device_kind: str

    def __str__(self) -> str:
        return '\n'.join(
            f'  {name:<18} {value:.4g}' if isinstance(value, float) else f'  {name:<18} {value}'
            for name, value in self._asdict().items()
        )


def take(config: ConfigDict, workdir: Path) -> Table:
    """Runs some steps of a fresh state, which is thrown away; writes WORKDIR/profile and returns the table.

    profile/table.json, profile/plugins/profile/TIME/*.xplane.pb (TensorBoard) and perfetto_trace.json.gz
    beside it. Raises GaxError for what `experiment.build` refuses, and for a folder that cannot be written.
    """
    if config.parallel == 'pmap':
        raise errors.GaxError(
            '--profile reads compiled programs, which pmap does not show: --config.parallel=shard_map'
        )
    made = experiment.build(config)
    seconds, device, waited = timed(made, workdir / 'profile')
    count = CALLS * experiment.longest_call(made)
    flops, peak = flops_of(made, count), peak_of(made)
    kind: str = made.mesh.devices.flat[0].device_kind
    share, rate = waited / (seconds * count), flops / seconds
    table = Table(count, seconds, device, share, flops, rate, peak, rate / peak, made.mesh.size, kind)
    with errors.plain_os_errors(workdir):
        paths.write_text(workdir / 'profile' / 'table.json', json.dumps(table._asdict(), indent=1) + '\n')
    return table


def timed(made: Experiment, folder: Path) -> tuple[float, float, float]:
    """(seconds of a step, of a step by itself, seconds waited for data in all); the trace goes to
    `folder`.
    """
    feeder = experiment.feeder(made)
    size = experiment.longest_call(made)
    streamed = experiment.advancer(made, rows=feeder)
    given = experiment.advancer(made, rows=functools.cache(feeder))  # there after its first window

    def window(advance: Any, carry: Carry, wait: bool = False) -> tuple[Carry, float]:
        # The same steps every time: nothing is compiled after the first window.
        began = time.perf_counter()
        for call in range(CALLS):
            carry = advance(carry, call * size, size)
            if wait:
                jax.block_until_ready(carry)
        jax.block_until_ready(carry)
        return carry, (time.perf_counter() - began) / (CALLS * size)

    try:
        carry, _ = window(streamed, experiment.init(made))
        before = feeder.waited or 0.0
        carry, seconds = window(streamed, carry)
        waited = (feeder.waited or 0.0) - before
        carry, _ = window(given, carry)
        carry, device = window(given, carry, wait=True)
        with errors.plain_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with paths.plain(folder) as place, jax.profiler.trace(place, create_perfetto_trace=True):
                window(streamed, carry)
    finally:
        feeder.close()
    return seconds, device, waited


def flops_of(made: Experiment, count: int) -> float:
    """Floating-point operations of a step of all devices, the mean of the first `count`.

    Counted by XLA from the lowered program, before it is compiled: of every product and convolution two a
    multiply-add, of everything else one an element. A compiled one shows less on a GPU, where products that
    cuBLAS and cuDNN make are calls without a count. From programs of one step each, as loops hide theirs.
    """
    like, rows = experiment.shapes(made), experiment.row_shapes(made)
    kinds = [steps.active_at(made.game, step) for step in range(count)]
    found = {}
    for active in set(kinds):
        lowered = experiment.program(made, active).lower(like, made.arrays, rows)
        found[active] = (lowered.cost_analysis() or {}).get('flops', math.nan)
    # What jit lowers is the program of all devices, and what shard_map lowers that of one.
    programs = 1 if made.config.parallel == 'jit' else made.mesh.size
    return programs * float(np.mean([found[active] for active in kinds]))


def peak_of(made: Experiment) -> float:
    """Floating-point operations a second of [n, n] products, one a device, all at once; the best of five."""
    side = SIDE.get(made.mesh.devices.flat[0].platform, LARGE)
    dtype = wrappers.PRECISIONS[made.config.precision] or jnp.float32
    left = jax.device_put(jnp.ones((made.mesh.size * side, side), dtype), sharding.rows(made.mesh))
    right = jax.device_put(jnp.ones((side, side), dtype), sharding.replicated(made.mesh))
    product = jax.jit(jnp.matmul, out_shardings=sharding.rows(made.mesh))
    product(left, right).block_until_ready()
    times = []
    for _ in range(5):
        began = time.perf_counter()
        product(left, right).block_until_ready()
        times.append(time.perf_counter() - began)
    return made.mesh.size * 2.0 * side**3 / min(times)
