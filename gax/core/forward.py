"""Forward passes: what players compute once per move, and how fakes are made.

A discriminator's pass is context -> (out, context); `out` is a dict that every term of the player reads.
Those here fill 'real' and 'fake' with the logits of net 'd'. A generator's pass is context -> (fakes,
context).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from gax.core.types import Array, Batch, Context, Key

Inputs = Callable[[Context, Batch], tuple[Array, ...]]


def unlabelled(context: Context, batch: Batch) -> tuple[Array, ...]:
    """The discriminator's inputs: (image [B, H, W, C],)."""
    return (batch['image'],)


def labelled(context: Context, batch: Batch) -> tuple[Array, ...]:
    """The discriminator's inputs: (image [B, H, W, C], label int [B])."""
    return batch['image'], batch['label']


def points(context: Context, batch: Batch) -> tuple[Array, ...]:
    """The discriminator's inputs: (point [B, D],)."""
    return (batch['point'],)


def whole(output: Any) -> Any:
    """The logits of a net that returns nothing else."""
    return output


class Scorer(NamedTuple):
    """How a discriminator is asked: which net, about what, and where in its answer the logits are.

    net: its name in the game. field: what it judges, 'image' or 'point'; penalties differentiate by it.
    inputs: (context, batch) -> what the net is given. Wrap it to augment, to add noise or labels, to pack
        examples; random numbers come from the context's key.
    logits: the net's output -> float [B, ...]. A net may return features or class logits beside.
    """

    net: str = 'd'
    field: str = 'image'
    inputs: Inputs = unlabelled
    logits: Callable[[Any], Array] = whole

    def apply_and_update(self, context: Context, batch: Batch, stream: str) -> tuple[Any, Context]:
        """A main pass over a batch of reals or fakes: all that the net returns, and the context."""
        return context.apply_and_update(
            self.net, *self.inputs(context.with_stream(f'inputs/{stream}'), batch), stream=stream
        )

    def apply(self, context: Context, batch: Batch, stream: str = '') -> Any:
        """All that the net returns; statistics stay."""
        return self.apply_and_update(context, batch, stream)[0]

    def score(self, context: Context, batch: Batch, stream: str = '') -> Array:
        """The logits of a peek."""
        return self.logits(self.apply(context, batch, stream))


IMAGES = Scorer()
POINTS = Scorer(field='point', inputs=points)


def scorer_of(field: str, labels: bool = False) -> Scorer:
    """How net 'd' is asked about batch[field], 'image' or 'point', and its label where it takes `labels`."""
    return Scorer('d', field, points if field == 'point' else labelled if labels else unlabelled)


def fakes_of(context: Context) -> Mapping[str, Array]:
    """The fakes as a batch: the generator's output beside the labels that it was made from."""
    labels = {'label': context.latents['label']} if 'label' in context.latents else {}
    return {**context.fakes, **labels}


def score_fakes(scorer: Scorer = IMAGES) -> Callable[[Context], tuple[dict[str, Any], Context]]:
    """Forward pass that scores only the fakes: {'real': None, 'fake': logits, 'fake_out': all that the net
    returned}.
    """

    def forward(context: Context) -> tuple[dict[str, Any], Context]:
        fake, context = scorer.apply_and_update(context, fakes_of(context), 'fake')
        return {'real': None, 'fake': scorer.logits(fake), 'fake_out': fake}, context

    return forward


def score_both(scorer: Scorer = IMAGES) -> Callable[[Context], tuple[dict[str, Any], Context]]:
    """Forward pass over reals, then fakes, each a batch of its own: right for every net, batch-norm included.

    The logits are out['real'] and out['fake']; out['real_out'] and out['fake_out'] are all that the net
    returned. (One pass over both as a batch of twice the rows was no faster: DCGAN-28 on two cores 128 ms a
    step against 122.)
    """

    def forward(context: Context) -> tuple[dict[str, Any], Context]:
        real, context = scorer.apply_and_update(context, context.batch, 'real')
        fake, context = scorer.apply_and_update(context, fakes_of(context), 'fake')
        logits = {'real': scorer.logits(real), 'fake': scorer.logits(fake)}
        return {**logits, 'real_out': real, 'fake_out': fake}, context

    return forward


def normal_latents(dim: int, labelled: bool = False) -> Callable[[Key, int, Batch], Batch]:
    """Latents 'z' ~ N(0, I), float32 [num, dim]; with `labelled` also the 'label' of the batch, int32
    [num].
    """

    def latents(key: Key, num: int, batch: Batch) -> Batch:
        z = {'z': jax.random.normal(key, (num, dim))}
        return {**z, 'label': batch['label']} if labelled else z

    return latents


def generate(field: str = 'image', net: str = 'g') -> Callable[[Context], tuple[Batch, Context]]:
    """The pass of net 'g' from latents 'z' (and 'label', where there is one) to fakes[field]."""

    def forward(context: Context) -> tuple[Batch, Context]:
        label = (context.latents['label'],) if 'label' in context.latents else ()
        made, context = context.apply_and_update(net, context.latents['z'], *label)
        return {field: made}, context

    return forward
