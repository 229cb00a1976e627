"""How many of a run's digits are digits: python benchmarks/digits.py --samples=FILE.npz

Reads samples made by experiments/sample.py and prints one JSON line for each file, by the classifier of
gax/evals/digit_accuracy.py: `confident`, the share recognised with probability >= 0.9; `right`, the share
whose most probable class is the label that they were made from; `least_class_share`, of the rarest class;
`diversity`, the mean distance between two samples of one
class, relative to that of real digits: collapse shows there. The first line is the same for held-out real
digits.
"""

import json
from pathlib import Path

import numpy as np
from absl import flags

from gax import cli
from gax.data import arrays
from gax.evals import digit_accuracy
from gax.evals.features import classifier

SAMPLES = flags.DEFINE_multi_string(
    'samples', [], 'An .npz with `images` and perhaps `labels`; several may be given.'
)


def judge(images: np.ndarray, labels: np.ndarray | None) -> dict[str, float]:
    """Shares (0 to 1) over uint8 images [N, 28, 28, 1]; `right` only where there are labels."""
    scores = digit_accuracy.judge(images)
    named = scores.label[:, 0]
    result = {'confident': float((scores.probability >= digit_accuracy.CONFIDENT).mean())}
    result['least_class_share'] = float(np.bincount(named, minlength=10).min() / len(named))
    result['spread'] = digit_accuracy.spread(images, named if labels is None else labels)
    return result if labels is None else {**result, 'right': float((named == labels).mean())}


def main(argv: list[str]) -> int:
    x, y = arrays.load_npz(Path(arrays.__file__).parent / 'embedded' / 'mnist10k.npz')
    assert y is not None
    order = np.random.default_rng(0).permutation(np.arange(0, len(x), classifier.HELD_OUT))
    real = judge(x[order], y[order])
    print(json.dumps({'samples': 'real digits, held out', **{k: round(v, 4) for k, v in real.items()}}))
    for path in SAMPLES.value:
        with np.load(path) as file:
            scores = judge(file['images'], file.get('labels'))
        scores['diversity'] = scores.pop('spread') / real['spread']
        print(json.dumps({'samples': path, **{k: round(v, 4) for k, v in scores.items()}}))
    return 0


if __name__ == '__main__':
    cli.run(main)
