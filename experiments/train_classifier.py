"""Trains the judge of digits that comes with gax: python experiments/train_classifier.py

On nine tenths of the 10,000 embedded digits, moved by up to two pixels; every tenth digit measures it. Writes
gax/evals/weights/digits.npz (float16) and prints the accuracy on the held-out digits, read back from that file.
"""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import flags

from gax import cli
from gax.data import memory, order
from gax.data.source import to_unit
from gax.evals import digits

OUT = flags.DEFINE_string('out', str(digits.WEIGHTS), 'The file to write.')
EPOCHS = flags.DEFINE_integer('epochs', 60, 'Passes over the 9,000 digits.', lower_bound=1)
BATCH = 100


def shifted(x: jax.Array, key: jax.Array) -> jax.Array:
    """Each image moved by up to two pixels: the augmentation that small digit sets need."""
    moves = jax.random.randint(key, (x.shape[0], 2), -2, 3)
    return jax.vmap(lambda image, move: jnp.roll(image, move, (0, 1)))(x, moves)


def train(x: np.ndarray, y: np.ndarray, epochs: int) -> Any:
    """The classifier's variables after `epochs` passes of Adam with a cosine schedule."""
    model, total = digits.Classifier(), epochs * (len(x) // BATCH)
    optimizer = optax.adam(optax.cosine_decay_schedule(2e-3, total))
    params = model.init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)))

    @jax.jit
    def update(state: Any, step: int, rows: jax.Array) -> Any:
        params, opt_state = state
        move, drop = jax.random.split(jax.random.fold_in(jax.random.key(1), step))

        def loss(params: Any) -> jax.Array:
            images = shifted(to_unit(jnp.asarray(x)[rows]), move)
            logits = model.apply(params, images, train=True, rngs={'dropout': drop})
            return optax.softmax_cross_entropy_with_integer_labels(logits, jnp.asarray(y)[rows]).mean()

        updates, opt_state = optimizer.update(jax.grad(loss)(params), opt_state)
        return optax.apply_updates(params, updates), opt_state

    from tqdm import trange

    state = (params, optimizer.init(params))
    for step in trange(total, desc='classifier'):
        state = update(state, step, order.indices(0, step * BATCH, BATCH, len(x)))
    return state[0]


def main(argv: list[str]) -> int:
    x, y = memory.load_npz(Path(memory.__file__).parent / 'embedded' / 'mnist10k.npz')
    assert y is not None
    kept = np.arange(len(x)) % digits.HELD_OUT != 0
    variables = train(x[kept], y[kept], EPOCHS.value)
    out = Path(OUT.value)
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(out, *[np.asarray(leaf, np.float16) for leaf in jax.tree.leaves(variables)])
    with np.load(out) as file:
        rounded = [jnp.asarray(file[name], jnp.float32) for name in file.files]
    found = digits.judge(x[~kept], jax.tree.unflatten(jax.tree.structure(variables), rounded))
    right = float((found.label[:, 0] == y[~kept]).mean())
    print(f'{out}: {right:.2%} of {int((~kept).sum())} held-out digits right')
    return 0


if __name__ == '__main__':
    cli.run(main)
