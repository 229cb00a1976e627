"""Forward passes: what players compute once per move, and how fakes are made.

A discriminator's pass is view -> (out, view); `out` is a dict that every term of the player reads. Those here fill
'real' and 'fake' with the logits of net 'd'. A generator's pass is view -> (fakes, view).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from gax.types import Array, Batch, Key, View

Inputs = Callable[[Mapping[str, Array]], tuple[Array, ...]]


def unlabelled(batch: Batch) -> tuple[Array, ...]:
    """The discriminator's inputs: (image [B, H, W, C],)."""
    return (batch['image'],)


def labelled(batch: Batch) -> tuple[Array, ...]:
    """The discriminator's inputs: (image [B, H, W, C], label int [B])."""
    return batch['image'], batch['label']


def points(batch: Batch) -> tuple[Array, ...]:
    """The discriminator's inputs: (point [B, D],)."""
    return (batch['point'],)


def fakes_of(view: View) -> Mapping[str, Array]:
    """The fakes as a batch: the generator's output beside the labels that it was made from."""
    labels = {'label': view.latents['label']} if 'label' in view.latents else {}
    return {**view.fakes, **labels}


def score_fakes(inputs: Inputs = unlabelled, net: str = 'd') -> Callable[[View], tuple[dict[str, Any], View]]:
    """Forward pass that scores only the fakes: {'real': None, 'fake': logits}."""

    def forward(view: View) -> tuple[dict[str, Any], View]:
        fake, view = view.call(net, *inputs(fakes_of(view)), stream='fake')
        return {'real': None, 'fake': fake}, view

    return forward


def score_both(inputs: Inputs = unlabelled, net: str = 'd') -> Callable[[View], tuple[dict[str, Any], View]]:
    """Forward pass over reals, then fakes, each a batch of its own: right for every net, batch-norm included."""

    def forward(view: View) -> tuple[dict[str, Any], View]:
        real, view = view.call(net, *inputs(view.batch), stream='real')
        fake, view = view.call(net, *inputs(fakes_of(view)), stream='fake')
        return {'real': real, 'fake': fake}, view

    return forward


def score_together(
    inputs: Inputs = unlabelled, net: str = 'd'
) -> Callable[[View], tuple[dict[str, Any], View]]:
    """Forward pass over reals and fakes as one batch of twice the rows: half as many, larger matrix products.

    On two CPU cores it does not pay (DCGAN-28, batch 64: 128 ms per step against 122 for two passes; MLPs: equal).

    Only for nets whose examples do not see each other (no batch-norm). Rows alternate, real, fake, real, ...: so a
    batch that is sharded over devices keeps its rows where they are.
    """

    def forward(view: View) -> tuple[dict[str, Any], View]:
        pairs = zip(inputs(view.batch), inputs(fakes_of(view)), strict=True)
        both = [jnp.stack(pair, axis=1).reshape(-1, *pair[0].shape[1:]) for pair in pairs]
        logits, view = view.call(net, *both)
        split = logits.reshape(-1, 2, *logits.shape[1:])
        return {'real': split[:, 0], 'fake': split[:, 1]}, view

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
