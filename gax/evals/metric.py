"""The records of metrics: what is known of a set of examples, and what a metric makes of two sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gax.core.spec import KINDS
from gax.evals.metrics import fid

LOWER, HIGHER = 'lower', 'higher'
# Fields of Samples that only fakes have that were made from images.
PAIRED = ('targets', 'inputs', 'masks', 'cycles')


class Samples(NamedTuple):
    """Statistics of a set of examples; a field is None if no metric needs it.

    Attributes:
      num: The number of examples that are held.
      moments: The moments of the features, possibly of more examples than are held.
      features: float32 [N, D].
      probabilities: float32 [N, K].
      x: The examples as they are evaluated (collect.EVALUATED), [N, ...].
      labels: int32 [N]: the classes of reals; the classes that fakes were generated for. None without
        classes.
      data: The name of the reals.
      info: Of fakes: `Field.info` of the field that is evaluated.
      targets: Of fakes made from images: the true images of the same examples, [N, ...] like `x`.
      inputs: The images that the fakes were made from, as they are evaluated, [N, ...].
      masks: uint8 [N, H, W, 1], 1 in the holes of the inputs.
      cycles: [N, 3, ...] like `inputs`: the inputs translated there and back, with nothing between the two,
        with rounding to 8 bits, and with JPEG.
    """

    num: int
    moments: fid.Moments | None = None
    features: Any = None
    probabilities: Any = None
    x: Any = None
    labels: Any = None
    data: str = ''
    info: Mapping[str, Any] = {}
    targets: Any = None
    inputs: Any = None
    masks: Any = None
    cycles: Any = None


class Metric(NamedTuple):
    """A metric of two sets of samples.

    Attributes:
      needs: The fields of Samples that it reads. With one of PAIRED it is a paired metric: it compares fake i
        with the target of example i, gets the fakes in the order in which they were made, and no reals.
      gives: Number -> LOWER or HIGHER, whichever is better; '' if neither is.
      measure: (real, fake, seed) -> name -> number.
      least: The least numbers of reals and of fakes.
      by_features: Whether the names of its numbers carry the extractor's.
      side: The side of the smallest images that it takes.
      kinds: The kinds of examples that it takes.
      channels: The numbers of channels of images that it takes; () for any.
      info: What the info of their field must have.
      packages: The packages that it needs, of the extra `tables`.
    """

    needs: tuple[str, ...]
    gives: Mapping[str, str]
    measure: Callable[[Samples, Samples, int], Mapping[str, float]]
    least: tuple[int, int] = (1, 1)
    by_features: bool = True
    side: int = 1
    kinds: tuple[str, ...] = KINDS
    channels: tuple[int, ...] = ()
    info: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    @property
    def paired(self) -> bool:
        """Whether fakes are compared with the targets of their own examples."""
        return bool(set(self.needs) & set(PAIRED))
