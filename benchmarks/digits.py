"""How many of a run's digits are digits: python benchmarks/digits.py --samples=FILE.npz

Trains a small convolutional classifier on 9,000 of the 10,000 embedded digits (the other 1,000 measure it), then reads
samples made by experiments/sample.py and prints one JSON line: the share recognised with probability >= 0.9, the share
whose most probable class is the label that they were made from, and the same for real held-out digits as the ceiling.
`diversity` is the mean distance between two samples of one class, relative to that of real digits: collapse shows there.
"""

import json
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import flags

from gax import cli, data
from gax.data import memory, order
from gax.nets.layers import Conv, Dropout

SAMPLES = flags.DEFINE_multi_string(
    'samples', [], 'An .npz with `images` and `labels`; several may be given.'
)
WEIGHTS = flags.DEFINE_string('weights', '', 'File that keeps the classifier from one call to the next.')
EPOCHS = flags.DEFINE_integer('epochs', 20, 'Epochs of classifier training.')
HELD_OUT, BATCH = 10, 100  # every tenth image is held out: the file is sorted by class


class Classifier(nn.Module):
    """images [B, 28, 28, 1] in [-1, 1] -> logits [B, 10]; two convolutions and a dense layer."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        x = nn.relu(Conv(32, 5, stride=2)(x))
        x = nn.relu(Conv(64, 3, stride=2)(x)).reshape(x.shape[0], -1)
        x = Dropout(0.3)(nn.relu(nn.Dense(128)(x)), train)
        return nn.Dense(10)(x)


def shifted(x: jax.Array, key: jax.Array) -> jax.Array:
    """Each image moved by up to two pixels: the augmentation that small digit sets need."""
    moves = jax.random.randint(key, (x.shape[0], 2), -2, 3)
    return jax.vmap(lambda image, move: jnp.roll(image, move, (0, 1)))(x, moves)


def train_classifier(x: np.ndarray, y: np.ndarray, epochs: int) -> Any:
    model = Classifier()
    params = model.init(jax.random.key(0), jnp.zeros((1, *x.shape[1:])))
    total = epochs * (len(x) // BATCH)
    optimizer = optax.adam(optax.cosine_decay_schedule(2e-3, total))
    state = (params, optimizer.init(params))

    @jax.jit
    def update(state: Any, step: int, rows: jax.Array) -> Any:
        params, opt_state = state
        move, drop = jax.random.split(jax.random.fold_in(jax.random.key(1), step))

        def loss(params: Any) -> jax.Array:
            images = shifted(data.memory.to_unit(jnp.asarray(x)[rows]), move)
            logits = model.apply(params, images, train=True, rngs={'dropout': drop})
            return optax.softmax_cross_entropy_with_integer_labels(logits, jnp.asarray(y)[rows]).mean()

        updates, opt_state = optimizer.update(jax.grad(loss)(params), opt_state)
        return optax.apply_updates(params, updates), opt_state

    for step in range(total):
        state = update(state, step, order.indices(0, step * BATCH, BATCH, len(x)))
    return state[0]


def classifier(weights: str, epochs: int) -> Any:
    """(params, accuracy on the held-out digits), trained or read from `weights`."""
    x, y = memory.load_npz(Path(memory.__file__).parent / 'embedded' / 'mnist10k.npz')
    assert y is not None
    if weights and Path(weights).exists():
        params = jax.tree.unflatten(
            jax.tree.structure(Classifier().init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)))),
            list(np.load(weights).values()),
        )
    else:
        kept = np.arange(len(x)) % HELD_OUT != 0
        params = train_classifier(x[kept], y[kept], epochs)
        if weights:
            np.savez(weights, *map(np.asarray, jax.tree.leaves(params)))
    return params, judge(params, x[::HELD_OUT], y[::HELD_OUT])


def judge(params: Any, images: np.ndarray, labels: np.ndarray | None) -> dict[str, float]:
    """Shares (0 to 1) over uint8 images; `right` only where there are labels."""
    logits = [
        Classifier().apply(params, data.memory.to_unit(jnp.asarray(i))) for i in np.array_split(images, 10)
    ]
    probability = np.asarray(jax.nn.softmax(jnp.concatenate(logits)))
    named = probability.argmax(-1)
    result = {'confident': float((probability.max(-1) >= 0.9).mean())}
    result['least_class_share'] = float(np.bincount(named, minlength=10).min() / len(named))
    result['spread'] = spread(images, named if labels is None else labels)
    return result if labels is None else {**result, 'right': float((named == labels).mean())}


def spread(images: np.ndarray, labels: np.ndarray) -> float:
    """Mean L2 distance (pixels in [-1, 1]) between neighbours in a random order within a class."""
    flat = images.reshape(len(images), -1) / 127.5 - 1.0
    pairs = [np.linalg.norm(np.diff(flat[labels == c], axis=0), axis=-1) for c in np.unique(labels)]
    return float(np.concatenate(pairs).mean())


def main(argv: list[str]) -> int:
    params, real = classifier(WEIGHTS.value, EPOCHS.value)
    print(json.dumps({'samples': 'real digits, held out', **{k: round(v, 4) for k, v in real.items()}}))
    for path in SAMPLES.value:
        with np.load(path) as file:
            found = judge(params, file['images'], file.get('labels'))
        found['diversity'] = found.pop('spread') / real['spread']
        print(json.dumps({'samples': path, **{k: round(v, 4) for k, v in found.items()}}))
    return 0


if __name__ == '__main__':
    cli.run(main)
