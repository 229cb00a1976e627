"""AC-GAN: the discriminator also classifies, and both players lower the classification loss.

Odena et al., "Conditional Image Synthesis With Auxiliary Classifier GANs", 2017, eq. 2 and 3: D maximises L_S
+ L_C and G L_C - L_S, where L_C is the log-likelihood of the class on reals (without a gradient for G) plus
that on fakes. Here both are minimised, L_S is the loss of the config, and the weight of L_C is
config.class_weight (1 in the paper).
"""

from typing import Any

import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from gax import errors
from gax.core import forward
from gax.core.spec import Spec
from gax.core.types import Array, Context, Game
from gax.nets import registry
from gax.objectives import losses, players, terms


def defaults() -> ConfigDict:
    """DCGAN's networks, and class_weight."""
    fields = registry.defaults('dcgan')
    fields.class_weight = 1.0
    return fields


def misnamed(output: Any, label: Array) -> Array:
    """The mean cross-entropy of the class head, in nats: -L_C of these examples. label: int [B]."""
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(output['class'], label))


def watched(context: Context, out: Any) -> dict[str, Array]:
    """Metrics: the accuracy of D's class head (0 to 1) on reals and on fakes."""
    hits = {
        'class_real': jnp.argmax(out['real_out']['class'], -1) == context.batch['label'],
        'class_fake': jnp.argmax(out['fake_out']['class'], -1) == context.latents['label'],
    }
    return {name: jnp.mean(hit, dtype=jnp.float32) for name, hit in hits.items()}


def make(config: Any, spec: Spec) -> Game:
    """AC-GAN on images [H, W, C].

    Raises:
      GaxError: The data have no labels.
    """
    if not spec.num_classes:
        raise errors.GaxError(f'acgan needs labels, and {spec.name} has none')
    # G's inputs include the label. D's do not: it predicts the label.
    field, shape = spec.target, spec.target_shape
    heads = {'class': spec.num_classes}
    nets = {
        'g': registry.generator(config, spec, spec.num_classes),
        'd': registry.discriminator(config.d, shape, heads=heads),
    }
    scorer = forward.scorer_of(field)._replace(logits=registry.answer(heads))

    def on_both(context: Context, out: Any) -> Array:
        real = misnamed(out['real_out'], context.batch['label'])
        return real + misnamed(out['fake_out'], context.latents['label'])

    def on_fakes(context: Context, out: Any) -> Array:
        return misnamed(out['fake_out'], context.latents['label'])

    loss = losses.make(config.loss, config.label_smoothing)
    weight = config.class_weight
    d = players.discriminator(config, loss, scorer, **{'class': terms.stateless(on_both, weight=weight)})
    g = players.generator(config, loss, scorer, **{'class': terms.stateless(on_fakes, weight=weight)})
    game = players.two_player_game(config, loss, nets, scorer, conditions=('label',))
    return game._replace(players={'d': d._replace(summary=terms.summaries(d.summary, watched)), 'g': g})
