"""Super-resolution and inpainting on held-out images: python benchmarks/restoration.py --rows=x4,hole_l1

Trains the rows of ROWS, a run for each seed under --folder (finished runs are not trained again), evaluates
them on the test split by experiments/evaluate.py, and writes --out: for each row, step and metric the value
of every seed, the baseline's, and the steps, batch and versions. The row 'digits' also has the share of
completed digits that gax's classifier reads as the digit that they were, beside the digits with an empty hole
and the digits themselves.
"""

import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import flags

from gax import cli, paths
from gax.core import rng, sample
from gax.evals import digit_accuracy, results
from gax.training import evaluators, real_examples, trained_run
from gax.training.workdir import read_config

ROOT = Path(__file__).parents[1]
SEEDS = flags.DEFINE_list('seeds', ['0'], 'Seeds.')
FOLDER = flags.DEFINE_string('folder', 'runs/restoration', 'Folder of the runs.')
OUT = flags.DEFINE_string('out', str(ROOT / 'benchmarks/results/restoration.json'), 'JSON file.')


class Row(NamedTuple):
    """A training, the steps at which it is evaluated, and by what.

    Attributes:
      config: A file of configs/.
      changes: Flags of train.py.
      steps: Steps of checkpoints.
      metrics: Metrics of evaluate.py.
      features: Those of the Frechet distance.
    """

    config: str
    changes: tuple[str, ...]
    steps: tuple[int, ...]
    metrics: tuple[str, ...]
    features: str = 'emoji'


PAIRED = ('l1', 'psnr', 'ssim', 'lpips_alex', 'lpips_vgg', 'frechet')
HOLES = ('hole', 'lpips_alex', 'lpips_vgg', 'frechet')
HOLE = ('--config.steps=1500', '--config.checkpoint.every=1500')
ROWS = {
    'x4': Row('srgan_emoji', ('--config.steps=2300',), (2000, 2300), PAIRED),
    'hole_l1': Row('inpaint_emoji', (*HOLE, '--config.adversarial_weight=0.0'), (1500,), HOLES),
    'hole_gan': Row('inpaint_emoji', HOLE, (1500,), HOLES),
    'hole_patches': Row('inpaint_emoji', (*HOLE, '--config.fake_patches=hole'), (1500,), HOLES),
    'digits': Row(
        'inpaint_emoji',
        (
            *HOLE,
            '--config.data.name=embedded:mnist',
            '--config.data.flip=False',
            '--config.g.net.widths=(32,64)',
            '--config.adversarial_weight=0.0',
        ),
        (1500,),
        ('hole',),
        'mnist',
    ),
}
NAMES = flags.DEFINE_list('rows', list(ROWS), f'Of {", ".join(ROWS)}.')


def script(name: str, *arguments: str) -> None:
    """Runs a script of experiments/; raises where it fails."""
    subprocess.run([sys.executable, ROOT / 'experiments' / f'{name}.py', *arguments], check=True, cwd=ROOT)


def run(name: str, row: Row, seed: str) -> list[dict[str, Any]]:
    """Trains and evaluates one seed.

    Returns:
      The rows of eval.jsonl of the steps asked for.
    """
    workdir = (paths.user(FOLDER.value) / f'{name}_s{seed}').absolute()
    quiet = ('--config.sample_every=100000',)
    script(
        'train',
        f'--config=configs/{row.config}.py',
        f'--workdir={workdir}',
        f'--config.seed={seed}',
        *row.changes,
        *quiet,
    )
    for step in row.steps:
        script(
            'evaluate',
            f'--workdir={workdir}',
            f'--step={step}',
            '--split=test',
            f'--metrics={",".join(row.metrics)}',
            f'--features={row.features}',
        )
    rows = [result_row for result_row in results.read_results(workdir) if result_row['step'] in row.steps]
    if name == 'digits':
        rows[-1]['metrics'] |= read_digits(workdir)
    return rows


def read_digits(workdir: Path) -> dict[str, float]:
    """The classifier's accuracy on held-out digits: completed, with an empty hole, and whole."""
    built = trained_run.build(workdir, read_config(workdir / 'config.json'))
    state, _ = trained_run.restore(built, workdir)
    whole = trained_run.with_data(workdir, built.config, '', built.mesh)
    test = evaluators.with_split(whole, 'test', str(workdir))
    batch = real_examples.examples(test, np.arange(test.source.spec.size))
    conditions = {name: batch[name] for name in built.game.conditions}
    fakes = jax.jit(
        lambda state, conditions: sample.sample(
            built.game, state, rng.key(0), len(batch['label']), conditions
        )
    )(state, conditions)
    sets = {'completed': fakes['image'], 'empty': batch['condition'], 'real': batch['image']}
    accuracy = {}
    for name, images in sets.items():
        pixels = np.clip(np.round(np.asarray(images) * 127.5 + 127.5), 0, 255).astype(np.uint8)
        if name == 'empty':  # digits are white on black
            pixels = np.where(np.asarray(batch['mask']) > 0, 0, pixels).astype(np.uint8)
        read = digit_accuracy.judge(pixels).label[:, 0]
        accuracy[f'accuracy_{name}'] = float(np.mean(read == np.asarray(batch['label'])))
    return accuracy


def main(argv: list[str]) -> int:
    """Runs the benchmark. Returns its exit status."""
    out = paths.user(OUT.value)
    content = json.loads(out.read_text()) if out.is_file() else {}
    for name in NAMES.value:
        row, steps = ROWS[name], {}
        for seed in SEEDS.value:
            for result_row in run(name, row, seed):
                entry = steps.setdefault(str(result_row['step']), {'metrics': {}})
                for metric, value in result_row['metrics'].items():
                    entry['metrics'].setdefault(metric, {})[seed] = value
                entry |= {key: result_row[key] for key in ('baseline', 'protocol') if key in result_row}
        content[name] = {
            'config': row.config,
            'flags': row.changes,
            'steps': steps,
            'jax': jax.__version__,
            'machine': f'{platform.machine()}, {jax.default_backend()}',
            'date': time.strftime('%Y-%m-%d', time.gmtime()),
        }
        paths.write_text(out, json.dumps(content, indent=1) + '\n')
    return 0


if __name__ == '__main__':
    cli.run(main)
