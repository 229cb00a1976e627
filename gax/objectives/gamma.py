"""The weight of R1 to begin with."""

from __future__ import annotations


def suggested_gamma(height: int, width: int, batch_size: int) -> float:
    """A weight of R1 to begin with: 2e-4 H W / batch_size.

    The heuristic of the configuration `auto` of StyleGAN2-ADA (Karras et al., "Training Generative
    Adversarial Networks with Limited Data", 2020, and its code), made for that network and its loss on square
    images, with R1 on every 16th step times 16. It is no rule: the authors of R3GAN use 0.05 where it gives
    0.0004, and 150 where it gives 0.0512.

    Args:
        height, width: of the images, in pixels.
        batch_size: the images of a step.

    >>> round(suggested_gamma(256, 256, 16), 6), round(suggested_gamma(1024, 1024, 32), 6)
    (0.8192, 6.5536)
    """
    return 2e-4 * height * width / batch_size
