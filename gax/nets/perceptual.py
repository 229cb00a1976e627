"""Distances of images in the features of ImageNet's networks, as frozen networks of a game.

Johnson et al., "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", 2016, section 3.2. With
features before the ReLU and the L1 distance: Wang et al., "ESRGAN: Enhanced Super-Resolution Generative
Adversarial Networks", 2018, section 3.3, whose layer is conv5_4 of VGG19; the last one of VGG16 is conv5_3.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.core import lookup
from gax.core.types import Array, Frozen, Key, Net, PyTree, not_zero
from gax.nets import imagenet, lpips

log = logging.getLogger('gax')

NET = 'perceptual'  # the name of the frozen net in a game
# What compares the images -> the weights that it needs. Without them the discriminator's features do.
WEIGHTS = {'vgg': 'vgg', 'alex': 'alex', 'lpips_vgg': 'vgg', 'lpips_alex': 'alex'}
KINDS = ('discriminator', *WEIGHTS)


def section(net: str = 'vgg', layers: str = '', weight: float = 1.0) -> ConfigDict:
    """The section `perceptual` of a config.

    Args:
      net: 'vgg' or 'alex', the L1 distance of features before the ReLU; 'lpips_vgg' or 'lpips_alex', LPIPS;
        'discriminator', the L1 distance of its features.
      layers: Those of 'vgg' or 'alex', separated by commas, each with a weight if it is not 1:
        'conv2_2:0.1,conv3_3'; '' is the last one, conv5_3 or conv5. Refused with another net.
      weight: The weight of the term; 0 for none.

    Returns:
      The section.
    """
    return ConfigDict({'net': net, 'layers': layers, 'weight': weight})


def parse(text: str, network: str, where: str = 'perceptual') -> dict[str, float]:
    """'conv2_2:0.1,conv3_3' -> {'conv2_2': 0.1, 'conv3_3': 1.0}; `where` is the section, for errors.

    Raises:
      GaxError: A layer is unknown, or its weight is no positive number.
    """
    known, result = dict.fromkeys(imagenet.shapes(network)), {}
    for part in text.split(','):
        name, _, number = part.strip().partition(':')
        errors.lookup(f'layer of config.{where}.layers', name, known)
        try:
            result[name] = float(number or 1.0)
        except ValueError:
            result[name] = 0.0
        if not result[name] > 0:
            raise errors.GaxError(f'config.{where}.layers: the weight of {part!r} must be a positive number')
    return result


def frozen(settings: Any, where: str = 'perceptual') -> dict[str, tuple[Net, Frozen]]:
    """The frozen net that the section `perceptual` describes: (x, y) [B, H, W, C] -> float32 [B].

    Args:
      settings: The section.
      where: Its name, for errors.

    Returns:
      {NET: (net, its arrays)}; {} where the weight is 0, or the discriminator compares. It does too, with a
      line in the log, where the weights are not installed.

    Raises:
      GaxError: The net or a layer is unknown.
    """
    errors.lookup(f'config.{where}.net', settings.net, dict.fromkeys(KINDS))
    if settings.layers and settings.net not in imagenet.NETWORKS:
        raise errors.GaxError(
            f'config.{where}.layers={settings.layers} are of {" and ".join(imagenet.NETWORKS)}, and '
            f'config.{where}.net={settings.net}: leave it empty'
        )
    if settings.net == 'discriminator' or not not_zero(settings.weight):
        return {}
    network = WEIGHTS[settings.net]
    if not lpips.available():
        warn(settings.net)
        return {}
    if settings.net != network:
        return {NET: (distances(network), Frozen(lpips.load(network)))}
    weights = parse(settings.layers or list(imagenet.shapes(network))[-1], network, where)
    arrays = lpips.load(network)['convolutions']
    last = max(list(arrays).index(layer) for layer in weights)
    return {NET: (differences(network, weights), Frozen(dict(list(arrays.items())[: last + 1])))}


def distance(settings: Any, where: str) -> dict[str, tuple[Net, Frozen]]:
    """The frozen net (x, y) [B, H, W, C] -> float32 [B] of a section that may say 'l1', which needs none.

    Args:
      settings: The section: `net` is 'l1', one of WEIGHTS, or the import path of a function
        () -> (Net, Frozen).
      where: Its name, for errors.

    Returns:
      {NET: (net, its arrays)}; {} for 'l1' and for the weight 0.

    Raises:
      GaxError: The net is unknown, or its weights are not installed.
    """
    name = settings.net
    if lookup.is_path(name):
        return {NET: lookup.load(f'config.{where}.net', name)()}
    errors.lookup(f'config.{where}.net', name, dict.fromkeys(('l1', *WEIGHTS)))
    if name == 'l1' and settings.layers:
        raise errors.GaxError(f'config.{where}.layers={settings.layers} are read beside a net, not l1')
    if name == 'l1' or not not_zero(settings.weight):
        return {}
    if not lpips.available():
        raise errors.GaxError(
            f'config.{where}.net={name} needs weights that are not installed: {lpips.INSTALL}, or have l1'
        )
    return frozen(settings, where)


@cache
def warn(net: str) -> None:
    """Says, once, what to install."""
    log.warning(
        'config.perceptual.net=%s has no weights here: the features of the discriminator are compared '
        'instead; for the weights: %s',
        net,
        lpips.INSTALL,
    )


def distances(network: str) -> Net:
    """LPIPS as a net, whose parameters are `lpips.load(network)`."""

    def apply(
        params: PyTree, state: PyTree, x: Array, y: Array, *, train: bool, key: Key
    ) -> tuple[Any, PyTree]:
        return lpips.distance(network, params, x, y), state

    return Net(unfrozen, apply)


def differences(network: str, weights: dict[str, float]) -> Net:
    """The weighted sum over layers of the mean |f(x) - f(y)| of features before the ReLU, as a net.

    Images are compared in their own size, and enlarged to 64 pixels for AlexNet.
    """

    def apply(
        params: PyTree, state: PyTree, x: Array, y: Array, *, train: bool, key: Key
    ) -> tuple[Any, PyTree]:
        if network == 'alex':
            x, y = lpips.enlarged(x), lpips.enlarged(y)
        a, b = (imagenet.features(network, params, image, tuple(weights), relu=False) for image in (x, y))
        terms = [
            weight * jnp.mean(jnp.abs(a[layer] - b[layer]), axis=(1, 2, 3))
            for layer, weight in weights.items()
        ]
        return sum(terms[1:], start=terms[0]), state

    return Net(unfrozen, apply)


def unfrozen(key: Key) -> tuple[PyTree, PyTree]:
    """The initialisation of a net that is never trained; no game calls it."""
    raise errors.GaxError('the networks of perceptual losses are not trained from nothing')
