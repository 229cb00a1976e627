"""The algebra: the records (types.py), the update (step.py), and modules that import nothing else of gax."""
