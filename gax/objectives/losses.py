"""Adversarial losses: logits -> element-wise arrays.

Each `Loss` has a `d` and a `g` side, both functions (real_logits, fake_logits) -> array of the logits' shape,
to be minimised; terms.py takes the mean. Sign and factors follow the papers named at each loss. Logits may
have any shape (patch discriminators too). Only a `relativistic` loss reads the real logits on the generator's
side; the others accept None there, so that the pass over real data can be left out.
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gax import errors
from gax.core import lookup
from gax.core.types import Array

LossFn = Callable[[Array, Array], Array]


class Loss(NamedTuple):
    """Both players' objectives: (real, fake) -> losses of the logits' shape, to be minimised.

    d, g: of the discriminator and of the generator; real and fake: float logits of one shape. relativistic:
    whether g reads the real logits; where not, it accepts None for them.
    """

    d: LossFn
    g: LossFn
    relativistic: bool = False


softplus = jax.nn.softplus


def _sigmoid_d(real: Array, fake: Array, smoothing: float = 0.0) -> Array:
    # Cross-entropy against target t = 1 - smoothing for reals: softplus(r) - t r = softplus(-r) + smoothing
    # r.
    # One-sided: fakes keep target 0 (Salimans et al., "Improved Techniques for Training GANs", 2016, section
    # 3.4).
    return softplus(-real) + smoothing * real + softplus(fake)


def minimax(smoothing: float = 0.0) -> Loss:
    """-log D(x) - log(1 - D(G(z))); G minimises log(1 - D(G(z))). Goodfellow et al., 2014, eq. 1.

    Args:
        smoothing: how much less than 1 the target of reals is, 0 to 1 (one-sided label smoothing).

    Returns:
        The loss, a function of logits elementwise. At logits of 0, D(x) = 1/2: 2 log 2, and for G -log 2.

    >>> loss = minimax()
    >>> print(f'{loss.d(0.0, 0.0):.4f} {loss.g(0.0, 0.0):.4f}')
    1.3863 -0.6931
    """
    return Loss(partial(_sigmoid_d, smoothing=smoothing), lambda real, fake: -softplus(fake))


def non_saturating(smoothing: float = 0.0) -> Loss:
    """D as in minimax; G minimises -log D(G(z)).

    Goodfellow et al., "Generative Adversarial Nets", 2014, section 3.

    Args:
        smoothing: how much less than 1 the target of reals is, 0 to 1 (one-sided label smoothing).

    Returns:
        The loss, a function of logits elementwise. At logits of 0, D(x) = 1/2: 2 log 2, and for G log 2.

    >>> loss = non_saturating()
    >>> print(f'{loss.d(0.0, 0.0):.4f} {loss.g(0.0, 0.0):.4f}')
    1.3863 0.6931
    """
    return Loss(partial(_sigmoid_d, smoothing=smoothing), lambda real, fake: softplus(-fake))


def least_squares(smoothing: float = 0.0) -> Loss:
    """(D(x) - 1)^2 / 2 + D(G(z))^2 / 2; G: (D(G(z)) - 1)^2 / 2, with the factors of one half.

    Mao et al., "Least Squares Generative Adversarial Networks", 2017, eq. 9 (a = 0, b = c = 1).

    Args:
        smoothing: the target of reals is 1 - smoothing, 0 to 1.

    Returns:
        The loss, a function of logits elementwise. Of logits 2 and 1: 1/2 + 1/2, and for G 0.

    >>> loss = least_squares()
    >>> print(loss.d(2.0, 1.0), loss.g(2.0, 1.0))
    1.0 0.0
    """
    return Loss(
        lambda real, fake: 0.5 * (real - (1.0 - smoothing)) ** 2 + 0.5 * fake**2,
        lambda real, fake: 0.5 * (fake - 1.0) ** 2,
    )


def wasserstein() -> Loss:
    """D(G(z)) - D(x); G: -D(G(z)).

    Arjovsky et al., "Wasserstein GAN", 2017, eq. 2. The critic must be kept Lipschitz.

    Returns:
        The loss, a function of logits elementwise.

    >>> loss = wasserstein()
    >>> print(loss.d(2.0, 0.5), loss.g(2.0, 0.5))
    -1.5 -0.5
    """
    return Loss(lambda real, fake: fake - real, lambda real, fake: -fake)


def hinge() -> Loss:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))); G: -D(G(z)).

    Lim and Ye, "Geometric GAN", 2017; Miyato et al., "Spectral Normalization for Generative Adversarial
    Networks", 2018.

    Returns:
        The loss, a function of logits elementwise. Of logits 0.5 and 0.5: 0.5 + 1.5, and for G -0.5.

    >>> loss = hinge()
    >>> print(loss.d(0.5, 0.5), loss.g(0.5, 0.5))
    2.0 -0.5
    """
    relu = jax.nn.relu
    return Loss(lambda real, fake: relu(1.0 - real) + relu(1.0 + fake), lambda real, fake: -fake)


