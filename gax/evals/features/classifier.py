"""A small convolutional classifier of small images: its logits, and its hidden features.

The weights are shipped (weights/NAME.npz, made by experiments/train_classifier.py). They serve as the judge
of digits (digit_accuracy.py), and as features for comparing sets of small images without a network that was
trained on millions of photographs.

mnist: the 64 units before the logits; 99.0 % of held-out digits right. emoji: those and the means of every
convolution's channels over the pixels, each standardised over the training images. Units trained to
distinguish ten categories (67.0 % of 191 held-out emoji right; the most frequent category is 20.9 %) learn to
ignore noise, holes and colours: of 953 emoji against 953 others the Frechet distance of the 64 alone falls at
some point along four of nine ways to make images worse. With the lower layers its mean over three halvings
rises at all 36 steps, and in each of them at all but the first of noise (8 of 255: 3.10 to 3.18); `python
benchmarks/extractors.py` measures this, and writes benchmarks/results/extractors.json.

Both were trained on nine tenths of the embedded images, which are the reference of runs on these sets, so
they know most of the reference by heart. They rank runs on these sets, and are no evidence about other data.
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
HELD_OUT = 10  # every tenth image is held out of training, as the files are sorted by class


class Activations(NamedTuple):
    """The activations of the classifier.

    Attributes:
      levels: The means over the pixels of each convolution's channels, [B, 160].
      hidden: The units before the logits, [B, 64].
      logits: [B, classes].
    """

    levels: Array
    hidden: Array
    logits: Array


class Classifier(nn.Module):
    """Images [B, H, W, C] in [-1, 1] -> Activations; three strided convolutions and two dense layers."""

    classes: int = 10

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Activations:
        levels = []
        for width, kernel in ((32, 5), (64, 3), (64, 3)):
            x = nn.relu(Conv(width, kernel, stride=2)(x))
            levels.append(x.mean((1, 2)))
        hidden = nn.relu(nn.Dense(64)(x.reshape(x.shape[0], -1)))
        logits = nn.Dense(self.classes)(Dropout(0.3)(hidden, train))
        return Activations(jnp.concatenate(levels, -1), hidden, logits)


class Weights(NamedTuple):
    """The weights of a classifier.

    Attributes:
      variables: The network's variables.
      mean: float32 [224]: the means of levels and hidden; None if the features are `hidden` without
        standardising.
      scale: float32 [224]: what standardised units are multiplied by; None likewise.
    """

    variables: Any
    mean: Any = None
    scale: Any = None


class Shipped(NamedTuple):
    """A shipped file of weights.

    Attributes:
      file: The file's name in WEIGHTS.
      shape: The shape of the images.
      classes: The number of classes.
      names: The names of the classes in their order.
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
    """The shapes of the variables for images of `shape`."""
    return jax.eval_shape(Classifier(classes).init, rng.key(0), jnp.zeros((1, *shape)))


def save(path: Path, weights: Weights) -> None:
    """Writes the variables as float16 and mean and scale as float32, atomically."""
    leaves = [np.asarray(leaf, np.float16) for leaf in jax.tree.leaves(weights.variables)]
    standard = {name: getattr(weights, name) for name in STANDARD if weights.mean is not None}
    with paths.replacing(path) as temporary, open(temporary, 'wb') as file:
        np.savez(file, *leaves, **standard)


def load(path: Path, shape: tuple[int, ...], classes: int) -> Weights:
    """Reads what `save` wrote, as float32."""
    with np.load(path) as file:
        leaves = [jnp.asarray(file[name], jnp.float32) for name in file.files if name not in STANDARD]
        standard = [jnp.asarray(file[name]) for name in STANDARD if name in file.files]
    return Weights(jax.tree.unflatten(jax.tree.structure(structure(shape, classes)), leaves), *standard)


@cache
def weights(name: str) -> Weights:
    """The shipped weights called `name`."""
    file, shape, classes, _ = SHIPPED[name]
    return load(WEIGHTS / file, shape, classes)


def checksum(name: str) -> str:
    """The first 16 hex digits of the SHA-256 of the shipped file."""
    return hashlib.sha256((WEIGHTS / SHIPPED[name].file).read_bytes()).hexdigest()[:16]


def standard(variables: Any, images: np.ndarray) -> Weights:
    """Weights that standardise each unit to mean 0 and deviation 1 over images, after rounding to float16.

    Units that differ from their median for fewer than RARE of the images are multiplied by 0: the few images
    with another value would be outliers that dominate a distance.

    Args:
      variables: The network's variables.
      images: uint8 [N, H, W, C].
    """
    rounded = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float16).astype(jnp.float32), variables)
    activations = [apply(rounded, jnp.asarray(images[i : i + 200])) for i in range(0, len(images), 200)]
    units = np.concatenate([np.concatenate(part[:2], axis=-1) for part in activations]).astype(np.float64)
    varies = np.mean(units != np.median(units, axis=0), axis=0) >= RARE
    scale = np.where(varies, 1.0 / np.where(varies, units.std(axis=0), 1.0), 0.0)
    return Weights(variables, units.mean(axis=0).astype(np.float32), scale.astype(np.float32))


def see(weights: Weights, images: Array) -> dict[str, Array]:
    """Features and probabilities of images. Pure.

    Args:
      weights: The weights.
      images: [B, H, W, C], float or uint8, values 0 to 255.

    Returns:
      'features' [B, 64 or 224] and 'probabilities' [B, classes].
    """
    activations = apply(weights.variables, images)
    features = activations.hidden
    if weights.mean is not None:
        features = (
            jnp.concatenate([activations.levels, activations.hidden], -1) - weights.mean
        ) * weights.scale
    return {'features': features, 'probabilities': jax.nn.softmax(activations.logits)}


def apply(variables: Any, images: Array) -> Activations:
    """The network on images with values 0 to 255. Its last layer determines the number of classes."""
    classes = variables['params']['Dense_1']['bias'].shape[0]
    activations: Any = Classifier(classes).apply(variables, images.astype(jnp.float32) / 127.5 - 1.0)
    return activations
