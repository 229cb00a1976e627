"""Sweeps: many runs of one config that differ in some fields, as a grid or a search.

Any number of workers share the runs. A config file offers `sweep_NAME()`, a generator of alternatives, each
{field: value}:

    def sweep_lr():
        for rate in (1e-4, 2e-4, 4e-4):
            yield {('g.optimizer.learning_rate', 'd.optimizer.learning_rate'): rate}

Fields in a tuple share the value. `--sweep=lr,NAME` runs the product of the alternatives of each. With
`--search`
each NAME is one choice among its alternatives; there an alternative may also hold a Range:

    def sweep_r1():
        yield {'terms.r1.weight': Range(1e-3, 10.0, log=True)}

space.py            what is varied
plan.py             the runs
objective.py        what a run has measured
store.py            which worker has which run
subprocess_run.py   a run in a separate process
worker.py           the loop of a worker
table.py, plots.py, page.py    the results
"""

from gax.sweep.space import Range

__all__ = ['Range']
