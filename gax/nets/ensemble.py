"""Several discriminators as one net, whose outputs are tuples with one entry for each.

Terms take the mean over the entries of each entry's mean, which is the mean of n games' losses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gax import errors
from gax.core import rng
from gax.core.types import Array, Key, Net, PyTree
from gax.nets.layers import halved

InputOf = Callable[[int, Array], Array]


def committee(*nets: Net) -> Net:
    """Combines nets that score the same inputs. Each has its own parameters and random numbers.

    Durugkar et al., "Generative Multi-Adversarial Networks", 2017, with the arithmetic mean over the
    discriminators (GMAN-0, section 4.1: softmax weights with lambda = 0).

    Args:
      *nets: Discriminators with outputs of one structure: logits, or dicts.

    Returns:
      A net that returns a tuple of logits, or a dict of tuples.
    """
    return _combined(nets, lambda i, x: x)


def multiscale(*nets: Net) -> Net:
    """A `committee` whose net i scores images averaged i times over squares of 2x2 pixels.

    Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs"
    (pix2pixHD), 2018, section 3.2. Theirs averages over 3x3 pixels at a stride of 2, and adds the scales'
    mean losses, of which terms here take the mean.

    Args:
      *nets: Discriminators. Net i takes images [B, H / 2^i, W / 2^i, C].

    Returns:
      A net that returns a tuple of logits, or a dict of tuples. It raises GaxError for images with odd sides.
    """

    def scaled(i: int, x: Array) -> Array:
        for _ in range(i):
            x = halved(x)
        return x

    return _combined(nets, scaled)


def several(
    one: Callable[..., Net],
    shape: Sequence[int],
    members: int = 1,
    scales: int = 1,
    heads: Mapping[str, int] | None = None,
) -> Net:
    """One discriminator, a committee of `members`, or `scales` of them on images of decreasing size.

    Args:
      one: (*shape) -> a discriminator of examples of that shape.
      shape: The shape of an example.
      members: The number of discriminators of a `committee`.
      scales: The number of discriminators of `multiscale`.
      heads: The outputs of each in addition to its logits (see `layers.with_heads`). Several discriminators
        can return features, but no other outputs.

    Returns:
      The net.

    Raises:
      GaxError: The settings do not go together, or the images cannot be halved.
    """
    if heads and (members, scales) != (1, 1):
        raise errors.GaxError(
            'several discriminators have no outputs but logits and features, '
            f'and this game asks for {", ".join(heads)}: leave config.d.members and config.d.scales at 1'
        )
    for name, count in (('members', members), ('scales', scales)):
        if count < 1:
            raise errors.GaxError(f'config.d.{name} must be at least 1, and is {count}')
    if members > 1 and scales > 1:
        raise errors.GaxError(
            f'config.d.members={members} and config.d.scales={scales} do not go together: leave one at 1'
        )
    if scales == 1:
        return committee(*(one(*shape) for _ in range(members))) if members > 1 else one(*shape)
    if len(shape) != 3:
        raise errors.GaxError(f'config.d.scales={scales} takes images, and the data are points')
    height, width, channels = shape
    factor = 2 ** (scales - 1)
    if height % factor or width % factor:
        raise errors.GaxError(
            f'config.d.scales={scales} halves images {scales - 1} times: '
            f'{height}x{width} must be multiples of {factor}'
        )
    return multiscale(*(one(height // 2**i, width // 2**i, channels) for i in range(scales)))


def _combined(nets: tuple[Net, ...], input_of: InputOf) -> Net:
    """One net of several. Member i's first input is input_of(i, input).

    params and model_state are {'member_0': ..., 'member_1': ...}.
    """
    members = {f'member_{i}': net for i, net in enumerate(nets)}

    def init(key: Key) -> tuple[PyTree, PyTree]:
        variables = {name: net.init(rng.stream(key, name)) for name, net in members.items()}
        params = {name: p for name, (p, _) in variables.items()}
        return params, {name: s for name, (_, s) in variables.items()}

    def apply(
        params: PyTree, model_state: PyTree, x: Array, *rest: Any, train: bool, key: Key
    ) -> tuple[PyTree, PyTree]:
        outputs, state = [], {}
        for i, (name, net) in enumerate(members.items()):
            # Outside of training nothing is random, and the key may be None.
            member_key = rng.stream(key, name) if train else key
            out, state[name] = net.apply(
                params[name], model_state[name], input_of(i, x), *rest, train=train, key=member_key
            )
            outputs.append(out)
        if isinstance(outputs[0], Mapping):
            return {name: tuple(output[name] for output in outputs) for name in outputs[0]}, state
        return tuple(outputs), state

    return Net(init, apply, all(net.average_state for net in nets))
