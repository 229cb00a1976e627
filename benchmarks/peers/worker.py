"""One implementation in one process, which trains when it is told to and else stands still.

``compare.py`` starts a worker for every implementation and gives them windows in turn, so that
heat, clock speed and neighbours hit all of them alike. A worker builds its model, warms up, and
then answers lines of standard input with one JSON line each:

    (start)   {"ready": true, "multiple": K, "setup_seconds": S}   run N with N divisible by K
    run N     {"steps": N, "seconds": S, "loss_d": .., "loss_g": ..}
    quit      (leaves)

The clock stops when losses have been read that are only there once the last step is done (gax gives
their mean over all steps so far).
What goes wrong is said as {"error": "..."}. By hand:

    echo run 20 | python benchmarks/peers/worker.py --impl=torch --model=dcgan_mnist
"""

from __future__ import annotations

import importlib
import json
import math
import os
import pathlib
import runpy
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from absl import app, flags

BATCH_SIZE = {'dcgan_mnist': 64, 'vanilla_mnist': 128, 'mlp2d': 256}
WARMUP_STEPS = {'dcgan_mnist': 5, 'vanilla_mnist': 20, 'mlp2d': 20}
TORCH_MODULE = {
    'dcgan_mnist': 'torch_dcgan',
    'vanilla_mnist': 'torch_vanilla',
    'mlp2d': 'torch_mlp2d',
}

_IMPL = flags.DEFINE_enum('impl', 'gax', ['gax', 'torch', 'naive_flax'], 'What to run.')
_MODEL = flags.DEFINE_enum('model', 'dcgan_mnist', list(BATCH_SIZE), 'What to train.')
_BATCH_SIZE = flags.DEFINE_integer('batch_size', 0, "Examples per step; 0: the model's own.")
_COMPILED = flags.DEFINE_bool('compiled', False, 'PyTorch: torch.compile the networks.')
_CHANNELS_LAST = flags.DEFINE_bool('channels_last', False, 'PyTorch: NHWC in memory.')
_TUNED = flags.DEFINE_bool('tuned', False, 'PyTorch: fused Adam, no gradients thrown away.')
_THREADS = flags.DEFINE_integer('threads', 0, 'CPU cores to use; 0: all that are allowed.')

# A function that runs so many steps and returns both losses, which may still have to be waited for.
Run = Callable[[int], tuple[Any, Any]]


def repeat(step: Callable[[], tuple[Any, Any]]) -> Run:
    """A step function as a ``Run``."""

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


def build_torch(model: str, batch_size: int) -> Run:
    """PyTorch on the CPU, with the denormals flushed to zero as XLA does."""
    torch = importlib.import_module('torch')
    torch.set_flush_denormal(True)
    torch.set_num_threads(len(cores()))
    module = importlib.import_module(TORCH_MODULE[model])
    return repeat(module.build(batch_size, _COMPILED.value, _CHANNELS_LAST.value, _TUNED.value))


def build_naive_flax(model: str, batch_size: int) -> Run:
    """Flax as notebooks write it."""
    if model != 'dcgan_mnist':
        raise ValueError(f'the naive Flax peer is written for dcgan_mnist, not for {model}')
    return repeat(importlib.import_module('naive_flax').build(batch_size))


def load_config(model: str) -> Any:
    """The config of that name in configs/."""
    path = pathlib.Path(__file__).parents[2] / 'configs' / f'{model}.py'
    return runpy.run_path(str(path))['get_config']()


def build_gax(model: str, batch_size: int) -> tuple[Run, int]:
    """What gax's own scripts compile: (run, the number of steps in one call of the program)."""
    import jax

    from gax import experiment, meter

    config = load_config(model)
    config.batch_size = batch_size
    built = experiment.build(config)
    count = experiment.call_sizes(built)[0]
    advance = experiment.advancer(built)
    carry, done = experiment.init(built), 0

    def run(steps: int) -> tuple[Any, Any]:
        nonlocal carry, done
        for _ in range(steps // count):
            carry = advance(carry, done, count)
            done += count
        means = meter.means(jax.block_until_ready(carry.meter))
        return means['d/loss'], means['g/loss']

    return run, count


def build() -> tuple[Run, int]:
    """The implementation that the flags name."""
    batch_size = _BATCH_SIZE.value or BATCH_SIZE[_MODEL.value]
    if _IMPL.value == 'gax':
        return build_gax(_MODEL.value, batch_size)
    builder = build_torch if _IMPL.value == 'torch' else build_naive_flax
    return builder(_MODEL.value, batch_size), 1


def timed_run(run: Run, steps: int) -> dict[str, Any]:
    """Runs a window and measures it."""
    start = time.perf_counter()
    loss_d, loss_g = (float(loss) for loss in run(steps))
    seconds = time.perf_counter() - start
    if not (math.isfinite(loss_d) and math.isfinite(loss_g)):
        raise FloatingPointError(f'losses {loss_d}, {loss_g}')
    return {'steps': steps, 'seconds': seconds, 'loss_d': loss_d, 'loss_g': loss_g}


def serve(send: Callable[[dict[str, Any]], None]) -> None:
    """Builds, warms up, and obeys."""
    start = time.perf_counter()
    run, multiple = build()
    timed_run(run, math.ceil(WARMUP_STEPS[_MODEL.value] / multiple) * multiple)
    setup_seconds = time.perf_counter() - start
    send({'ready': True, 'multiple': multiple, 'setup_seconds': setup_seconds})
    for line in sys.stdin:
        command, *arguments = line.split() or ['']
        if command == 'quit':
            return
        if command != 'run' or len(arguments) != 1 or not arguments[0].isdigit():
            raise ValueError(f'expected "run N" or "quit", got {line.strip()!r}')
        send(timed_run(run, int(arguments[0])))


def protect_stdout() -> TextIO:
    """The real standard output; what libraries print from now on goes to standard error."""
    stream = os.fdopen(os.dup(1), 'w', buffering=1)
    os.dup2(2, 1)
    return stream


def main(argv: list[str]) -> None:
    """Answers on standard output until told to quit."""
    del argv
    stream = protect_stdout()

    def send(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=stream, flush=True)

    if _THREADS.value:
        os.sched_setaffinity(0, cores()[: _THREADS.value])
    try:
        serve(send)
    except Exception as error:  # said to the other side in one line; the traceback to stderr
        send({'error': f'{type(error).__name__}: {error}'.splitlines()[0]})
        raise


if __name__ == '__main__':
    app.run(main)
