"""Evaluation: one file per metric, each a function of samples."""
