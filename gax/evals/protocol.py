"""The protocol of a result: what it was measured with. Results of different protocols are not compared.

A Frechet distance falls with the number of samples, changes with the resizer, and cannot be compared with one
on other features (Parmar et al., "On Aliased Resizing and Surprising Subtleties in GAN Evaluation", 2022;
Chong and Forsyth, "Effectively Unbiased FID and Inception Score", 2020). So each result carries all of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gax import errors


@dataclass(frozen=True)
class Protocol:
    """What a result was measured with.

    Attributes:
      features: The extractor's name; '' for none.
      checksum: The first 16 hex digits of the SHA-256 of its weights or source; '' for none.
      resizer: How images are resized for the extractor; 'none' if they are not.
      data: The name of the reference data.
      data_checksum: A digest of its content.
      split: The part of it that was used.
      image: The shape of the examples as evaluated, '28x28x1' (of points: '2').
      preprocessing: How the images got that shape.
      real: The number of real examples.
      fake: The number of fakes. Metrics that keep examples in memory use as many reals as fakes at most.
      seed: The seed of the fakes' latents and of random choices in metrics.
      version: The version of the metrics' definitions and of the choice of examples.
      pairs: How fakes that are made from images are compared with the targets of their examples; '' for other
        fakes.
      standing: The batches of standing statistics; 0: running averages of batch-norm.
    """

    features: str
    checksum: str
    resizer: str
    data: str
    data_checksum: str
    split: str
    image: str
    preprocessing: str
    real: int
    fake: int
    seed: int
    version: int = 2  # 1: examples by their places in the set
    pairs: str = ''
    standing: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, without `pairs` and `standing` where they are empty."""
        return {name: x for name, x in asdict(self).items() if x or name not in ('pairs', 'standing')}


def differ(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Field -> (its value in `a`, its value in `b`), for fields that differ; None for an absent field."""
    names = [*a, *(name for name in b if name not in a)]
    return {name: (a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name)}


def refuse_other(
    a: Mapping[str, Any], b: Mapping[str, Any], what_a: str = 'one', what_b: str = 'the other'
) -> None:
    """Checks that results of two protocols may be compared.

    Args:
      a: A protocol.
      b: The other protocol.
      what_a: What was measured by `a`, for the message.
      what_b: What was measured by `b`.

    Raises:
      GaxError: The protocols differ; the message names the fields.
    """
    fields = differ(a, b)
    if fields:
        differences = '; '.join(f'{name}: {one!r} and {other!r}' for name, (one, other) in fields.items())
        raise errors.GaxError(
            f'{what_a} and {what_b} were measured by different protocols and cannot be compared '
            f'({differences}); evaluate both in the same way'
        )
