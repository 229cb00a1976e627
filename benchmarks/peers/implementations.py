"""Every implementation as a `Built`: something that runs N steps, and what can be said of it.

Imports its framework only.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from models import MODELS

# A function that runs so many steps and returns both losses, which may still have to be waited for.
Run = Callable[[int], tuple[Any, Any]]
# Operations a second of dense matrix products, from NVIDIA's data sheets (SXM, without sparsity); float32 is
# TF32.
DATA_SHEET = {
    'H100 80GB HBM3': {'bfloat16': 989e12, 'float32': 495e12},
    'H200': {'bfloat16': 989e12, 'float32': 495e12},
    'A100': {'bfloat16': 312e12, 'float32': 156e12},
}


class Settings(NamedTuple):
    """What the worker's flags say. device: cpu or gpu. amp: networks compute in bfloat16."""

    model: str
    batch_size: int = 0
    compiled: bool = False
    channels_last: bool = False
    tuned: bool = False
    amp: bool = False
    device: str = 'cpu'

    @property
    def batch(self) -> int:
        """Examples per step: those asked for, or the config's own."""
        return self.batch_size or MODELS[self.model].config().batch_size


class Built(NamedTuple):
    """run: N steps, N divisible by `multiple`. memory: peak bytes so far. work: what a step costs, for
    gax.
    """

    run: Run
    multiple: int = 1
    memory: Callable[[], int] = lambda: resident_peak()
    work: Callable[[], dict[str, Any]] = dict


def resident_peak() -> int:
    """The largest memory of this process so far, in bytes.

    On Linux VmHWM: ru_maxrss begins at the parent's.
    """
    status = Path('/proc/self/status')
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith('VmHWM'))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def repeat(step: Callable[[], tuple[Any, Any]]) -> Run:
    """A step function as a `Run`."""

    def run(steps: int) -> tuple[Any, Any]:
        for _ in range(steps - 1):
            step()
        return step()

    return run


def cores() -> list[int]:
    """The CPU cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def build_torch(settings: Settings) -> Built:
    """PyTorch; on the CPU with denormals flushed to zero, on a GPU with TF32, as XLA does."""
    torch = importlib.import_module('torch')
    options = importlib.import_module('torch_step').Options
    torch.set_flush_denormal(True)
    torch.set_num_threads(len(cores()))
    torch.set_float32_matmul_precision('high')
    torch.backends.cudnn.benchmark = True
    device = 'cuda' if settings.device == 'gpu' else 'cpu'
    model = MODELS[settings.model]
    chosen = options(settings.compiled, settings.channels_last, settings.tuned, settings.amp, device)
    step = importlib.import_module(model.peer).build(settings.batch, chosen, **model.given)
    if device == 'cpu':
        return Built(repeat(step))
    return Built(repeat(step), memory=torch.cuda.max_memory_allocated)


def build_naive_flax(settings: Settings) -> Built:
    """Flax as notebooks write it."""
    if settings.model != 'dcgan_mnist':
        raise ValueError(f'the naive Flax peer is written for dcgan_mnist, not for {settings.model}')
    return Built(repeat(importlib.import_module('naive_flax').build(settings.batch)), memory=jax_peak)


def build_artifex(settings: Settings) -> Built:
    """Artifex as its example trains it."""
    if settings.model != 'dcgan64':
        raise ValueError(f'the Artifex peer is written for dcgan64, not for {settings.model}')
    return Built(
        repeat(importlib.import_module('artifex_gan').build(settings.batch_size or 64)), memory=jax_peak
    )


def build_gax(settings: Settings) -> Built:
    """What gax's own scripts compile."""
    import jax

    from gax.core import metrics
    from gax.training import experiment, programs

    config = MODELS[settings.model].config()
    config.batch_size, config.precision = settings.batch, 'bfloat16' if settings.amp else 'float32'
    built = experiment.build(config)
    count = programs.longest_call(built)
    advance = programs.advancer(built)
    carry, done = experiment.init(built), 0

    def run(steps: int) -> tuple[Any, Any]:
        nonlocal carry, done
        for _ in range(steps // count):
            carry = advance(carry, done, count)
            done += count
        means = metrics.means(jax.block_until_ready(carry.meter))
        return means['d/loss'], means['g/loss']

    return Built(run, count, jax_peak, lambda: work_of(built))


def work_of(built: Any) -> dict[str, Any]:
    """FLOPs of a step, as XLA counts those of the lowered program, and the rate that they are a share of."""
    from gax.training import profiler

    kind = built.mesh.devices.flat[0].device_kind
    known = next((rates for name, rates in DATA_SHEET.items() if name in kind), None)
    peak = known[built.config.precision] if known else profiler.peak_of(built)
    said = 'data sheet' if known else 'product of matrices, measured'
    flops = profiler.flops_of(built, 1)
    flops = None if math.isnan(flops) else flops
    return {'flops_per_step': flops, 'peak_flops': peak, 'peak_is': said, 'device_kind': kind}


def jax_peak() -> int:
    """Peak bytes on the accelerator; those of the process, where the device is the CPU."""
    import jax

    stats = jax.devices()[0].memory_stats()
    return int(stats['peak_bytes_in_use']) if stats else resident_peak()


BUILDERS: dict[str, Callable[[Settings], Built]] = {
    'gax': build_gax,
    'torch': build_torch,
    'naive_flax': build_naive_flax,
    'artifex': build_artifex,
}
