"""The compiled programs of an experiment, and the function that advances a run with them."""

from __future__ import annotations

import functools
import itertools
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax.core import metrics as meter
from gax.core import updates
from gax.core.types import Game
from gax.distributed import sharding as parallel
from gax.training.experiment import Carry, Experiment, platform, row_shapes, traced_step
from gax.training.feed import feeder
from gax.training.pace import Pace

log = logging.getLogger('gax')

# Training steps per call if config.steps_per_call is 0. Measured on CPU: a tenth of the host's work, and XLA
# reuses memory between steps (benchmarks/README.md). Not yet measured elsewhere.
AUTOMATIC = {'cpu': 10}  # and 10 on others
ROOM = 2**25  # at most this many bytes of rows per call
LOOK_AHEAD = 64  # steps whose programs are compiled before the first one
ANY = 0  # number of steps
SLOW_LOOPS = (
    "one step a call: the networks hold XLA's own convolutions (as flax.linen.Conv makes), which are slow on "
    'CPU, and in a loop '
    'many times slower; gax.nets.layers.Conv, of the same parameters, is fast on CPU, in loops too'
)
Key = tuple[updates.Active, int]  # of a program: lazy terms and phase; number of steps, or ANY


class Maker(NamedTuple):
    """Builds programs.

    Attributes:
      program: (active, count) -> a program, see `program`.
      rows: n -> the shapes of the rows of n steps.
    """

    program: Callable[[updates.Active, int], Any]
    rows: Callable[[int], Any]


class Program(NamedTuple):
    """A compiled program.

    Attributes:
      run: The function, see `program`.
      length: How many steps a call takes, or ANY.
      room: For how many steps a call is given rows.
    """

    run: Callable[..., Carry]
    length: int
    room: int


def program(experiment: Experiment, active: updates.Active = updates.EVERY_TERM, count: int = 1) -> Any:
    """The compiled function that takes `count` steps with the same phase and the same lazy terms.

    Metrics are accumulated on the device. It is compiled as config.parallel says.

    Args:
      experiment: The experiment.
      active: The lazy terms and the phase.
      count: How many steps; with ANY each call takes the number as an argument.

    Returns:
      (carry, arrays, rows) -> carry, with `rows` a pytree of leaves [steps, rows, ...], see `feeder`. With
      ANY it is (carry, (arrays, number), rows) -> carry, with `number` at most as large as `steps`.
    """
    mode = parallel.PARALLEL[experiment.config.parallel]
    one = mode.step(traced_step(experiment, active))
    return mode.compile(functools.partial(stretch, one, count), experiment.mesh, 1)


def stretch(one: Callable[..., Any], count: int, carry: Carry, arrays: Any, rows: Any) -> Carry:
    """Takes `count` steps, see `program`.

    Args:
      one: The step, see `experiment.one_step`.
      count: How many steps, or ANY.
      carry: The carry.
      arrays: The arrays; with ANY (arrays, number).
      rows: Leaves [steps, rows, ...].

    Returns:
      The carry.
    """
    arrays, number = arrays if count == ANY else (arrays, count)

    def body(at: Any, carry: Carry) -> Carry:
        here = jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, at, keepdims=False), rows)
        state, metrics = one(carry.state, arrays, here)
        return Carry(state, meter.add(carry.meter, metrics, carry.state.step))

    # Even a loop of one step is a loop, in which XLA:CPU convolves slowly.
    return body(0, carry) if count == 1 else jax.lax.fori_loop(0, number, body, carry)


def plan_of(game: Game, step: int, count: int) -> list[tuple[updates.Active, int]]:
    """Splits steps into groups of successive steps that run the same program.

    Args:
      game: The game.
      step: The first step.
      count: How many steps.

    Returns:
      [(lazy terms and phase, how many steps)], in order.
    """
    groups = itertools.groupby(updates.active_at(game, at) for at in range(step, step + count))
    return [(active, len(list(same))) for active, same in groups]


