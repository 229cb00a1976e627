"""Trains the classifiers that come with gax: python experiments/train_classifier.py --data=embedded:mnist

On nine tenths of the images, moved by up to two pixels; every tenth measures it. Writes gax/evals/weights/
(float16) and prints the accuracy on the held-out images, read back from that file. What is shipped was made
by

    python experiments/train_classifier.py --data=embedded:mnist --epochs=60
    python experiments/train_classifier.py --data=embedded:emoji --epochs=40
"""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import flags

from gax import cli, paths
from gax.core import rng
from gax.data import arrays, shuffle
from gax.data.source import to_unit
from gax.evals.features import classifier

DATA = flags.DEFINE_enum(
    'data', 'embedded:mnist', [f'embedded:{name}' for name in classifier.SHIPPED], 'What of.'
)
OUT = flags.DEFINE_string('out', '', 'The file to write; that which is shipped if not given.')
EPOCHS = flags.DEFINE_integer('epochs', 60, 'Passes over the images.', lower_bound=1)
BATCH = 100


def shifted(x: jax.Array, key: jax.Array) -> jax.Array:
    """Each image moved by up to two pixels: the augmentation that small sets need."""
    moves = jax.random.randint(key, (x.shape[0], 2), -2, 3)
    return jax.vmap(lambda image, move: jnp.roll(image, move, (0, 1)))(x, moves)


def train(x: np.ndarray, y: np.ndarray, classes: int, epochs: int) -> Any:
    """The classifier's variables after `epochs` passes of Adam with a cosine schedule."""
    model, total = classifier.Classifier(classes), epochs * (len(x) // BATCH)
    optimizer = optax.adam(optax.cosine_decay_schedule(2e-3, total))
    params = model.init(rng.key(0), jnp.zeros((1, *x.shape[1:])))
    images, labels = jnp.asarray(x), jnp.asarray(y)

    @jax.jit
    def update(state: Any, step: int, rows: jax.Array) -> Any:
        params, opt_state = state
        move, drop = jax.random.split(jax.random.fold_in(rng.key(1), step))

        def loss(params: Any) -> jax.Array:
            batch = shifted(to_unit(images[rows]), move)
            seen: Any = model.apply(params, batch, train=True, rngs={'dropout': drop})
            return optax.softmax_cross_entropy_with_integer_labels(seen.logits, labels[rows]).mean()

        updates, opt_state = optimizer.update(jax.grad(loss)(params), opt_state)
        return optax.apply_updates(params, updates), opt_state

    from tqdm import trange

    state = (params, optimizer.init(params))
    for step in trange(total, desc='classifier'):
        state = update(state, step, shuffle.indices(0, step * BATCH, BATCH, len(x)))
    return state[0]


def main(argv: list[str]) -> int:
    name = DATA.value.partition(':')[2]
    shipped = classifier.SHIPPED[name]
    x, y = arrays.load_npz(Path(arrays.__file__).parent / 'embedded' / arrays.EMBEDDED[name])
    assert y is not None
    kept = np.arange(len(x)) % classifier.HELD_OUT != 0
    variables = train(x[kept], y[kept], shipped.classes, EPOCHS.value)
    out = paths.user(OUT.value or classifier.WEIGHTS / shipped.file)
    out.parent.mkdir(parents=True, exist_ok=True)
    # Of digits the hidden units are features enough; see gax/evals/features/classifier.py for emoji.
    weights = classifier.Weights(variables) if name == 'mnist' else classifier.standard(variables, x[kept])
    classifier.save(out, weights)
    found = classifier.see(classifier.load(out, shipped.shape, shipped.classes), jnp.asarray(x[~kept]))
    right = float((np.asarray(found['probabilities']).argmax(-1) == y[~kept]).mean())
    print(f'{out}: {right:.2%} of {int((~kept).sum())} held-out images right')
    return 0


if __name__ == '__main__':
    cli.run(main)
