"""What devices tell each other in a step: read from the text of a compiled program."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

KINDS = ('all-reduce', 'all-gather', 'reduce-scatter', 'all-to-all', 'collective-permute')
# '%name = (f32[8,2]{1,0}, f32[]) all-reduce(...': asynchronous ones begin as all-reduce-start.
OPERATION = re.compile(rf'= (\(.*?\)|\S+) ({"|".join(KINDS)})(-start)?\(')
COPY = re.compile(r'= (\S+) copy\(')
ARRAY = re.compile(r'\b(pred|[a-z]+(\d+)\w*)\[([\d,]*)\]')


class Traffic(NamedTuple):
    """Of one step. count: collectives by kind. bytes: of what they return on one device, all together."""

    count: dict[str, int]
    bytes: int


def traffic(text: str) -> Traffic:
    """Of the program `text` (`compiled.as_text()`), whose loops count once."""
    operations = OPERATION.findall(text)
    count = {kind: sum(name == kind for _, name, _ in operations) for kind in KINDS}
    return Traffic(
        {kind: n for kind, n in count.items() if n}, sum(size_of(shape) for shape, _, _ in operations)
    )


def copied(text: str) -> int:
    """Bytes that the program's copy instructions write, loops counted once."""
    return sum(size_of(shape) for shape in COPY.findall(text))


def size_of(shapes: str) -> int:
    """Bytes of 'f32[8,2]{1,0}', or of a tuple of such."""
    return sum(
        math.prod(int(n) for n in dims.split(',') if n) * (1 if name == 'pred' else int(bits) // 8)
        for name, bits, dims in ARRAY.findall(shapes)
    )
