"""Networks: one file per architecture family, and `from_linen`, the seam between Flax and the algebra."""

from gax.nets.linen import from_linen

__all__ = ['from_linen']
