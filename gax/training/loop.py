"""The host loop: calls the compiled step, and runs hooks on its carry at intervals.

It knows nothing of networks, data or files. The carry is one pytree on the device; `advance` runs some steps
on it; a `Hook` sees it after steps divisible by `every`. A hook may return work for later (mostly reading
numbers from the device). The loop does that work after it has dispatched the next steps, so that the device
never waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Carry = Any
Later = Callable[[], None]


class Hook(NamedTuple):
    """Something to do every so many steps.

    Attributes:
      every: The interval in steps.
      run: (step, carry) -> (carry, later work or None).
      barrier: Whether all later work is done before this hook runs: a checkpoint must not overtake its log
        line.
      at_end: Whether it also runs at the last step, whatever the interval.
      at_stop: Whether it also runs if the loop is stopped before the last step.
    """

    every: int
    run: Callable[[int, Carry], tuple[Carry, Later | None]]
    barrier: bool = False
    at_end: bool = False
    at_stop: bool = False


def run(
    carry: Carry,
    advance: Callable[[Carry, int, int], Carry],
    start: int,
    end: int,
    hooks: Sequence[Hook],
    stop: Callable[[], bool] = lambda: False,
    steps_per_call: Callable[[], int] = lambda: 1,
    progress: Callable[[int], None] = lambda step: None,
) -> tuple[Carry, int]:
    """Runs the steps `start` .. `end - 1`.

    Args:
      carry: The pytree that `advance` takes and returns.
      advance: (carry, step, count) -> carry: runs `count` steps, beginning at `step`. The result must not
        depend on how steps are grouped into calls.
      start: The first step.
      end: One more than the last step.
      hooks: The hooks, in the order in which they run.
      stop: Called before every call of `advance`; True ends the loop.
      steps_per_call: Called after `stop`: the steps of the next call. A call is shorter if a hook is
        scheduled before its end.
      progress: Called with the step after every call.

    Returns:
      (carry, the number of steps done in all).
    """
    step = start
    pending: list[Later] = []
    while step < end and not stop():
        next_hook = min([end, *(step + hook.every - step % hook.every for hook in hooks)])
        count = min(steps_per_call(), next_hook - step)
        carry = advance(carry, step, count)
        step += count
        progress(step)
        pending = _flush(pending)
        for hook in hooks:
            if step % hook.every == 0:
                carry, pending = _run_hook(hook, step, carry, pending)
    for hook in hooks if step > start else ():
        if step % hook.every and (hook.at_end if step >= end else hook.at_stop):
            carry, pending = _run_hook(hook, step, carry, pending)
    _flush(pending)
    return carry, step


def _run_hook(hook: Hook, step: int, carry: Carry, pending: list[Later]) -> tuple[Carry, list[Later]]:
    if hook.barrier:
        pending = _flush(pending)
    carry, later = hook.run(step, carry)
    return carry, [*pending, later] if later else pending


def _flush(pending: list[Later]) -> list[Later]:
    for work in pending:
        work()
    return []
