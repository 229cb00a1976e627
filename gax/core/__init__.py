"""The algebra: the records (types.py), the update (step.py), and what stands on nothing else of gax."""
