"""The commands, one a module: gax-train is train.run, which experiments/train.py calls, too."""
