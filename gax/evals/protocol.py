"""What a result was measured with. Two results of different protocols are not compared: the fields that
differ are told.

A Frechet distance falls with the number of samples, changes with the resizer, and means nothing beside one on
other features (Parmar et al., "On Aliased Resizing and Surprising Subtleties in GAN Evaluation", 2022; Chong
and Forsyth, "Effectively Unbiased FID and Inception Score", 2020). So each result carries all of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gax import errors


@dataclass(frozen=True)
class Protocol:
    """features: the extractor's name, and the first 16 hex digits of the SHA-256 of its weights or source; ''
    for none.
    resizer: how images come to the extractor's size; 'none' where they are taken as they are.
    data, data_checksum, split: the reference, a digest of what is in it, and the part of it that was used.
    image: its shape as evaluated, '28x28x1' (of points: '2'). preprocessing: how its images came to that
        shape.
    real, fake: how many of each; metrics that hold examples take as many reals as fakes at most. seed: of the
        fakes' latents
    and of what metrics draw. version: of what metrics make of the same examples, and of how examples are
    chosen.
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

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def differ(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Field -> (its value in `a`, in `b`), of those that are not equal; None where there is no such field."""
    names = [*a, *(name for name in b if name not in a)]
    return {name: (a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name)}


def refuse_other(
    a: Mapping[str, Any], b: Mapping[str, Any], what_a: str = 'one', what_b: str = 'the other'
) -> None:
    """Raises GaxError, naming the fields that differ, unless results of the protocols `a` and `b` may be
    compared.
    """
    fields = differ(a, b)
    if fields:
        said = '; '.join(f'{name}: {one!r} and {other!r}' for name, (one, other) in fields.items())
        raise errors.GaxError(
            f'{what_a} and {what_b} were measured by different protocols and cannot be compared ({said}); '
            'evaluate both in the same way'
        )
