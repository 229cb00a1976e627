"""gax against its peers: the same models and updates, measured in turn on the same cores or the same GPU.

Every implementation lives in a process of its own (``peers/worker.py``), built and warm, and
standing still but for its windows. A round gives each of them one window, in an order shuffled
anew for every round, so that whatever drifts (clock speed, neighbours) hits all alike. The ratio
of gax to a peer is taken round by round and its median reported: above 1, gax is faster.

    python benchmarks/compare.py --out=benchmarks/results/suite_cpu.json
    python benchmarks/compare.py --models=dcgan_mnist --batch_sizes=16,64,256 --rounds=12 --window_seconds=4
    --out=FILE python benchmarks/compare.py --device=gpu --batch_sizes=64,128,256
    --out=benchmarks/results/suite_gpu.json

Models are those of ``models.py``. A table goes to standard error, JSON lines to standard output, and
everything, with every single window, to --out, model by model; ``table.py`` makes the tables of
docs/results/speed.md of it.
Leave the machine alone meanwhile: `load_before` tells if it was not, and a round during which other processes
used a tenth of a core is taken again; what remains of such rounds is counted in the record, `disturbed`. On a
GPU gax computes in --precision, and memory is that of the device.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import os
import pathlib
import random
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from absl import app, flags

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parent / 'peers'))
from models import MODELS, ON_CPU, ON_GPU
from pool import Worker, WorkerError, busy_seconds
from report import describe_machine, disturbed, format_table, summarize, verdict

OPTIONS = ('tuned', 'amp', 'compiled', 'channels_last')
PEERS = {
    '_'.join(('torch', *chosen)): ['--impl=torch', *(f'--{option}' for option in chosen)]
    for count in range(len(OPTIONS) + 1)
    for chosen in itertools.combinations(OPTIONS, count)
} | {'naive_flax': ['--impl=naive_flax'], 'artifex': ['--impl=artifex']}
EAGER = ('torch', 'torch_channels_last', 'torch_tuned', 'torch_tuned_channels_last')
PREFERRED = {
    'cpu': (*EAGER, 'torch_compiled', 'torch_tuned_compiled_channels_last', 'naive_flax'),
    'gpu': (
        *(*EAGER, 'torch_tuned_compiled_channels_last', 'torch_tuned_amp', 'torch_tuned_amp_channels_last'),
        *('torch_tuned_amp_compiled', 'torch_tuned_amp_compiled_channels_last', 'naive_flax'),
    ),
}
DISTURBED = (
    0.1  # CPU seconds a second of other processes during a window: a round with such a one is taken again
)
ONLY = {'naive_flax': 'dcgan_mnist', 'artifex': 'dcgan64'}  # the model that a peer is written for

_DEVICE = flags.DEFINE_enum('device', 'cpu', ['cpu', 'gpu'], 'Where.')
_MODELS = flags.DEFINE_list('models', [], 'Models to compare on; empty: those that suit the device.')
_PEERS = flags.DEFINE_list('peers', [], 'Peers to compare with; empty: those that suit the device.')
_ROUNDS = flags.DEFINE_integer('rounds', 6, 'Windows per implementation.', lower_bound=1)
_WINDOW = flags.DEFINE_float('window_seconds', 2.0, 'Length of a window.', lower_bound=0.01)
_BATCH_SIZES = flags.DEFINE_list('batch_sizes', ['0'], "Examples per step; 0: each model's own.")
_PRECISION = flags.DEFINE_enum('precision', '', ['', 'float32', 'bfloat16'], "gax's; '': bfloat16 on a GPU.")
_THREADS = flags.DEFINE_integer('threads', 0, 'CPU cores to use; 0: all.')
_TOGETHER = flags.DEFINE_integer(
    'together',
    0,
    'Rows whose workers build at the same time, for machines of many cores; 0: one worker after another.',
)
_ARTIFEX = flags.DEFINE_string('artifex_python', '', 'The Python of an environment with avitai-artifex.')
_OUT = flags.DEFINE_string('out', '', 'A JSON file for everything that was measured.')


def has_compiler() -> bool:
    """Whether ``torch.compile`` has a C++ compiler to call."""
    return any(map(shutil.which, (os.environ.get('CXX', 'g++'), 'clang++')))


def peers_of(model: str) -> dict[str, list[str]]:
    """The peers asked for that make sense of a model, with their flags; gax first."""
    precision = _PRECISION.value or {'cpu': 'float32', 'gpu': 'bfloat16'}[_DEVICE.value]
    asked = _PEERS.value or [*PREFERRED[_DEVICE.value], *(['artifex'] if _ARTIFEX.value else [])]
    fitting = [
        name
        for name in asked
        if ONLY.get(name, model) == model and (MODELS[model].images or 'channels_last' not in name)
    ]
    if not MODELS[model].images and 'torch_tuned_compiled_channels_last' in asked:
        fitting.append('torch_tuned_compiled')
    of_gax = ['--impl=gax', *(['--amp'] if precision == 'bfloat16' else [])]
    return {'gax': of_gax, **{name: PEERS[name] for name in fitting}}


class Row(NamedTuple):
    """A model at a batch size: its workers, and why others are missing."""

    model: str
    batch_size: int
    workers: list[Worker]
    skipped: dict[str, str]


def start_row(model: str, batch_size: int, stack: contextlib.ExitStack) -> Row:
    """The workers of a model begin to build, each when the one before is ready but for those of
    --together.
    """
    batch_size = batch_size or MODELS[model].config().batch_size
    row = Row(model, batch_size, [], {})
    common = [f'--model={model}', f'--batch_size={batch_size}', f'--threads={_THREADS.value}']
    for name, arguments in peers_of(model).items():
        if 'compiled' in name and not has_compiler():
            row.skipped[name] = 'torch.compile needs a C++ compiler'
            continue
        print(f'{model}: building {name} ...', file=sys.stderr)
        python = _ARTIFEX.value if name == 'artifex' else sys.executable
        row.workers.append(stack.enter_context(Worker(name, [*arguments, *common], _DEVICE.value, python)))
        if not _TOGETHER.value:
            make_ready(row, row.workers[-1])
    return row


@contextlib.contextmanager
def leaving_out(row: Row, worker: Worker) -> Iterator[None]:
    """A worker that fails in the block leaves the row, and the row says why; the others go on."""
    try:
        yield
    except WorkerError as error:
        row.workers.remove(worker)
        row.skipped[worker.name] = str(error)
        worker.close()


def make_ready(row: Row, worker: Worker) -> None:
    """Waits for a worker, and leaves it out where it cannot go on."""
    with leaving_out(row, worker):
        worker.wait()


def calibrate(row: Row) -> None:
    """How many steps fill a window of each worker, while all others stand still."""
    for worker in list(row.workers):
        with leaving_out(row, worker):
            worker.calibrate(_WINDOW.value)


def run_round(row: Row, number: int) -> dict[str, dict[str, Any]]:
    """One window for each worker by name, in an order of this round's, and how busy the others were during
    it.
    """
    windows: dict[str, dict[str, Any]] = {}
    for worker in random.Random(number).sample(row.workers, len(row.workers)):
        others = [other for other in row.workers if other is not worker]
        before, busy = (
            [other.cpu_seconds() or 0.0 for other in others],
            (busy_seconds(), worker.cpu_seconds()),
        )
        with leaving_out(row, worker):
            window = worker.run(worker.steps)
            after = [other.cpu_seconds() or 0.0 for other in others]
            window['others_cpu'] = (sum(after) - sum(before)) / window['seconds']
            window['foreign_cpu'] = foreign(busy, (busy_seconds(), worker.cpu_seconds()), window['seconds'])
            windows[worker.name] = {'steps_per_sec': window['steps'] / window['seconds'], **window}
    return windows


def foreign(
    before: tuple[float | None, float | None], after: tuple[float | None, float | None], seconds: float
) -> float:
    """CPU seconds a second that all other processes of the machine used during a window.

    before, after: what the machine and the worker had used. 0 where /proc does not tell it.
    """
    if None in (*before, *after):
        return 0.0
    machine, worker = (b - a for a, b in zip(before, after, strict=True))  # type: ignore[operator]
    return max(0.0, machine - worker) / seconds


def ask_all(row: Row) -> dict[str, dict[str, Any]]:
    """What each worker tells of itself after the last window, by name."""
    reports = {}
    for worker in list(row.workers):
        with leaving_out(row, worker):
            reports[worker.name] = {**worker.tell(), 'first_step_alone': not _TOGETHER.value}
    return reports


def measure(row: Row) -> list[dict[str, Any]]:
    """All windows of one row, of the workers that lasted to its end."""
    calibrate(row)
    rounds = []
    again = _ROUNDS.value  # so often at most is a round taken again
    for number in range(_ROUNDS.value):
        windows = run_round(row, number)
        while disturbed(windows) and again:
            again -= 1
            print(
                f'{row.model}: round {number + 1} was disturbed by other work, and is taken again',
                file=sys.stderr,
            )
            windows = run_round(row, number)
        rounds.append(windows)
        print(f'{row.model}: round {number + 1}/{_ROUNDS.value}', file=sys.stderr)
    records = summarize(row.model, row.batch_size, rounds, ask_all(row))
    about = {'model': row.model, 'said': MODELS[row.model].description, 'batch_size': row.batch_size}
    return records + [{**about, 'implementation': k, 'skipped': why} for k, why in row.skipped.items()]


def compare(wanted: Sequence[tuple[str, int]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Model by model what was measured: of as many rows as are built together, one by one."""
    size = max(1, _TOGETHER.value)
    for at in range(0, len(wanted), size):
        with contextlib.ExitStack() as stack:
            rows = [start_row(model, batch_size, stack) for model, batch_size in wanted[at : at + size]]
            for row in rows if _TOGETHER.value else []:
                for worker in list(row.workers):
                    make_ready(row, worker)
            for row in rows:
                yield row.model, measure(row)
                for worker in row.workers:
                    worker.close()


