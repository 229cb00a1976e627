"""GAT: a GAN of two plain transformers. The discriminator sees what every part of the generator makes.

Hyun et al., "Scalable GANs with Transformers", 2026 (arXiv 2509.24935), sections 3.1 to 3.3, with their code.
G makes an image at each of g.net.levels depths. D reads all of them, image k of K with noise,
(1 - t_k) x_k + t_k e_k, where t_k = 1 - least^(1 - k / (K - 1)) + offset falls from first to last
(config.noise), and the noise of a level is that of the next one and more. A real image is read K times, at
the same levels. So that early blocks learn what is coarse. Loss: relativistic pairs, R1 and R2, both by
differences (penalties.r1), here of all images by their own small steps, on every step, with weight gamma.

The learning rate is in inverse proportion to the width of the networks: `learning_rate`. AdamW with b1 0,
gradients clipped at norm 1, G's average. DiffAugment (config.augment) draws once for an image of all levels;
theirs changes colours of half of the images only. G and D share the noise of a step. G's mapping
keeps an average of w for each class, by which samples are truncated. There is no alignment
of D's tokens with DINOv2, which needs its weights. Class-conditional where `conditional` is set.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.core import ema, forward, optimizers, styles
from gax.core.forward import Scorer
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Context, Game, Key, Net, Player, Styles
from gax.nets import families, registry
from gax.objectives import augment, losses, players, term_registry, terms

RATE, WIDTH = 2e-4, 768  # the learning rate at this width
BOTH = (styles.MAPPING, styles.SYNTHESIS)  # G's nets


def learning_rate(width: int) -> float:
    """The rate of networks with tokens of `width` channels: 2e-4 at 768, in inverse proportion."""
    return RATE * WIDTH / width


def defaults() -> ConfigDict:
    """GAT-S/2, the relativistic loss, R1 and R2 by differences, DiffAugment, AdamW."""
    fields = registry.defaults('gat')
    fields.update({'loss': 'relativistic', 'latent_dim': 64, 'conditional': False})
    fields.noise = {'least': 0.125, 'offset': 0.01}
    fields.augment = 'color,translation,cutout,flip'
    fields.terms = {
        name: term_registry.section(name, weight=0.1, method='difference') for name in ('r1', 'r2')
    }
    for player in (fields.d, fields.g):
        rate = learning_rate(player.net.width)
        player.optimizer = optimizers.section('adamw', rate, b1=0.0, b2=0.99, weight_decay=0.0, clip_norm=1.0)
    return fields


def noise_levels(count: int, least: float = 0.125, offset: float = 0.01) -> list[float]:
    """The share of noise t_k of each level, the first image first.

    Args:
      count: The number of levels, K.
      least: What the first level keeps of its image, were `offset` 0.
      offset: Added to all.

    Returns:
      1 - least^(1 - k / (K - 1)) + offset for k from 0 to K - 1; `offset` alone where K is 1.
    """
    return [1 - least ** (1 - k / (count - 1)) + offset if count > 1 else offset for k in range(count)]


def noised(key: Key, images: list[Array], shares: list[float]) -> Array:
    """Images with nested noise: (1 - t_k) x_k + n_k, with n_k of variance t_k^2.

    n_k is n_(k+1) (1 - t_k) / (1 - t_(k+1)) and independent noise, so that a level knows nothing of an image
    that the next level does not know better, as in a diffusion.

    Args:
      key: A PRNG key.
      images: K of float [B, H, W, C].
      shares: t_k, falling.

    Returns:
      Float [B, H, W, K C].
    """
    fresh = jax.random.normal(key, (len(images), *images[0].shape), images[0].dtype)
    noise, before, levels = jnp.zeros_like(images[0]), 0.0, []
    for image, share, draw in list(zip(images, shares, fresh, strict=True))[::-1]:
        ratio = (1 - share) / (1 - before)
        noise = ratio * noise + (share**2 - (ratio * before) ** 2) ** 0.5 * draw
        levels.append((1 - share) * image + noise)
        before = share
    return jnp.concatenate(levels[::-1], axis=-1)


def scorer_of(config: Any, field: str, channels: int, levels: int, conditional: bool, answer: Any) -> Scorer:
    """D's calling convention: all levels, augmented alike, with noise. Reals are the same at all levels."""
    alone = augment.from_config(config, forward.scorer_of(field, *['label'] * conditional))
    shares = noise_levels(levels, config.noise.least, config.noise.offset)

    def inputs(context: Context, batch: Batch) -> tuple[Array, ...]:
        stack = jnp.split(batch[field], batch[field].shape[-1] // channels, axis=-1)
        scored = [alone.inputs(context, {**batch, field: image}) for image in stack]
        images = [image for image, *_ in scored] * (levels // len(stack))
        return (noised(context.rng('levels'), images, shares), *scored[0][1:])

    return Scorer('d', field, inputs, answer)


def discriminator(config: Any, loss: losses.Loss, scorer: Scorer, channels: int) -> Player:
    """The player 'd', with the scorer as it is: `scorer_of` has augmented each level."""
    usual = players.discriminator(config, loss, scorer)
    diversity = terms.diversity_summary(scorer.field)

    def last(context: Context, out: Any) -> dict[str, Any]:
        image = context.fakes[scorer.field][..., -channels:]
        return diversity(context._replace(fakes={scorer.field: image}), out)

    return usual._replace(
        forward=forward.score_both(scorer),
        terms={**usual.terms, **term_registry.from_config(config.terms, scorer)},
        summary=terms.summaries(terms.logit_summary, last, augment.summary(config)),
    )


def generator(config: Any, loss: losses.Loss, scorer: Scorer, generate: Any) -> Player:
    """The player 'g', with the scorer as it is."""
    usual = players.generator(config, loss, scorer, generate, BOTH)
    score = forward.score_both if loss.relativistic else forward.score_fakes
    return usual._replace(
        forward=score(scorer),
        terms={**usual.terms, **term_registry.for_generator(config.terms, scorer, generate, BOTH)},
    )


def networks(config: Any, spec: Spec, classes: int) -> tuple[dict[str, Net], int]:
    """The nets 'mapping', 'synthesis' and 'd', and the number of images that G makes.

    Raises:
      GaxError: G's family makes one.
    """
    kind, shape = config.g.net.kind, spec.target_shape
    if 'levels' not in families.family(kind, 'Generator').__dataclass_fields__:
        raise errors.GaxError(f'gat has an image of each level of G, and config.g.net.kind={kind} has one')
    levels = config.g.net.levels
    g = registry.styled(config, spec, classes, outputs='both')
    stacked = (*shape[:-1], levels * shape[-1])
    d = registry.discriminator(config.d, stacked, classes, registry.heads_for(config))
    return {**dict(zip(BOTH, g, strict=True)), 'd': d}, levels


def styles_of(field: str, channels: int) -> tuple[Styles, Styles]:
    """The two parts of G: with the images of all levels [B, H, W, levels C], and with the last one alone."""
    every = styles.two_nets(field)

    def last(context: Context, ws: Array) -> tuple[Batch, Context]:
        fakes, context = every.synthesis(context, ws)
        return {field: fakes[field][..., -channels:]}, context

    return every, every._replace(synthesis=last)


def make(config: Any, spec: Spec) -> Game:
    """GAT on images or latents [H, W, C].

    Raises:
      GaxError: See `Spec.classes_if` and `networks`.
    """
    classes = spec.classes_if(config.conditional)
    field, channels, conditions = spec.target, spec.target_shape[-1], ('label',) * bool(classes)
    loss = losses.make(config.loss, config.label_smoothing)
    nets, levels = networks(config, spec, classes)
    answer = registry.answer(registry.heads_for(config))
    scorer = scorer_of(config, field, channels, levels, bool(classes), answer)
    every, last = styles_of(field, channels)
    generate = styles.generate(every)
    return Game(
        nets,
        players={
            'd': discriminator(config, loss, scorer, channels),
            'g': generator(config, loss, scorer, generate),
        },
        latents=forward.normal_latents(config.latent_dim),
        conditions=conditions,
        generate=generate,
        synthesize=styles.generate(last),
        generator=BOTH,
        styles=last,
        ema=dict.fromkeys(BOTH, ema.from_config(config)),
    )
