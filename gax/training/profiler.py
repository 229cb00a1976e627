"""The time of a training step: a trace for TensorBoard and Perfetto, and a table of a few numbers."""

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
from gax.core import updates, wrappers
from gax.distributed import sharding
from gax.training import experiment, feed, programs
from gax.training.experiment import Carry, Experiment

log = logging.getLogger('gax')

CALLS = 10  # calls of the compiled program in each window that is timed or traced
SIDE = {'cpu': 1024}  # side of the square matrices whose product gives the peak; LARGE on accelerators
LARGE = 8192


class Table(NamedTuple):
    """Means over `steps` training steps, of all `devices` together.

    Attributes:
      steps: The number of steps measured.
      seconds: Seconds a step when calls are dispatched as in training.
      device: Seconds a step when the data is ready and each call is waited for: the devices' work, and its
        launch.
      data_wait: The share of `seconds` that the host waits for data, 0 to 1.
      flops: Floating-point operations of a step, see `flops_of`.
      flops_per_second: flops / seconds.
      peak: The best rate of a product of square matrices, in the networks' precision, on the same devices.
      share_of_peak: flops_per_second / peak.
      devices: The number of devices.
      device_kind: Their kind.
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
    """Profiles some steps of a fresh state, which is then dropped.

    Writes WORKDIR/profile/table.json, profile/plugins/profile/TIME/*.xplane.pb (TensorBoard) and
    perfetto_trace.json.gz in the same folder.

    Args:
      config: A config of train.py.
      workdir: The folder.

    Returns:
      The table.

    Raises:
      GaxError: The config cannot be built or is of pmap, or the folder cannot be written.
    """
    if config.parallel == 'pmap':
        raise errors.GaxError(
            '--profile reads compiled programs, which pmap does not show: --config.parallel=shard_map'
        )
    built = experiment.build(config)
    seconds, device, waited = timed(built, workdir / 'profile')
    count = CALLS * programs.longest_call(built)
    flops, peak = flops_of(built, count), peak_of(built)
    kind: str = built.mesh.devices.flat[0].device_kind
    share, rate = waited / (seconds * count), flops / seconds
    table = Table(count, seconds, device, share, flops, rate, peak, rate / peak, built.mesh.size, kind)
    with errors.plain_os_errors(workdir):
        paths.write_text(workdir / 'profile' / 'table.json', json.dumps(table._asdict(), indent=1) + '\n')
    return table


def timed(built: Experiment, folder: Path) -> tuple[float, float, float]:
    """Times windows of CALLS calls; writes the trace to `folder`.

    Returns:
      (seconds a step as in training, seconds a step on the devices alone, seconds that the host waited for
      data in the timed window).
    """
    feeder = feed.feeder(built)
    size = programs.longest_call(built)
    streamed = programs.advancer(built, rows=feeder)
    cached = programs.advancer(built, rows=functools.cache(feeder))  # ready after its first window

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
        carry, _ = window(streamed, experiment.init(built))
        before = feeder.waited or 0.0
        carry, seconds = window(streamed, carry)
        waited = (feeder.waited or 0.0) - before
        carry, _ = window(cached, carry)
        carry, device = window(cached, carry, wait=True)
        with errors.plain_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with paths.plain(folder) as place, jax.profiler.trace(place, create_perfetto_trace=True):
                window(streamed, carry)
    finally:
        feeder.close()
    return seconds, device, waited


def flops_of(built: Experiment, count: int) -> float:
    """Floating-point operations of a step of all devices, the mean of the first `count` steps.

    XLA counts them in the lowered program, before compilation: two for each multiply-add of a product or a
    convolution, one an element for everything else. The count of a compiled program is too low on a GPU,
    where products are calls of cuBLAS and cuDNN without a count. The programs are of one step each, because
    loops hide the operations of their bodies.
    """
    like, rows = experiment.shapes(built), experiment.row_shapes(built)
    kinds = [updates.active_at(built.game, step) for step in range(count)]
    flops = {}
    for active in set(kinds):
        unrolled = active._replace(unroll=True)
        lowered = programs.program(built, unrolled).lower(like, built.arrays, rows)
        flops[active] = (lowered.cost_analysis() or {}).get('flops', math.nan)
    # jit lowers the program of all devices, shard_map that of one.
    replicas = 1 if built.config.parallel == 'jit' else built.mesh.size
    return replicas * float(np.mean([flops[active] for active in kinds]))


def peak_of(built: Experiment) -> float:
    """Floating-point operations a second of [n, n] products, one a device at once; the best of five."""
    side = SIDE.get(built.mesh.devices.flat[0].platform, LARGE)
    dtype = wrappers.PRECISIONS[built.config.precision] or jnp.float32
    left = jax.device_put(jnp.ones((built.mesh.size * side, side), dtype), sharding.rows(built.mesh))
    right = jax.device_put(jnp.ones((side, side), dtype), sharding.replicated(built.mesh))
    product = jax.jit(jnp.matmul, out_shardings=sharding.rows(built.mesh))
    product(left, right).block_until_ready()
    times = []
    for _ in range(5):
        began = time.perf_counter()
        product(left, right).block_until_ready()
        times.append(time.perf_counter() - began)
    return built.mesh.size * 2.0 * side**3 / min(times)