def check_flags() -> list[int]:
    """Says in one line what cannot work; returns the batch sizes."""
    for given, known in ((_MODELS.value, MODELS), (_PEERS.value, PEERS)):
        for name in given:
            if name not in known:
                sys.exit(f'compare: unknown name {name!r}; there are: {", ".join(known)}')
    for size in _BATCH_SIZES.value:
        if not size.isdigit():
            sys.exit(f'compare: --batch_sizes wants whole numbers, and has {size!r}')
    if 'artifex' in _PEERS.value and not _ARTIFEX.value:
        sys.exit('compare: the peer artifex needs --artifex_python, of an environment with avitai-artifex')
    wanted = _PEERS.value or PREFERRED[_DEVICE.value]
    if any(name.startswith('torch') for name in wanted) and importlib.util.find_spec('torch') is None:
        sys.exit("compare: PyTorch is not installed: pip install -e '.[peers]', or --peers=naive_flax")
    return [int(size) for size in _BATCH_SIZES.value]


def print_results(records: list[dict[str, Any]], verdicts: list[dict[str, Any]]) -> None:
    """JSON lines on standard output, the table on standard error."""
    for record in [*records, *verdicts]:
        print(json.dumps({key: value for key, value in record.items() if key != 'windows'}))
    print(format_table(records), file=sys.stderr)
    for entry in verdicts:
        for family, result in entry.items():
            if family.startswith('gax_over'):
                target = f' (target {result["target"]:g})' if result['target'] else ''
                ratio = f'{result["ratio"]:.3g}{target}'
                print(f'{entry["model"]}: {family} {ratio}, against {result["best"]}', file=sys.stderr)


