"""Regularisers of one player that are not gradient penalties (those are in penalties.py).

The arguments of each are the scorer, then its numbers by keyword, then the fields of `Term`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp

from gax import errors
from gax.core import trees
from gax.core.bounds import Count, Share, between
from gax.core.forward import IMAGES, Scorer, fakes_of, generate
from gax.core.types import Array, Batch, Context, PyTree, Term
from gax.objectives import image_transforms
from gax.objectives.terms import DISTANCES, stateless

Generate = Callable[[Context], tuple[Batch, Context]]  # the type of Game.generate


def lecam(scorer: Scorer = IMAGES, *, decay: Share = 0.99, start: Count = 0, **fields: Any) -> Term:
    """E (D(x) - a_F)^2 + E (D(G(z)) - a_R)^2, where a_R and a_F are moving averages of D(x) and of D(G(z)).

    Tseng et al., "Regularizing Generative Adversarial Networks under Limited Data", 2021. In their code
    (google/lecam-gan on GitHub) the weight is 0.3 for BigGAN on CIFAR, and 1e-6 and less for StyleGAN2. This
    is the formula of the paper; lecam_reg of that code (biggan_cifar/losses.py) counts only reals above a_F
    and fakes below a_R. The averages include the logits of the present step, and no gradient goes through
    them.

    Args:
      scorer: The calling convention of the discriminator.
      decay: The decay of the averages, from 0 to 1.
      start: The step from which the term counts. Before it the term is 0, and the averages are the logits of
        the step.
      **fields: The other fields of `Term`.

    Returns:
      The term.
    """

    def fn(context: Context, out: Any, state: PyTree) -> tuple[Array, PyTree]:
        now = {name: jax.lax.stop_gradient(trees.mean(out[name])) for name in ('real', 'fake')}
        keep = jnp.where(context.step <= start, 0.0, decay)
        state = {name: keep * state[name] + (1.0 - keep) * now[name] for name in now}
        gap = trees.mean(jax.tree.map(lambda x: jnp.square(x - state['fake']), out['real']))
        gap += trees.mean(jax.tree.map(lambda x: jnp.square(x - state['real']), out['fake']))
        return jnp.where(context.step >= start, gap, 0.0), state

    return Term(fn, init=lambda: {'real': jnp.zeros(()), 'fake': jnp.zeros(())}, **fields)


def centering(scorer: Scorer = IMAGES, **fields: Any) -> Term:
    """E (D(x) + D(G(z)))^2, of a real and a fake by their places in the batch.

    It keeps the logits of a relativistic discriminator, whose loss sees their differences only, around 0.
    Lin et al., "Adversarial Flow Models", 2025; the weight there is 0.01.

    Args:
      scorer: The calling convention of the discriminator.
      **fields: The other fields of `Term`.

    Returns:
      The term.
    """

    def fn(context: Context, out: Any) -> Array:
        return trees.mean(jax.tree.map(lambda x, y: jnp.square(x + y), out['real'], out['fake']))

    return stateless(fn, **fields)


def inconsistency(
    scorer: Scorer, policy: str, context: Context, batch: Batch, logits: PyTree, name: str
) -> Array:
    """E (D(x) - D(T(x)))^2, where T is an image policy.

    Args:
      scorer: The calling convention of the discriminator.
      policy: Names of image_transforms.TRANSFORMS, separated by commas.
      context: The context of the update.
      batch: Reals or fakes, x among them.
      logits: D(x), from the main forward pass.
      name: The random stream.

    Returns:
      float ().
    """
    transformed = image_transforms.apply(policy, context.rng(f'T/{name}'), batch[scorer.field])
    other_logits = scorer.score(context, {**batch, scorer.field: transformed}, stream=name)
    return trees.mean(jax.tree.map(lambda x, y: jnp.square(x - y), logits, other_logits))


def cr(scorer: Scorer = IMAGES, *, policy: str = 'flip,translation', **fields: Any) -> Term:
    """Consistency regularisation: E (D(x) - D(T(x)))^2 over reals. The weight is lambda (10 in the paper).

    Zhang et al., "Consistency Regularization for Generative Adversarial Networks", 2020, on D's last layer,
    the logits. Gradients go through both D(x) and D(T(x)).

    Args:
      scorer: The calling convention of the discriminator.
      policy: T, names of image_transforms.TRANSFORMS (the paper: flips and shifts).
      **fields: The other fields of `Term`.

    Returns:
      The term.

    Raises:
      GaxError: A transform is unknown, or the data are not images.
    """
    image_transforms.parse(policy, scorer.field)

    def fn(context: Context, out: Any) -> Array:
        return inconsistency(scorer, policy, context, context.batch, out['real'], 'real')

    return stateless(fn, **fields)


def bcr(
    scorer: Scorer = IMAGES, *, policy: str = 'flip,translation', fake_ratio: float = 1.0, **fields: Any
) -> Term:
    """Balanced consistency: that of `cr` on reals, plus `fake_ratio` times the same on fakes.

    Zhao et al., "Improved Consistency Regularization for GANs", 2021, algorithm 1: lambda_real is the term's
    weight, lambda_fake the weight times fake_ratio (both 10 in the paper). Arguments and errors as in `cr`.
    """
    image_transforms.parse(policy, scorer.field)

    def fn(context: Context, out: Any) -> Array:
        real = inconsistency(scorer, policy, context, context.batch, out['real'], 'real')
        return real + fake_ratio * inconsistency(
            scorer, policy, context, fakes_of(context), out['fake'], 'fake'
        )

    return stateless(fn, **fields)


def non_orthogonality(kernel: Array) -> Array:
    """|W^T W * (1 - I)|_F^2, the sum of the squared inner products of different filters.

    Args:
      kernel: W, [..., filters], flattened to two axes.

    Returns:
      float ().
    """
    w = kernel.reshape(-1, kernel.shape[-1])
    gram = jnp.matmul(w.T, w, precision=jax.lax.Precision.HIGHEST)
    return jnp.sum(jnp.square(gram * (1.0 - jnp.eye(gram.shape[0], dtype=gram.dtype))))


def orthogonal(nets: Sequence[str], **fields: Any) -> Term:
    """The sum of `non_orthogonality` over every leaf of `nets` called 'kernel'.

    Embeddings, gains and biases are left out.

    Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis", 2019, eq. 3; their
    beta, 1e-4, is the term's weight.

    Raises:
      GaxError: When it is evaluated: the game lacks one of `nets`.
    """

    def fn(context: Context, out: Any) -> Array:
        for name in nets:
            errors.lookup('net of the orthogonal regularisation', name, context.params)
        leaves = [x for name in nets for x in jax.tree_util.tree_leaves_with_path(context.params[name])]
        kernels = [x for path, x in leaves if 'kernel' in jax.tree_util.keystr(path[-1:]) and x.ndim > 1]
        return sum((non_orthogonality(x) for x in kernels), jnp.zeros(()))

    return stateless(fn, **fields)


def orthogonal_g(scorer: Scorer = IMAGES, nets: Sequence[str] = ('g',), **fields: Any) -> Term:
    """`orthogonal` of the generator, over all of its nets.

    Args:
      scorer: Not read.
      nets: The generator's nets, such as ('mapping', 'synthesis').
      **fields: The fields of `Term`.

    Returns:
      The term.
    """
    return orthogonal(nets, **fields)


def path_lengths(synthesise: Callable[[Array], Array], z: Array, y: Array) -> Array:
    """|J^T y| per example, where J is the Jacobian of `synthesise` at z. The norm is sqrt(sum + 1e-12).

    Args:
      synthesise: z -> fakes. It makes each example from its row of z alone.
      z: Float [B, Z].
      y: Float, of the shape of the fakes.

    Returns:
      Float [B].
    """
    _, pullback = jax.vjp(synthesise, z)
    (gradient,) = pullback(y)
    return jnp.sqrt(jnp.sum(jnp.square(gradient), axis=tuple(range(1, gradient.ndim))) + 1e-12)


def path_length(
    scorer: Scorer = IMAGES,
    synthesis: Generate | None = None,
    *,
    decay: Share = 0.01,
    shrink: Annotated[int, between(1)] = 2,
    **fields: Any,
) -> Term:
    """E (|J^T y| - a)^2 of net 'g', where y ~ N(0, I) and a is the moving average of |J^T y|.

    Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020, eq. 4; the weight is gamma
    (2 in the paper). As in their code, y is divided by sqrt(H W) for images, a <- a + decay (mean - a) comes
    before it is used, and B / `shrink` new latents are drawn. Other than there, no gradient goes through a,
    and J is taken with respect to the latents z. The nets run with `train=False`: with the statistics of a
    batch, one example's J would include the others.

    Args:
      scorer: The calling convention of the discriminator.
      synthesis: context -> (fakes, context); None for `forward.generate`.
      decay: The weight of the new mean in the moving average, from 0 to 1.
      shrink: B is divided by it.
      **fields: The other fields of `Term`.

    Returns:
      The term.
    """
    run = synthesis or generate(scorer.field)

    def fn(context: Context, out: Any, state: PyTree) -> tuple[Array, PyTree]:
        if 'z' not in context.latents:
            raise errors.GaxError(
                'config.terms.path_length is of games with latents z, and this one makes its fakes from '
                f'{", ".join(context.latents)} alone'
            )
        latents = {name: x[::shrink] for name, x in context.latents.items()}
        z = jax.random.normal(context.rng('z'), latents['z'].shape)

        def synthesise(z: Array) -> Array:
            return run(context._replace(train=False, latents={**latents, 'z': z}))[0][scorer.field]

        shape = jax.eval_shape(synthesise, z).shape
        pixels = math.prod(shape[1:-1])
        y = jax.random.normal(context.rng('y'), shape) / jnp.sqrt(1.0 * pixels)
        lengths = path_lengths(synthesise, z, y)
        mean = state['mean'] + decay * (jax.lax.stop_gradient(jnp.mean(lengths)) - state['mean'])
        return jnp.mean(jnp.square(lengths - mean)), {'mean': mean}

    return Term(fn, init=lambda: {'mean': jnp.zeros(())}, **fields)


def feature_matching(scorer: Scorer = IMAGES, *, distance: str = 'l2', **fields: Any) -> Term:
    """|E f(x) - E f(G(z))|^2, where f are the features of the discriminator. For the generator.

    Salimans et al., "Improved Techniques for Training GANs", 2016, section 3.1, as a sum over features (their
    code takes the mean). Where the forward pass did not score the reals, they are scored here.

    Args:
      scorer: The calling convention of the discriminator.
      distance: 'l2'; or 'l1' or 'huber', as in terms.DISTANCES.
      **fields: The other fields of `Term`.

    Returns:
      The term. It raises GaxError where the discriminator returns no 'features' (see `registry.pair`, heads).

    Raises:
      GaxError: There is no such distance.
    """
    fn = errors.lookup('distance', distance, DISTANCES)

    def gap(context: Context, out: Mapping[str, Any]) -> Array:
        real = out['real_out'] if 'real_out' in out else scorer.apply(context, context.batch, 'real')
        means = [
            jax.tree.map(lambda x: jnp.mean(x, axis=0), _features(output))
            for output in (real, out['fake_out'])
        ]
        return trees.total(jax.tree.map(fn, means[0], means[1]))

    return stateless(gap, **fields)


def _features(output: Any) -> PyTree:
    if not isinstance(output, Mapping) or 'features' not in output:
        raise errors.GaxError(
            'config.terms.feature_matching needs a discriminator that returns its features, '
            'and this gan has none'
        )
    return output['features']


D_TERMS: dict[str, Callable[..., Term]] = {
    'lecam': lecam,
    'centering': centering,
    'cr': cr,
    'bcr': bcr,
    'orthogonal': lambda scorer, **fields: orthogonal((scorer.net,), **fields),
}
G_TERMS: dict[str, Callable[..., Term]] = {
    'path_length': path_length,
    'feature_matching': feature_matching,
    'orthogonal_g': orthogonal_g,
}
