"""Networks: one file for each family, and `from_linen`, which makes a `Net` of a Flax module."""

from gax.nets.linen import from_linen

__all__ = ['from_linen']
