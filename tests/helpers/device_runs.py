"""A script for test_devices.py: trains one config on 1, 2, 4 and 8 simulated devices, and prints how far they
get apart.

    XLA_FLAGS=--xla_force_host_platform_device_count=8 python tests/helpers/device_runs.py mlp2d

One line of JSON: {'float64': {'2': d, '4': d, '8': d}, 'float64 by descent': {...}, 'float32 by descent':
{...}} with d the largest difference of any parameter or statistic from those of one device, relative to the
larger of 1 and its size.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

import jax
import numpy as np
import optax
from ml_collections import ConfigDict

from gax.distributed import sharding
from gax.training import experiment, programs

STEPS, DEVICES = 20, (1, 2, 4, 8)


def config_of(name: str) -> ConfigDict:
    """The config's test variant, with a batch that can be dealt out to eight."""
    config = import_module(f'configs.{name}').get_test_config()
    config.batch_size = -(-config.batch_size // DEVICES[-1]) * DEVICES[-1]
    return config


def run(config: ConfigDict, devices: int, double: bool, descent: bool) -> Any:
    """The state after STEPS steps, on the host.

    descent: not by the config's optimizers. Adam and RMSprop divide by the gradient's own size, and make a
    step of one that is zero but for rounding (a bias before a batch-norm). Bounded, for a WGAN's weights are
    clipped by its optimizer, and without that grow without end.
    """
    made = experiment.build(config, sharding.mesh(jax.devices()[:devices]))
    if descent:
        bounded = optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(1e-2))
        players = {n: p._replace(optimizer=bounded) for n, p in made.game.players.items()}
        made = made._replace(game=made.game._replace(players=players))
    fresh = jax.tree.map(np.array, jax.device_get(experiment.init(made)))
    if double:  # images are read as float32, and a convolution computes in the type of its input
        read = made.source.read
        made = made._replace(
            source=made.source._replace(read=lambda *given: jax.tree.map(wide, read(*given)))
        )
    fresh = jax.tree.map(wide, fresh) if double else fresh
    with jax.enable_x64(double):
        carry = jax.device_put(fresh, sharding.replicated(made.mesh))
        return jax.device_get(programs.advancer(made)(carry, 0, STEPS).state)


def wide(x: Any) -> Any:
    return x.astype(np.float64) if np.issubdtype(x.dtype, np.floating) else x


def apart(left: Any, right: Any) -> float:
    def of_leaf(a: np.ndarray, b: np.ndarray) -> float:
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        return float(np.max(np.abs(a - b) / np.maximum(1.0, np.abs(b)), initial=0.0))

    return max(jax.tree.leaves(jax.tree.map(of_leaf, left, right)))


def main(name: str) -> None:
    found: dict[str, dict[int, float]] = {}
    ways = {'float64': (True, False), 'float64 by descent': (True, True), 'float32 by descent': (False, True)}
    for way, (double, descent) in ways.items():
        states = {n: run(config_of(name), n, double, descent) for n in DEVICES}
        found[way] = {n: apart(states[n], states[1]) for n in DEVICES[1:]}
    print(json.dumps(found))


if __name__ == '__main__':
    main(sys.argv[1])
