"""Feature extractors by name: the representations in which two sets of examples are compared.

inception            InceptionV3 of FID; the user downloads its weights. With other weights nothing is
                     called a FID: `frechet_inception`
mnist                64 features and 10 classes of the classifier of digits that comes with gax, 28x28x1
emoji                224 features, of all its layers, and 10 classes of a classifier of emoji, 32x32x3
raw                  the pixels (0 to 1, row by row), or the numbers of an example of another kind: a weak
                     measure, but a plain one
package.module:name  any function of uint8 images [B, H, W, C], or of other examples, -> features [B, D], or a
                     dict of 'features' and optionally 'probabilities' [B, K]. It is compiled, so it must be
                     pure JAX. Modules are looked up in the current folder as well. function.classes =
                     ('cat', 'dog'): the names of the K classes
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import logging
import math
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors
from gax.core import lookup
from gax.core.types import Array
from gax.evals.features import classifier, inception_weights, resize

BATCH = 256
PIXELS = 4096  # a covariance of as many takes 128 MiB
OF_A_FUNCTION = ('features', 'probabilities')
log = logging.getLogger('gax')


class Extractor(NamedTuple):
    """A feature extractor.

    Attributes:
      name: Its name, as `make` takes it.
      checksum: 16 hex digits of the SHA-256 of the weights, or of the file that defines a function.
      resizer: How images are resized; 'none' if they are not.
      variables: The first argument of `apply`.
      apply: (variables, images uint8 [B, H, W, C] or points float32 [B, D]) -> 'features' float32 [B, D] and,
        for a classifier, 'probabilities' float32 [B, K]. Pure.
      batch: The number of images in one call.
      fid: Whether it is the Inception of FID with the published weights.
      classes: The names of the K classes; () if they are unknown.
    """

    name: str
    checksum: str
    resizer: str
    variables: Any
    apply: Callable[[Any, Array], dict[str, Array]]
    batch: int = BATCH
    fid: bool = False
    classes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The suffix in the names of metrics on these features; '' for FID's, which have special names."""
        return '' if self.fid else self.name.rpartition(':')[2]

    def shapes(self, shape: tuple[int, ...], dtype: Any) -> dict[str, Any]:
        """The shapes of `apply`'s outputs for a batch of examples of `shape`.

        Raises:
          GaxError: It does not accept them.
        """
        example = jax.ShapeDtypeStruct((self.batch, *shape), dtype)
        return jax.eval_shape(self.apply, self.variables, example)


def default(
    shape: tuple[int, ...], data: str, weights: str = '', metrics: Sequence[str] = (), kind: str = ''
) -> tuple[str, str]:
    """The name of the extractor that suits the data best.

    `raw` for points, and the shipped classifiers for the embedded digits and emoji. For other images the
    Inception, if its weights are there or named, or metrics are requested that need it; else a shipped
    classifier that accepts such images; else `raw` for small ones. For other kinds `raw` for small examples;
    tokens have none.

    Args:
      shape: Of an example, (H, W, C), (D,), ...
      data: The name of the data.
      weights: The weight file of the Inception; '' looks in the usual places.
      metrics: The names of the metrics that are requested.
      kind: Of the examples, see `spec.KINDS`; '': image or point, by their shape.

    Returns:
      (the name, or '' if no extractor fits; why no better one is used, or '').
    """
    if kind == 'tokens' or (len(shape) not in (1, 3) and math.prod(shape) > PIXELS):
        return '', ''
    if len(shape) != 3:
        return 'raw', ''
    name = data.rpartition(':')[2]
    if data.startswith('embedded:') and name in classifier.SHIPPED:
        return name, ''
    wanted = weights or os.environ.get(inception_weights.VARIABLE) or set(metrics) & {'fid', 'kid', 'is'}
    try:
        inception_weights.find(weights)
    except errors.GaxError as error:
        if not wanted:
            return at_hand(shape, str(error))
    return 'inception', ''


def at_hand(shape: tuple[int, ...], missing: str) -> tuple[str, str]:
    """What `default` returns if the weights of the Inception are missing.

    Args:
      shape: Of an image.
      missing: How to get the weights.
    """
    fitting = [name for name, shipped in classifier.SHIPPED.items() if shipped.shape[2:] == shape[2:]]
    if fitting:
        what = f'features are `{fitting[0]}`, of a small classifier of other images that comes with gax'
    elif math.prod(shape) <= PIXELS:
        fitting, what = ['raw'], 'features are the pixels (`raw`)'
    else:
        fitting, what = [''], f'no features are at hand for {shape_text(shape)}'
    return fitting[0], f'{what}: distances on them rank runs on this set, and are no FID. For FID: {missing}'


def make(name: str, shape: tuple[int, ...], resizer: str = '', weights: str = '') -> Extractor:
    """The extractor called `name`.

    Args:
      name: Its name.
      shape: Of an example, (H, W, C) or (D,).
      resizer: One of resize.RESIZERS; '' for the extractor's default.
      weights: The weight file of the Inception; '' looks in the usual places.

    Raises:
      GaxError: The name is unknown, or shape, resizer or weights cannot be used. Nothing has been computed
        then.
    """
    if resizer:
        errors.lookup('resizer', resizer, resize.RESIZERS)
    if ':' in name:
        extractor = with_constants(imported(name, resizer), shape)
    else:
        table: dict[str, Callable[..., Extractor]] = {
            'inception': inception,
            'raw': raw,
            **{n: partial(shipped, n) for n in classifier.SHIPPED},
        }
        if name not in table:
            raise errors.GaxError(
                errors.choices('feature extractor', name, [*table, 'package.module:function'])
            )
        extractor = table[name](shape, resizer, weights)
    if len(shape) != 3 and name != 'raw' and ':' not in name:
        raise errors.GaxError(
            f'the features {name} are of images, and the data are {shape_text(shape)}; give --features=raw'
        )
    return extractor


