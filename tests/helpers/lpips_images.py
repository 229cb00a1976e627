"""Pictures on which LPIPS is compared with PyTorch's; the same on every machine."""

import numpy as np


def images(height, width, seed=0):
    """Smooth pictures and noisy copies of them, float32 [3, H, W, 3] in [-1, 1]; the same everywhere."""
    random = np.random.RandomState(seed)
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    phase = random.uniform(0, 6, (3, 1, 1, 3))
    x = np.sin(5 * rows[None, ..., None] + phase) * np.cos(4 * columns[None, ..., None] - phase)
    y = x + np.array([0.05, 0.2, 0.5])[:, None, None, None] * random.normal(size=x.shape)
    return x.astype(np.float32), np.clip(y, -1, 1).astype(np.float32)
