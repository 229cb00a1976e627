"""Forward passes: what players compute once per move, and how fakes are made.

A discriminator's pass is view -> (out, view); `out` is a dict that every term of the player reads. Those here fill
'real' and 'fake' with the logits of net 'd'. A generator's pass is view -> (fakes, view).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from gax.core.types import Array, Batch, Key, View

Inputs = Callable[[View, Batch], tuple[Array, ...]]


def unlabelled(view: View, batch: Batch) -> tuple[Array, ...]:
    """The discriminator's inputs: (image [B, H, W, C],)."""
    return (batch['image'],)


def labelled(view: View, batch: Batch) -> tuple[Array, ...]:
    """The discriminator's inputs: (image [B, H, W, C], label int [B])."""
    return batch['image'], batch['label']


def points(view: View, batch: Batch) -> tuple[Array, ...]:
    """The discriminator's inputs: (point [B, D],)."""
    return (batch['point'],)


def whole(output: Any) -> Any:
    """The logits of a net that returns nothing else."""
    return output


class Critic(NamedTuple):
    """How a discriminator is asked: which net, about what, and where in its answer the logits are.

    net: its name in the game. field: what it judges, 'image' or 'point'; penalties differentiate by it.
    inputs: (view, batch) -> what the net is given. Wrap it to augment, to add noise or labels, to pack examples;
        random numbers come from the view's key.
    logits: the net's output -> float [B, ...]. A net may return features or class logits beside.
    """

    net: str = 'd'
    field: str = 'image'
    inputs: Inputs = unlabelled
    logits: Callable[[Any], Array] = whole

    def call(self, view: View, batch: Batch, stream: str) -> tuple[Any, View]:
        """A main pass over a batch of reals or fakes: all that the net returns, and the view."""
        return view.call(self.net, *self.inputs(view.under(f'inputs/{stream}'), batch), stream=stream)

    def peek(self, view: View, batch: Batch, stream: str = '') -> Any:
        """All that the net returns; statistics stay."""
        return self.call(view, batch, stream)[0]

    def score(self, view: View, batch: Batch, stream: str = '') -> Array:
        """The logits of a peek."""
        return self.logits(self.peek(view, batch, stream))


IMAGES = Critic()
POINTS = Critic(field='point', inputs=points)


def critic_of(field: str, labels: bool = False) -> Critic:
    """How net 'd' is asked about batch[field], 'image' or 'point', and its label where it takes `labels`."""
    return Critic('d', field, points if field == 'point' else labelled if labels else unlabelled)


def fakes_of(view: View) -> Mapping[str, Array]:
    """The fakes as a batch: the generator's output beside the labels that it was made from."""
    labels = {'label': view.latents['label']} if 'label' in view.latents else {}
    return {**view.fakes, **labels}


def score_fakes(critic: Critic = IMAGES) -> Callable[[View], tuple[dict[str, Any], View]]:
    """Forward pass that scores only the fakes: {'real': None, 'fake': logits, 'fake_out': all that the net returned}."""

    def forward(view: View) -> tuple[dict[str, Any], View]:
        fake, view = critic.call(view, fakes_of(view), 'fake')
        return {'real': None, 'fake': critic.logits(fake), 'fake_out': fake}, view

    return forward


def score_both(critic: Critic = IMAGES) -> Callable[[View], tuple[dict[str, Any], View]]:
    """Forward pass over reals, then fakes, each a batch of its own: right for every net, batch-norm included.

    The logits are out['real'] and out['fake']; out['real_out'] and out['fake_out'] are all that the net returned.
    (One pass over both as a batch of twice the rows was no faster: DCGAN-28 on two cores 128 ms a step against 122.)
    """

    def forward(view: View) -> tuple[dict[str, Any], View]:
        real, view = critic.call(view, view.batch, 'real')
        fake, view = critic.call(view, fakes_of(view), 'fake')
        logits = {'real': critic.logits(real), 'fake': critic.logits(fake)}
        return {**logits, 'real_out': real, 'fake_out': fake}, view

    return forward


def normal_latents(dim: int, labelled: bool = False) -> Callable[[Key, int, Batch], Batch]:
    """Latents 'z' ~ N(0, I), float32 [num, dim]; with `labelled` also the 'label' of the batch, int32 [num]."""

    def latents(key: Key, num: int, batch: Batch) -> Batch:
        z = {'z': jax.random.normal(key, (num, dim))}
        return {**z, 'label': batch['label']} if labelled else z

    return latents


def generate(field: str = 'image', net: str = 'g') -> Callable[[View], tuple[Batch, View]]:
    """The pass of net 'g' from latents 'z' (and 'label', where there is one) to fakes[field]."""

    def forward(view: View) -> tuple[Batch, View]:
        label = (view.latents['label'],) if 'label' in view.latents else ()
        made, view = view.call(net, view.latents['z'], *label)
        return {field: made}, view

    return forward
