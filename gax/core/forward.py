"""Forward passes: what a player computes once per update, and how fakes are made.

A discriminator's pass is context -> (out, context); `out` is a dict that every term of the player reads.
The passes here fill 'real' and 'fake' with the logits of net 'd'. A generator's pass is context -> (fakes,
context).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from gax.core.types import Array, Batch, Context, Key, PyTree

Inputs = Callable[[Context, Batch], tuple[Array, ...]]


def fields(*names: str) -> Inputs:
    """Builds a discriminator's inputs from fields of the batch, in this order: fields('image', 'label')."""

    def inputs(context: Context, batch: Batch) -> tuple[Array, ...]:
        return tuple(batch[name] for name in names)

    return inputs


def whole(output: Any) -> Any:
    """Returns the output itself, for a net whose output is its logits."""
    return output


class Scorer(NamedTuple):
    """Calling convention of a discriminator.

    Attributes:
      net: Its name in the game.
      field: The batch field that it scores. Penalties differentiate with respect to it.
      inputs: (context, batch) -> the inputs of the net. Wrap it to augment, to add noise or to pack examples;
        random numbers come from the context's key.
      logits: The net's output -> its logits, a pytree of float arrays [B, ...]: one array, or a tuple of one
        for each of several discriminators. A net may return features or class logits as well.
    """

    net: str = 'd'
    field: str = 'image'
    inputs: Inputs = fields('image')
    logits: Callable[[Any], PyTree] = whole

    def apply_and_update(self, context: Context, batch: Batch, stream: str) -> tuple[Any, Context]:
        """Scores a batch of reals or fakes in a main forward pass, which updates the statistics.

        Args:
          context: The context of the update.
          batch: Reals or fakes.
          stream: The random stream of this pass.

        Returns:
          Everything that the net returns, and the context with its new model_state.
        """
        return context.apply_and_update(
            self.net, *self.inputs(context.with_stream(f'inputs/{stream}'), batch), stream=stream
        )

    def apply(self, context: Context, batch: Batch, stream: str = '') -> Any:
        """Returns everything that the net returns, without updating its statistics."""
        return self.apply_and_update(context, batch, stream)[0]

    def score(self, context: Context, batch: Batch, stream: str = '') -> PyTree:
        """Returns the logits, without updating the net's statistics."""
        return self.logits(self.apply(context, batch, stream))


def scorer_of(field: str, *conditions: str, net: str = 'd') -> Scorer:
    """The scorer of a discriminator of batch[field] that takes the fields `conditions` as further inputs."""
    return Scorer(net, field, fields(field, *conditions))


IMAGES = scorer_of('image')
POINTS = scorer_of('point')


def fakes_of(context: Context) -> Mapping[str, Array]:
    """The fakes as a batch: the conditions that they were made from, and the generator's output."""
    return {**{name: context.latents[name] for name in context.conditions}, **context.fakes}


def score_fakes(scorer: Scorer = IMAGES) -> Callable[[Context], tuple[dict[str, Any], Context]]:
    """Forward pass that scores only the fakes.

    Returns:
      context -> ({'real': None, 'fake': logits, 'fake_out': everything that the net returned}, context).
    """

    def forward(context: Context) -> tuple[dict[str, Any], Context]:
        fake, context = scorer.apply_and_update(context, fakes_of(context), 'fake')
        return {'real': None, 'fake': scorer.logits(fake), 'fake_out': fake}, context

    return forward


def score_both(scorer: Scorer = IMAGES) -> Callable[[Context], tuple[dict[str, Any], Context]]:
    """Forward pass that scores reals, then fakes, in two separate batches, as batch-norm needs it.

    One pass over both in a batch of twice the size was no faster: DCGAN-28 on two cores took 128 ms a step
    against 122.

    Returns:
      context -> (out, context). out['real'] and out['fake'] are the logits; out['real_out'] and
      out['fake_out'] are everything that the net returned.
    """

    def forward(context: Context) -> tuple[dict[str, Any], Context]:
        real, context = scorer.apply_and_update(context, context.batch, 'real')
        fake, context = scorer.apply_and_update(context, fakes_of(context), 'fake')
        logits = {'real': scorer.logits(real), 'fake': scorer.logits(fake)}
        return {**logits, 'real_out': real, 'fake_out': fake}, context

    return forward


def normal_latents(dim: int) -> Callable[[Key, int, Batch], Batch]:
    """Latents 'z' ~ N(0, I), float32 [num, dim]."""

    def latents(key: Key, num: int, batch: Batch) -> Batch:
        return {'z': jax.random.normal(key, (num, dim))}

    return latents


def generate(field: str = 'image', net: str = 'g') -> Callable[[Context], tuple[Batch, Context]]:
    """The forward pass of a generator, from latents 'z' and the game's conditions to fakes[field].

    Args:
      field: The batch field that the net makes.
      net: Its name in the game.
    """

    def forward(context: Context) -> tuple[Batch, Context]:
        conditions = [context.latents[name] for name in context.conditions]
        output, context = context.apply_and_update(net, context.latents['z'], *conditions)
        return {field: output}, context

    return forward
