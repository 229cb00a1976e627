"""Several discriminators as one: combinators of nets whose outputs are tuples, one entry for each net.

Terms take the mean over the entries of each one's mean: the mean of n games' losses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gax import errors
from gax.core import rng
from gax.core.types import Array, Key, Net, PyTree
from gax.nets.layers import halved

Seen = Callable[[int, Array], Array]


def committee(*nets: Net) -> Net:
    """Nets with parameters and randomness of their own that judge the same inputs.

    Of nets that return logits the output is a tuple of logits; of nets that return a dict it is a dict of
    tuples.

    Durugkar et al., "Generative Multi-Adversarial Networks", 2017, with the arithmetic mean over the
    discriminators
    (GMAN-0, section 4.1: softmax weights with lambda = 0).
    """
    return _side_by_side(nets, lambda i, x: x)


def multiscale(*nets: Net) -> Net:
    """Like `committee`; net i sees images [B, H / 2^i, W / 2^i, C], averaged i times over squares of 2x2
    pixels.

    Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs"
    (pix2pixHD), 2018, section 3.2. Theirs averages over 3x3 pixels at a stride of 2, and adds the scales'
    mean losses, of which terms here take the mean. Raises GaxError for odd sides.
    """

    def seen(i: int, x: Array) -> Array:
        for _ in range(i):
            x = halved(x)
        return x

    return _side_by_side(nets, seen)


def several(
    one: Callable[..., Net],
    shape: Sequence[int],
    members: int = 1,
    scales: int = 1,
    heads: Mapping[str, int] | None = None,
) -> Net:
    """`one(*shape)`; a committee of `members` of them; or `scales` of them on images halved again and again.

    heads: what each of them gives beside its logits (see `layers.with_heads`); several give features, and no
    other outputs. Raises GaxError, in the words of a config, where that cannot be.
    """
    if heads and (members, scales) != (1, 1):
        raise errors.GaxError(
            f'several discriminators have no outputs but logits and features, and this game asks for {", ".join(heads)}: '
            'leave config.d.members and config.d.scales at 1'
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


def _side_by_side(nets: tuple[Net, ...], seen: Seen) -> Net:
    """params and model_state are {'member_0': ..., 'member_1': ...}; member i's first input is seen(i,
    input).
    """
    members = {f'member_{i}': net for i, net in enumerate(nets)}

    def init(key: Key) -> tuple[PyTree, PyTree]:
        made = {name: net.init(rng.stream(key, name)) for name, net in members.items()}
        return {name: p for name, (p, _) in made.items()}, {name: s for name, (_, s) in made.items()}

    def apply(
        params: PyTree, model_state: PyTree, x: Array, *rest: Any, train: bool, key: Key
    ) -> tuple[PyTree, PyTree]:
        outputs, state = [], {}
        for i, (name, net) in enumerate(members.items()):
            # Where nothing is random there may be no key.
            own = rng.stream(key, name) if train else key
            out, state[name] = net.apply(
                params[name], model_state[name], seen(i, x), *rest, train=train, key=own
            )
            outputs.append(out)
        if isinstance(outputs[0], Mapping):
            return {name: tuple(output[name] for output in outputs) for name in outputs[0]}, state
        return tuple(outputs), state

    return Net(init, apply, all(net.average_state for net in nets))
