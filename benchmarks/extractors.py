"""Whether the Frechet distance grows as images get worse: python benchmarks/extractors.py [--num=1000]
[--out=FILE.json]

For the extractors that come with gax. One half of a set is the reference; the other, made worse in one way at
a time, by growing strengths, stands for the fakes; the distances are means over --seeds halvings. Prints a
Markdown table and writes them. The extractors were trained on nine tenths of these very images, of either
half alike: held against others they may see less.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import flags
from scipy import ndimage

from gax import cli
from gax.data import arrays
from gax.evals.features import classifier
from gax.evals.metrics import fid

HERE = Path(__file__).parent
NUM = flags.DEFINE_integer('num', 1000, 'Images of each half, at most.', lower_bound=20)
SEEDS = flags.DEFINE_integer('seeds', 3, 'How many halvings.', lower_bound=1)
OUT = flags.DEFINE_string('out', str(HERE / 'results' / 'extractors.json'), 'The file to write.')
BATCH = 200


class Set(NamedTuple):
    """images uint8 [N, H, W, C], labels int32 [N], and a generator for whatever is drawn at random."""

    images: np.ndarray
    labels: np.ndarray
    rng: np.random.Generator


def noise(original: Set, deviation: float) -> np.ndarray:
    return original.images + deviation * original.rng.normal(size=original.images.shape)


def blur(original: Set, deviation: float) -> np.ndarray:
    return ndimage.gaussian_filter(original.images.astype(np.float32), (0, deviation, deviation, 0))


def holes(original: Set, side: float) -> np.ndarray:
    """A gray square, anywhere."""
    images = original.images.copy()
    corners = original.rng.integers(0, images.shape[1] - int(side) + 1, (len(images), 2))
    for image, (top, left) in zip(images, corners, strict=True):
        image[top : top + int(side), left : left + int(side)] = 128
    return images


def shift(original: Set, pixels: float) -> np.ndarray:
    """All to the right, round the edge."""
    return np.roll(original.images, int(pixels), axis=2)


def colours(original: Set, share: float) -> np.ndarray:
    """Contrast taken away; of colour images the channels exchanged, too."""
    other = (
        np.roll(original.images, 1, axis=-1)
        if original.images.shape[-1] > 1
        else np.full_like(original.images, 128)
    )
    return (1 - share) * original.images + share * other


def blends(original: Set, share: float) -> np.ndarray:
    """Each with so much of another image in it."""
    return (1 - share) * original.images + share * original.images[
        original.rng.permutation(len(original.images))
    ]


def swirls(original: Set, turns: float) -> np.ndarray:
    """Turned about the middle, there by so many quarter turns and less towards the edge."""
    size = original.images.shape[1]
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    angle = turns * np.pi / 2 * np.exp(-np.hypot(rows, columns) / (size / 4))
    at = (
        np.cos(angle) * rows - np.sin(angle) * columns,
        np.sin(angle) * rows + np.cos(angle) * columns,
    )
    corner = (size - 1) / 2
    layers = np.moveaxis(original.images, -1, 1).reshape(-1, size, size).astype(np.float32)
    turned = [
        ndimage.map_coordinates(x, (at[0] + corner, at[1] + corner), order=1, mode='nearest') for x in layers
    ]
    return np.moveaxis(np.stack(turned).reshape(len(original.images), -1, size, size), 1, -1)


def missing(original: Set, count: float) -> np.ndarray:
    """Without the first so many classes; those that are left fill their places."""
    kept = original.images[original.labels >= count]
    return np.concatenate([kept, kept[original.rng.integers(0, len(kept), len(original.images) - len(kept))]])


def few(original: Set, distinct: float) -> np.ndarray:
    return np.resize(original.images[: int(distinct)], original.images.shape)


# What is done, by strengths that grow.
WORSE: dict[str, tuple[Callable[[Set, float], np.ndarray], tuple[float, ...]]] = {
    'noise, of 255': (noise, (8, 16, 32, 64)),
    'blur, pixels': (blur, (0.5, 1, 1.5, 2)),
    'holes, pixels a side': (holes, (4, 8, 12, 16)),
    'shift, pixels': (shift, (2, 4, 6, 8)),
    'colours, share': (colours, (0.1, 0.25, 0.5, 1)),
    'blends, share': (blends, (0.1, 0.2, 0.35, 0.5)),
    'swirls, quarter turns': (swirls, (0.5, 1, 1.5, 2)),
    'missing classes': (missing, (1, 3, 5, 8)),
    'distinct images': (few, (300, 100, 30, 10)),
}


def extractors(name: str) -> dict[str, Callable[[np.ndarray], Any]]:
    """What to compare by: the extractor, and of one that has more, the units before the logits alone."""
    weights = classifier.weights(name)
    extractors_by_name = {name: lambda images: classifier.see(weights, images)['features']}
    if weights.mean is not None:
        extractors_by_name[f'{name}, hidden units alone'] = lambda images: (
            classifier.apply(weights.variables, images).hidden
        )
    return {key: jax.jit(apply) for key, apply in extractors_by_name.items()}


def moments(apply: Callable[[np.ndarray], Any], images: np.ndarray) -> fid.Moments:
    rounded = np.clip(np.rint(images), 0, 255).astype(np.uint8)
    padded = np.resize(rounded, (-(-len(rounded) // BATCH) * BATCH, *rounded.shape[1:]))
    features = np.concatenate([np.asarray(apply(part)) for part in np.split(padded, len(padded) // BATCH)])
    return fid.batch_moments(features[: len(rounded)])


def distances(name: str, num: int, seed: int, worse: Mapping[str, Any]) -> dict[tuple[str, str], list[float]]:
    """(features, what is done) -> the distances, of the half as it is, and then by strength."""
    x, y = arrays.load_npz(Path(arrays.__file__).parent / 'embedded' / arrays.EMBEDDED[name])
    assert y is not None
    order = np.random.default_rng(seed).permutation(len(x))
    count = min(num, len(x) // 2)
    real, fake = order[:count], order[count : 2 * count]
    distances = {}
    for features, apply in extractors(name).items():
        reference = moments(apply, x[real])
        clean = fid.distance(reference, moments(apply, x[fake])).distance
        for what, (change, strengths) in worse.items():
            sets = (change(Set(x[fake], y[fake], np.random.default_rng(seed)), s) for s in strengths)
            distances[features, what] = [
                clean,
                *(fid.distance(reference, moments(apply, images)).distance for images in sets),
            ]
    return distances


def measure(name: str, num: int, seeds: int, worse: Mapping[str, Any] = WORSE) -> list[dict[str, Any]]:
    """A row for each features and what is done. grows: whether each distance is above the one before, of
    every seed.
    """
    runs = [distances(name, num, seed, worse) for seed in range(seeds)]
    rows = []
    for features, what in runs[0]:
        every = np.array([run[features, what] for run in runs])
        rows.append(
            {
                'features': features,
                'worse': what,
                'strengths': list(worse[what][1]),
                'clean': float(every[:, 0].mean()),
                'distances': every[:, 1:].mean(0).tolist(),
                'grows': bool((np.diff(every, axis=1) > 0).all()),
            }
        )
    return rows


def markdown(rows: list[dict[str, Any]]) -> str:
    lines = [
        '| features | made worse by | strengths | as it is | distances | grows |',
        '|---|---|---|---|---|---|',
    ]
    for row in rows:
        strengths, distances = (', '.join(f'{v:.4g}' for v in row[key]) for key in ('strengths', 'distances'))
        grows, clean = 'yes' if row['grows'] else 'no', f'{row["clean"]:.4g}'
        cells = [row['features'], row['worse'], strengths, clean, distances, grows]
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines)


def main(argv: list[str]) -> int:
    rows = [row for name in classifier.SHIPPED for row in measure(name, NUM.value, SEEDS.value)]
    print(markdown(rows))
    versions = {name: version(name) for name in ('jax', 'numpy', 'scipy')}
    result = {'num': NUM.value, 'seeds': SEEDS.value, 'rows': rows, 'versions': versions}
    result |= {'date': str(date.today()), 'machine': platform.machine()}
    Path(OUT.value).write_text(json.dumps(result, indent=1) + '\n')
    return 0


if __name__ == '__main__':
    cli.run(main)
