"""The host loop: call the compiled step, and let hooks look at what it carries at their own rhythm.

It knows nothing of networks, data or files. What is carried on the device is one pytree; `advance` runs some
steps on it; a `Hook` sees it after steps divisible by `every`. A hook may leave work for later (reading
numbers from the device, mostly), which the loop does after it has set the next steps going, so that the
device never waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Carry = Any
Later = Callable[[], None]


class Hook(NamedTuple):
    """run: (step, carry) -> (carry, later or None).

    barrier: every piece of later work is done before this hook runs (a checkpoint must not overtake its log
        line).
    at_end: also runs at the last step, whatever the rhythm. at_stop: also where the loop is told to stop
    before.
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
    """Steps `start` .. `end - 1`; returns (carry, the number of steps done in all).

    advance: (carry, step, count) -> carry, `count` steps from `step` on: steps_per_call() of them, or fewer
    where a hook falls due before. The result must not depend on how steps are put together. stop,
    steps_per_call: asked before every
    call, in this order. progress: told the step after every call.
    """
    step = start
    pending: list[Later] = []
    while step < end and not stop():
        due = min([end, *(step + hook.every - step % hook.every for hook in hooks)])
        count = min(steps_per_call(), due - step)
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
