"""Whether gax's metrics are the peers': python benchmarks/agreement.py [--num=2000] [--dims=64,2048]
[--out=FILE.json]

On the same seeded features: FID, KID and Inception Score beside torch-fidelity's, precision, recall, density
and coverage beside the `prdc` package's (pip install 'gax[agreement]'), as one Markdown table. The peers get
the features as float32, as they come from a network, and again as float64: torch-fidelity computes in the
precision that it is given. With --memory also the peak memory and time of the Frechet statistics of 50,000 x
2048 features, streamed and held whole (frechet_memory.py).
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from peers import torch_metrics as peer

from gax import cli, errors
from gax.evals.metrics import fid, inception_score, kid, prdc

HERE = Path(__file__).parent
NUM = flags.DEFINE_integer('num', 2000, 'Samples of each set.', lower_bound=1001)
DIMS = flags.DEFINE_list('dims', ['64', '2048'], 'Dimensions of the features, one table for each.')
OUT = flags.DEFINE_string('out', str(HERE / 'results' / 'agreement.json'), 'The file to write.')
MEMORY = flags.DEFINE_bool('memory', False, 'Measure the memory of the Frechet statistics, too.')
PACKAGES = ('torch', 'torch-fidelity', 'prdc', 'scikit-learn', 'jax', 'numpy')
SUBSETS = kid.SUBSETS, kid.SIZE


def features(num: int, dims: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Reals and fakes float32 [num, dims]: as an Inception's features not below 0, and of few effective
    dimensions.

    A mixture of 64 latents (or dims) whose variances fall as 1 / i; the fakes' are wider and off the reals'
    center. Were all equal, in 2,048 dimensions no fake would be in any ball, and agreement about that would
    say little.
    """
    rng = np.random.RandomState(seed)
    rank = min(dims, 64)
    mix = rng.normal(size=(rank, dims)) / np.sqrt(np.arange(1, rank + 1))[:, None]
    real = rng.normal(size=(num, rank)) @ mix
    fake = (1.1 * rng.normal(size=(num, rank)) + 0.1) @ mix
    return np.maximum(real, 0).astype(np.float32), np.maximum(fake, 0).astype(np.float32)


def by_gax(real: np.ndarray, fake: np.ndarray, subsets: tuple[int, int] = SUBSETS) -> dict[str, float]:
    """Every metric by gax: statistics in batches of 500, as evaluation streams them."""
    moments = [fid.moments(np.array_split(x, max(1, len(x) // 500))) for x in (real, fake)]
    score = inception_score.of_logits(4 * fake)
    scores = {'fid': fid.distance(*moments).distance}
    scores |= {f'kid_{k}': v for k, v in kid.distance(real, fake, *subsets)._asdict().items()}
    scores |= {f'is_{k}': v for k, v in score._asdict().items()}
    return scores | prdc.prdc(real, fake)._asdict()


def by_peers(real: np.ndarray, fake: np.ndarray, subsets: tuple[int, int] = SUBSETS) -> dict[str, float]:
    """The same by the peers, in the precision of the features."""
    scores = {'fid': peer.fid(real, fake)}
    scores |= dict(zip(('kid_mean', 'kid_std'), peer.kid(real, fake, *subsets), strict=True))
    scores |= dict(zip(('is_mean', 'is_std'), peer.inception_score(4 * fake), strict=True))
    return scores | peer.prdc(real, fake, prdc.K)


def table(num: int, dims: int) -> list[dict[str, Any]]:
    """One row a metric: both values in both precisions, and the relative differences."""
    real, fake = features(num, dims)
    mine = by_gax(real, fake)
    single, double = by_peers(real, fake), by_peers(real.astype(np.float64), fake.astype(np.float64))

    def row(name: str) -> dict[str, Any]:
        value = mine[name]
        both = {'float32': single[name], 'float64': double[name]}
        apart = {f'relative_{k}': abs(value - v) / abs(v) if v else abs(value) for k, v in both.items()}
        return {'num': num, 'dims': dims, 'metric': name, 'gax': value, **both, **apart}

    return [row(name) for name in mine]


def markdown(rows: list[dict[str, Any]]) -> str:
    lines = [
        '| samples | metric | gax | peer, float32 | relative | peer, float64 | relative |',
        '|---|---|---|---|---|---|---|',
    ]
    for r in rows:
        cells = f'{r["gax"]:.9g} | {r["float32"]:.9g} | {r["relative_float32"]:.1e} | {r["float64"]:.9g} | {r["relative_float64"]:.1e}'
        lines.append(f'| {r["num"]} x {r["dims"]} | {r["metric"]} | {cells} |')
    return '\n'.join(lines)


def memory() -> list[dict[str, Any]]:
    """Peak memory and time, each in a process of its own."""
    rows = []
    for way in ('nothing', 'stream', 'hold'):
        command = [sys.executable, str(HERE / 'frechet_memory.py'), f'--way={way}']
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(json.dumps(rows[-1]), flush=True)
    return rows


def main(argv: list[str]) -> int:
    missing = [name for name in ('torch', 'torch_fidelity', 'prdc') if find_spec(name) is None]
    if missing:
        raise errors.GaxError(
            f"not installed: {', '.join(missing)}; pip install 'gax[agreement]' brings them"
        )
    rows = [row for dims in DIMS.value for row in table(NUM.value, int(dims))]
    print(markdown(rows), flush=True)
    result = {'rows': rows, 'memory': memory() if MEMORY.value else []}
    result |= {'date': str(date.today()), 'python': platform.python_version(), 'machine': platform.machine()}
    result['versions'] = {name: version(name) for name in PACKAGES}
    Path(OUT.value).write_text(json.dumps(result, indent=1) + '\n')
    return 0


if __name__ == '__main__':
    cli.run(main)
