"""Feature extractors by name: what images are turned into before two sets of them are compared.

inception            InceptionV3 of FID; its weights are a file that everybody fetches for himself (with any
other file
                     nothing is called a FID: `frechet_inception`)
mnist                64 features and 10 classes of the classifier of digits that comes with gax, 28x28x1
emoji                224 features, of all its layers, and 10 classes of a classifier of emoji, 32x32x3
raw                  the pixels (0 to 1, row by row), or the numbers of an example of another kind: an honest
name for a poor measure
package.module:name  any function of uint8 images [B, H, W, C], or of other examples, -> features [B, D], or a dict of
                     'features' and perhaps 'probabilities' [B, K]; it is compiled, so it has to be pure JAX.
                     Modules are looked for in the current folder, too. function.classes = ('cat', 'dog'): the
                     classes that its probabilities are of
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
PIXELS = 4096  # of which a covariance takes 128 MiB
OF_A_FUNCTION = ('features', 'probabilities')
log = logging.getLogger('gax')


class Extractor(NamedTuple):
    """apply: (variables, images uint8 [B, H, W, C] or points float32 [B, D]) -> dict; pure.

    'features' float32 [B, D], and 'probabilities' float32 [B, K] where there is a classifier. checksum: 16
    hex digits of the SHA-256 of the weights, or of the file that defines a function. resizer: 'none' where
    images are taken as they are.
    batch: how many images one call takes. fid: whether it is the Inception of FID, with the published
        weights.
    classes: the names of the K classes; () where nobody named them.
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
        """What metrics on these features are called after, of a function its own name; '' where they have
        their own names.
        """
        return '' if self.fid else self.name.rpartition(':')[2]

    def shapes(self, shape: tuple[int, ...], dtype: Any) -> dict[str, Any]:
        """The shapes of what it makes of a batch of examples of `shape`.

        Raises GaxError where it cannot take them.
        """
        example = jax.ShapeDtypeStruct((self.batch, *shape), dtype)
        return jax.eval_shape(self.apply, self.variables, example)


def default(
    shape: tuple[int, ...], data: str, weights: str = '', metrics: Sequence[str] = (), kind: str = ''
) -> tuple[str, str]:
    """(the name of the extractor that suits the data best; why it is no better one, or '').

    Of points and of the embedded digits and emoji their own, else the Inception, if its weights are there, or
    metrics are asked for that nothing else has. Else a small classifier that comes with gax and takes such
    images, or their pixels where they are few; '' where there is none. Of other kinds the numbers themselves,
    where they are few; tokens have none. kind: of the examples; '': image or point, by their shape.
    """
    if kind == 'tokens' or (len(shape) not in (1, 3) and math.prod(shape) > PIXELS):
        return '', ''
    if len(shape) != 3:
        return 'raw', ''
    name = data.rpartition(':')[2]
    if data.startswith('embedded:') and name in classifier.SHIPPED:
        return name, ''
    named = weights or os.environ.get(inception_weights.VARIABLE) or set(metrics) & {'fid', 'kid', 'is'}
    try:
        inception_weights.find(weights)
    except errors.GaxError as error:
        if not named:
            return at_hand(shape, str(error))
    return 'inception', ''


def at_hand(shape: tuple[int, ...], missing: str) -> tuple[str, str]:
    """What `default` says where the weights of the Inception are not there; missing: how to get them."""
    fitting = [name for name, shipped in classifier.SHIPPED.items() if shipped.shape[2:] == shape[2:]]
    if fitting:
        what = f'features are `{fitting[0]}`, of a small classifier of other images that comes with gax'
    elif math.prod(shape) <= PIXELS:
        fitting, what = ['raw'], 'features are the pixels (`raw`)'
    else:
        fitting, what = [''], f'no features are at hand for {said(shape)}'
    return fitting[0], f'{what}: distances on them rank runs on this set, and are no FID. For FID: {missing}'


def make(name: str, shape: tuple[int, ...], resizer: str = '', weights: str = '') -> Extractor:
    """The extractor called `name` for examples of `shape`, (H, W, C) or (D,).

    resizer: of resize.RESIZERS; '' for the extractor's own. weights: the file of the Inception's; '' looks
    where it is kept. Raises GaxError, before anything is computed, for a name, a shape or weights that will
    not do.
    """
    if resizer:
        errors.lookup('resizer', resizer, resize.RESIZERS)
    if ':' in name:
        made = with_constants(imported(name, resizer), shape)
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
        made = table[name](shape, resizer, weights)
    if len(shape) != 3 and name != 'raw' and ':' not in name:
        raise errors.GaxError(
            f'the features {name} are of images, and the data are {said(shape)}; give --features=raw'
        )
    return made


