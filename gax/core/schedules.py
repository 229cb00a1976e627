"""Numbers of a config that change along training: 'cosine:0.05:0.005:20000kimg'.

A number that its declaration marks with `bounds.SCHEDULED` may be given as the text CURVE:START:END:LENGTH.
It goes from START to END along the curve while LENGTH passes, and then stays. A LENGTH is a whole number of
training steps (7000), a share of config.steps (0.5), or thousands of images (20000kimg): batch_size images
are counted for each step, however many batches its updates draw. At the step that is about to be made,
`step * batch_size` images have been counted. A recipe sees the number as a function of the step, traced in
the program, so that nothing is compiled again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors

# How far a number has come, 0 to 1, as a function of the share of the length that has passed, 0 to 1.
CURVES: dict[str, Callable[[Any], Any]] = {
    'cosine': lambda share: 0.5 * (1.0 - jnp.cos(jnp.pi * share)),
    'linear': lambda share: share,
}
EXAMPLE = 'cosine:0.05:0.005:20000kimg'


class Number(NamedTuple):
    """A number that changes along training.

    Attributes:
      curve: A name of CURVES.
      start, end: The first value and the last.
      length: Positive.
      unit: Of the length: 'steps', 'share' (of config.steps) or 'kimg'.
    """

    curve: str
    start: float
    end: float
    length: float
    unit: str

    def steps(self, batch_size: int, steps: int) -> float:
        """The length in training steps, not rounded.

        Args:
          batch_size: The images of a step.
          steps: The training steps of the run.
        """
        return self.length * {'steps': 1.0, 'share': steps, 'kimg': 1000.0 / batch_size}[self.unit]


def is_text(value: Any) -> bool:
    """Whether a value is meant as the text of a schedule: a text with a colon, right or wrong.

    >>> is_text('cosine:1:0:0.5'), is_text('cosin:1'), is_text('0.5'), is_text(0.5)
    (True, True, False, False)
    """
    return isinstance(value, str) and ':' in value


def parse(where: str, text: str) -> Number:
    """Reads the text of a schedule.

    Args:
      where: The field, for messages.
      text: CURVE:START:END:LENGTH.

    Raises:
      GaxError: The curve is unknown, or a part is missing or is no number.

    >>> parse('config.terms.r1.weight', 'cosine:0.05:0.005:20000kimg')
    Number(curve='cosine', start=0.05, end=0.005, length=20000.0, unit='kimg')
    >>> parse('config.terms.r1.weight', 'linear:1:0:0.5').unit
    'share'
    """
    curve, *parts = text.split(':')
    errors.lookup(f'schedule of {where}:', curve, CURVES)
    if len(parts) != 3:
        raise errors.GaxError(f'{where}={text!r} is not {curve}:START:END:LENGTH, e.g. {EXAMPLE}')
    length = parts[2].removesuffix('kimg')
    try:
        start, end, amount = float(parts[0]), float(parts[1]), float(length)
    except ValueError:
        raise errors.GaxError(
            f'{where}={text!r}: START and END are numbers, and LENGTH is a whole number of steps (7000), a '
            f'share of config.steps (0.5) or thousands of images (20000kimg), as in {EXAMPLE}'
        ) from None
    unit = 'kimg' if length != parts[2] else 'steps' if length.strip().isdecimal() else 'share'
    if not (all(map(math.isfinite, (start, end, amount))) and amount > 0):
        raise errors.GaxError(f'{where}={text!r}: START and END must be finite, and LENGTH positive')
    if unit == 'share' and amount > 1:
        raise errors.GaxError(
            f'{where}={text!r}: LENGTH={length} is neither a whole number of steps nor a share of '
            'config.steps up to 1.0; thousands of images are e.g. 20000kimg'
        )
    return Number(curve, start, end, amount, unit)


def along(curve: str, start: float, end: float, length: float) -> Callable[[Any], Any]:
    """The function of the training step: start at step 0, end from step `length` on.

    Args:
      curve: A name of CURVES. 'cosine' is a + (b - a) (1 - cos(pi t / T)) / 2, for t up to T.
      start, end: The values.
      length: Steps, positive.

    Returns:
      int32 () -> float32 ().

    >>> print(along('cosine', 2e-4, 5e-5, 20_000)(10_000))
    0.000125
    """

    def at(step: Any) -> Any:
        share = jnp.clip(jnp.asarray(step, jnp.float32) / length, 0.0, 1.0)
        return jnp.asarray(start + (end - start) * CURVES[curve](share), jnp.float32)

    return at


def at(number: Any, step: Any) -> Any:
    """The value of a number, or of a function of the step, at a training step.

    >>> at(0.5, 7), at(lambda step: 2 * step, 7)
    (0.5, 14)
    """
    return number(step) if callable(number) else number


def mapped(number: Any, fn: Callable[[Any], Any]) -> Any:
    """fn(number), for a function of the step as well.

    >>> mapped(3, lambda x: x + 1), mapped(lambda step: 2 * step, lambda x: x + 1)(7)
    (4, 15)
    """
    return (lambda step: fn(number(step))) if callable(number) else fn(number)


def resolved(config: Any) -> Any:
    """The config with functions of the training step in place of the texts of schedules.

    Args:
      config: The config of a run. Its numbers may be traced. A text that begins with a curve's name and a
        colon is a schedule.

    Returns:
      The config itself where it has none, or else a copy.

    Raises:
      GaxError: A schedule is wrong.
    """
    texts = dict(_texts(config))
    if not texts:
        return config
    copy = config.copy_and_resolve_references()
    for path, text in texts.items():
        number = parse(f'config.{path}', text)
        length = number.steps(config.batch_size, config.steps)
        *sections, name = path.split('.')
        holder = copy
        for section in sections:
            holder = holder[section]
        with holder.unlocked(), holder.ignore_type():
            holder[name] = along(number.curve, number.start, number.end, length)
    return copy


def _texts(config: Any, prefix: str = '') -> list[tuple[str, str]]:
    """(path, text) of every field that holds a schedule."""
    texts: list[tuple[str, str]] = []
    for name, value in config.items():
        if isinstance(value, (ConfigDict, Mapping)):
            texts += _texts(value, f'{prefix}{name}.')
        elif is_text(value) and value.partition(':')[0] in CURVES:
            texts.append((f'{prefix}{name}', value))
    return texts
