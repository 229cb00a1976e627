"""Convolutions, written so that XLA is fast on every platform."""
