"""A dry run: a config's fields, its networks layer by layer, operations, time and memory.

Only the data is allocated: networks are traced to their shapes, and the step is lowered but not compiled.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
from ml_collections import ConfigDict

from gax.config import fields
from gax.core import rng
from gax.core.types import Net, PyTree
from gax.objectives.gamma import suggested_gamma
from gax.training import experiment, profiler
from gax.training.experiment import Experiment

STEPS = 64  # operations are averaged over them: a term on every k-th step counts 1 / k
# The share of the peak rate of matrix products that a training step reaches: a rule of thumb, see
# benchmarks/README.md.
SHARE = {'cpu': 0.3}
SHARE_ELSEWHERE = 0.15


class Layer(NamedTuple):
    """A module of a network.

    Attributes:
      depth: Its depth in the network, 0 for the network itself.
      name: The module's name.
      kind: The module's class.
      parameters: The number of its parameters, without those of its submodules.
      outputs: The shapes of what it returns, the batch axis first.
    """

    depth: int
    name: str
    kind: str
    parameters: int
    outputs: list[tuple[int, ...]]


class Table(NamedTuple):
    """A network.

    Attributes:
      parameters: The number of all parameters.
      layers: The modules in the order of their calls; () for a network that is no Flax module.
    """

    parameters: int
    layers: tuple[Layer, ...]


class Summary(NamedTuple):
    """What a config would train.

    Attributes:
      config: The resolved config.
      nets: The networks by name.
      flops: Floating-point operations of a step.
      seconds: An estimate of the seconds of a step on this device.
      gamma: A weight of R1 by `suggested_gamma`; None for data that are no images.
      bytes: 'state' (parameters, optimizer states, averages), 'data' and 'frozen' (networks)
        on the device, and an estimate of 'activations'.
    """

    config: ConfigDict
    nets: dict[str, Table]
    flops: float
    seconds: float
    bytes: dict[str, int]
    gamma: float | None


def describe(config: ConfigDict) -> Summary:
    """Summarises a config without training.

    Raises:
      GaxError: A run would refuse the config.
    """
    built = experiment.build(config)
    trained = {name: net for name, net in built.game.nets.items() if name not in built.game.frozen}
    nets = {name: table(net) for name, net in trained.items()}
    counted = config.copy_and_resolve_references()
    if config.parallel != 'jit':  # jit lowers the program of all devices
        with counted.unlocked():
            counted.parallel = 'jit'
    flops = profiler.flops_of(built._replace(config=counted), STEPS)
    platform: str = built.mesh.devices.flat[0].platform
    rate = SHARE.get(platform, SHARE_ELSEWHERE) * profiler.peak_of(built)
    sizes = {
        'state': size_of(experiment.shapes(built).state),
        'data': size_of(built.arrays.data),
        'frozen': size_of(built.arrays.frozen),
        'activations': activations(built, nets),
    }
    spec, gamma = built.source.spec, None
    if spec.fields[spec.target].kind == 'image' and 'd' in built.game.players:
        height, width = spec.target_shape[:2]
        gamma = suggested_gamma(height, width, config.batch_size)
    return Summary(config, nets, flops, flops / rate, sizes, gamma)


def table(net: Net) -> Table:
    """The layers of a network, as its Flax modules are called during initialisation with two examples."""
    calls: list[dict[str, Any]] = []

    def watch(call: Any, inputs: Any, options: Any, context: nn.module.InterceptorContext) -> Any:
        if context.method_name != '__call__':
            return call(*inputs, **options)
        row: dict[str, Any] = {'path': context.module.path, 'kind': type(context.module).__name__}
        calls.append(row)
        out = call(*inputs, **options)
        row['outputs'] = [leaf.shape for leaf in jax.tree.leaves(out)]
        return out

    with nn.intercept_methods(watch):
        params, _ = jax.eval_shape(lambda: net.init(rng.key(0)))
    layers, member = [], -1
    for row in calls:
        member += not row['path']
        root = params.get(f'member_{member}', params) if isinstance(params, Mapping) else params
        part = inside(root, row['path'])
        parameters = sum(math.prod(leaf.shape) for leaf in part.values() if not isinstance(leaf, Mapping))
        name = row['path'][-1] if row['path'] else 'network'
        layers.append(Layer(len(row['path']), name, row['kind'], parameters, row['outputs']))
    return Table(sum(math.prod(x.shape) for x in jax.tree.leaves(params)), tuple(layers))


def inside(params: Any, path: tuple[str, ...]) -> Mapping[str, Any]:
    """The parameters of the module at `path`, with those of its submodules."""
    for name in path:
        params = params.get(name, {}) if isinstance(params, Mapping) else {}
    return params if isinstance(params, Mapping) else {}


def size_of(tree: PyTree) -> int:
    """The bytes of arrays, or of their shapes."""
    return sum(math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(tree) if hasattr(x, 'dtype'))


def activations(built: Experiment, nets: Mapping[str, Table]) -> int:
    """The bytes of the layers' outputs in one update of the discriminator.

    Counts one forward pass of each network, and two of those that score examples.
    """
    examples = built.config.batch_size // built.config.accumulate
    total = 0
    for name, net in nets.items():
        passes = 1 if name in built.game.generator else 2
        total += passes * sum(math.prod(shape[1:]) for layer in net.layers for shape in layer.outputs)
    return 4 * examples * total


def of(config: ConfigDict, as_json: bool = False) -> str:
    """The summary of a config as text, or with `as_json` as one JSON object."""
    return to_json(describe(config)) if as_json else as_text(describe(config))


def to_json(summary: Summary) -> str:
    """One JSON object: config, nets (name -> {'parameters': N}), flops, seconds, bytes, gamma."""
    nets = {name: {'parameters': net.parameters} for name, net in summary.nets.items()}
    content = {**summary._asdict(), 'config': summary.config.to_dict(), 'nets': nets}
    return json.dumps(content)


def as_text(summary: Summary) -> str:
    """The summary for people, one line a layer."""
    lines = [f'config.{path} = {value!r}' for path, value in fields.leaves(summary.config).items()]
    for name, net in summary.nets.items():
        lines += ['', f'{name}: {net.parameters:,} parameters']
        for layer in net.layers:
            shapes = ', '.join('x'.join(['B', *map(str, shape[1:])]) for shape in layer.outputs)
            label = '  ' * (layer.depth + 1) + (
                layer.name if layer.name == layer.kind else f'{layer.name} ({layer.kind})'
            )
            parameters = f'{layer.parameters:,}' if layer.parameters else ''
            lines.append(f'{label:<44} {parameters:>12}  {shapes}')
    mib = {name: f'{count / 2**20:.1f} MiB of {name}' for name, count in summary.bytes.items()}
    lines += [
        '',
        f'{summary.flops:.3g} floating-point operations a step, about {summary.seconds:.2g} s on this device',
        f'memory: {mib["state"]}, {mib["data"]}, about {mib["activations"]}',
    ]
    if summary.gamma is not None:
        lines.append(
            f'R1 (config.terms.r1.weight): {summary.gamma:.3g} by the heuristic of StyleGAN2-ADA, 2e-4 H W / '
            'batch_size, to begin a search with'
        )
    return '\n'.join(lines)
