"""Images of your own: any folder or .npz, square or not, best at 28 to 128 pixels, with or without class
folders.

    python experiments/train.py --config=configs/images.py:PATH --workdir=runs/mine

PATH: a folder, an .npz, or any name that config.data.name may have; --config.data.name=folder:PATH says the
same. The networks, their widths, the batch, the steps and what is done to the images follow from the set
(`choices` below), and a run begins by saying what was chosen, why, and how long it may take. Every field may
be set beside: the others follow.

Measured on a machine of 2 CPU cores (Intel Xeon) with about fifteen other processes on them, JAX 0.10.2,
2026-11-28, one seed. `prepare.py --data=embedded:emoji --folder=emoji`, then
`--config=configs/images.py:emoji --config.steps=400`: 160 s of CPU time with compilation (14.6 minutes on
the clock there); `evaluate.py --num=1906 --features=emoji` gives frechet_emoji 28.6 (953 real images in the
fakes' place: 3.1), precision 0.95, recall 0.23: coloured shapes, flags that are rectangles, faces that are
yellow. configs/dcgan_emoji.py after as many steps, of 64 images and not 32: 219.5, in 164 s of CPU time, a
checkerboard. The same networks without classes, augmentation and crops after 400 steps of 64 images: 22.2,
recall 0.42, in 221 s. 433 pieces of photographs of 64x64 after 200 steps (317 s of CPU time, about half of
it compilation): frechet_emoji 40.1 (real: 6.5), swd 227 (29), each kind's colours without shapes. The emoji
at 48x64, the machine to itself, 200 steps: 129 s on the clock, 39 of them compilation; frechet_emoji 47.0
(real: 3.5), swd 67.8 (11.7): blots of colour in the middle. The steps that are chosen here for these sets,
17,900 and 4,100, have not been run, nor has it been measured what classes, augmentation and crops do each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict, FieldReference

from gax import data, errors, paths
from gax.config import base, choose, fields
from gax.data import decode, folder

HEADS = 2048  # image files whose sizes are looked at, evenly spaced
LARGEST = 128  # sides of a square beyond whose area images are made smaller,
MIDDLE = 64  # to the area of this one
LONGEST = 3  # times the shorter side: what is longer is cut off
FEW = 5000  # images below which D would soon know them by heart
GFLOPS = 60.0  # a second, on two CPU cores: 32 a second of CPU time were measured, at 64x64
ENOUGH = 50  # images of a class, on average, for networks that are told the class


class Look(NamedTuple):
    """What a set shows. mixed: its images have several sizes; height and width then are their typical ones.

    channels: 0 where all have as many, or those to give to all.
    """

    images: int
    height: int
    width: int
    classes: int
    mixed: bool = False
    channels: int = 0


class Op(NamedTuple):
    """An operation of a FieldReference."""

    fn: Callable[..., Any]
    args: tuple[Any, ...] = ()


def get_config(name: str = 'embedded:emoji') -> ConfigDict:
    config = base('sngan')
    config.data.name = named(name)
    config.data.flip = True
    config.d.updates = 1
    for player, rate in ((config.g, 5e-4), (config.d, 1e-3)):
        player.optimizer.learning_rate = rate
    config.about = ''
    choose(config, 'data', image_width=0, random_crop=0)
    for field, decide in choices(config).items():
        config.update_from_flattened_dict({field: later(fields.get(config, field), decide)})
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size, config.data.image_size, config.data.random_crop = 8, 16, 2
    config.g.net.widths, config.d.net.widths = (4, 4, 4), (4, 4)
    return config


def named(name: str) -> str:
    """What config.data.name is for the argument of a config: a name as it is, else the path of an .npz or of
    a folder.
    """
    if name.partition(':')[0] in data.KINDS:
        return name
    return f'{"npz" if name.endswith(".npz") else "folder"}:{name}'


def later(like: Any, decide: Callable[[], Any]) -> FieldReference:
    """A field that is `decide()`, of the config as it then is, until somebody sets it. like: a value of its
    type.
    """
    return FieldReference(like, op=Op(lambda _: decide()))


def choices(config: ConfigDict) -> dict[str, Callable[[], Any]]:
    """The fields that follow from the set and from the other fields."""
    return {
        'gan': lambda: 'projection' if told_classes(look_at(config)) else 'sngan',
        'data.image_size': lambda: size_of(look_at(config))[0],
        'data.image_width': lambda: width_for(look_at(config), config.data.image_size),
        'data.channels': lambda: look_at(config).channels,
        'data.random_crop': lambda: min(shape_of(config)) // 32,
        'augment': lambda: 'color,translation' if look_at(config).images < FEW else '',
        'batch_size': lambda: 32 if look_at(config).images < FEW else 64,
        'steps': lambda: steps_for(look_at(config).images, config.batch_size),
        'g.net.widths': lambda: widths(config)[::-1],
        'd.net.widths': lambda: widths(config),
        'd.net.downs': lambda: times(config),
        'about': lambda: about(config),
    }


def look_at(config: ConfigDict) -> Look:
    return look(config.data.name, config.data.get('dir', ''))


@cache
def look(name: str, where: str) -> Look:
    """What the set `name` shows without being read: its spec, and the heads of its files.

    Raises GaxError for points.
    """
    kind, _, path = name.partition(':')
    if kind == 'folder':
        return look_into(folder.find(paths.user(path)))
    plain = base('sngan')
    plain.data.name = name
    if where:
        choose(plain, 'data', dir=where)
    spec = data.load(plain, resident_up_to=0).spec
    if not spec.of_kind('image'):
        raise errors.GaxError(f'configs/images.py is for images, and {name} has none')
    height, width = spec.target_shape[:2]
    return Look(spec.size, height, width, spec.num_classes)


def look_into(files: folder.ImageFiles) -> Look:
    """The typical shape of a folder's images.

    Heads that cannot be read are left out, for the run will speak of them.
    """
    shapes, broken = [], None
    for index in np.linspace(0, len(files.paths) - 1, min(HEADS, len(files.paths))).astype(int):
        try:
            shapes.append(decode.shape(files.paths[index]))
        except decode.BadImage as error:
            broken = error
    if broken is not None and not shapes:
        raise broken
    heights, widths, channels = np.array(shapes).T
    several = max(channels) if len({*channels}) > 1 else 0
    mixed = len({*zip(heights, widths, strict=True)}) > 1
    short, aspect = np.median(np.minimum(heights, widths)), np.median(np.log(heights / widths))
    tall = math.exp(aspect) if min(heights / widths) >= 1 or max(heights / widths) <= 1 else 1.0
    height, width = short * max(1.0, tall), short * max(1.0, 1 / tall)
    classes = 0 if files.labels is None else len({*files.labels.tolist()})
    return Look(len(files.paths), round(height), round(width), classes, mixed, int(several))


def halvings(side: float) -> int:
    """How often a side is halved before it is below 8 pixels, where a network's image begins; at least
    once.
    """
    return max(1, int(math.log2(max(side, 8) / 4)))


def even(shape: tuple[int, int]) -> int:
    """How often both sides can be halved, up to `halvings` of the shorter one."""
    return max(n for n in range(halvings(min(shape)) + 1) if not any(side % 2**n for side in shape))


def times(config: ConfigDict) -> int:
    """How often the networks halve an image.

    Raises GaxError where somebody chose sides that cannot be halved at all.
    """
    height, width = shape = shape_of(config)
    if not even(shape):
        raise errors.GaxError(
            f'images of {height}x{width} (height x width) cannot be halved: have even sides, e.g. '
            f'--config.data.image_size={height + height % 2} --config.data.image_width={width + width % 2}'
        )
    return even(shape)


def fits(look: Look) -> bool:
    """Whether the images can be trained on as they are: of one size, neither too large nor too long, and
    halved enough.
    """
    shape = (look.height, look.width)
    usual = min(shape) >= 8 and max(shape) <= LONGEST * min(shape) and math.prod(shape) <= LARGEST**2
    most = halvings(min(shape))
    return not look.mixed and usual and even(shape) >= max(min(2, most), most - 1)


def size_of(look: Look) -> tuple[int, int]:
    """(data.image_size, the height; the width): the nearest sides that can be halved enough.

    (0, 0): images as they are.
    """
    if fits(look):
        return 0, 0
    area = look.height * look.width
    scale = MIDDLE / math.sqrt(area) if area > LARGEST**2 else 1.0
    scale = max(scale, 8 / min(look.height, look.width))
    short = scale * min(look.height, look.width)
    long = min(LONGEST * short, scale * max(look.height, look.width))
    unit = 2 ** halvings(short)
    sides = [unit * max(1, round(side / unit)) for side in (short, long)]
    return (sides[0], sides[1]) if look.height <= look.width else (sides[1], sides[0])


def width_for(look: Look, height: int) -> int:
    """data.image_width beside data.image_size, which somebody may have set: about the images' own aspect; 0:
    squares.
    """
    chosen = size_of(look)
    if not height or height == chosen[0]:
        return chosen[1] if height and chosen[0] != chosen[1] else 0
    wide = height * min(LONGEST, max(1 / LONGEST, look.width / look.height))
    unit = 2 ** halvings(min(height, wide))
    width = unit * max(1, round(wide / unit))
    return 0 if look.height == look.width or width == height else width


def shape_of(config: ConfigDict) -> tuple[int, int]:
    """Height and width of the images that the config trains on."""
    height, width = config.data.image_size, config.data.get('image_width', 0)
    if height:
        return height, width or height
    return look_at(config).height, look_at(config).width


def told_classes(look: Look) -> bool:
    """Whether the networks are told the class: where there are several, and enough images of each."""
    return look.classes > 1 and look.images >= ENOUGH * look.classes


def widths(config: ConfigDict) -> tuple[int, ...]:
    """Channels from the image to the small end: twice as many after each halving, up to four times as
    many.
    """
    first = width(look_at(config).images)
    return tuple(first * min(4, 2**n) for n in range(times(config) + 1))


def width(images: int) -> int:
    """Channels at the size of the image: what so many images can teach."""
    return 16 if images < FEW else 32 if images < 50_000 else 64


def steps_for(images: int, batch: int) -> int:
    """300 epochs, but at least 2,000 steps and at most 100,000, in round numbers."""
    return 100 * round(min(100_000, max(2_000, 300 * images / batch)) / 100)


def gflop(config: ConfigDict) -> float:
    """Multiplications and additions of one training step by a count of its convolutions, in 1e9; terms are
    left out.

    An image goes through G forward and backward (3 passes), and through D as a real and as a fake in each of
    D's moves (6), and forward and back to its pixels for G (2).
    """
    pixels, image = math.prod(shape_of(config)), look_at(config).channels or 3
    up, down = config.g.net.widths[::-1], (image, *config.d.net.widths)
    g = 9 * pixels * up[0] * image
    for n, (wide, before) in enumerate(pairwise(up)):
        g += pixels / 4**n * (4.25 * wide * before + 9 * wide * wide)
    d = 0.0
    for n, (before, wide) in enumerate(pairwise(down)):
        halved = n < config.d.net.downs
        side = pixels / 4 ** min(n, config.d.net.downs)
        d += side * (9 * before * wide + (4 if halved else 9) * wide * wide)
    moves = config.d.updates
    return 2e-9 * config.batch_size * ((2 + moves) * g + (6 * moves + 2) * d)


def about(config: ConfigDict) -> str:
    """What was chosen and why, a line each."""
    look, channels = (
        look_at(config),
        ('-'.join(map(str, player.net.widths)) for player in (config.g, config.d)),
    )
    repeats = config.steps * config.batch_size / max(1, look.images)
    few = f'{"fewer than" if look.images < FEW else "at least"} {FEW:,} images'
    return '\n'.join(
        [
            f'data: {look.images:,} images in {config.data.name}, {look.classes or "no"} classes',
            f'size: {size_said(config)}, halved {times(config)} times by the networks',
            'networks: {} with {} channels in G, {} in D, for {:,} images'.format(
                config.g.net.kind, *channels, look.images
            ),
            f'classes: {classes_said(look)}',
            f'images move by up to {config.data.random_crop} pixels as they are read'
            + ', and half are mirrored (not for writing: --config.data.flip=False)' * config.data.flip,
            f'D sees images through {config.augment or "nothing else"}, for there are {few}',
            f'steps: {config.steps:,} of {config.batch_size} images, so that each is read {repeats:.0f} times',
            f'time: {gflop(config) * config.steps / 1000:.3g} TFLOP, about '
            f'{minutes_said(gflop(config) * config.steps / GFLOPS / 60)} on two CPU cores of their own, beside some to compile; '
            '--config.steps makes it shorter',
        ]
    )


def size_said(config: ConfigDict) -> str:
    look, (height, width) = look_at(config), shape_of(config)
    if look.mixed:
        return f'{height}x{width} (height x width), from several sizes, typically {look.height}x{look.width}'
    if (height, width) == (look.height, look.width):
        return f'{height}x{width} (height x width), as the images are'
    return f'{height}x{width} (height x width), from {look.height}x{look.width}'


def classes_said(look: Look) -> str:
    if look.classes < 2:
        return 'none that the networks could be told'
    each = f'{look.images / look.classes:.0f} images each on average'
    return (
        f'told to the networks, {each}'
        if told_classes(look)
        else f'not told to the networks: {each}, not {ENOUGH}'
    )


def minutes_said(minutes: float) -> str:
    return f'{minutes / 60:.1f} hours' if minutes > 90 else f'{math.ceil(minutes)} min'
