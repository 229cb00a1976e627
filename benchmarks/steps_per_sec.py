"""Steps per second of a config: python benchmarks/steps_per_sec.py --config=configs/dcgan_mnist.py

Prints one JSON line: what compiling costs (trace, lower, compile apart), the median of steps/sec over windows
with its quartiles, and the FLOPs of a step, of all devices (`profile.flops_of`). Everything that training
does on the device is in it, metrics included; logging, sampling and saving are not. Any config field can be
set: --config.batch_size=128.
"""

import itertools
import json
import statistics
import time
from typing import Any

from absl import flags

from gax import cli
from gax.config import arguments

CONFIG = arguments.define_config()
STEPS = flags.DEFINE_integer('steps', 0, 'Steps per window; 0 chooses about a second.', lower_bound=0)
WINDOWS = flags.DEFINE_integer('windows', 7, 'Windows timed.', lower_bound=1)


class Stepper:
    """A compiled config ready to be timed: call it with a number of steps, get seconds."""

    def __init__(self, config: Any) -> None:
        from gax.training import experiment, profiler, programs

        self.experiment = experiment.build(config)
        self.count = programs.longest_call(self.experiment)
        self.carry = experiment.init(self.experiment)
        self.compile_seconds = self._compile()
        self.flops = profiler.flops_of(self.experiment, self.count)
        self.advance = programs.advancer(self.experiment)
        self.step = 0

    def _compile(self) -> dict[str, float]:
        """Seconds of each stage, of a program of one step."""
        from gax.core import updates
        from gax.training import feed, programs

        active = updates.active_at(self.experiment.game, 0)
        args = (self.carry, self.experiment.arrays, feed.indices(self.experiment, 0))
        times = [time.perf_counter()]
        traced = programs.program(self.experiment, active).trace(*args)
        times.append(time.perf_counter())
        lowered = traced.lower()
        times.append(time.perf_counter())
        lowered.compile()
        times.append(time.perf_counter())
        stages = [round(b - a, 3) for a, b in itertools.pairwise(times)]
        return dict(zip(('trace', 'lower', 'compile'), stages, strict=True))

    def __call__(self, num: int) -> float:
        """Seconds for at least `num` steps (whole calls), scaled to `num`."""
        import jax

        calls = -(-num // self.count)
        start = time.perf_counter()
        for _ in range(calls):
            self.carry = self.advance(self.carry, self.step, self.count)
            self.step += self.count
        jax.block_until_ready(self.carry)
        return (time.perf_counter() - start) * num / (calls * self.count)


def measure(config: Any, steps: int, windows: int) -> dict[str, Any]:
    import jax
    import jaxlib

    stepper = Stepper(config)
    stepper(5)
    steps = steps or max(stepper.count, round(5 / stepper(5)))
    speeds = sorted(steps / stepper(steps) for _ in range(windows))
    median = statistics.median(speeds)
    quartiles = statistics.quantiles(speeds, n=4) if windows > 1 else [median] * 3
    return {
        'gan': config.gan,
        'data': config.data.name,
        'batch_size': config.batch_size,
        'steps_per_call': stepper.count,
        'device': jax.devices()[0].device_kind,
        'devices': jax.device_count(),
        'versions': {'jax': jax.__version__, 'jaxlib': jaxlib.__version__},
        'seconds': stepper.compile_seconds,
        'steps_per_sec': round(median, 3),
        'steps_per_sec_spread': [round(quartiles[0], 3), round(quartiles[2], 3)],
        'images_per_sec': round(median * config.batch_size, 1),
        'flops_per_step': stepper.flops,
        'flop_per_sec': stepper.flops * median,
    }


def main(argv: list[str]) -> int:
    config = CONFIG.value
    print(
        json.dumps(
            {'config': flags.FLAGS['config'].config_filename, **measure(config, STEPS.value, WINDOWS.value)}
        )
    )
    return 0


if __name__ == '__main__':
    cli.run(main)
