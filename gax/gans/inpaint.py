"""Inpainting: an image from one with a hole, and the mask of the hole.

Pathak et al., "Context Encoders: Feature Learning by Inpainting", 2016 (context encoder); Yu et al.,
"Free-Form Image Inpainting with Gated Convolution", 2019 (DeepFill v2: g.net.kind=gated); Suvorov et al.,
"Resolution-robust Large Mask Inpainting with Fourier Convolutions", 2022 (LaMa, whose Fourier convolutions
are not here). The batch has 'condition', the image with a hole, and 'mask', 1 in the hole
(config.data.condition='mask:center', 'mask:boxes' or 'mask:strokes'). G reads both, joined along the
channels. Its output fills the hole; known pixels are those of the condition.

G minimises hole_weight times the mean |y - G(x)| in the hole, plus known_weight times that on the known
pixels, plus adversarial_weight times its side of the adversarial loss, plus config.perceptual.weight times a
distance in features. The means are over the pixels of the batch that are in the hole, or outside. D sees the
filled image joined with the mask. DeepFill v2 has hole_weight 1, known_weight 1, adversarial_weight 1 and the
loss 'hinge'; LaMa 0, 10 and 10 with 'non_saturating'.

config.fake_patches='hole' is LaMa's rule (their section 2.3.2): of D's logits for a filled image, only those
of patches that touch the hole count as fake, and the others count as real. A patch of a map of logits [h, w]
is its part of the image, H/h x W/w pixels, as in their code, and not the larger receptive field. Least
squares add -1/2 for each of the others; other losses add no constant. With adversarial_weight=0 there is no D
that is trained.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gax import errors
from gax.core import ema, trees
from gax.core.forward import Scorer
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Context, Game, Player, Term, not_zero
from gax.nets import perceptual, registry
from gax.objectives import losses, players, terms
from gax.objectives import perceptual as features
from gax.objectives.losses import Loss

ROLES = {'g': 'Translator'}
CONDITIONS = ('condition', 'mask')
PATCHES = ('all', 'hole')


def defaults() -> ConfigDict:
    """The context encoder, a PatchGAN of 16 pixels, and the weights."""
    fields = registry.defaults('context_encoder', 'patchgan', 'Translator')
    fields.d.net.receptive_field = 16
    fields.hole_weight = 1.0
    fields.known_weight = 1.0
    fields.adversarial_weight = 0.01
    fields.perceptual = perceptual.section(weight=0.0)
    fields.fake_patches = 'all'  # or 'hole': LaMa's rule
    return fields


def check(config: Any, spec: Spec) -> None:
    """Raises GaxError if the data have no mask, nothing trains G, or the loss has no fake patches by itself."""
    errors.lookup('config.fake_patches', config.fake_patches, dict.fromkeys(PATCHES))
    shape = spec.target_shape
    if any(name not in spec.fields for name in CONDITIONS) or spec.fields['condition'].shape != shape:
        raise errors.GaxError(
            f'{config.gan} needs images with holes, of the size and channels of {spec.target}, and their '
            'masks: have --config.data.condition=mask:center, mask:boxes or mask:strokes'
        )
    weights = ('hole_weight', 'known_weight', 'adversarial_weight')
    if not any(not_zero(config[name]) for name in weights):
        raise errors.GaxError(f'config.{", config.".join(weights)} are all 0: nothing trains g')
    relativistic = losses.make(config.loss, config.label_smoothing).relativistic
    if config.fake_patches == 'hole' and relativistic:
        raise errors.GaxError(
            f"config.fake_patches='hole' counts patches of fakes as real, and config.loss={config.loss!r} "
            'compares fakes with reals: have another loss'
        )


def make(config: Any, spec: Spec) -> Game:
    """Inpainting of 'condition' [H, W, C] where 'mask' [H, W, 1] is 1.

    Raises:
      GaxError: See `check`.
    """
    check(config, spec)
    field, shape = spec.target, spec.target_shape
    joined = (*shape[:-1], shape[-1] + 1)
    compared, weight = perceptual.frozen(config.perceptual), config.perceptual.weight
    heads = registry.heads_for(config, {} if not_zero(weight) and not compared else None)
    nets = {
        'g': registry.translator(config.g, shape, joined),
        'd': registry.discriminator(config.d, joined, heads=heads),
    }

    def generate(context: Context) -> tuple[Batch, Context]:
        holed, mask = (context.latents[name] for name in CONDITIONS)
        raw, context = context.apply_and_update('g', jnp.concatenate([holed, mask], axis=-1))
        return {field: jnp.where(mask > 0, raw, holed), 'raw': raw}, context

    def synthesize(context: Context) -> tuple[Batch, Context]:
        fakes, context = generate(context)
        return {field: fakes[field]}, context

    def inputs(context: Context, batch: Batch) -> tuple[Array, ...]:
        return (jnp.concatenate([batch[field], batch['mask']], axis=-1),)

    scorer = Scorer('d', field, inputs, registry.answer(heads))
    return Game(
        {**nets, **{name: net for name, (net, _) in compared.items()}},
        players=two_players(config, scorer, [*compared]),
        conditions=CONDITIONS,
        generate=generate,
        synthesize=synthesize,
        generator=('g',),
        frozen={name: arrays for name, (_, arrays) in compared.items()},
        ema={'g': ema.from_config(config)},
    )


def two_players(config: Any, scorer: Scorer, compared: list[str]) -> dict[str, Player]:
    """The players 'd' and 'g'; 'g' alone where it has no adversarial term and D's features are not compared."""
    loss = losses.make(config.loss, config.label_smoothing)
    weight, field = config.perceptual.weight, scorer.field
    near = (
        features.by_net(compared[0], field, weight=weight)
        if compared
        else features.by_discriminator(scorer, weight=weight)
    )
    reconstruction: dict[str, Term] = {
        'hole': absolute(field, 1, weight=config.hole_weight),
        'known': absolute(field, 0, weight=config.known_weight),
        'perceptual': near,
    }
    g = players.generator(config, loss, scorer, None, **reconstruction)
    reads_d = not_zero(config.adversarial_weight) or (not_zero(weight) and not compared)
    if not reads_d:
        return {'g': g._replace(forward=lambda context: ({}, context), terms=reconstruction)}
    d = players.discriminator(config, loss, scorer)
    if config.fake_patches == 'hole':
        d = d._replace(terms={**d.terms, 'adversarial': touching(loss)})
    against = g.terms['adversarial']._replace(weight=config.adversarial_weight)
    return {'d': d, 'g': g._replace(terms={**g.terms, 'adversarial': against})}


