"""A run in a workdir: from a config to compiled programs, the loop, checkpoints and logs."""
