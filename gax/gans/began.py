"""BEGAN: an autoencoder as discriminator, and a controller that balances it with the generator.

Berthelot et al., "BEGAN: Boundary Equilibrium Generative Adversarial Networks", 2017, section 3.4, with
L(v) = mean |v - D(v)| over pixels (eq. 1, eta = 1):

    L_D = L(x) - k_t L(G(z))
    L_G = L(G(z))
    k_(t+1) = clip(k_t + lambda_k (gamma L(x) - L(G(z))), 0, 1)

k_0 = 0. k is the state of D's adversarial term, and advances with each update of D. gamma, the diversity
ratio, is the E L(G(z)) / E L(x) that k steers to: low for clean images, high for varied ones. The paper draws
separate latents for D and G. Here both use the same fakes, and L(G(z)) in the controller is that of D's pass.
"""

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.core import ema, forward, optimizers
from gax.core.spec import Spec
from gax.core.types import Array, Context, Game, Term
from gax.nets import autoencoder, families, registry
from gax.objectives import players, terms
from gax.objectives.losses import Loss

ROLES = {'d': 'Autoencoder'}


def defaults() -> ConfigDict:
    """An MLP generator and an autoencoder, the loss 'balance', gamma, lambda_k, and Adam."""
    fields = ConfigDict(
        {'g': registry.defaults('mlp').g, 'd': {'net': families.section('autoencoder', 'Autoencoder')}}
    )
    fields.update({'loss': 'balance', 'gamma': 0.5, 'lambda_k': 1e-3})
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 1e-4, b1=0.5)
    return fields


def balance(gamma: Any, rate: Any) -> Term:
    """D's loss, whose state is the weight k of the fakes, float32 (). The logits are minus L.

    Args:
      gamma: The diversity ratio.
      rate: lambda_k.

    Returns:
      The term.
    """

    def fn(context: Context, out: Any, k: Array) -> tuple[Array, Array]:
        real, fake = -jnp.mean(out['real']), -jnp.mean(out['fake'])
        after = jnp.clip(k + rate * (gamma * real - fake), 0.0, 1.0)
        return real - k * fake, jax.lax.stop_gradient(after)

    return Term(fn, init=lambda: jnp.zeros(()))


def make(config: Any, spec: Spec) -> Game:
    """BEGAN on images [H, W, C] or points [D].

    Raises:
      GaxError: The loss is another, or has label smoothing.
    """
    if config.loss != 'balance' or config.label_smoothing:
        raise errors.GaxError(
            "began has config.loss='balance' and no labels to smooth; gan 'vanilla' takes other losses"
        )
    field, shape = spec.target, spec.target_shape
    scorer = autoencoder.scorer(field, autoencoder.mean_absolute)
    # D's side is that of k = 1; the term `balance` replaces it.
    loss = Loss(lambda real, fake: fake - real, lambda real, fake: -fake)

    def convergence(context: Context, out: Any) -> dict[str, Array]:
        """M = L(x) + |gamma L(x) - L(G(z))| (section 3.4.1, lower is better), and k before the update."""
        real, fake = -jnp.mean(out['real']), -jnp.mean(out['fake'])
        return {
            'convergence': real + jnp.abs(config.gamma * real - fake),
            'k': context.term_state['d']['adversarial'],
        }

    summary = (autoencoder.energy_summary, convergence, terms.diversity_summary(field))
    d = players.discriminator(config, loss, scorer, adversarial=balance(config.gamma, config.lambda_k))
    return Game(
        nets={
            'g': registry.generator(config, spec),
            'd': registry.network(config.d.net, 'Autoencoder', shape),
        },
        players={
            'd': d._replace(summary=terms.summaries(*summary)),
            'g': players.generator(config, loss, scorer),
        },
        latents=forward.normal_latents(config.latent_dim),
        generate=forward.generate(field),
        generator=('g',),
        ema={'g': ema.from_config(config)},
    )
