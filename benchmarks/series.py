"""Scores of generated series beside real data, and facts of generated returns beside two classical models.

    python benchmarks/series.py --table=scores --workdir=runs/timegan --out=FILE.json
    python benchmarks/series.py --table=facts --workdir=runs/quantgan --out=FILE.json

scores: the discriminative score as TimeGAN's code has it, the same on parts of the reals that share no time,
and the predictive score (gax/evals/metrics/post_hoc.py), each the mean and standard deviation of ten judges.
Rows: real data in place of the fakes (of a file: the predictor is tested on what it was trained on, and the
discriminative scores compare the windows with themselves, in another order), the steps of every real window
shuffled, and the fakes of the run.

facts: the stylised facts (gax/evals/metrics/stylized_facts.py) of the returns of a run's data, of --paths
sampled paths of the same number of days, and of as many paths of two models fitted to the same returns:
independent Student-t returns (SciPy), and GARCH(1,1) with Gaussian noise (the package arch; pip install
'gax[peers]'). Mean over the paths, and the smallest and largest.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import flags
from scipy import stats

from gax import cli, data, errors
from gax.core import rng, sample
from gax.data import scaling
from gax.evals.metrics import post_hoc, stylized_facts
from gax.sampling import lengths
from gax.training import trained_run
from gax.training.experiment import Experiment
from gax.training.workdir import read_config

TABLE = flags.DEFINE_enum('table', 'scores', ['scores', 'facts'], 'What to measure.')
WORKDIR = flags.DEFINE_string('workdir', None, 'The run.', required=True)
STEP = flags.DEFINE_string('step', 'newest', 'The checkpoint.')
NUM = flags.DEFINE_integer('num', 5000, 'At most how many reals and fakes.')
ROWS = flags.DEFINE_list('rows', [], 'Which rows; all if not given.')
PATHS = flags.DEFINE_integer('paths', 10, 'How many paths.')
SEED = flags.DEFINE_integer('seed', 0, 'Seed of the samples and of the judges.')
OUT = flags.DEFINE_string('out', '', 'A JSON file to which the result is added.')


def reals(config: Any, num: int, seed: int) -> np.ndarray:
    """Real examples [num, steps, columns]; of a finite set at most all, chosen at random."""
    source = data.load(config)
    size = source.spec.size
    rows = np.random.default_rng(seed).permutation(size)[:num] if size else np.arange(num)
    batch = jax.jit(source.read)(source.arrays, rows.astype(np.int32), rng.key(1000 + seed))
    return np.asarray(batch[source.spec.target])


def fakes(built: Experiment, workdir: Path, num: int, length: int = 0) -> np.ndarray:
    """Samples [num, steps, columns] of a run, as its network makes them."""
    state, step = trained_run.restore(built, workdir, STEP.value)
    longer = lengths.lengthened(built, length) if length else built
    size = lengths.chunk(length, min(256, num))
    phase = built.game.phase_at(step)
    make = jax.jit(lambda state, key: sample.sample(longer.game, state, key, size, phase=phase))
    keys = jax.random.split(rng.key(SEED.value), -(-num // size))
    target = built.source.spec.target
    return np.concatenate([np.asarray(make(state, key)[target]) for key in keys])[:num]


def shuffled_in_time(x: np.ndarray) -> np.ndarray:
    """Every example with its steps in a random order of its own."""
    order = np.argsort(np.random.default_rng(SEED.value).random(x.shape[:2]), axis=1)
    return np.take_along_axis(x, order[..., None], axis=1)


def scores(config: Any, built: Experiment, workdir: Path) -> dict[str, Any]:
    """Row -> score -> mean, std and seconds."""
    real, finite = reals(config, NUM.value, 0), built.source.spec.size > 0
    rows: dict[str, Callable[[], np.ndarray]] = {
        'real': lambda: real[::-1] if finite else reals(config, NUM.value, 1),
        'shuffled': lambda: shuffled_in_time(real),
        'fake': lambda: fakes(built, workdir, len(real)),
    }
    judges: dict[str, Callable[..., np.ndarray]] = {
        'discriminative': post_hoc.discriminative,
        'discriminative_apart': partial(post_hoc.discriminative, apart=True),
        'predictive': post_hoc.predictive,
    }
    if not finite:
        del judges['discriminative_apart']  # no two examples share time
    result: dict[str, Any] = {'num': len(real), 'rows': {}}
    for row in ROWS.value or rows:
        result['rows'][row] = {}
        samples = errors.lookup('row', row, rows)()
        for name, judge in judges.items():
            began = time.perf_counter()
            values = judge(real, samples, SEED.value)
            scores = {'mean': float(values.mean()), 'std': float(values.std())}
            result['rows'][row][name] = {**scores, 'seconds': round(time.perf_counter() - began, 1)}
            print(row, name, result['rows'][row][name], flush=True)
    return result


def student(returns: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Independent Student-t returns, fitted by maximum likelihood."""
    return stats.t.rvs(*stats.t.fit(returns), size=shape, random_state=SEED.value)


