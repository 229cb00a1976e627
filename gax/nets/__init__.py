"""Networks: one file per architecture family, and `lift`, the seam between Flax and the algebra."""

from gax.nets.linen import lift

__all__ = ['lift']
