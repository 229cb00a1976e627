"""What tests read off a traced program, without compiling it."""

import hashlib
from collections.abc import Iterator
from typing import Any

from jax.extend import core


def operations(jaxpr: core.Jaxpr) -> Iterator[str]:
    """Every operation in order, those of inner programs after the operation that holds them: its name, and the types
    and ranks of what it takes and returns. Sizes and numbers are left out.
    """
    for equation in jaxpr.eqns:
        ranks = [f'{v.aval.dtype}{len(v.aval.shape)}' for v in (*equation.invars, *equation.outvars)]
        yield f'{equation.primitive.name} {" ".join(ranks)}'
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else [value]:
                if isinstance(inner, core.ClosedJaxpr | core.Jaxpr):
                    yield from operations(getattr(inner, 'jaxpr', inner))


def fingerprint(closed: core.ClosedJaxpr, *beside: Any) -> str:
    """The same for two programs that differ in sizes and constants only; `beside` counts too, as text."""
    text = '\n'.join([*operations(closed.jaxpr), *map(str, beside)])
    return hashlib.sha256(text.encode()).hexdigest()


def origin(jaxpr: core.Jaxpr, variable: Any) -> Any:
    """The variable whose value `variable` has, bit for bit: keys are packed and unpacked on the way."""
    makers = {out: equation for equation in jaxpr.eqns for out in equation.outvars}
    while not isinstance(variable, core.Literal) and variable in makers:
        equation = makers[variable]
        if equation.primitive.name not in ('random_wrap', 'random_unwrap'):
            return variable
        variable = equation.invars[0]
    return variable