def relativistic() -> Loss:
    """softplus(-(D(x) - D(G(z)))), real and fake paired by position; G: the same with the roles exchanged.

    Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard GAN", 2018
    (RSGAN). D's side is eq. 2 of Huang et al., "The GAN is dead; long live the GAN! A Modern Baseline GAN",
    2024 (RpGAN), whose G, in their code, has the roles exchanged as here.

    Returns:
        The loss, a function of logits elementwise. Of logits 1 and 1: log 2 for both players.

    >>> loss = relativistic()
    >>> print(f'{loss.d(1.0, 1.0):.4f} {loss.g(1.0, 1.0):.4f}')
    0.6931 0.6931
    """
    return Loss(lambda real, fake: softplus(fake - real), lambda real, fake: softplus(real - fake), True)


def relativistic_average() -> Loss:
    """Each logit against the mean of the other side, the two halves added without a factor of one half.

    D: softplus(-(D(x) - E D(G(z)))) + softplus(D(G(z)) - E D(x)); G: with the roles exchanged.
    Jolicoeur-Martineau, 2018, as in `relativistic` (RaSGAN; her code, AlexiaJM/RelativisticGAN on GitHub,
    halves the sum). The means run over all axes of the logits.

    Returns:
        The loss, a function of logits of one shape. Of logits that are all equal: 2 log 2 for both players.

    >>> loss = relativistic_average()
    >>> print(f'{loss.d(1.0, 1.0):.4f} {loss.g(1.0, 1.0):.4f}')
    1.3863 1.3863
    """

    def gap(up: Array, down: Array) -> Array:
        return softplus(-(up - jnp.mean(down))) + softplus(down - jnp.mean(up))

    return Loss(gap, lambda real, fake: gap(fake, real), True)


LOSSES: dict[str, Callable[..., Loss]] = {
    'minimax': minimax,
    'non_saturating': non_saturating,
    'least_squares': least_squares,
    'wasserstein': wasserstein,
    'hinge': hinge,
    'relativistic': relativistic,
    'relativistic_average': relativistic_average,
}
SMOOTHABLE = ('minimax', 'non_saturating', 'least_squares')


def make(name: str, label_smoothing: float = 0.0) -> Loss:
    """The loss called `name`, with one-sided label smoothing where it has a target to smooth.

    Args:
        name: of LOSSES, or the import path 'package.module:function' of a function () -> Loss, or
            (smoothing) -> Loss.
        label_smoothing: 0 to 1; the target of reals is that much less than 1.

    Returns:
        The loss.

    Raises:
        GaxError: for an unknown name, or for smoothing a loss that has no labels.

    >>> print(make('least_squares', 0.5).d(0.5, 0.0))
    0.0
    """
    factory = lookup.lookup('loss', name, LOSSES)
    if not callable(factory):
        raise errors.GaxError(
            f'the loss {name!r} must be a function that returns a Loss: package.module:function'
        )
    if 'smoothing' in inspect.signature(factory).parameters:
        return factory(smoothing=label_smoothing)
    if label_smoothing:
        raise errors.GaxError(
            f'loss {name!r} has no label to smooth; label_smoothing works with {", ".join(SMOOTHABLE)}'
        )
    return factory()


def only(name: str, config: Any) -> Loss:
    """The loss `name`, for a recipe that is that loss.

    Args:
        name: of LOSSES.
        config: has `gan`, `loss` and `label_smoothing`.

    Returns:
        The loss.

    Raises:
        GaxError: where config.loss is another.
    """
    if config.loss != name:
        raise errors.GaxError(
            f"{config.gan} has config.loss={name!r}, not {config.loss!r}; gan 'vanilla' takes any"
        )
    return make(name, config.label_smoothing)
