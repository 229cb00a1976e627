"""Forward passes: which rows meet which network, and with which statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import errors
from gax.core import forward
from tests.helpers import toys
from tests.helpers.toys import close

REAL, FAKE = (
    jnp.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
    jnp.array([[-1.0, 0.0], [-2.0, 0.5], [-3.0, 7.0]]),
)


def view(net, **latents):
    found = toys.view({'d': net}, {'d': 2.0}, {'point': REAL, 'image': REAL, 'label': jnp.array([0, 1, 2])})
    return found._replace(fakes={'point': FAKE, 'image': FAKE}, latents=latents, conditions=tuple(latents))


def scale(noise=0.0):
    return toys.net(None, lambda p, x: p * jnp.sum(x, -1), noise)


def test_scores_of_reals_and_fakes():
    out, after = forward.score_both(forward.POINTS)(view(scale()))
    real, fake = 2 * jnp.sum(REAL, -1), 2 * jnp.sum(FAKE, -1)
    close(out, {'real': real, 'fake': fake, 'real_out': real, 'fake_out': fake})
    assert after.model_state['d']['calls'] == 2


def test_a_critic_finds_its_logits_and_wraps_its_inputs():
    """A net that returns more than logits, asked about images to which noise of the context's own is
    added.
    """

    def noisy(context, batch):
        return (batch['image'] + jax.random.normal(context.key, batch['image'].shape),)

    net = toys.net(None, lambda p, x: {'logits': p * jnp.sum(x, -1), 'features': x})
    scorer = forward.Scorer(inputs=noisy, logits=lambda out: out['logits'])
    out, _ = forward.score_both(scorer)(view(net))
    close(out['real'], 2 * jnp.sum(out['real_out']['features'], -1))
    noise = (out['real_out']['features'] - REAL, out['fake_out']['features'] - FAKE)
    assert np.abs(noise[0] - noise[1]).min() > 1e-4


def test_scores_of_fakes_only():
    out, _ = forward.score_fakes(forward.POINTS)(view(scale()))
    assert out['real'] is None
    close(out['fake'], 2 * jnp.sum(FAKE, -1))


def test_labels_of_fakes_are_those_they_were_made_from():
    both = toys.net(None, lambda p, x, label: p * jnp.sum(x, -1) + 100 * label)
    scorer = forward.scorer_of('image', 'label')
    out, _ = forward.score_both(scorer)(view(both, label=jnp.array([5, 6, 7])))
    close(out['real'], 2 * jnp.sum(REAL, -1) + jnp.array([0, 100, 200]))
    close(out['fake'], 2 * jnp.sum(FAKE, -1) + jnp.array([500, 600, 700]))


def test_reals_and_fakes_do_not_share_noise():
    quiet, _ = forward.score_both(forward.POINTS)(view(scale()))
    loud, _ = forward.score_both(forward.POINTS)(view(scale(1.0)))
    noise = jax.tree.map(jnp.subtract, loud, quiet)
    assert np.abs(noise['real'] - noise['fake']).min() > 1e-3


def test_streams_of_one_view():
    """Calls under one stream agree, under another they differ, and `peek` leaves the context as it was."""
    start = view(scale(1.0))
    first, after = start.apply_and_update('d', REAL)
    close(start.apply('d', REAL), first)
    assert np.abs(start.apply('d', REAL, stream='other') - first).min() > 1e-3
    assert start.model_state['d']['calls'] == 0
    assert after.model_state['d']['calls'] == 1
    close(start._replace(train=False).apply('d', REAL), 2 * jnp.sum(REAL, -1))


def test_latents():
    key = jax.random.key(0)
    made = forward.normal_latents(7)(key, 5000, {'label': jnp.zeros(5000)})
    assert {k: (v.shape, v.dtype) for k, v in made.items()} == {'z': ((5000, 7), jnp.float32)}
    assert np.abs(np.mean(made['z'])) < 0.03
    assert np.std(made['z']) == pytest.approx(1, abs=0.03)


def test_conditions_join_the_latents_and_must_be_there():
    game = toys.game(conditions=('label',))
    batch = {'label': jnp.array([4, 5, 6]), 'point': jnp.zeros((3, 2))}
    latents = game.sample_latents(jax.random.key(0), 3, batch)
    assert latents['label'].tolist() == [4, 5, 6]
    assert sorted(latents) == ['label', 'z']
    with pytest.raises(errors.GaxError, match="made from label, and 'label' was not given"):
        game.sample_latents(jax.random.key(0), 3, {})


def test_generate():
    nets = {'g': toys.net(None, lambda p, z, *label: p * z + (10 * label[0][:, None] if label else 0))}
    start = toys.view(nets, {'g': 3.0}, {})
    fakes, after = forward.generate('point')(start._replace(latents={'z': REAL}))
    close(fakes, {'point': 3 * REAL})
    assert after.model_state['g']['calls'] == 1
    label = jnp.array([0, 1, 2])
    fakes, _ = forward.generate()(start._replace(latents={'z': REAL, 'label': label}, conditions=('label',)))
    close(fakes, {'image': 3 * REAL + 10.0 * label[:, None]})
