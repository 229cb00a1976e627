"""Trained translations on held-out images: python benchmarks/translation.py --run=WORKDIR --run=...

For each run one JSON line: the numbers of experiments/evaluate.py on the test split (l1, psnr, ssim,
histogram, lpips_alex, cycle errors where the game has two directions, the Frechet distance on emoji
features), and those of the inputs in place of the outputs. Also `psnr_once`, the PSNR over the
examples whose input occurs once in the split: one line drawing in several colours has no one right answer.
`--picture=DIR` writes rows of input, output and target for each run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import flags
from PIL import Image

from gax import cli, data
from gax.core import rng, sample, translation
from gax.evals.evaluator import Setting
from gax.evals.metrics import image_pairs
from gax.training import evaluate, evaluators, experiment, real_examples, trained_run
from gax.viz import images

RUNS = flags.DEFINE_multi_string(
    'run', [], 'Workdir of a run; several may be given, as WORKDIR or WORKDIR:STEP.'
)
PICTURE = flags.DEFINE_string('picture', '', 'Folder for a picture of each run.')
METRICS = ('l1', 'psnr', 'ssim', 'histogram', 'lpips_alex', 'frechet')
COLUMNS = 12


def held_out(workdir: Path) -> experiment.Experiment:
    """The experiment of a run on its test split, read without flips and crops."""
    built = evaluate.build(workdir)
    config = built.config.copy_and_resolve_references()
    with config.unlocked():
        data.as_they_are(config.data)
    return evaluators.with_split(built._replace(config=config), 'test', str(workdir))


def judged(workdir: Path, step: str) -> dict[str, Any]:
    """The numbers of a run on its test split, and those of its inputs."""
    built = held_out(workdir)
    two_ways = len(translation.directions(built.game, built.source.spec)) > 1
    names = (*METRICS, *['cycle'] * two_ways)
    setting = Setting(names, 'emoji', built.source.spec.size)
    done = evaluate.of_run(workdir, step, setting, split='test')
    row = done.rows[-1]
    return {'step': row['step'], 'metrics': row['metrics'], 'input': row.get('baseline', {})}


def translated(workdir: Path, step: str) -> dict[str, np.ndarray]:
    """'input', 'output' and 'target' of every test example, uint8 [N, H, W, C]."""
    built = held_out(workdir)
    state, _ = trained_run.restore(built, workdir, step)
    way = translation.directions(built.game, built.source.spec)[0]
    batch = real_examples.examples(built, np.arange(built.source.spec.size))
    conditions = {name: batch[name] for name in built.game.conditions}
    count = len(batch[way.source])

    @jax.jit
    def run(state: Any, conditions: Any) -> Any:
        return sample.sample(built.game, state, rng.key(0), count, conditions)

    examples = {
        'input': batch[way.source],
        'output': run(state, conditions)[way.target],
        'target': batch[way.target],
    }
    return {name: images.to_uint8(np.asarray(x)) for name, x in examples.items()}


def once(x: np.ndarray) -> np.ndarray:
    """bool [N]: whether an image occurs once."""
    texts = [image.tobytes() for image in x]
    counts = {text: texts.count(text) for text in set(texts)}
    return np.array([counts[text] == 1 for text in texts])


def rows(examples: dict[str, np.ndarray]) -> np.ndarray:
    """The first COLUMNS examples, below one another: input, output, target; uint8 [3 H, COLUMNS W, 3]."""
    shown = np.random.default_rng(0).permutation(len(examples['input']))[:COLUMNS]
    colored = {name: np.broadcast_to(x[shown], (*x[shown].shape[:3], 3)) for name, x in examples.items()}
    return np.concatenate([np.concatenate(list(x), axis=1) for x in colored.values()])


def main(argv: list[str]) -> int:
    for name in RUNS.value:
        path, _, step = name.partition(':')
        workdir, step = Path(path), step or 'newest'
        examples, row = translated(workdir, step), judged(workdir, step)
        single = once(examples['input'])
        psnr = image_pairs.psnr(examples['output'], examples['target'])
        row['metrics'] |= {'psnr_once': float(psnr[single].mean()), 'once': int(single.sum())}
        unchanged = np.broadcast_to(examples['input'], examples['target'].shape)
        row['input'] |= {'psnr_once': float(image_pairs.psnr(unchanged, examples['target'])[single].mean())}
        print(json.dumps({'run': workdir.name, **row}), flush=True)
        if PICTURE.value:
            Path(PICTURE.value).mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(rows(examples))
            picture = picture.resize((2 * picture.width, 2 * picture.height), Image.Resampling.NEAREST)
            picture.save(Path(PICTURE.value) / f'{workdir.name}.png')
    return 0


if __name__ == '__main__':
    cli.run(main)