def write(report: dict[str, Any]) -> None:
    """The whole file anew, beside and then in place of the old one."""
    path = pathlib.Path(_OUT.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + '.part')
    beside.write_text(json.dumps(report, indent=1) + '\n')
    beside.replace(path)


def main(argv: list[str]) -> None:
    """Compares, prints, and writes."""
    del argv
    batch_sizes = check_flags()
    chosen = (_DEVICE, _MODELS, _PEERS, _ROUNDS, _WINDOW, _BATCH_SIZES, _PRECISION, _THREADS, _TOGETHER)
    records: list[dict[str, Any]] = []
    verdicts: list[dict[str, Any]] = []
    report = {
        **describe_machine(),
        'config': {flag.name: flag.value for flag in chosen},
        'results': records,
        'verdicts': verdicts,
    }
    names = _MODELS.value or (ON_GPU if _DEVICE.value == 'gpu' else ON_CPU)
    try:
        for model, measured in compare(list(itertools.product(names, batch_sizes))):
            records += measured
            verdicts.append(verdict(model, measured, _DEVICE.value))
            if _OUT.value:
                write(report)
    except WorkerError as error:
        sys.exit(f'compare: {error}')
    except KeyboardInterrupt:
        sys.exit('compare: interrupted')
    print_results(records, verdicts)


if __name__ == '__main__':
    app.run(main)
