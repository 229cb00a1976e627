"""What networks, recipes, metrics and pictures need to know of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gax import errors

# What an example of a field is. Storage, flips, pictures, metrics and export are looked up by it.
KINDS = ('image', 'point', 'audio', 'video', 'tokens', 'series', 'table')


def plural(kind: str) -> str:
    """Several examples of a kind, for messages: 'images' of 'image', 'audio' of 'audio'."""
    return f'{kind}s' if kind in ('image', 'point', 'video', 'table') else kind


class Field(NamedTuple):
    """One array of a batch.

    Attributes:
      shape: The shape of an example, without the batch axis. image: (H, W, C), any number of channels; point:
        (D,); audio: (samples, channels); video: (frames, H, W, C); tokens: (length,); series: (length,
        columns); table: (columns,).
      kind: One of `KINDS`.
      dtype: The name of the dtype that a batch has: 'float32', in [-1, 1] for image, video and audio; 'int32'
        for tokens.
      info: What the kind needs as well: `sample_rate` (Hz) of audio, `vocabulary` (a tuple of the tokens'
        texts) of tokens, `columns` (a tuple of names) of series and tables. Strings, numbers, and tuples of
        them.
    """

    shape: tuple[int, ...]
    kind: str = 'image'
    dtype: str = 'float32'
    info: Mapping[str, Any] = {}


class Spec(NamedTuple):
    """The data set as recipes see it.

    Attributes:
      name: What `config.data.name` said.
      fields: The arrays of a batch by name, the label apart. The first one is the target: what a game of one
        generator makes.
      num_classes: The number of classes of the batch's 'label', int32 [B]; 0 where there are no labels.
      size: The number of examples; 0 for a source without end.
      classes: The names of the classes, in the order of their labels; empty where nobody named them.
    """

    name: str
    fields: Mapping[str, Field]
    num_classes: int = 0
    size: int = 0
    classes: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """The name of the first field."""
        return next(iter(self.fields))

    @property
    def target_shape(self) -> tuple[int, ...]:
        """The shape of an example of the first field."""
        return self.fields[self.target].shape

    def classes_if(self, conditional: bool) -> int:
        """The number of classes of a game that is conditional on labels, or 0 for one that is not.

        Raises:
          GaxError: It is conditional, and there are no labels.
        """
        if conditional and not self.num_classes:
            raise errors.GaxError(
                f'conditional=True needs labels, and {self.name} has none: --config.conditional=False'
            )
        return self.num_classes if conditional else 0

    def of_kind(self, *kinds: str) -> tuple[str, ...]:
        """The names of the fields of these kinds, in order."""
        return tuple(name for name, field in self.fields.items() if field.kind in kinds)
