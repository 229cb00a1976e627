"""DCGAN: convolutional generator and discriminator; class-conditional where `conditional` is set.

Radford et al., 2016, in the TensorFlow tutorial's sizes (see nets/dcgan.py). Conditional: the label's
embedding multiplies the generator's latents, and is projected onto the discriminator's features.
"""

from typing import Any

from ml_collections import ConfigDict

from gax import errors
from gax.core.spec import Spec
from gax.core.types import Game
from gax.nets import registry
from gax.objectives import losses, players


def defaults() -> ConfigDict:
    """DCGAN's networks, and conditional."""
    fields = registry.defaults('dcgan')
    fields.conditional = False
    return fields


def make(config: Any, spec: Spec) -> Game:
    """DCGAN on images [H, W, C] whose sides are multiples of the product of g.net.strides.

    Raises:
      GaxError: The data are not images, or `conditional` is set and there are no labels.
    """
    if spec.fields[spec.target].kind != 'image':
        raise errors.GaxError(f'dcgan makes images, and {spec.name} has none')
    classes = spec.classes_if(config.conditional)
    loss = losses.make(config.loss, config.label_smoothing)
    networks, scorer = registry.pair(config, spec, classes)
    return players.two_player_game(config, loss, networks, scorer, conditions=('label',) * bool(classes))
