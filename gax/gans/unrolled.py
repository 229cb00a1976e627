"""Unrolled GAN: the generator is judged by the discriminator that its fakes are about to make.

Metz et al., "Unrolled Generative Adversarial Networks", 2017, section 2.2: from D's current parameters,
`unrolled.steps` moves of gradient descent on D's whole objective (penalties included, lazy ones at every
move) are simulated on the same reals and fakes; G descends its loss against the D that comes out, through the
moves as well, because the fakes steered them. D itself makes one ordinary move. Zero steps are the usual GAN.

Conventions: to G's loss on the fakes is added minus D's loss on the reals (`against_reals`), so that with
'minimax' and 'wasserstein' G ascends D's whole loss, as in the paper. Through the moves the reals pull, too:
without them G would be pushed on where fakes and reals are alike. D moves first, so the moves begin from the
D that has just answered these fakes (the paper's two players move at once:
`game._replace(simultaneous=True)`). The moves are plain gradient descent, as the paper writes them (its
experiments unroll Adam), at `unrolled.learning_rate`, whatever D's own optimizer is: a fresh Adam's first
move is the sign of the gradient, through which no gradient passes. Rates that are too large for D's curvature
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
    fields = registry.defaults('mlp')
    fields.d.net.dropout = 0.0
    fields.unrolled = {'steps': 5, 'learning_rate': 0.03}
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 2e-4, b1=0.5)
    return fields


def against_reals(loss: Loss) -> Loss:
    """`loss` with minus D's loss on the reals added to G's side, up to a constant; a relativistic one has
    reals there.
    """
    if loss.relativistic:
        return loss
    return Loss(loss.d, lambda real, fake: loss.g(fake, fake) - loss.d(real, jnp.zeros_like(real)), True)


def look_ahead(context: Context, d: Player, steps: int, learning_rate: float | Array) -> Context:
    """The context with 'd' as it is after `steps` simulated moves of player `d`: a differentiable function
    of `context`.
    """

    def loss(params: PyTree, turn: int) -> Array:
        seen = context._replace(params={**context.params, 'd': params}).with_stream(f'unrolled/{turn}')
        out, seen = d.forward(seen)
        total = jnp.zeros(())
        for name, term in d.live_terms.items():
            weight = term.weight(context.step) if callable(term.weight) else term.weight
            total += weight * term.fn(seen.with_stream(f'term/{name}'), out, context.term_state['d'][name])[0]
        return total

    params = context.params['d']
    for turn in range(steps):
        slope = jax.grad(loss)(params, turn)
        params = jax.tree.map(lambda p, s: p - learning_rate * s, params, slope)
    return context._replace(params={**context.params, 'd': params})


def make(config: Any, spec: Spec) -> Game:
    """spec.fields has one of 'image' [H, W, C] and 'point' [D].

    Raises GaxError for a negative number of steps.
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