def garch(returns: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """GARCH(1,1) with a constant mean and Gaussian noise, fitted by maximum likelihood in percent."""
    from arch.univariate import GARCH, ConstantMean, Normal

    noise = Normal(seed=np.random.RandomState(SEED.value))
    model = ConstantMean(100 * returns, volatility=GARCH(p=1, q=1), distribution=noise)
    fitted = model.fit(disp='off')
    paths = [model.simulate(fitted.params, shape[1])['data'].to_numpy() for _ in range(shape[0])]
    return np.stack(paths) / 100


def described(paths: np.ndarray, real: np.ndarray) -> dict[str, Any]:
    """Fact -> [mean, smallest, largest] over the paths [paths, days]."""
    rows = []
    for path in paths:
        apart = {f'emd_{n}': stylized_facts.earth_movers(real, path[None], n) for n in stylized_facts.DAYS}
        rows.append({**stylized_facts.facts(path[None]), **apart})
    return {
        name: [float(f([row[name] for row in rows])) for f in (np.mean, np.min, np.max)] for name in rows[0]
    }


def facts(config: Any, built: Experiment, workdir: Path) -> dict[str, Any]:
    """Row -> fact -> [mean, smallest, largest]. The data have one column."""
    fitted = scaling.of_info(built.source.spec.fields[built.source.spec.target].info)
    assert fitted is not None
    whole = config.copy_and_resolve_references()
    if 'split' in whole.data:
        with whole.unlocked():
            del whole.data.split
    days = rows_of(whole)
    with whole.unlocked():
        whole.data.length, whole.data.scaling = days, 'none'
    real = np.asarray(data.load(whole).arrays['series'], np.float64)[..., 0]
    shape = PATHS.value, days
    paths: dict[str, Callable[[], np.ndarray]] = {
        'real': lambda: real,
        'fake': lambda: fitted.inverse(fakes(built, workdir, *shape))[..., 0],
        'student_t': lambda: student(real[0], shape),
        'garch': lambda: garch(real[0], shape),
    }
    rows = {row: errors.lookup('row', row, paths)() for row in ROWS.value or paths}
    return {'days': days, 'paths': shape[0], 'rows': {name: described(x, real) for name, x in rows.items()}}


def rows_of(config: Any) -> int:
    """The number of steps of the whole series of a config."""
    one = config.copy_and_resolve_references()
    with one.unlocked():
        one.data.length, one.data.stride = 1, 1
    return data.load(one).spec.size


def main(argv: list[str]) -> int:
    workdir = Path(WORKDIR.value)
    config = read_config(workdir / 'config.json')
    built = trained_run.build(workdir, config)
    began = time.perf_counter()
    result = (scores if TABLE.value == 'scores' else facts)(config, built, workdir)
    about = {
        'data': config.data.name,
        'gan': config.gan,
        'step': STEP.value,
        'seed': SEED.value,
        'device': f'{platform.processor() or platform.machine()}, {jax.devices()[0].platform}',
        'jax': jax.__version__,
        'date': time.strftime('%Y-%m-%d'),
        'seconds': round(time.perf_counter() - began, 1),
    }
    result = {**about, **result}
    print(json.dumps(result, indent=1))
    if OUT.value:
        out = Path(OUT.value)
        before = json.loads(out.read_text()) if out.exists() else {}
        out.write_text(json.dumps({**before, workdir.name: result}, indent=1) + '\n')
    return 0


if __name__ == '__main__':
    cli.run(main)
