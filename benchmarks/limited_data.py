"""Few training images: python benchmarks/limited_data.py

Trains an unconditional GAN on 100, 500 and 1,000 digits of 16x16 pixels, plain and with each method of ROWS,
several seeds at once by `vmap` in one compiled program. Along training it measures the Frechet distance of
the averaged generator to digits that were held out and to the training set, and how many samples are nearer
to a training image than its nearest neighbour is (see gax/evals/memorization.py). Results go to --out as
JSON, row by row; a row that is there is replaced. The table that is printed and the plot have all of them.
"""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import flags
from limited_table import REAL, keep, plotted, printed
from models import config_file
from provenance import ROOT, made_with

from gax import cli, data, errors
from gax.config import choices
from gax.core import rng, sample
from gax.data import splits
from gax.distributed import sharding
from gax.evals import memorization
from gax.evals.features import extractors
from gax.evals.metrics import fid
from gax.objectives import augment
from gax.sweep.vmapped import program
from gax.training import experiment, programs
from gax.viz import images as pictures

# row -> the fields of the config that differ. All others are those of `config_of`.
ROWS: dict[str, dict[str, Any]] = {
    'none': {},
    'diffaugment': {'augment': 'color,translation,cutout'},
    # The paper's 500 kimg is for 25,000 kimg of training; here p may rise as fast relative to its length.
    'ada': {'ada.pipeline': 'bgc', 'ada.kimg': 20.0},
    'lecam': {'terms.lecam.weight': 0.3},
}
SIZES = flags.DEFINE_list('sizes', ['100', '1000', '500'], 'Training images.')
METHODS = flags.DEFINE_list('rows', list(ROWS), 'Rows of ROWS.')
SEEDS = flags.DEFINE_integer('seeds', 3, 'Seeds 0, 1, ...', lower_bound=1)
STEPS = flags.DEFINE_integer('steps', 1500, 'Training steps.', lower_bound=1)
OUT = flags.DEFINE_string('out', str(ROOT / 'benchmarks/results/limited_data.json'), 'JSON file.')
PICTURE = flags.DEFINE_string('picture', str(ROOT / 'docs/pictures/limited_data.png'), 'The plot.')
CHECKS = 5  # measurements on the way
SIDE = 16  # pixels of the digits, which are shrunk so that two cores finish
SAMPLES, COMPARED = 2000, 500  # for the distances, and for memorisation


def config_of(row: str, size: int, steps: int) -> Any:
    """The config of a row: the networks and the optimizer of configs/mnist.py, without labels."""
    config = config_file('mnist').get_config()
    config.conditional, config.batch_size, config.steps = False, 32, steps
    config.data.image_size = SIDE
    values = {'data.split': 'train', 'data.limit': size, **errors.lookup('row', row, ROWS)}
    choices.set_all(config, values)
    return config


class Reals(NamedTuple):
    """Images uint8 [N, H, W, 1] and the moments of their features: the training set, and held-out ones."""

    training: np.ndarray
    held_out: np.ndarray
    moments: tuple[fid.Moments, fid.Moments]


def reals_of(config: Any, features: Any) -> Reals:
    """The training set of the config; validation and test sets together are held out."""
    sections = [
        config.data,
        *[splits.held_out(config.data, split, 'train', 'this run') for split in splits.SPLITS[1:]],
    ]
    image_sets = []
    for section in sections:
        changed = config.copy_and_resolve_references()
        with changed.unlocked():
            changed.data = section
        source = data.load(changed)
        mesh = sharding.mesh(jax.devices()[:1])
        indices = np.arange(source.spec.size)
        image_sets.append(np.concatenate([*memorization.images_of(source, source.arrays, mesh, indices)]))
    training, held_out = image_sets[0], np.concatenate(image_sets[1:])
    return Reals(training, held_out, tuple(fid.moments([features(x)]) for x in (training, held_out)))


