"""gax: functional GAN experiments in JAX. Start at types.py (the records) and step.py (the update)."""

__version__ = '0.1.0'
