"""Stacked MNIST: channels are digits, and the label says which."""

import jax
import jax.numpy as jnp
import numpy as np

from gax.data import arrays, preprocess, stacked_mnist


def test_each_channel_is_a_digit_of_its_place_in_the_label():
    source, digits = stacked_mnist.stacked_mnist(), arrays.embedded('mnist')
    batch = source.read(source.arrays, jnp.zeros(40, jnp.int32), jax.random.key(0))
    assert batch['image'].shape == (40, 28, 28, 3)
    assert batch['label'].dtype == jnp.int32
    known = np.asarray(digits.arrays['image'])[..., 0]
    shown = np.rint((np.asarray(batch['image']) + 1) * 127.5).astype(np.uint8)
    for image, label in zip(shown[:5], np.asarray(batch['label'][:5]), strict=True):
        for channel, place in enumerate((100, 10, 1)):
            found = np.flatnonzero((known == image[..., channel]).all((1, 2)))
            assert digits.arrays['label'][found[0]] == label // place % 10
    assert len(set(np.asarray(batch['label']).tolist())) > 30


def test_size_and_classes():
    spec = stacked_mnist.stacked_mnist(preprocess.Fit(32)).spec
    assert (spec.target_shape, spec.num_classes, spec.size) == ((32, 32, 3), 1000, 0)
