"""Synthetic tables beside those of the package ctgan at the same epochs, SMOTE, and columns resampled apart.

    python benchmarks/tables.py --csv=Adult.csv --columns=native-country:category --epochs=10 --seeds=3 \
      --methods=real,independent,gax,ctgan --peer=PYTHON --out=FILE.json

Of every method: SDMetrics' quality against the training rows, F1 and AUC of classifiers that are trained on
the synthetic rows and tested on real test rows, how well classifiers tell them from training rows, and the
distance to the closest training row. Seconds are on the clock, from the file to the synthetic file, programs
compiled and mixtures fitted; cpu_seconds those of all cores. Results are appended to the file, method by
method. PYTHON has the packages ctgan and imbalanced-learn (benchmarks/peers/tables_ctgan.py).
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from gax import cli
from gax.data import cells, columns, table
from gax.evals.metrics import tables as measures

ROOT = Path(__file__).parents[1]
CSV = flags.DEFINE_string('csv', None, 'The table.', required=True)
COLUMNS = flags.DEFINE_string('columns', '', 'As config.data.columns.')
METHODS = flags.DEFINE_list('methods', ['real', 'independent', 'gax'], 'Of METHODS.')
ROWS = flags.DEFINE_integer('rows', 20_000, 'Training rows; the rest is for tests.')
EPOCHS = flags.DEFINE_integer('epochs', 10, 'Of training.')
SEEDS = flags.DEFINE_integer('seeds', 1, 'How many seeds, from 0.')
PEER = flags.DEFINE_string('peer', sys.executable, 'The Python of the other packages.')
OUT = flags.DEFINE_string('out', 'tables.json', 'The file of results.')
OVERRIDES = flags.DEFINE_multi_string('override', [], 'Of gax: --config fields, ema.decay=0.9.')
MOST = 8192  # rows of each side that a detector sees


class Task(NamedTuple):
    """The table of a benchmark.

    Attributes:
      folder: Where files are written.
      encoding: Fitted to the training rows.
      train: The cells of the training rows.
      test: The cells of the test rows.
    """

    folder: Path
    encoding: columns.Encoding
    train: columns.Rows
    test: columns.Rows

    @property
    def kinds(self) -> str:
        """The kinds of all columns, as config.data.columns."""
        return ','.join(f'{column.name}:{column.kind}' for column in self.encoding.columns)

    def file(self, name: str) -> Path:
        """A file of the benchmark."""
        return self.folder / f'{name}.csv'


def prepare(folder: Path) -> Task:
    """Splits the table, the same way every time, and fits the encoding."""
    frame = cells.read(Path(CSV.value))
    order = np.random.default_rng(0).permutation(len(frame))
    parts = {'train': order[: ROWS.value], 'test': order[ROWS.value :]}
    for name, rows in parts.items():
        frame.iloc[rows].to_csv(folder / f'{name}.csv', index=False)
    whole = table.opened(Path(CSV.value), COLUMNS.value)
    encoding = table.fitted(whole, parts['train'])
    train, test = (cells.chosen(whole.rows, rows) for rows in parts.values())
    return Task(folder, encoding, train, test)


def run(command: list[str]) -> str:
    """The standard output of a command that succeeds."""
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout


def gax(gan: str) -> Callable[[Task, int], Path]:
    """Training and sampling by the commands."""

    def made(task: Task, seed: int) -> Path:
        out, workdir = task.file(f'{gan}{seed}'), task.folder / f'{gan}{seed}'
        steps = EPOCHS.value * (ROWS.value // 500)
        fields = {'seed': seed, 'steps': steps, 'data.columns': task.kinds, 'sample_every': steps}
        fields |= dict(text.split('=', 1) for text in OVERRIDES.value)
        run(
            [
                *(sys.executable, str(ROOT / 'experiments' / 'train.py')),
                f'--config={ROOT}/configs/{gan}_adult.py:{task.file("train")}',
                f'--workdir={workdir}',
                *(f'--config.{name}={value}' for name, value in fields.items()),
            ]
        )
        sample = [sys.executable, str(ROOT / 'experiments' / 'sample.py'), f'--workdir={workdir}']
        run([*sample, f'--num={ROWS.value}', f'--out={out}', f'--seed={seed}'])
        return out

    return made


def peer(method: str) -> Callable[[Task, int], Path]:
    """A method of benchmarks/peers/tables_ctgan.py."""

    def made(task: Task, seed: int) -> Path:
        out = task.file(f'{method}_peer{seed}')
        names = ','.join(place.column.name for place in columns.categories(task.encoding))
        script = str(ROOT / 'benchmarks' / 'peers' / 'tables_ctgan.py')
        texts = [str(EPOCHS.value), str(seed), task.encoding.target, names]
        run([PEER.value, script, method, str(task.file('train')), str(out), *texts])
        return out

    return made


def independent(task: Task, seed: int) -> Path:
    """Each column of the training rows drawn by itself."""
    frame, random = cells.read(task.file('train')), np.random.default_rng(seed)
    for name in frame.columns:
        frame[name] = frame[name].to_numpy()[random.integers(0, len(frame), len(frame))]
    frame.to_csv(out := task.file(f'independent{seed}'), index=False)
    return out


METHODS_BY_NAME: dict[str, Callable[[Task, int], Path]] = {
    'real': lambda task, seed: task.file('train'),
    'independent': independent,
    'smote': peer('smote'),
    'gax': gax('ctgan'),
    'gax_tvae': gax('tvae'),
    'ctgan': peer('ctgan'),
    'tvae': peer('tvae'),
}


def judged(task: Task, generated: columns.Rows, seed: int, real: bool) -> dict[str, float]:
    """The numbers of a method; those of real data are of test rows in the place of the synthetic ones."""
    encoding = task.encoding
    beside = task.test if real else generated
    few = [cells.chosen(rows, np.arange(min(MOST, ROWS.value))) for rows in (task.train, beside)]
    return {
        **measures.quality(encoding, task.train, beside),
        **measures.usefulness(encoding, generated, task.test, seed),
        **measures.detection(encoding, *few, seed),
        **measures.closest(encoding, task.train, beside),
    }


def record(task: Task, name: str, seed: int) -> dict[str, Any]:
    """Runs and judges a method."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    path = METHODS_BY_NAME[name](task, seed)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    generated = table.opened(path, task.kinds).rows
    return {
        'method': name,
        'seed': seed,
        'epochs': EPOCHS.value if name not in ('real', 'independent', 'smote') else 0,
        'overrides': OVERRIDES.value if name.startswith('gax') else [],
        'seconds': round(seconds, 1),
        'cpu_seconds': round(spent, 1),
        'time': datetime.now(UTC).isoformat(timespec='seconds'),
        **{key: round(value, 4) for key, value in judged(task, generated, seed, name == 'real').items()},
    }


def main(argv: list[str]) -> int:
    """Runs the methods, and appends a record of each to the file."""
    out = Path(OUT.value)
    with tempfile.TemporaryDirectory() as folder:
        task = prepare(Path(folder))
        for seed in range(SEEDS.value):
            for name in METHODS.value:
                if seed and name == 'real':
                    continue
                done = record(task, name, seed)
                print(json.dumps(done), flush=True)
                content = json.loads(out.read_text()) if out.exists() else []
                out.write_text(json.dumps([*content, done], indent=1) + '\n')
    return 0


if __name__ == '__main__':
    cli.run(main)
