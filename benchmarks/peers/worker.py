"""One implementation in one process, which trains when it is told to and else stands still.

``compare.py`` starts a worker for every implementation and gives them windows in turn, so that
heat, clock speed and neighbours hit all of them alike. A worker builds its model, warms up, and
then answers lines of standard input with one JSON line each:

    (start)   {"ready": true, "multiple": K, "first_step_seconds": S, "versions": {..}}   run N with N
    divisible by K
    run N     {"steps": N, "seconds": S, "cpu_seconds": C, "loss_d": .., "loss_g": ..}
    memory    {"memory_bytes": M}   the peak so far
    work      {"flops_per_step": F, ...}   of gax; {} of others
    quit      (leaves)

The clock stops when losses have been read that are only there once the last step is done (gax gives
their mean over all steps so far). The first step's seconds begin before the framework is imported, and are
those of gax's first call, of several steps. What goes wrong is said as {"error": "..."}. By hand:

    echo run 20 | python benchmarks/peers/worker.py --impl=torch --model=dcgan_mnist
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from absl import app, flags

sys.path.insert(0, str(Path(__file__).parents[1]))
from implementations import BUILDERS, Run, Settings, cores
from models import MODELS

BORN = time.perf_counter()  # before any framework is there
FRAMEWORKS = {name: name for name in ('jax', 'jaxlib', 'flax', 'optax', 'torch')} | {
    'artifex': 'avitai-artifex'
}
_IMPL = flags.DEFINE_enum('impl', 'gax', list(BUILDERS), 'What to run.')
_MODEL = flags.DEFINE_enum('model', 'dcgan_mnist', list(MODELS), 'What to train.')
_BATCH_SIZE = flags.DEFINE_integer('batch_size', 0, "Examples per step; 0: the model's own.")
_COMPILED = flags.DEFINE_bool('compiled', False, 'PyTorch: torch.compile the networks.')
_CHANNELS_LAST = flags.DEFINE_bool('channels_last', False, 'PyTorch: NHWC in memory.')
_TUNED = flags.DEFINE_bool('tuned', False, 'PyTorch: fused Adam, no gradients thrown away.')
_AMP = flags.DEFINE_bool('amp', False, 'Networks in bfloat16: autocast of PyTorch, precision of gax.')
_DEVICE = flags.DEFINE_enum('device', 'cpu', ['cpu', 'gpu'], 'Where; the environment must allow it.')
_THREADS = flags.DEFINE_integer('threads', 0, 'CPU cores to use; 0: all that are allowed.')


def settings() -> Settings:
    chosen = (_COMPILED.value, _CHANNELS_LAST.value, _TUNED.value, _AMP.value)
    return Settings(_MODEL.value, _BATCH_SIZE.value, *chosen, _DEVICE.value)


def timed_run(run: Run, steps: int) -> dict[str, Any]:
    """Runs a window and measures it."""
    start, cpu = time.perf_counter(), time.process_time()
    loss_d, loss_g = (float(loss) for loss in run(steps))
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    if not (math.isfinite(loss_d) and math.isfinite(loss_g)):
        raise FloatingPointError(f'losses {loss_d}, {loss_g}')
    measured = {'steps': steps, 'seconds': seconds, 'cpu_seconds': cpu_seconds}
    return {**measured, 'loss_d': loss_d, 'loss_g': loss_g}


def versions() -> dict[str, str]:
    """Of Python and of the frameworks that this process has imported: a peer may have an environment of its
    own.
    """
    found = {'python': platform.python_version()}
    for module, package in FRAMEWORKS.items():
        if module in sys.modules:
            found[module] = importlib.metadata.version(package)
    return found


def serve(send: Callable[[dict[str, Any]], None]) -> None:
    """Builds, warms up, and obeys."""
    built = BUILDERS[_IMPL.value](settings())
    timed_run(built.run, built.multiple)
    first = time.perf_counter() - BORN
    warmup = MODELS[_MODEL.value].warmup
    timed_run(built.run, math.ceil(warmup / built.multiple) * built.multiple)
    about = {'multiple': built.multiple, 'first_step_seconds': first, 'versions': versions()}
    send({'ready': True, **about})
    for line in sys.stdin:
        command, *arguments = line.split() or ['']
        if command == 'quit':
            return
        if command == 'memory':
            send({'memory_bytes': built.memory()})
        elif command == 'work':
            send(built.work())
        elif command == 'run' and len(arguments) == 1 and arguments[0].isdigit():
            send(timed_run(built.run, int(arguments[0])))
        else:
            raise ValueError(f'expected "run N", "memory", "work" or "quit", got {line.strip()!r}')


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
        # Compiled anew: the first step's seconds are those of somebody who has never run it.
        with tempfile.TemporaryDirectory() as folder:
            os.environ['TORCHINDUCTOR_CACHE_DIR'] = folder
            serve(send)
    except Exception as error:  # said to the other side in one line; the traceback to stderr
        send({'error': f'{type(error).__name__}: {error}'.splitlines()[0]})
        raise


if __name__ == '__main__':
    app.run(main)
