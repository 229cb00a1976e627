"""Mode-coverage tables beside the published ones: python benchmarks/modes.py --table=ring

Trains every row of configs/TABLE.py (or those of --gans) over several seeds at once, by `vmap` in one
compiled program, and prints modes, share of high-quality samples and reverse KL, mean and standard deviation
over all seeds, none left out: of the networks as trained (`raw`, as the papers measure) and of the moving
average. Results go to --out as JSON, row by row; a row that is there is replaced, and the table printed has
all of them. A picture of the samples goes beside it.
"""

import json
import statistics
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from models import config_file
from provenance import made_with
from published import TABLES
from tqdm import trange

from gax import cli, data, errors
from gax.core import rng, sample
from gax.data import synthetic
from gax.distributed import sharding
from gax.evals import digit_accuracy
from gax.evals.metrics import mode_coverage
from gax.sweep.vmapped import program
from gax.training import experiment, programs
from gax.viz import images as pictures
from gax.viz import scatter

TABLE = flags.DEFINE_enum('table', 'ring', list(TABLES), 'Which table.')
GANS = flags.DEFINE_list('gans', [], 'Rows of configs/TABLE.py; empty for all.')
SEEDS = flags.DEFINE_integer('seeds', 0, 'Seeds 0, 1, ...; 0: 10 for points, 1 for images.', lower_bound=0)
STEPS = flags.DEFINE_integer('steps', 0, 'Training steps; 0: as many as the config says.', lower_bound=0)
OUT = flags.DEFINE_string('out', '', 'JSON file; empty: benchmarks/results/modes_TABLE.json.')
POINTS, IMAGES = 2500, 26_000  # samples that are judged, as in the papers
REAL = 'real data'
CHECKS = 10  # measurements on the way, for the curve
ROOT = Path(__file__).parents[1]
FOLDER = ROOT / 'benchmarks' / 'results'


def sampler(built: experiment.Experiment, num: int) -> Any:
    """Compiled (states, seed, averaged) -> 'point' or 'image' [runs, num, ...]."""

    def sample_run(state: Any, key: jax.Array, averaged: bool) -> jax.Array:
        fakes = sample.sample(built.game, state, key, num, averaged=averaged)
        return next(iter(fakes.values()))

    sample_runs = jax.vmap(sample_run, in_axes=(0, None, None))
    return jax.jit(
        lambda states, seed, averaged: sample_runs(states, rng.key(seed), averaged), static_argnums=2
    )


@jax.jit
def cover_all(points: jax.Array) -> mode_coverage.Coverage:
    """Coverage of the table's mixture by points [runs, N, 2]."""
    centers, std = synthetic.MIXTURES[TABLE.value]
    return jax.vmap(lambda p: mode_coverage.gaussian(p, jnp.asarray(centers, jnp.float32), std))(points)


def cover_points(states: Any, averaged: bool, draw: Any) -> mode_coverage.Coverage:
    """Coverage of each run, leaves [runs]."""
    return jax.device_get(cover_all(draw(states, 1, averaged)))


