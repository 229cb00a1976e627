"""Runs the descent of a projection: compiled programs, a progress bar, the images along the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from gax.core.types import Array, Batch, Key, TrainState
from gax.sampling import project, project_distances, spaces
from gax.sampling.project import Carry, Descent, Space
from gax.viz.images import to_uint8

CALLS = 50  # calls of a projection without a film, between which the progress bar moves


class Problem(NamedTuple):
    """What is optimised, and against what.

    Attributes:
      space: The latents.
      targets: Float32 [N, H, W, C] in [-1, 1].
      arrays: (the train state, the arrays of the distance of features): arguments of the compiled programs.
      render: (the train state, free latents, held latents) -> images.
      measure: What is minimised.
      descent: The steps and the rate.
      key: The key of the noise.
    """

    space: Space
    targets: Array
    arrays: tuple[TrainState, Any]
    render: spaces.WithState
    measure: project_distances.Measure
    descent: Descent
    key: Key


def programs(problem: Problem) -> tuple[Callable[..., Carry], Callable[..., tuple[Array, Array]]]:
    """The two compiled programs: a number of steps, and the images of the latents with their distances."""
    space, targets, key = problem.space, problem.targets, problem.key

    def bound(arrays: Any) -> tuple[project.Render, project.Distance]:
        distance = problem.measure.total(arrays[1])
        return (lambda latents, held: problem.render(arrays[0], latents, held)), distance

    def advance(arrays: Any, carry: Carry, count: int) -> Carry:
        return project.advance(carry, space, targets, key, *bound(arrays), problem.descent, count)

    def look(arrays: Any, latents: Batch) -> tuple[Array, Array]:
        render, distance = bound(arrays)
        images = project.render_all(latents, space.held, render)
        return images, project.distances(images, targets, space.held, distance)

    return jax.jit(advance, static_argnums=2), jax.jit(look)


def optimised(
    problem: Problem, frames: int = 0
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray], list[np.ndarray]]:
    """Takes all steps, with a progress bar on a terminal, and brings the restarts in order, the nearest
    first.

    Args:
      problem: The problem.
      frames: At most how many images along the way are kept; 0: none.

    Returns:
      (images uint8 [N, R, H, W, C], distances [N, R], all latents by field, frames as the images).
    """
    from tqdm import tqdm

    advance, look = programs(problem)
    steps = problem.descent.steps
    carry, seen, done = project.begin(problem.space), [], 0
    each = max(1, -(-steps // (frames or CALLS)))
    with tqdm(total=steps, desc='projecting', unit='step', dynamic_ncols=True, disable=None) as bar:
        while done < steps:
            if frames:
                seen.append(to_uint8(jax.device_get(look(problem.arrays, carry.latents)[0])))
            count = min(each, steps - done)
            carry = jax.block_until_ready(advance(problem.arrays, carry, count))
            done += count
            bar.update(count)
    floats, distance = jax.device_get(look(problem.arrays, carry.latents))
    best = np.argsort(distance, axis=1, kind='stable')
    places = np.arange(len(best))[:, None], best
    latents = {name: np.asarray(x)[places] for name, x in {**carry.latents, **problem.space.held}.items()}
    return to_uint8(floats)[places], distance[places], latents, [frame[places] for frame in seen]
