"""CTGAN: tables of numbers and categories, conditioned on one value of one category.

Xu et al., "Modeling Tabular Data using Conditional GAN", 2019, sections 4.2 to 4.4: numbers as a scalar
within a mode (gax.data.columns), a condition that names one value of one category, training by sampling,
packs of ten rows with one logit, WGAN-GP on packs, choices through Gumbel-softmax at temperature 0.2, and the
cross-entropy of the category that the condition names in G's loss. Optimizers, widths and sizes are those of
the package ctgan 0.12.1 (300 epochs of batches of 500).

Rows are drawn in the order of `arrange`, and the condition given the row: the same joint distribution as in
the paper, where the condition comes first. Reals and fakes of a pack have the same conditions. G is updated
on the fakes of D's update (the package draws new ones), and its weights decay as in AdamW, not as an L2 term.
Dropout in D under a gradient penalty, which the paper of WGAN-GP avoids, is CTGAN's.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gax.core import forward, optimizers, rng
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Context, Game, Key, Player, Term
from gax.data import columns, weighted
from gax.data.source import Source
from gax.data.threads import chunks
from gax.nets import families, registry
from gax.objectives import losses, packs, players, rows, term_registry, terms


def defaults() -> ConfigDict:
    """CTGAN's networks and settings: packs of 10, temperature, the weight of the conditions' cross-entropy."""
    fields = registry.defaults('mlp')
    fields.g.net = families.section('table', 'Generator')
    fields.d.net.update({'widths': (256, 256), 'slope': 0.2, 'dropout': 0.5})
    fields.update({'loss': 'wasserstein', 'batch_size': 500, 'latent_dim': 128})
    fields.update({'pack': 10, 'temperature': 0.2, 'condition_weight': 1.0})
    fields.terms = {'wgan_gp': term_registry.section('wgan_gp', weight=10.0)}
    fields.d.optimizer = optimizers.section('adam', 2e-4, b1=0.5, b2=0.9)
    fields.g.optimizer = optimizers.section('adamw', 2e-4, b1=0.5, b2=0.9, weight_decay=1e-6)
    return fields


def arrange(config: Any, source: Source) -> Source:
    """`source` in the order of training by sampling, see `rows.rates`.

    A source without rows, such as the description of a run's data, and one without categories, stay.
    """
    layout = columns.layout_of(source.spec)
    if not source.spec.size or not layout.categories or not (source.fetch or source.arrays):
        return source
    target = source.spec.target
    if source.fetch:
        parts = chunks(source.fetch, source.spec.size, source.spec.name)
        weights = np.concatenate([rows.weights(layout, part[target]) for _, part in parts])
    else:
        weights = rows.weights(layout, np.asarray(source.arrays[target]))
    return source._replace(order=weighted.weighted(weights))


def make(config: Any, spec: Spec) -> Game:
    """CTGAN on an encoded table.

    Raises:
      GaxError: The data is no encoded table, or `pack` does not divide the batch.
    """
    layout, field = columns.layout_of(spec), spec.target
    packs.refuse_uneven(config)
    size = len(layout.values)
    nets = {
        'g': registry.generator(config, spec, latent_dim=config.latent_dim + size),
        'd': registry.discriminator(
            config.d, (config.pack * (layout.width + size),), heads=registry.heads_for(config)
        ),
    }

    def latents(key: Key, num: int, batch: Batch) -> Batch:
        """Noise, and conditions: those given, or those of the reals, or else by frequency."""
        drawn = {'z': jax.random.normal(rng.stream(key, 'z'), (num, config.latent_dim))}
        key = rng.stream(key, 'condition')
        if 'condition' in batch:
            return {**drawn, 'condition': batch['condition']}
        of_reals = field in batch
        condition = (
            rows.drawn_with(layout, batch[field], key) if of_reals else rows.by_frequency(layout, num, key)
        )
        return {**drawn, 'condition': condition}

    def synthesize(context: Context) -> tuple[Batch, Context]:
        fakes, context = generate(context)
        return {field: fakes[field]}, context

    def generate(context: Context) -> tuple[Batch, Context]:
        inputs = jnp.concatenate([context.latents['z'], context.latents['condition']], axis=-1)
        raw, context = context.apply_and_update('g', inputs)
        row = rows.activated(layout, raw, context.rng('gumbel'), config.temperature)
        return {field: row, 'raw': raw}, context

    def disagreement(context: Context, out: Any) -> Array:
        """The cross-entropy of the values that the conditions name."""
        log_probabilities = context.latents['condition'] * rows.log_probabilities(
            layout, context.fakes['raw']
        )
        return -jnp.mean(jnp.sum(log_probabilities, axis=-1))

    loss = losses.make(config.loss, config.label_smoothing)
    scorer = forward.scorer_of('pack')._replace(logits=registry.answer(registry.heads_for(config)))

    def generate_packs(context: Context) -> tuple[Batch, Context]:
        """The fakes in packs, as terms that make fakes anew read them."""
        fakes, context = generate(context)
        return joined(fakes[field], context, config.pack), context

    game = players.two_player_game(config, loss, nets, scorer, generate=generate_packs)
    d, g = (in_packs(game.players[name], field, config.pack) for name in ('d', 'g'))
    named = terms.stateless(disagreement, weight=config.condition_weight)
    return game._replace(
        players={'d': d, 'g': g._replace(terms={**g.terms, 'condition': named})},
        latents=latents,
        generate=generate,
        synthesize=synthesize,
    )


def joined(rows: Array, context: Context, size: int) -> Batch:
    """Packs of `size` rows [B, width], each with its condition: {'pack': [B / size, ...]}."""
    return {'pack': packs.pack(jnp.concatenate([rows, context.latents['condition']], axis=-1), size)}


def in_packs(player: Player, field: str, size: int) -> Player:
    """A player that sees packs of rows, each with its condition, as its examples: the field 'pack'.

    Its terms and its forward pass get a context whose batch and fakes are packs, so that a gradient penalty
    is of a pack as one point.

    Args:
      player: The player.
      field: The batch field of the rows.
      size: The rows of a pack.
    """

    def packed(context: Context) -> Context:
        real, fake = (joined(of[field], context, size) for of in (context.batch, context.fakes))
        return context._replace(batch=real, fakes=fake)

    def forward_packs(context: Context) -> tuple[Any, Context]:
        out, after = player.forward(packed(context))
        return out, context._replace(model_state=after.model_state)

    def lifted(term: Term) -> Term:
        return term._replace(fn=lambda context, out, state: term.fn(packed(context), out, state))

    return player._replace(
        forward=forward_packs,
        terms={name: lifted(term) for name, term in player.terms.items()},
        summary=lambda context, out: player.summary(packed(context), out),
    )
