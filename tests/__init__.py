"""Tests: one folder a package of gax."""
