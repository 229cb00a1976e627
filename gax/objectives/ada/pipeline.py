"""The presets of the pipeline, and how it is applied.

| # | transform | what an image gets, with probability p times the preset's multiplier |
|---|---|---|
| 1 | flip | left to right, half of the time |
| 2 | quarter_turn | 0, 90, 180 or 270 degrees |
| 3 | integer_shift | U[-1/8, 1/8) of each side, in whole pixels |
| 4 | scale | 2^N(0, 0.2^2) |
| 5 | rotation_before, rotation_after | U[-pi, pi), before and after 6; at least one with probability p |
| 6 | stretch | 2^N(0, 0.2^2) in x, the inverse in y |
| 7 | shift | N(0, 0.125^2) of each side |
| 8 | brightness | + N(0, 0.2^2) |
| 9 | contrast | times 2^N(0, 0.5^2) |
| 10 | luma_flip | the luma's sign, half of the time |
| 11 | hue | rotation about the luma axis, U[-pi, pi) |
| 12 | saturation | 2^N(0, 1) |
| 13-16 | band_0 to band_3 | the gain of a frequency band, 2^N(0, 1) |
| 17 | noise | standard deviation abs(N(0, 0.1^2)) |
| 18 | cutout | a rectangle of half of each side is 0 |
"""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp

from gax import errors
from gax.core.types import Array, Key
from gax.objectives.ada import bands, colors, geometry
from gax.objectives.ada.draws import TRANSFORMS, Draws, drawn
from gax.objectives.ada.resample import resampled

BLIT, GENERAL, COLOR = TRANSFORMS[:3], TRANSFORMS[3:8], TRANSFORMS[8:13]


def multipliers(*groups: tuple[str, ...], **others: float) -> dict[str, float]:
    """1.0 for the transforms of `groups`; `others` override and add."""
    return {**{name: 1.0 for group in groups for name in group}, **others}


# preset -> transform -> the multiplier of p. 'bgc' is what the paper recommends.
PRESETS: dict[str, dict[str, float]] = {
    'b': multipliers(BLIT),
    'bg': multipliers(BLIT, GENERAL),
    'bgc': multipliers(BLIT, GENERAL, COLOR),
    'bgcf': multipliers(BLIT, GENERAL, COLOR, bands.BANDS),
    'bgcfn': multipliers(BLIT, GENERAL, COLOR, bands.BANDS, noise=1.0),
    'bgcfnc': multipliers(BLIT, GENERAL, COLOR, bands.BANDS, noise=1.0, cutout=1.0),
    # Huang et al., "The GAN is dead; long live the GAN! A Modern Baseline GAN", 2024
    'r3gan': multipliers(BLIT, GENERAL, **dict.fromkeys(COLOR, 0.5), cutout=1.0),
}


def preset(name: str) -> dict[str, float]:
    """The multipliers of a preset.

    Raises:
      GaxError: There is no such preset.
    """
    return errors.lookup('preset of config.ada.pipeline', name, PRESETS)


def apply(weights: Mapping[str, float], key: Key, p: Array | float, x: Array) -> Array:
    """Applies each transform of `weights` to each image with probability p times its multiplier.

    Probabilities above 1 are 1, so p may exceed 1. The result is linear in the image, but for a constant.

    Args:
      weights: transform -> multiplier, see `PRESETS`.
      key: A PRNG key.
      p: A number, or a scalar that may be traced.
      x: Images, float [B, H, W, C], usually in [-1, 1]; C is 1 or 3 where colours change.

    Returns:
      Images, float [B, H, W, C].

    Raises:
      GaxError: Colours of images that have not 1 or 3 channels.
    """
    return transform(weights, drawn(key, x.shape[0], x.dtype), p, x)


def transform(weights: Mapping[str, float], draws: Draws, p: Array | float, x: Array) -> Array:
    """`apply` with given draws."""
    strength = jnp.asarray(p, x.dtype)
    chances = {name: weights[name] * strength for name in TRANSFORMS if name in weights}
    for name in ('rotation_before', 'rotation_after'):
        if name in chances:
            chances[name] = geometry.rotation_chance(chances[name])
    if chances.keys() & geometry.INVERSES:
        height, width = x.shape[1:3]
        x = resampled(x, geometry.inverse(draws, chances, (height, width)))
    if chances.keys() & {*COLOR}:
        x = colors.changed(draws, chances, x)
    if chances.keys() >= {*bands.BANDS}:
        x = bands.filtered(draws, chances, x)
    for name, change in (('noise', bands.noised), ('cutout', bands.cut_out)):
        x = change(draws, chances, x) if name in chances else x
    return x