def longest_call(experiment: Experiment) -> int:
    """The most steps of one compiled call.

    That is config.steps_per_call, or the default of the platform if it is 0; fewer if the rows of a step are
    large.
    """
    most = experiment.config.steps_per_call or AUTOMATIC.get(platform(experiment), 10)
    size = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(row_shapes(experiment)))
    return max(1, min(most, ROOM // max(1, size)))


def key_of(experiment: Experiment, active: updates.Active, count: int, most: int) -> Key:
    """The key of the program that takes `count` steps.

    It is the program of ANY number of steps. On accelerators, where a loop of unknown length asks the host at
    each step whether to continue, a call of full length has a program of fixed length.

    Args:
      experiment: The experiment.
      active: The lazy terms and the phase.
      count: How many steps, at most `most`.
      most: The longest call, see `longest_call`.

    Returns:
      (active, number of steps or ANY).
    """
    return active, most if most == 1 or (count == most and platform(experiment) != 'cpu') else ANY


def constants(experiment: Experiment, count: int, number: int) -> Any:
    """The second argument of a program, see `program`.

    Args:
      experiment: The experiment.
      count: How many steps the program takes, or ANY.
      number: How many steps this call takes.

    Returns:
      The arrays; with ANY (arrays, int32 number).
    """
    if count != ANY:
        return experiment.arrays
    steps: Any = np.int32(number)
    mesh = experiment.mesh
    if parallel.spans(mesh):
        steps = parallel.put(steps, parallel.replicated(mesh))
    return experiment.arrays, steps


def compiled(experiment: Experiment, maker: Maker, key: Key, most: int, carry: Any) -> Program:
    """Compiles a program. On CPU a loop over XLA's own convolutions becomes a program of a single step.

    Args:
      experiment: The experiment.
      maker: Builds the program.
      key: Which program.
      most: For how many steps it is given rows.
      carry: A carry, or its shapes.

    Returns:
      The program.
    """
    active, count = key
    jitted: Any = maker.program(active, count)
    bound = jitted.args if isinstance(jitted, functools.partial) else ()
    jitted = jitted.func if isinstance(jitted, functools.partial) else jitted
    lowers = hasattr(jitted, 'lower')  # a function without it compiles at its first call
    lowered = (jitted if lowers else jitted.alike).lower(
        *bound, carry, constants(experiment, count, 1), maker.rows(most)
    )
    loops = count != 1 or updates.scans(experiment.game, active)
    if loops and platform(experiment) == 'cpu' and 'stablehlo.convolution' in lowered.as_text():
        return compiled(experiment, maker, (active._replace(unroll=True), 1), 1, carry)
    return Program(functools.partial(lowered.compile(), *bound) if lowers else jitted, count, most)


def maker_of(experiment: Experiment) -> Maker:
    """What builds the programs of an experiment."""
    return Maker(functools.partial(program, experiment), functools.partial(row_shapes, experiment))


def compile_ahead(
    experiment: Experiment, like: Carry, start: int, end: int
) -> dict[Key, Callable[[], Program]]:
    """Starts to compile the programs of the next steps in other threads.

    Args:
      experiment: The experiment.
      like: The shapes of the carry.
      start: The first step.
      end: The step after the last one. Programs of at most LOOK_AHEAD steps are compiled.

    Returns:
      {key: a function that waits for the program and returns it}.
    """
    maker, most = maker_of(experiment), longest_call(experiment)
    plan = plan_of(experiment.game, start, min(end - start, LOOK_AHEAD))
    keys = {
        key_of(experiment, active, n, most): None for active, count in plan for n in {1, min(count, most)}
    }
    pool = ThreadPoolExecutor(2, 'gax-compile')
    ready: dict[Key, Callable[[], Program]] = {
        key: pool.submit(compiled, experiment, maker, key, most, like).result for key in keys
    }
    pool.shutdown(wait=False)
    return ready


def advancer(
    experiment: Experiment,
    programs: Mapping[Key, Callable[[], Program]] = MappingProxyType({}),
    rows: Callable[[int, int, int], Any] | None = None,
    pace: Pace | None = None,
    maker: Maker | None = None,
) -> Callable[[Carry, int, int], Carry]:
    """The function that advances a run, with one compiled program per phase and set of scheduled lazy terms.

    Args:
      experiment: The experiment.
      programs: See `compile_ahead`. All are awaited before the first step, as signals are handled between
        calls.
      rows: A `feeder`, if the caller wants to close it.
      pace: Registers every call, and limits how many are dispatched ahead of the device. This bounds the
        latency of signals and keeps the progress bar accurate.
      maker: Builds the programs; by default those of the experiment.

    Returns:
      (carry, step, count) -> carry after `count` steps. The carry is donated.
    """
    most = longest_call(experiment)
    rows, pace = rows or feeder(experiment), pace or Pace(most)
    maker = maker or maker_of(experiment)
    known: dict[Key, Program] = {}
    warnings: list[str] = []
    copy = jax.jit(jnp.copy)  # the next call donates the carry itself

    def get(key: Key, carry: Carry) -> Program:
        if not known:
            known.update({key: program() for key, program in programs.items()})
        if key not in known:
            known[key] = compiled(experiment, maker, key, most, carry)
        if known[key].length != key[1] and not warnings:
            warnings.append(SLOW_LOOPS)
            log.warning(SLOW_LOOPS)
        return known[key]

    def advance(carry: Carry, step: int, count: int) -> Carry:
        end = step + count
        while step < end:
            active, same = plan_of(experiment.game, step, min(end - step, most))[0]
            run, of, room = get(key_of(experiment, active, same, most), carry)
            same, began = min(same, room), time.perf_counter()
            carry = run(carry, constants(experiment, of, same), rows(step, same, room))
            pace.sent(began, copy(carry.state.step), same)
            step += same
        return carry

    return advance
