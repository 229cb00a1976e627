"""gax against its peers: the same models and updates, measured in turn on the same cores.

Every implementation lives in a process of its own (``peers/worker.py``), built and warm, and
standing still but for its windows. A round gives each of them one window, in an order shuffled
anew for every round, so that whatever drifts (clock speed, neighbours) hits all alike. The ratio
of gax to a peer is taken round by round and its median reported: above 1, gax is faster. CPU only.

    python benchmarks/compare.py --models=dcgan_mnist --rounds=12 --window_seconds=4 --out=FILE

A table goes to standard error, JSON lines to standard output, and everything, with every single
window, to --out. Leave the machine alone meanwhile: `load_before` tells if it was not.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import pathlib
import random
import shutil
import sys
from typing import Any

from absl import app, flags

sys.path.insert(0, str(pathlib.Path(__file__).parent / 'peers'))
from pool import Worker, WorkerError
from report import describe_machine, format_table, summarize, verdict

MODELS = ('dcgan_mnist', 'vanilla_mnist', 'mlp2d')
PEERS = {
    'torch': ['--impl=torch'],
    'torch_channels_last': ['--impl=torch', '--channels_last'],
    'torch_compiled': ['--impl=torch', '--compiled'],
    'torch_compiled_channels_last': ['--impl=torch', '--compiled', '--channels_last'],
    'torch_tuned': ['--impl=torch', '--tuned', '--channels_last'],
    'torch_tuned_compiled': ['--impl=torch', '--tuned', '--compiled', '--channels_last'],
    'naive_flax': ['--impl=naive_flax'],
}
CONVOLUTIONS_ONLY = ('torch_channels_last', 'torch_compiled_channels_last', 'naive_flax')

_MODELS = flags.DEFINE_list('models', list(MODELS), 'Models to compare on.')
_PEERS = flags.DEFINE_list('peers', list(PEERS), 'Peers to compare with.')
_ROUNDS = flags.DEFINE_integer('rounds', 12, 'Windows per implementation.', lower_bound=1)
_WINDOW = flags.DEFINE_float('window_seconds', 4.0, 'Length of a window.', lower_bound=0.01)
_BATCH_SIZE = flags.DEFINE_integer('batch_size', 0, "Examples per step; 0: each model's own.")
_THREADS = flags.DEFINE_integer('threads', 0, 'CPU cores to use; 0: all.')
_OUT = flags.DEFINE_string('out', '', 'A JSON file for everything that was measured.')


def has_compiler() -> bool:
    """Whether ``torch.compile`` has a C++ compiler to call."""
    return any(map(shutil.which, (os.environ.get('CXX', 'g++'), 'clang++')))


def start_workers(model: str, stack: contextlib.ExitStack) -> tuple[list[Worker], dict[str, str]]:
    """The workers of a model, warm and calibrated, and why the others are missing."""
    workers, skipped = [], {}
    common = [f'--model={model}', f'--batch_size={_BATCH_SIZE.value}', f'--threads={_THREADS.value}']
    for name in ['gax', *_PEERS.value]:
        if name in CONVOLUTIONS_ONLY and model != 'dcgan_mnist':
            continue
        if 'compiled' in name and not has_compiler():
            skipped[name] = 'torch.compile needs a C++ compiler'
            continue
        print(f'{model}: building {name} ...', file=sys.stderr)
        try:
            worker = stack.enter_context(Worker(name, [*PEERS.get(name, ['--impl=gax']), *common]))
            worker.calibrate(_WINDOW.value)
            workers.append(worker)
        except WorkerError as error:
            skipped[name] = str(error)
    return workers, skipped


def run_round(workers: list[Worker], order: list[int]) -> list[dict[str, Any]]:
    """One window for each worker, and how busy the others were during it."""
    windows: list[dict[str, Any]] = [{} for _ in workers]
    for index in order:
        others = [worker for worker in workers if worker is not workers[index]]
        before = [worker.cpu_seconds() or 0.0 for worker in others]
        window = workers[index].run(workers[index].steps)
        after = [worker.cpu_seconds() or 0.0 for worker in others]
        window['others_cpu'] = (sum(after) - sum(before)) / window['seconds']
        windows[index] = {'steps_per_sec': window['steps'] / window['seconds'], **window}
    return windows


def compare(model: str) -> list[dict[str, Any]]:
    """All windows of one model."""
    with contextlib.ExitStack() as stack:
        workers, skipped = start_workers(model, stack)
        rounds = []
        for number in range(_ROUNDS.value if workers else 0):
            order = random.Random(number).sample(range(len(workers)), len(workers))
            rounds.append(run_round(workers, order))
            print(f'{model}: round {number + 1}/{_ROUNDS.value}', file=sys.stderr)
    records = summarize(model, [worker.name for worker in workers], rounds) if workers else []
    for worker, record in zip(workers, records, strict=True):
        record['setup_seconds'] = worker.setup_seconds
    notes = [{'model': model, 'implementation': k, 'skipped': why} for k, why in skipped.items()]
    return records + notes


def check_flags() -> None:
    """Says in one line what cannot work."""
    for given, known in ((_MODELS.value, MODELS), (_PEERS.value, PEERS)):
        for name in given:
            if name not in known:
                sys.exit(f'compare: unknown name {name!r}; there are: {", ".join(known)}')
    wants_torch = any(peer.startswith('torch') for peer in _PEERS.value)
    if wants_torch and importlib.util.find_spec('torch') is None:
        sys.exit("compare: PyTorch is not installed: pip install -e '.[peers]', or --peers=naive_flax")


def print_results(records: list[dict[str, Any]], verdicts: list[dict[str, Any]]) -> None:
    """JSON lines on standard output, the table on standard error."""
    for record in [*records, *verdicts]:
        print(json.dumps({key: value for key, value in record.items() if key != 'windows'}))
    print(format_table(records), file=sys.stderr)
    for entry in verdicts:
        for family, result in entry.items():
            if family != 'model':
                target = f' (target {result["target"]:g})' if result['target'] else ''
                ratio = f'{result["ratio"]:.3g}{target}'
                print(f'{entry["model"]}: {family} {ratio}, against {result["best"]}', file=sys.stderr)


def main(argv: list[str]) -> None:
    """Compares, prints, and writes."""
    del argv
    check_flags()
    chosen = (_MODELS, _PEERS, _ROUNDS, _WINDOW, _BATCH_SIZE, _THREADS)
    report = {**describe_machine(), 'config': {flag.name: flag.value for flag in chosen}}
    records: list[dict[str, Any]] = []
    verdicts: list[dict[str, Any]] = []
    try:
        for model in _MODELS.value:
            measured = compare(model)
            records += measured
            verdicts.append(verdict(model, measured))
    except WorkerError as error:
        sys.exit(f'compare: {error}')
    except KeyboardInterrupt:
        sys.exit('compare: interrupted')
    print_results(records, verdicts)
    if _OUT.value:
        text = json.dumps({**report, 'results': records, 'verdicts': verdicts}, indent=1)
        pathlib.Path(_OUT.value).write_text(text + '\n')


if __name__ == '__main__':
    app.run(main)
