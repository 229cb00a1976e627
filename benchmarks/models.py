"""What is benchmarked: for each name a config of gax, and the module in peers/ that is the same model in
PyTorch.

Importing this file imports no framework; asking a model for its config does. `narrow` models have the paper's
layers with fewer channels, so that two CPU cores finish a step within a second; the paper's widths are for
accelerators.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]


class Model(NamedTuple):
    """config: () -> ConfigDict of gax. peer: the module of peers/, and given: the arguments of its `build`.

    target: the least ratio to PyTorch's best on a CPU that gax has set out to reach. images: whether it has
    convolutions, so that the order of memory matters.
    """

    config: Callable[[], Any]
    peer: str
    description: str
    target: float = 1.0
    given: Mapping[str, Any] = MappingProxyType({})
    images: bool = True
    warmup: int = 3


def config_file(name: str) -> Any:
    """The module configs/NAME.py, wherever one stands: a script's path begins with the script's own
    folder.
    """
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
    return importlib.import_module(f'configs.{name}')


def of_file(name: str) -> Callable[[], Any]:
    """configs/NAME.py."""
    return lambda: config_file(name).get_config()


def colour(gan: str, batch_size: int, **changes: Any) -> Callable[[], Any]:
    """`base(gan)` on 32x32 colour images, with fields changed: 'g__net__widths' is g.net.widths."""

    def config() -> Any:
        from gax.config import base, choices

        config = base(gan)
        config.data.name, config.batch_size = 'embedded:emoji', batch_size
        choices.set_all(config, {name.replace('__', '.'): value for name, value in changes.items()})
        return config

    return config


def dcgan64() -> Any:
    """Radford et al., 2016: 4x4 kernels as in PyTorch's example; no batch-norm in D."""
    from gax.config import optimizer

    config = colour(
        'dcgan', 64, data__image_size=64, g__net__kernel=4, d__net__kernel=4, d__net__dropout=0.0
    )()
    config.g.net.update(
        {'widths': (512, 256, 128, 64), 'strides': (2, 2, 2, 2), 'slope': 0.2, 'momentum': 0.9}
    )
    config.d.net.update({'widths': (64, 128, 256, 512), 'slope': 0.2})
    for player in (config.g, config.d):
        player.optimizer = optimizer('adam', 2e-4, b1=0.5)
    return config


def sngan(g: int, d: int) -> Callable[[], Any]:
    """Miyato et al., 2018, table 4: widths 256 in G, 128 in D."""
    return colour('sngan', 64, g__net__widths=(g,) * 4, d__net__widths=(d,) * 4)


def r3gan(width: int, batch_size: int) -> Callable[[], Any]:
    """Huang et al., 2024: widths 768, two blocks a stage, groups of 16; gamma 0.05 for both penalties."""
    return colour('r3gan', batch_size, g__net__widths=(width,) * 4, d__net__widths=(width,) * 4)


MODELS: dict[str, Model] = {
    'mlp2d': Model(of_file('mlp2d'), 'torch_mlp2d', '2-D MLP, 128-128', target=3.0, images=False, warmup=20),
    'vanilla_mnist': Model(
        of_file('vanilla_mnist'), 'torch_vanilla', 'MLP on digits', target=1.5, images=False, warmup=20
    ),
    'dcgan_mnist': Model(of_file('dcgan_mnist'), 'torch_dcgan', 'DCGAN-28'),
    'dcgan64': Model(dcgan64, 'torch_dcgan64', 'DCGAN-64, colour'),
    'wgan_gp_mnist': Model(of_file('wgan_gp_mnist'), 'torch_wgan_gp', 'WGAN-GP-28, five moves of D'),
    'sngan32_narrow': Model(
        sngan(64, 32),
        'torch_sngan',
        "SNGAN ResNet-32, five moves of D, a quarter of the paper's channels",
        given={'widths': (64, 32)},
    ),
    'r3gan32_narrow': Model(
        r3gan(48, 32),
        'torch_r3gan',
        "R3GAN-32, R1 and R2, a sixteenth of the paper's channels",
        given={'widths': (48, 48)},
    ),
    'sngan32': Model(sngan(256, 128), 'torch_sngan', 'SNGAN ResNet-32', given={'widths': (256, 128)}),
    'r3gan32': Model(r3gan(768, 64), 'torch_r3gan', 'R3GAN-32, R1 and R2', given={'widths': (768, 768)}),
}
ON_CPU = tuple(name for name in MODELS if name not in ('sngan32', 'r3gan32'))
ON_GPU = tuple(name for name in MODELS if not name.endswith('_narrow'))


def tiny(name: str) -> Any:
    """The config with its kinds of layers, and few of them: narrow, two stages of one block where it is
    residual, eight examples, at most two moves of D. Quick to compile.
    """
    config = MODELS[name].config()
    config.batch_size = 8
    config.d.updates = min(config.d.updates, 2)
    for player in (config.g, config.d):
        net = player.net
        stages = 2 if net.kind in ('sngan', 'r3gan') else None
        net.widths = tuple(min(width, 8) for width in net.widths[:stages])
        if net.kind == 'r3gan':
            net.update({'blocks': 1, 'group_size': 8})
    return config
