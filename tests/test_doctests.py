"""The examples in the docstrings of losses, penalties and metrics are right, and none of those lacks one."""

import doctest
import inspect
from importlib import import_module
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gax
from gax.core import forward
from gax.core.types import Context, Net
from gax.objectives import losses, penalties

METRICS = sorted(path.stem for path in (Path(gax.__file__).parent / 'evals' / 'metrics').glob('[!_]*.py'))
OBJECTIVES = ('losses', 'gradients', 'penalties', 'gamma', 'term_registry')
MODULES = [*(f'gax.objectives.{m}' for m in OBJECTIVES), *(f'gax.evals.metrics.{m}' for m in METRICS)]


def score(x):
    """A discriminator whose gradient is (3, 4) everywhere."""
    return 3 * x[:, 0] + 4 * x[:, 1]


def names():
    """What examples may use beside what is in their module."""
    net = Net(lambda key: ((), ()), lambda params, state, x, train, key: (score(x), state))
    reals, fakes = {'point': jnp.ones((2, 2))}, {'point': jnp.zeros((2, 2))}
    key, step = jax.random.key(0), jnp.zeros((), jnp.int32)
    context = Context({'d': net}, {'d': ()}, {'d': ()}, reals, {}, fakes, key, step)
    return {'score': score, 'scorer': forward.POINTS, 'context': context, 'np': np, 'jnp': jnp, 'jax': jax}


@pytest.mark.parametrize('name', MODULES)
def test_examples_are_right(name):
    module = import_module(name)
    for test in doctest.DocTestFinder(exclude_empty=True).find(
        module, name, extraglobs={**names(), **vars(module)}
    ):
        output = []
        failures, _ = doctest.DocTestRunner().run(test, out=output.append)
        assert not failures, ''.join(output)


def public_functions(name):
    module = import_module(name)
    for label, value in vars(module).items():
        if inspect.isfunction(inspect.unwrap(value)) and value.__module__ == name and label[0] != '_':
            yield label, value


# What reads configs and sets types has tests of its own.
APART = {'only', 'declared', 'from_config', 'for_generator', 'of_source', 'doubles', 'dtype'}
# And what trains judges, or reads encoded tables.
APART |= {'discriminative', 'predictive', 'usefulness', 'detection', 'classifiers', 'probabilities'}
APART |= {'features', 'moments', 'quality', 'quiet', 'closest', 'scales', 'written'}


@pytest.mark.parametrize('name', MODULES)
def test_every_function_has_an_example(name):
    without = [
        label
        for label, fn in public_functions(name)
        if '>>>' not in (fn.__doc__ or '') and label not in APART
    ]
    assert without == []


def test_every_loss_and_penalty_has_an_example():
    tables = {**losses.LOSSES, **penalties.PENALTIES}
    assert [name for name, fn in tables.items() if '>>>' not in fn.__doc__] == []
