"""Sweeps: many runs of one config that differ in some fields, in a grid or searched for, by any number of
workers.

A config file offers `sweep_NAME()`, a generator of alternatives, each {field: value}:

    def sweep_lr():
        for rate in (1e-4, 2e-4, 4e-4):
            yield {('g.optimizer.learning_rate', 'd.optimizer.learning_rate'): rate}

Fields in a tuple share the value. `--sweep=lr,NAME` runs the product of the alternatives of each. With
`--search` each NAME is one thing to choose among its alternatives; there an alternative may also hold a
Range:

    def sweep_r1():
        yield {'terms.r1.weight': Range(1e-3, 10.0, log=True)}

space.py: what is varied · plan.py: the runs · objective.py: what a run has measured · store.py: who does
    which run ·
subprocess_run.py: a run in a process of its own · worker.py: the loop · table.py, plots.py, page.py: what is
left to read.
"""

from gax.sweep.space import Range

__all__ = ['Range']
