"""Stacked MNIST: three random digits as the channels of one image, 1,000 modes."""

from __future__ import annotations

import jax
import numpy as np

from gax.core.spec import Field, Spec
from gax.core.types import Array, Batch, Key
from gax.data import arrays as memory
from gax.data.preprocess import Fit
from gax.data.source import Source, to_unit


def stacked_mnist(fit: Fit = memory.AS_IT_IS) -> Source:
    """Three digits drawn independently, as the channels of one image.

    Metz et al., "Unrolled Generative Adversarial Networks", 2017, section 3.3.1; Srivastava et al., "VEEGAN",
    2017. The papers draw a fixed set (VEEGAN: 128,000 images). Here the source is infinite: every example is
    drawn anew from the 10,000 embedded digits.

    Args:
      fit: The size of the images; 28x28 by default, 32 in some papers (resized).

    Returns:
      A source of 'image' float32 [B, H, W, 3] in [-1, 1], and 'label' int32 [B] = 100 a + 10 b + c.
    """
    digits = memory.embedded('mnist', fit._replace(channels=0))

    def read(arrays: dict[str, Array], indices: Array, key: Key) -> Batch:
        chosen = jax.random.randint(key, (*indices.shape, 3), 0, digits.spec.size)
        image = to_unit(arrays['image'][chosen][..., 0])  # [B, 3, H, W]
        label = arrays['label'][chosen] @ np.array([100, 10, 1], np.int32)
        return {'image': image.transpose(0, 2, 3, 1), 'label': label}

    shape = (*digits.spec.fields['image'].shape[:2], 3)
    return Source(Spec('embedded:stacked_mnist', {'image': Field(shape)}, 1000), digits.arrays, read)
