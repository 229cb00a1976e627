"""TVAE: a variational autoencoder of encoded table rows; no discriminator. The row beside CTGAN.

Xu et al., "Modeling Tabular Data using Conditional GAN", 2019, section 4.5, with the settings of the package
ctgan 0.12.1: the loss is 2 times the negative log-likelihood plus the KL divergence, Adam at 1e-3 with weight
decay 1e-5, batches of 500, 300 epochs. Scalars are normal around tanh of the decoder's number with a learned
standard deviation from 0.01 to 1, from which they are drawn in sampling, too. Choices are the decoder's
largest number, as in the package.

The standard deviation is 0.01 + 0.99 sigmoid of a parameter (the package clips it after each step), and
weights decay as in AdamW.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.core import ema, forward, optimizers, wrappers
from gax.core.optimizers import section
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Context, Game, Key, Net, Player, PyTree
from gax.data.columns import layout_of
from gax.nets import encoder, families, registry
from gax.objectives import rows, terms

ROLES = {'e': 'Trunk'}
LEAST, FIRST = 0.01, 0.1  # standard deviations: the smallest, and that before training
# Sections and fields of other configs that this one does not have: there is no adversarial loss.
WITHOUT = ('d', 'loss', 'label_smoothing')
OF_A_DISCRIMINATOR = ('ada', 'instance_noise', 'top_k', 'fake_gradient')  # sections that are refused


def defaults() -> ConfigDict:
    """MLPs of 128 and 128, and the weight of the reconstruction."""
    fields = ConfigDict({'g': registry.defaults('mlp').g})
    fields.g.net.update({'widths': (128, 128), 'activation': 'relu', 'batch_norm': False})
    fields.e = {'net': families.section('mlp', 'Trunk')}
    fields.e.net.update({'widths': (128, 128), 'activation': 'relu'})
    fields.update({'batch_size': 500, 'latent_dim': 128, 'reconstruction_weight': 2.0})
    fields.g.optimizer = section('adamw', 1e-3, weight_decay=1e-5)
    return fields


def stds(size: int) -> Net:
    """A net without inputs: the standard deviations of `size` scalars, float32 [size]."""
    first = jnp.log((FIRST - LEAST) / (1 - FIRST))

    def apply(params: PyTree, model_state: PyTree, *, train: bool, key: Key) -> tuple[Array, PyTree]:
        return LEAST + (1 - LEAST) * jax.nn.sigmoid(params['raw']), model_state

    return Net(lambda key: ({'raw': jnp.full(size, first)}, {}), apply)


def make(config: Any, spec: Spec) -> Game:
    """TVAE on an encoded table.

    Raises:
      GaxError: The data is no encoded table, or the config asks something of a discriminator.
    """
    if config.terms or config.augment:
        raise errors.GaxError('tvae has no discriminator: leave config.terms and config.augment empty')
    if unread := [name for name in OF_A_DISCRIMINATOR if name in config]:
        raise errors.GaxError(f'tvae has no discriminator: leave config.{unread[0]} out')
    layout, field, dim = layout_of(spec), spec.target, config.latent_dim
    trunk = families.build(config.e.net, 'Trunk', spec.target_shape)
    code = encoder.Encoder(trunk, {'mean': dim, 'log_variance': dim})
    nets = {
        'g': registry.generator(config, spec),
        'e': registry.lifted(code, registry.example(*spec.target_shape)),
        'stds': stds(len(layout.scalars)),
    }

    def rebuild(context: Context) -> tuple[Batch, Context]:
        """The reals, through the encoder and the decoder."""
        code, context = context.apply_and_update('e', context.batch[field])
        raw, context = context.apply_and_update('g', encoder.noisy(code, context.rng('code')))
        return {field: decoded(raw, context), 'raw': raw, 'stds': context.apply('stds'), **code}, context

    def decoded(raw: Array, context: Context) -> Array:
        means = jnp.tanh(raw)
        noise = jax.random.normal(context.rng('scalars'), (raw.shape[0], len(layout.scalars)))
        places = jnp.array(layout.scalars, jnp.int32)
        scalars = means.at[:, places].add(noise * context.apply('stds')[None])
        choices = [jax.nn.one_hot(jnp.argmax(raw[:, a:b], -1), b - a) for a, b in layout.choices]
        return rows.by_part(layout, scalars, choices)

    def synthesize(context: Context) -> tuple[Batch, Context]:
        raw, context = context.apply_and_update('g', context.latents['z'])
        return {field: decoded(raw, context)}, context

    def fit(context: Context, out: Any) -> Array:
        fakes = context.fakes
        return jnp.mean(rows.reconstruction(layout, fakes['raw'], context.batch[field], fakes['stds']))

    owned = ('g', 'e', 'stds')
    prior = terms.stateless(lambda context, out: jnp.mean(encoder.divergence(context.fakes)))
    player = Player(
        nets=owned,
        forward=lambda context: ({}, context),
        terms={
            'reconstruction': terms.stateless(fit, weight=config.reconstruction_weight),
            'prior': prior,
        },
        optimizer=optimizers.make(config.g.optimizer, config.steps),
        updates=config.g.updates,
        grad=wrappers.accumulate(config.accumulate),
    )
    return Game(
        nets,
        players={'g': player},
        latents=forward.normal_latents(dim),
        generate=rebuild,
        synthesize=synthesize,
        generator=owned,
        ema={name: ema.from_config(config) for name in owned},
    )
