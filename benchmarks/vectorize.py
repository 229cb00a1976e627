"""Runs trained at once by vmap, against the same one after another: python benchmarks/vectorize.py

Run-steps/sec (training steps of every run, added up) of the program that trains N runs of a config at once,
for each N of --runs, and of the ordinary program, which trains one after another. The runs differ in seed and
learning rate. A round gives each program one window, in an order shuffled anew for every round, so that
whatever drifts hits all alike; the ratio to one after another is taken round by round. What the device does,
and the host's share of starting it, is in it; logging, pictures and saving are not, nor is compiling, which
is told apart: one after another it is done for every run that has another rate, as numbers are constants
there. One JSON line each; all go into --out, with every window.
"""

import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jaxlib
import numpy as np
from absl import flags
from models import config_file

from gax import cli
from gax.distributed import sharding
from gax.sweep import plan
from gax.sweep.vmapped import program as vectorize
from gax.training import experiment, programs

CONFIG = flags.DEFINE_string('config', 'mlp2d', 'Name of a config in configs/.')
RUNS = flags.DEFINE_list('runs', ['1', '8', '64'], 'How many at once.')
ROUNDS = flags.DEFINE_integer('rounds', 9, 'Windows of each program.', lower_bound=2)
SECONDS = flags.DEFINE_float('window_seconds', 3.0, 'Length of a window.', lower_bound=0.001)
OUT = flags.DEFINE_string('out', '', 'JSON file; empty: benchmarks/results/vectorize_PLATFORM.json.')
RATES = ('g.optimizer.learning_rate', 'd.optimizer.learning_rate')


class Program:
    """A compiled program, warm, and how many calls of it make a window. runs: trained at once."""

    def __init__(self, what: str, runs: int, advance: Callable[..., Any], carry: Any, size: int) -> None:
        self.what, self.runs, self.size = what, runs, size
        self._advance, self._carry, self._step = advance, carry, 0
        self.first_call = self.take(1)
        self.take(2)
        self.calls = max(1, round(SECONDS.value / (self.take(3) / 3)))

    def take(self, calls: int) -> float:
        """Seconds of so many calls."""
        began = time.perf_counter()
        for _ in range(calls):
            self._carry = self._advance(self._carry, self._step, self.size)
            self._step += self.size
        jax.block_until_ready(self._carry)
        return time.perf_counter() - began

    def window(self) -> float:
        """Run-steps/sec."""
        return self.runs * self.calls * self.size / self.take(self.calls)


def configs(base: Any, count: int) -> list[Any]:
    """Of seeds 0, 1, ..., and rates from a third of the config's to three times it."""
    rates = base.g.optimizer.learning_rate * np.geomspace(1 / 3, 3, count)
    settings = ({'seed': i, **dict.fromkeys(RATES, float(rate))} for i, rate in enumerate(rates))
    return [plan.changed(base, setting) for setting in settings]


def rows_of(base: Any) -> list[Program]:
    """One after another, then each number at once."""
    built = experiment.build(base, sharding.mesh(jax.devices()[:1]))
    size = programs.longest_call(built)
    alone = Program('one after another', 1, programs.advancer(built), experiment.init(built), size)
    compiled_programs = [alone]
    for count in map(int, RUNS.value):
        runs = vectorize.gather(built, configs(base, count), RATES)
        compiled_programs.append(
            Program('at once', count, vectorize.advancer(runs), vectorize.init(runs), size)
        )
    return compiled_programs


def rounds(compiled_programs: list[Program]) -> list[list[float]]:
    """For each program its windows, in run-steps/sec."""
    windows: list[list[float]] = [[] for _ in compiled_programs]
    for number in range(ROUNDS.value):
        for i in random.Random(number).sample(range(len(compiled_programs)), len(compiled_programs)):
            windows[i].append(compiled_programs[i].window())
    return windows


def summary(values: list[float]) -> dict[str, Any]:
    """Median, quartiles, and all."""
    low, median, high = statistics.quantiles(values, n=4)
    return {'median': median, 'quartiles': [low, high], 'all': [round(v, 3) for v in values]}


def machine() -> dict[str, Any]:
    """What was measured on, and how busy it was."""
    known = Path('/proc/cpuinfo').read_text().splitlines() if Path('/proc/cpuinfo').exists() else []
    cpu = next((line.partition(': ')[2] for line in known if 'model name' in line), platform.processor())
    load = os.getloadavg()[0] if hasattr(os, 'getloadavg') else None
    about = {'device': jax.devices()[0].device_kind, 'devices': len(jax.devices()), 'cpu': cpu}
    about |= {'cores': os.cpu_count(), 'load_before': load, 'date': time.strftime('%Y-%m-%d')}
    return about | {'jax': jax.__version__, 'jaxlib': jaxlib.__version__}


def main(argv: list[str]) -> int:
    base = config_file(CONFIG.value).get_config()
    about = machine()
    about |= {'config': CONFIG.value, 'batch_size': base.batch_size, 'window_seconds': SECONDS.value}
    compiled_programs = rows_of(base)
    windows = rounds(compiled_programs)
    rows = []
    for program, values in zip(compiled_programs, windows, strict=True):
        row = {'what': program.what, 'runs': program.runs, 'steps_per_call': program.size}
        row |= {'first_call_seconds': program.first_call, 'run_steps_per_sec': summary(values)}
        row['ratio'] = summary([v / alone for v, alone in zip(values, windows[0], strict=True)])
        rows.append(row)
        print(json.dumps(row), flush=True)
    out = Path(OUT.value or Path(__file__).parent / 'results' / f'vectorize_{jax.devices()[0].platform}.json')
    beside = out.with_suffix('.tmp')
    beside.write_text(json.dumps({**about, 'rows': rows}, indent=1) + '\n')
    beside.rename(out)
    return 0


if __name__ == '__main__':
    cli.run(main)