def raw(shape: tuple[int, ...], resizer: str, weights: str) -> Extractor:
    return Extractor('raw', '', 'none', (), flat)


def flat(variables: Any, x: Array) -> dict[str, Array]:
    """Pixels as fractions, [B, H * W * C]; points as they are."""
    x = x.astype(jnp.float32) / 255.0 if x.dtype == jnp.uint8 else x
    return {'features': x.reshape(x.shape[0], -1)}


def shipped(name: str, shape: tuple[int, ...], resizer: str, weights: str) -> Extractor:
    """A classifier of gax: images of another size are resized ('clean' unless said otherwise), other
    channels refused.
    """
    wanted = classifier.SHIPPED[name].shape
    if shape[2:] != wanted[2:]:
        raise errors.GaxError(
            f'the features {name} are of {said(wanted)} images, and the data are {said(shape)}; '
            'give other --features, such as inception'
        )
    resizer = 'none' if shape == wanted else resizer or 'clean'

    def apply(variables: Any, images: Array) -> dict[str, Array]:
        x = images if resizer == 'none' else resize.RESIZERS[resizer](images, wanted[0])
        return classifier.see(variables, x)

    weighted = classifier.checksum(name), resizer, classifier.weights(name)
    return Extractor(name, *weighted, apply, classes=classifier.SHIPPED[name].names)


def inception(shape: tuple[int, ...], resizer: str, weights: str) -> Extractor:
    """The network of FID. Images are resized as TensorFlow 1 did, unless `resizer` says otherwise.

    Weights that are not known to be the published ones are warned of.
    """
    from gax.evals.features import inception as network

    found, resizer = inception_weights.load(weights), resizer or 'tf1'
    if not found.published:
        log.warning(
            '%s is not the published file (SHA-256 %s...), nor made of it by gax-convert-inception: results '
            'are called frechet_inception, kernel_inception and score_inception, not fid, kid and is',
            found.path,
            inception_weights.SHA256[:8],
        )

    def apply(variables: Any, images: Array) -> dict[str, Array]:
        out = network.extract(variables, images, resize.RESIZERS[resizer])
        return {name: out[name] for name in ('features', 'probabilities')}

    return Extractor(
        'inception', found.checksum, resizer, found.variables, apply, batch=64, fid=found.published
    )


def imported(name: str, resizer: str) -> Extractor:
    """'package.module:function' of whoever uses gax. It resizes by itself, if at all."""
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
        except Exception as error:  # a function of somebody's can raise anything
            reason = f'{type(error).__name__}: {errors.first_line(error)}'
            raise errors.GaxError(
                f'the features {name} cannot be compiled: the function must be pure JAX, of uint8 images '
                f'{said(images.shape)} ({reason})'
            ) from error
        shape = result['features'].shape if 'features' in result else ()
        if len(shape) != 2 or shape[0] != images.shape[0]:
            raise errors.GaxError(
                f'the features {name} must return [B, D] for {images.shape[0]} images, and returned {list(shape)}'
            )
        return result

    return Extractor(name, digest, 'none', (), apply, classes=tuple(getattr(function, 'classes', ())))


def with_constants(extractor: Extractor, shape: tuple[int, ...]) -> Extractor:
    """`extractor`, whose checksum is of the arrays as well that its function holds: weights may be in a file
    of any name."""
    try:
        example = jax.ShapeDtypeStruct((2, *shape), jnp.uint8)
        held = list(constants(jax.make_jaxpr(extractor.apply)(extractor.variables, example)))
    except Exception:  # whoever calls it is told what is wrong
        return extractor
    sha = hashlib.sha256(extractor.checksum.encode())
    for array in held:
        sha.update(np.ascontiguousarray(array))
    return extractor._replace(checksum=sha.hexdigest()[:16]) if held else extractor


def constants(closed: Any) -> Iterator[Any]:
    """The arrays of a program and of those within it, in their order."""
    yield from closed.consts
    for equation in closed.jaxpr.eqns:
        inside = jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda value: hasattr(value, 'consts')
        )
        for value in inside:
            if hasattr(value, 'consts'):
                yield from constants(value)


def said(shape: tuple[int, ...]) -> str:
    """'28x28x1'."""
    return 'x'.join(map(str, shape))
