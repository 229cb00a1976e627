"""Metrics: one file each, pure functions of features or images."""