def measure(images: np.ndarray, reals: Reals, features: Any) -> dict[str, float]:
    """The Frechet distances of samples, uint8 [N, H, W, 1], to both sets of reals, and their memorisation.

    Returns:
      'held_out' and 'training', the distances; 'closer' and 'floor', see `memorization.Memorised`.
    """
    fakes = fid.moments([features(images)])
    training, held_out = (fid.distance(fakes, moments).distance for moments in reals.moments)
    pixels = [flat(x) for x in (images[:COMPARED], reals.training)]
    training_set = memorization.Reals(len(pixels[1]), len(pixels[1]), lambda rows: iter([pixels[1][rows]]))
    memorised = memorization.memorised(pixels[0], training_set, 1)
    numbers = {
        'held_out': held_out,
        'training': training,
        'closer': memorised.closer,
        'floor': memorised.floor,
    }
    return {name: round(float(value), 4) for name, value in numbers.items()}


def flat(images: np.ndarray) -> np.ndarray:
    """uint8 [N, ...] -> float32 [N, D] in [-1, 1]."""
    return images.reshape(len(images), -1).astype(np.float32) / 127.5 - 1.0


def sampler(built: experiment.Experiment, num: int) -> Any:
    """Compiled states -> samples of the averaged generators, [runs, num, H, W, 1]."""

    def sample_run(state: Any) -> jax.Array:
        return sample.sample(built.game, state, rng.key(1), num)['image']

    return jax.jit(jax.vmap(sample_run))


def row(name: str, size: int, seeds: int, steps: int, features: Any) -> dict[str, Any]:
    """Trains a row and measures it on the way."""
    config = config_of(name, size, steps)
    built = experiment.build(config, sharding.mesh(jax.devices()[:1]))
    reals, draw = reals_of(config, features), sampler(built, SAMPLES)
    runs = program.Runs(built, tuple(range(seeds)), {})
    carry, advance = program.init(runs), program.advancer(runs)
    chunk = programs.longest_call(built)
    every = max(chunk, steps // CHECKS // chunk * chunk)
    curve, began, measuring = [], time.perf_counter(), 0.0
    for step in range(0, steps, chunk):
        carry = advance(carry, step, min(chunk, steps - step))
        done = min(step + chunk, steps)
        if done % every and done < steps:
            continue
        jax.block_until_ready(carry)
        start = time.perf_counter()
        by_run = [measure(x, reals, features) for x in pictures.to_uint8(np.asarray(draw(carry.state)))]
        point = {'step': done, **{key: [numbers[key] for numbers in by_run] for key in by_run[0]}}
        if augment.adapted(config):
            probabilities = jax.vmap(augment.controller_of(config).p)(carry.state.term_state['d']['ada'])
            point['p'] = [round(float(value), 4) for value in probabilities]
        curve.append(point)
        print(name, size, json.dumps(point), flush=True)
        measuring += time.perf_counter() - start
    spent = {'seconds': round(time.perf_counter() - began - measuring, 1)}
    settings = {'row': name, 'size': size, 'steps': steps, 'seeds': seeds, 'batch_size': config.batch_size}
    return {**settings, **spent, 'curve': curve, **made_with()}


def real_row(size: int, features: Any) -> dict[str, Any]:
    """The numbers of one half of the held-out images, with the other half in place of the held-out set."""
    reals = reals_of(config_of('none', size, 1), features)
    order = np.random.default_rng(0).permutation(len(reals.held_out))
    half, other_half = (reals.held_out[order[i::2]] for i in (0, 1))
    halves = Reals(reals.training, other_half, (reals.moments[0], fid.moments([features(other_half)])))
    point = {key: [value] for key, value in measure(half, halves, features).items()}
    return {
        'row': REAL,
        'size': size,
        'seeds': 1,
        'steps': 0,
        'seconds': 0.0,
        'curve': [point],
        **made_with(),
    }


def main(argv: list[str]) -> int:
    out, features = Path(OUT.value), features_by('mnist', (SIDE, SIDE, 1))
    out.parent.mkdir(parents=True, exist_ok=True)
    for size in map(int, SIZES.value):
        results = keep(out, real_row(size, features))
        for name in METHODS.value:
            results = keep(out, row(name, size, SEEDS.value, STEPS.value, features))
            plotted(results, Path(PICTURE.value))
    print(printed(results))
    return 0


def features_by(name: str, shape: tuple[int, ...]) -> Any:
    """uint8 [N, H, W, C] -> features float32 [N, D], by a shipped classifier."""
    extractor = extractors.make(name, shape)
    return partial(memorization.features_of, jax.jit(extractor.apply), extractor)


if __name__ == '__main__':
    cli.run(main)