def raw(shape: tuple[int, ...], resizer: str, weights: str) -> Extractor:
    """The pixels or points as features."""
    return Extractor('raw', '', 'none', (), flat)


def flat(variables: Any, x: Array) -> dict[str, Array]:
    """Pixels as fractions, [B, H * W * C]; points unchanged."""
    x = x.astype(jnp.float32) / 255.0 if x.dtype == jnp.uint8 else x
    return {'features': x.reshape(x.shape[0], -1)}


def shipped(name: str, shape: tuple[int, ...], resizer: str, weights: str) -> Extractor:
    """A shipped classifier; it resizes images of another size, by default with 'clean'.

    Raises:
      GaxError: The images have other channels.
    """
    wanted = classifier.SHIPPED[name].shape
    if shape[2:] != wanted[2:]:
        raise errors.GaxError(
            f'the features {name} are of {shape_text(wanted)} images, and the data are {shape_text(shape)}; '
            'give other --features, such as inception'
        )
    resizer = 'none' if shape == wanted else resizer or 'clean'

    def apply(variables: Any, images: Array) -> dict[str, Array]:
        x = images if resizer == 'none' else resize.RESIZERS[resizer](images, wanted[0])
        return classifier.see(variables, x)

    weighted = classifier.checksum(name), resizer, classifier.weights(name)
    return Extractor(name, *weighted, apply, classes=classifier.SHIPPED[name].names)


def inception(shape: tuple[int, ...], resizer: str, weights: str) -> Extractor:
    """The network of FID; by default it resizes images as TensorFlow 1 did.

    Weights that are not known to be the published ones cause a warning.
    """
    from gax.evals.features import inception as network

    loaded, resizer = inception_weights.load(weights), resizer or 'tf1'
    if not loaded.published:
        log.warning(
            '%s is not the published file (SHA-256 %s...), nor made of it by gax-convert-inception: results '
            'are called frechet_inception, kernel_inception and score_inception, not fid, kid and is',
            loaded.path,
            inception_weights.SHA256[:8],
        )

    def apply(variables: Any, images: Array) -> dict[str, Array]:
        out = network.extract(variables, images, resize.RESIZERS[resizer])
        return {name: out[name] for name in ('features', 'probabilities')}

    return Extractor(
        'inception', loaded.checksum, resizer, loaded.variables, apply, batch=64, fid=loaded.published
    )


def imported(name: str, resizer: str) -> Extractor:
    """A user's function 'package.module:function'. It resizes by itself, if at all.

    Raises:
      GaxError: It cannot be imported or is no function, or a resizer is given. `apply` raises for a function
        that cannot be compiled.
    """
    if resizer:
        raise errors.GaxError(f'--resizer={resizer}: the function {name} resizes by itself')
    function = lookup.load('features', name)
    if not callable(function):
        raise errors.GaxError(f'the features {name} are no function, but {type(function).__name__}')
    source = inspect.getsourcefile(inspect.unwrap(function)) if inspect.isroutine(function) else None
    source = source or importlib.import_module(name.partition(':')[0]).__file__
    digest = hashlib.sha256(Path(source).read_bytes()).hexdigest()[:16] if source else ''

    def apply(variables: Any, images: Array) -> dict[str, Array]:
        try:
            out = function(images)
            fields = out if isinstance(out, dict) else {'features': out}
            result = {key: jnp.asarray(fields[key], jnp.float32) for key in OF_A_FUNCTION if key in fields}
        except Exception as error:  # a user's function can raise anything
            reason = f'{type(error).__name__}: {errors.first_line(error)}'
            raise errors.GaxError(
                f'the features {name} cannot be compiled: the function must be pure JAX, of uint8 images '
                f'{shape_text(images.shape)} ({reason})'
            ) from error
        shape = result['features'].shape if 'features' in result else ()
        if len(shape) != 2 or shape[0] != images.shape[0]:
            raise errors.GaxError(
                f'the features {name} must return [B, D] for {images.shape[0]} images, and returned '
                f'{list(shape)}'
            )
        return result

    return Extractor(name, digest, 'none', (), apply, classes=tuple(getattr(function, 'classes', ())))


def with_constants(extractor: Extractor, shape: tuple[int, ...]) -> Extractor:
    """Adds the arrays that the function captures to the checksum: its weights may come from any file."""
    try:
        example = jax.ShapeDtypeStruct((2, *shape), jnp.uint8)
        captured = list(constants(jax.make_jaxpr(extractor.apply)(extractor.variables, example)))
    except Exception:  # calling it raises the error that explains what is wrong
        return extractor
    sha = hashlib.sha256(extractor.checksum.encode())
    for array in captured:
        sha.update(np.ascontiguousarray(array))
    return extractor._replace(checksum=sha.hexdigest()[:16]) if captured else extractor


def constants(closed: Any) -> Iterator[Any]:
    """The arrays of a jaxpr and of those inside it, in their order."""
    yield from closed.consts
    for equation in closed.jaxpr.eqns:
        inside = jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda value: hasattr(value, 'consts')
        )
        for value in inside:
            if hasattr(value, 'consts'):
                yield from constants(value)


def shape_text(shape: tuple[int, ...]) -> str:
    """'28x28x1'."""
    return 'x'.join(map(str, shape))
