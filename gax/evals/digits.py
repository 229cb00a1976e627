"""A classifier of digits, as an outside judge: which digits samples show, and how sure it is.

The weights are shipped (weights/digits.npz, float16) and made by experiments/train_classifier.py from nine tenths of the
embedded digits; the rest measures it. It says which digit, not whether it is one: of uniform noise it is as sure as of
digits. So look at the pictures, too.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gax.evals import modes
from gax.nets.layers import Conv, Dropout
from gax.types import Array

WEIGHTS = Path(__file__).parent / 'weights' / 'digits.npz'
HELD_OUT = 10  # every tenth image is held out of training: the file is sorted by class
CONFIDENT = 0.9
BATCH = 1000


class Classifier(nn.Module):
    """images [B, 28, 28, 1] in [-1, 1] -> logits [B, 10]; three strided convolutions and a dense layer."""

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        for width, kernel in ((32, 5), (64, 3), (64, 3)):
            x = nn.relu(Conv(width, kernel, stride=2)(x))
        x = Dropout(0.3)(nn.relu(nn.Dense(64)(x.reshape(x.shape[0], -1))), train)
        return nn.Dense(10)(x)


class Judged(NamedTuple):
    """label: the most probable class, int [...]. probability: of that class, float [...]."""

    label: np.ndarray
    probability: np.ndarray


def structure() -> Any:
    """The shapes of the classifier's variables."""
    return jax.eval_shape(Classifier().init, jax.random.key(0), jnp.zeros((1, 28, 28, 1)))


@cache
def weights() -> Any:
    """The shipped variables, float32."""
    with np.load(WEIGHTS) as file:
        leaves = [jnp.asarray(file[name], jnp.float32) for name in file.files]
    return jax.tree.unflatten(jax.tree.structure(structure()), leaves)


@jax.jit
def _probabilities(variables: Any, images: Array) -> Array:
    logits: Any = Classifier().apply(variables, images / 127.5 - 1.0)
    return jax.nn.softmax(logits)


def judge(images: np.ndarray, variables: Any = None) -> Judged:
    """What each channel of uint8 images [N, 28, 28, C] shows, by the shipped weights; arrays [N, C]."""
    count, height, width, channels = images.shape
    rows = np.moveaxis(images, -1, 1).reshape(-1, height, width, 1)
    padded = np.concatenate([rows, np.zeros((-len(rows) % BATCH, height, width, 1), np.uint8)])
    variables = weights() if variables is None else variables
    found = [
        _probabilities(variables, jnp.asarray(x, jnp.float32)) for x in np.split(padded, len(padded) // BATCH)
    ]
    probability = np.concatenate([np.asarray(p) for p in found])[: len(rows)].reshape(count, channels, 10)
    return Judged(probability.argmax(-1), probability.max(-1))


def stacked_coverage(images: np.ndarray) -> modes.Coverage:
    """Modes of 1,000 and KL(samples || uniform) of uint8 images [N, 28, 28, 3], every sample counted.

    Metz et al., 2017; Srivastava et al., "VEEGAN", 2017: the three channels' digits are the mode. `quality` is the share
    of samples whose three digits are all recognised with probability >= 0.9 (not in the papers).
    """
    found = judge(images)
    which = found.label @ np.array([100, 10, 1])
    counted = modes.of_counts(jnp.bincount(jnp.asarray(which), length=1000), len(images))
    sure = (found.probability >= CONFIDENT).all(-1).mean()
    return counted._replace(quality=jnp.asarray(sure))


def spread(images: np.ndarray, labels: np.ndarray) -> float:
    """Mean L2 distance (pixels in [-1, 1]) between neighbours, in the order given, within a class."""
    flat = images.reshape(len(images), -1) / 127.5 - 1.0
    pairs = [np.linalg.norm(np.diff(flat[labels == c], axis=0), axis=-1) for c in np.unique(labels)]
    return float(np.concatenate(pairs).mean())
