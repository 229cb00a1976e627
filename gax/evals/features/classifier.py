"""A small convolutional network for small images: what it sees (logits), and how (features).

Its weights are shipped (weights/NAME.npz, made by experiments/train_classifier.py): the judge of digits
(digit_accuracy.py), and the features by which sets of small images are compared without a network of millions
of photographs.

mnist: the 64 units before the logits; 99.0 % of held-out digits right. emoji: those and the means of every
convolution's channels over the pixels, each standardised over the training images. Units trained to tell ten
categories apart (67.0 % of 191 held-out emoji right; the most frequent category is 20.9 %) learn not to see
noise, holes and colours: of 953 emoji against 953 others the Frechet distance of the 64 alone falls somewhere
along four of nine ways to make images worse. With the lower layers its mean over three halvings rises at all
36 steps, and in each of them at all but the first of noise (8 of 255: 3.10 to 3.18); `python
benchmarks/extractors.py` measures this, and writes benchmarks/results/extractors.json.

Both were trained on nine tenths of the embedded images, which are what a run on these sets is held against:
of such a reference they know most images by heart. They rank runs on these sets, and say nothing of other
data.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gax import paths
from gax.core import rng
from gax.core.types import Array
from gax.nets.layers import Conv, Dropout

WEIGHTS = Path(__file__).parent / 'weights'
HELD_OUT = 10  # every tenth image is held out of training: the files are sorted by class


class Seen(NamedTuple):
    """levels [B, 160]: means over the pixels of each convolution's channels. hidden [B, 64]. logits [B,
    classes].
    """

    levels: Array
    hidden: Array
    logits: Array


class Classifier(nn.Module):
    """images [B, H, W, C] in [-1, 1] -> Seen; three strided convolutions and two dense layers."""

    classes: int = 10

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Seen:
        levels = []
        for width, kernel in ((32, 5), (64, 3), (64, 3)):
            x = nn.relu(Conv(width, kernel, stride=2)(x))
            levels.append(x.mean((1, 2)))
        hidden = nn.relu(nn.Dense(64)(x.reshape(x.shape[0], -1)))
        logits = nn.Dense(self.classes)(Dropout(0.3)(hidden, train))
        return Seen(jnp.concatenate(levels, -1), hidden, logits)


class Weights(NamedTuple):
    """variables: of the network. mean, scale float32 [224]: what standardises levels and hidden; None:
    hidden is as it is.
    """

    variables: Any
    mean: Any = None
    scale: Any = None


class Shipped(NamedTuple):
    """A file of weights: of images of which shape, how many classes it tells apart, and which, in their
    order.
    """

    file: str
    shape: tuple[int, int, int]
    classes: int
    names: tuple[str, ...]


DIGITS = tuple('0123456789')
EMOJI = (
    *(
        'Symbols',
        'Activities',
        'Flags',
        'Travel & Places',
        'Food & Drink',
        'Animals & Nature',
        'People & Body',
    ),
    *('Objects', 'Component', 'Smileys & Emotion'),
)
SHIPPED = {
    'mnist': Shipped('digits.npz', (28, 28, 1), 10, DIGITS),
    'emoji': Shipped('emoji.npz', (32, 32, 3), 10, EMOJI),
}
STANDARD = ('mean', 'scale')
RARE = 0.05


def structure(shape: tuple[int, ...], classes: int) -> Any:
    """The shapes of the variables."""
    return jax.eval_shape(Classifier(classes).init, rng.key(0), jnp.zeros((1, *shape)))


def save(path: Path, weights: Weights) -> None:
    """The leaves in their order, float16, and what standardises, float32; written beside and renamed."""
    leaves = [np.asarray(leaf, np.float16) for leaf in jax.tree.leaves(weights.variables)]
    standard = {name: getattr(weights, name) for name in STANDARD if weights.mean is not None}
    with paths.replacing(path) as temporary, open(temporary, 'wb') as file:
        np.savez(file, *leaves, **standard)


def load(path: Path, shape: tuple[int, ...], classes: int) -> Weights:
    """What `save` wrote, float32."""
    with np.load(path) as file:
        leaves = [jnp.asarray(file[name], jnp.float32) for name in file.files if name not in STANDARD]
        standard = [jnp.asarray(file[name]) for name in STANDARD if name in file.files]
    return Weights(jax.tree.unflatten(jax.tree.structure(structure(shape, classes)), leaves), *standard)


@cache
def weights(name: str) -> Weights:
    """The shipped ones."""
    file, shape, classes, _ = SHIPPED[name]
    return load(WEIGHTS / file, shape, classes)


def checksum(name: str) -> str:
    """The first 16 hex digits of the SHA-256 of the shipped file."""
    return hashlib.sha256((WEIGHTS / SHIPPED[name].file).read_bytes()).hexdigest()[:16]


def standard(variables: Any, images: np.ndarray) -> Weights:
    """The weights with what brings each unit to mean 0 and deviation 1 over uint8 `images`, as it is after
    rounding to float16.

    Units that differ from their usual value for fewer than RARE of the images are left out (0): the few
    images for which one moves would lie far out, and a distance would be of them.
    """
    rounded = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float16).astype(jnp.float32), variables)
    seen = [apply(rounded, jnp.asarray(images[i : i + 200])) for i in range(0, len(images), 200)]
    found = np.concatenate([np.concatenate(part[:2], axis=-1) for part in seen]).astype(np.float64)
    moves = np.mean(found != np.median(found, axis=0), axis=0) >= RARE
    scale = np.where(moves, 1.0 / np.where(moves, found.std(axis=0), 1.0), 0.0)
    return Weights(variables, found.mean(axis=0).astype(np.float32), scale.astype(np.float32))


def see(weights: Weights, images: Array) -> dict[str, Array]:
    """'features' [B, 64 or 224] and 'probabilities' [B, classes] of images in 0..255, float or uint8.

    Pure.
    """
    found = apply(weights.variables, images)
    features = found.hidden
    if weights.mean is not None:
        features = (jnp.concatenate([found.levels, found.hidden], -1) - weights.mean) * weights.scale
    return {'features': features, 'probabilities': jax.nn.softmax(found.logits)}


def apply(variables: Any, images: Array) -> Seen:
    """The network on images in 0..255; how many classes it has is seen from its last layer."""
    classes = variables['params']['Dense_1']['bias'].shape[0]
    found: Any = Classifier(classes).apply(variables, images.astype(jnp.float32) / 127.5 - 1.0)
    return found
