"""Unrolled GAN: the generator's loss uses the discriminator after several simulated updates.

Metz et al., "Unrolled Generative Adversarial Networks", 2017, section 2.2: from D's current parameters,
`unrolled.steps` steps of gradient descent on D's whole objective (penalties included, lazy ones at every
step) are simulated on the same reals and fakes. G descends its loss against the resulting D, also through
the simulated steps, because they depend on the fakes. D itself makes one ordinary update. Zero steps are the
usual GAN.

Conventions: minus D's loss on the reals is added to G's loss on the fakes (`against_reals`), so that with
'minimax' and 'wasserstein' G ascends D's whole loss, as in the paper. The reals matter through the simulated
steps: without them G would be pushed on where fakes and reals are alike. D is updated first, so the simulated
steps begin from the D that has just been updated on these fakes (the paper updates both players at once:
`game._replace(simultaneous=True)`). The steps are plain gradient descent, as the paper writes them (its
experiments unroll Adam), at `unrolled.learning_rate`, whatever D's optimizer is: the first step of a new Adam
is the sign of the gradient, through which no gradient passes. Rates that are too large for D's curvature
diverge, as in any gradient descent. D's statistics, if it has any, do not advance while it is unrolled.
"""

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.core import optimizers
from gax.core.spec import Spec
from gax.core.types import Array, Context, Game, Player, PyTree
from gax.nets import registry
from gax.objectives import losses, players
from gax.objectives.losses import Loss


def defaults() -> ConfigDict:
    """MLPs without dropout in D, the section unrolled, and Adam."""
    fields = registry.defaults('mlp')
    fields.d.net.dropout = 0.0
    fields.unrolled = {'steps': 5, 'learning_rate': 0.03}
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 2e-4, b1=0.5)
    return fields


def against_reals(loss: Loss) -> Loss:
    """`loss` with minus D's loss on the reals added to G's side, up to a constant.

    A relativistic loss is returned as it is: its G side has the reals already.
    """
    if loss.relativistic:
        return loss
    return Loss(loss.d, lambda real, fake: loss.g(fake, fake) - loss.d(real, jnp.zeros_like(real)), True)


def look_ahead(context: Context, d: Player, steps: int, learning_rate: float | Array) -> Context:
    """The context with 'd' after simulated updates, a differentiable function of `context`.

    Args:
      context: The context of G's update.
      d: The player whose objective is descended.
      steps: The number of updates.
      learning_rate: Their learning rate.

    Returns:
      The context with new parameters of 'd'.
    """

    def loss(params: PyTree, turn: int) -> Array:
        ahead = context._replace(params={**context.params, 'd': params}).with_stream(f'unrolled/{turn}')
        out, ahead = d.forward(ahead)
        total = jnp.zeros(())
        for name, term in d.live_terms.items():
            weight = term.weight(context.step) if callable(term.weight) else term.weight
            value, _ = term.fn(ahead.with_stream(f'term/{name}'), out, context.term_state['d'][name])
            total += weight * value
        return total

    params = context.params['d']
    for turn in range(steps):
        gradient = jax.grad(loss)(params, turn)
        params = jax.tree.map(lambda p, g: p - learning_rate * g, params, gradient)
    return context._replace(params={**context.params, 'd': params})


def make(config: Any, spec: Spec) -> Game:
    """Unrolled GAN on images [H, W, C] or points [D].

    Raises:
      GaxError: The number of simulated steps is negative.
    """
    if config.unrolled.steps < 0:
        raise errors.GaxError(f'config.unrolled.steps must be 0 or more, and is {config.unrolled.steps}')
    loss = losses.make(config.loss, config.label_smoothing)
    networks, scorer = registry.pair(config, spec)
    d = players.discriminator(config, loss, scorer)
    g = players.generator(config, against_reals(loss), scorer)

    def against_future(context: Context) -> tuple[Any, Context]:
        return g.forward(look_ahead(context, d, config.unrolled.steps, config.unrolled.learning_rate))

    game = players.two_player_game(config, loss, networks, scorer)
    return game._replace(players={'d': d, 'g': g._replace(forward=against_future)})
