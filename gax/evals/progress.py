"""A progress bar over chunks of samples."""

from __future__ import annotations

from collections.abc import Iterator

from gax.evals.collect import Chunk


def with_bar(chunks: Iterator[Chunk], what: str, total: int) -> Iterator[Chunk]:
    """The chunks, with a progress bar on a terminal.

    Args:
      chunks: The chunks.
      what: The label of the bar.
      total: The number of samples of all chunks.

    Yields:
      Each chunk.
    """
    from tqdm import tqdm

    with tqdm(total=total, desc=what, unit='sample', dynamic_ncols=True, disable=None, leave=False) as bar:
        for chunk in chunks:
            yield chunk
            bar.update(chunk.valid)