def absolute(field: str, inside: int, **fields: Any) -> Term:
    """The mean |fake - target| over the pixels where the mask is `inside`; 0 where there are none."""

    def fn(context: Context, out: Any) -> Array:
        chosen = (context.batch['mask'] > 0) == bool(inside)
        gap = jnp.where(chosen, jnp.abs(context.fakes['raw'] - context.batch[field]), 0.0)
        return jnp.sum(gap) / jnp.maximum(jnp.sum(chosen, dtype=gap.dtype) * gap.shape[-1], 1.0)

    return terms.stateless(fn, **fields)


def touching(loss: Loss) -> Term:
    """D's loss, in which patches of a fake that do not touch the hole count as real."""

    def fn(context: Context, out: Any) -> Array:
        def losses_of(real: Array, fake: Array) -> Array:
            zero = jnp.zeros_like(fake)
            as_real = loss.d(real, zero) + loss.d(fake, zero) - loss.d(zero, zero)
            return jnp.where(patches_in(context.batch['mask'], fake.shape[1:]), loss.d(real, fake), as_real)

        return trees.mean(jax.tree.map(losses_of, out['real'], out['fake']))

    return terms.stateless(fn)


def patches_in(mask: Array, shape: tuple[int, ...]) -> Array:
    """Whether the part of the image that a logit is of touches the hole.

    Args:
      mask: [B, H, W, 1], positive in the hole.
      shape: (h, w) of a map of logits, or () of one logit for each image.

    Returns:
      Bool [B, h, w], or [B].
    """
    h, w = shape or (1, 1)
    rows, columns = (covers(n, size) for n, size in zip((h, w), mask.shape[1:3], strict=True))
    hits = jnp.einsum('hH,bHW,wW->bhw', rows, (mask[..., 0] > 0).astype(jnp.float32), columns) > 0
    return hits if shape else hits[:, 0, 0]


def covers(parts: int, size: int) -> np.ndarray:
    """Which of `size` pixels each of `parts` equal parts touches: float32 0 or 1, [parts, size]."""
    edges = np.arange(parts + 1) * size / parts
    pixels = np.arange(size)
    inside = (pixels + 1 > edges[:-1, None]) & (pixels < edges[1:, None])
    return inside.astype(np.float32)
