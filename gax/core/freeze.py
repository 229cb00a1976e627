"""Layers that keep their values, as a wrapper of a player's optimizer: freezing D in fine-tuning.

Mo et al., "Freeze the Discriminator: a Simple Baseline for Fine-Tuning GANs" (FreezeD), 2020: a
discriminator that is taken over from another run keeps its first layers, those next to the image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from gax import errors
from gax.core import rng
from gax.core.types import Game, Net

MEMBER = re.compile(r'member_\d+')  # of several networks in one: nets/ensemble.py


def from_config(config: Any, game: Game) -> Game:
    """Freezes the layers that the fields `freeze` of the players' sections name, such as config.d.freeze.

    Args:
      config: The config of the run.
      game: The game.

    Returns:
      The game; its players' optimizers leave these layers as they are.

    Raises:
      GaxError: The game has no player of that name, or its networks no such layer.
    """
    for name, section in config.items():
        text = section.get('freeze') if hasattr(section, 'get') else ''
        if text:
            player = errors.lookup(f'player of config.{name}.freeze:', name, game.players)
            layers = {net: chosen(f'config.{name}.freeze', text, game.nets[net]) for net in player.nets}
            player = player._replace(optimizer=held(player.optimizer, layers))
            game = game._replace(players={**game.players, name: player})
    return game


def chosen(where: str, text: str, net: Net) -> Sequence[str]:
    """The layers of a network that a text names.

    Args:
      where: The field, for messages.
      text: A number n, for the first n layers in the order in which the network makes their parameters; or
        names of layers, separated by commas, as --dry_run lists them at its first level.
      net: The network.

    Returns:
      The names.

    Raises:
      GaxError: There are fewer layers, or none of a name.
    """
    names = layers_of(net)
    if text.strip().isdecimal():
        if int(text) > len(names):
            raise errors.GaxError(f'{where}={text}: the network has {len(names)} layers: {", ".join(names)}')
        return names[: int(text)]
    table = {name: name for name in names}
    return [errors.lookup(f'layer of {where}:', part.strip(), table) for part in text.split(',')]


def layers_of(net: Net) -> list[str]:
    """The names of a network's outermost parameters and modules, in the order in which it makes them."""
    names: dict[str, None] = {}

    def note() -> Any:
        params, _ = net.init(rng.key(0))
        parts = [params]
        if params and all(map(MEMBER.fullmatch, params)):
            parts = list(params.values())
        for part in parts:
            names.update(dict.fromkeys(part if isinstance(part, Mapping) else ()))
        return params

    jax.eval_shape(note)
    return list(names)


def held(
    optimizer: optax.GradientTransformation, layers: Mapping[str, Sequence[str]]
) -> optax.GradientTransformation:
    """`optimizer`, whose updates of some layers are 0.

    Args:
      optimizer: The optimizer of {net: params}.
      layers: net -> the names of its layers that keep their values.

    Returns:
      A transformation with the state of `optimizer`, which sees the gradients of all layers.
    """
    usual = optax.with_extra_args_support(optimizer)

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        moved, after = usual.update(updates, state, params, **extra)

        def leaf(path: Any, value: Any) -> Any:
            net, *names = [str(getattr(key, 'key', key)) for key in path]
            names = names[1:] if names and MEMBER.fullmatch(names[0]) else names
            return jnp.zeros_like(value) if names and names[0] in layers.get(net, ()) else value

        return jax.tree_util.tree_map_with_path(leaf, moved), after

    return optax.GradientTransformationExtraArgs(usual.init, update)