def cover_images(states: Any, averaged: bool, draw: Any) -> mode_coverage.Coverage:
    """Coverage of each run by the shipped classifier, leaves [runs]."""
    parts = [pictures.to_uint8(np.asarray(draw(states, i, averaged))) for i in range(IMAGES // 1000)]
    coverages = [digit_accuracy.stacked_coverage(images) for images in np.concatenate(parts, axis=1)]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *map(jax.device_get, coverages))


def row(name: str, seeds: range) -> tuple[dict[str, Any], np.ndarray]:
    """A row of the table, and samples of the first run (of its moving average where that is better)."""
    config = config_file(TABLE.value).get_config(name)
    steps = config.steps = STEPS.value or config.steps
    built = experiment.build(config, sharding.mesh(jax.devices()[:1]))
    images = bool(built.source.spec.of_kind('image'))
    draw, cover = sampler(built, 1000 if images else POINTS), cover_images if images else cover_points
    runs = program.Runs(built, tuple(seeds), {})
    carry, advance = program.init(runs), program.advancer(runs)
    chunk = config.steps_per_call or programs.longest_call(built)
    curve, began = [], time.perf_counter()
    for step in trange(0, steps, chunk, desc=name, mininterval=5):
        carry = advance(carry, step, chunk)
        if (step + chunk) % max(chunk, steps // CHECKS // chunk * chunk) == 0 or step + chunk >= steps:
            coverages = {kind: cover(carry.state, kind == 'averaged', draw) for kind in ('raw', 'averaged')}
            curve.append(
                {'step': step + chunk, **{kind: summary(coverage) for kind, coverage in coverages.items()}}
            )
    last = curve[-1]
    result = {
        'row': name,
        'gan': config.gan,
        'steps': steps,
        'seeds': len(seeds),
        'batch_size': config.batch_size,
    }
    result |= {
        'seconds': round(time.perf_counter() - began, 1),
        'raw': last['raw'],
        'averaged': last['averaged'],
    }
    better = last['averaged']['quality']['mean'] > last['raw']['quality']['mean']
    samples = np.asarray(draw(carry.state, 1, better))[0]
    return {**result, 'curve': curve, **made_with()}, samples


def real_row(seeds: range) -> dict[str, Any]:
    """The same numbers of real data: the best that a generator can be expected to reach."""
    source = data.load(config_file(TABLE.value).get_config())
    arrays, images = jax.device_put(source.arrays), bool(source.spec.of_kind('image'))
    read = jax.jit(lambda key: source.read(arrays, jnp.zeros(IMAGES if images else POINTS, jnp.int32), key))
    batches = [next(iter(read(rng.key(seed)).values())) for seed in seeds]
    if images:
        coverages = [
            digit_accuracy.stacked_coverage(pictures.to_uint8(np.asarray(batch))) for batch in batches
        ]
        coverage = jax.tree.map(lambda *leaves: np.stack(leaves), *map(jax.device_get, coverages))
    else:
        coverage = jax.device_get(cover_all(jnp.stack(batches)))
    return {'row': REAL, 'seeds': len(seeds), 'seconds': 0.0, 'raw': summary(coverage), **made_with()}


def summary(coverage: mode_coverage.Coverage) -> dict[str, Any]:
    """Mean, standard deviation (n - 1) and all values over the runs; quality in percent."""
    scaled = coverage._replace(quality=100 * np.asarray(coverage.quality))
    values = {name: [round(float(number), 4) for number in leaf] for name, leaf in scaled._asdict().items()}
    return {
        name: {
            'mean': round(statistics.fmean(numbers), 4),
            'std': round(statistics.stdev(numbers), 4) if len(numbers) > 1 else None,
            'all': numbers,
        }
        for name, numbers in values.items()
    }


def printed(results: dict[str, Any]) -> str:
    """The table in Markdown: gax's rows, then the published ones."""
    lines = [
        '| method | modes | high quality % | reverse KL | averaged: modes | high quality % | reverse KL | s |'
    ]
    lines.append('|---|---|---|---|---|---|---|---|')
    for name, result in results.items():
        cells = [
            f'{numbers["mean"]:.4g}' + (f' ± {numbers["std"]:.2g}' if numbers['std'] is not None else '')
            for kind in ('raw', 'averaged')
            for numbers in result.get(kind, {}).values()
        ]
        cells += [''] * (6 - len(cells))
        lines.append(f'| {name} ({result["seeds"]} seeds) | {" | ".join(cells)} | {result["seconds"]:.0f} |')
    for published in TABLES[TABLE.value]:
        cells = ['fails' if published.modes is None else f'{published.modes:g}']
        cells += ['' if number is None else f'{number:g}' for number in (published.quality, published.kl)]
        lines.append(f'| {published.method} ({published.source}) | {" | ".join(cells)} | | | | |')
    return '\n'.join(lines)


def keep(out: Path, result: dict[str, Any], known: Any) -> None:
    """Puts one row's result among those in the file, in the order of the config's rows."""
    results = {**(json.loads(out.read_text()) if out.exists() else {}), result['row']: result}
    ordered = {name: results[name] for name in (*known, REAL) if name in results}
    out.write_text(json.dumps(ordered, indent=1) + '\n')


def main(argv: list[str]) -> int:
    known = config_file(TABLE.value).ROWS
    names = [name for name in GANS.value or known if errors.lookup('row', name, known)]
    seeds = range(SEEDS.value or (1 if TABLE.value == 'stacked_mnist' else 10))
    out = Path(OUT.value or FOLDER / f'modes_{TABLE.value}.json')
    out.parent.mkdir(parents=True, exist_ok=True)
    keep(out, real_row(seeds), known)
    for name in names:
        result, samples = row(name, seeds)
        keep(out, result, known)
        real = synthetic.MIXTURES[TABLE.value].centers if samples.ndim == 2 else None
        picture = (
            scatter.scatter(samples, real)
            if samples.ndim == 2
            else pictures.grid(pictures.to_uint8(samples[:80]), 10)
        )
        pictures.save(picture, out.with_name(f'{out.stem}_{name}.png'))
    print(printed(json.loads(out.read_text())))
    return 0


if __name__ == '__main__':
    cli.run(main)
