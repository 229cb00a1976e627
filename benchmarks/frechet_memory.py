"""Peak memory and time of the Frechet statistics: python benchmarks/frechet_memory.py --way=stream
[--num=50000] [--dims=2048]

One JSON line. `stream`: batch by batch, as gax does. `hold`: all features kept, then numpy's mean and cov, as
    the peers do.
`nothing`: features are made and dropped, which is what the interpreter, JAX and the features of a batch take
by themselves. The peak is the process's largest resident set, from the operating system; the time to make
features is left out.
"""

import json
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import flags

from gax import cli
from gax.evals.metrics import fid

WAY = flags.DEFINE_enum('way', 'stream', ['nothing', 'stream', 'hold'], 'What is done with the features.')
NUM = flags.DEFINE_integer('num', 50_000, 'Samples.', lower_bound=2)
DIMS = flags.DEFINE_integer('dims', 2048, 'Dimensions.', lower_bound=1)
BATCH = flags.DEFINE_integer('batch', 500, 'Samples to a batch.', lower_bound=1)


def batches() -> Iterator[np.ndarray]:
    """Seeded features float32, about 10 from zero."""
    rng = np.random.default_rng(0)
    for start in range(0, NUM.value, BATCH.value):
        rows = min(BATCH.value, NUM.value - start)
        yield 10 + rng.standard_normal((rows, DIMS.value), np.float32)


def peak_mib() -> float:
    """On Linux VmHWM: there the resource module's figure begins at the peak of the process that started this
    one.
    """
    status = Path('/proc/self/status')
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith('VmHWM'))
        return int(line.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


def stream() -> tuple[float, np.ndarray]:
    """Seconds, and the covariance."""
    moments = fid.Moments(0, np.zeros(DIMS.value), np.zeros((DIMS.value, DIMS.value)))
    seconds = 0.0
    for batch in batches():
        began = time.perf_counter()
        moments = fid.merge(moments, fid.batch_moments(batch))
        seconds += time.perf_counter() - began
    return seconds, moments.covariance


def hold() -> tuple[float, np.ndarray]:
    """Seconds, and the covariance."""
    whole = np.concatenate(list(batches()))
    began = time.perf_counter()
    whole.mean(axis=0)
    covariance = np.cov(whole, rowvar=False)
    return time.perf_counter() - began, covariance


def nothing() -> tuple[float, np.ndarray]:
    fid.batch_moments(next(batches())[:2, :2])  # JAX is up
    for _ in batches():
        pass
    return 0.0, np.zeros((1, 1))


def main(argv: list[str]) -> int:
    seconds, covariance = {'stream': stream, 'hold': hold, 'nothing': nothing}[WAY.value]()
    row = {'way': WAY.value, 'num': NUM.value, 'dims': DIMS.value, 'batch': BATCH.value}
    row |= {
        'peak_mib': round(peak_mib(), 1),
        'seconds': round(seconds, 2),
        'trace': float(np.trace(covariance)),
    }
    print(json.dumps(row))
    return 0


if __name__ == '__main__':
    cli.run(main)
