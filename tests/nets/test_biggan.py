"""SAGAN, BigGAN and BigGAN-deep: parameter counts of published models, and what makes their layers theirs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import nets
from gax.core.spec import Field, Spec
from gax.errors import GaxError
from gax.gans import make
from gax.nets import biggan, biggan_deep, registry, sagan
from gax.nets.attention import SelfAttention
from gax.nets.biggan import LinearBatchNorm, chunked
from gax.config import base

KEY = jax.random.key(0)
UP = {128: (16, 16, 8, 4, 2, 1), 256: (16, 16, 8, 8, 4, 2, 1)}
DOWN = {128: (1, 2, 4, 8, 16, 16), 256: (1, 2, 4, 8, 8, 16, 16)}


def count(module, *inputs):
    """The number of parameters, from shapes alone."""
    params, _ = jax.eval_shape(nets.from_linen(module, *inputs).init, KEY)
    return sum(x.size for x in jax.tree.leaves(params))


def counts(family, size, latents, classes, g, d):
    labels = registry.labels(classes)
    generator = family.Generator((size, size, 3), num_classes=classes, **g)
    discriminator = family.Discriminator(num_classes=classes, **d)
    return (
        count(generator, registry.example(latents), *labels),
        count(discriminator, registry.example(size, size, 3), *labels),
    )


def large(size, ch, g_attention, d_attention, **fields):
    """The fields of G and D at 128x128 or 256x256."""
    g = {'widths': tuple(ch * n for n in UP[size]), 'attention': g_attention, **fields}
    d = {'widths': tuple(ch * n for n in DOWN[size]), 'attention': d_attention, 'downs': len(DOWN[size]) - 1}
    return g, d


def plain(g_widths, d_widths, downs, g_attention=(), d_attention=(), **fields):
    g = {'widths': g_widths, 'attention': g_attention, **fields}
    return g, {'widths': d_widths, 'attention': d_attention, 'downs': downs}


def widths(ch, *factors):
    return tuple(ch * n for n in factors)


# Totals that public training logs and unit tests print (StudioGAN, compare_gan), or that were counted on
# the authors' classes (BigGAN-PyTorch).
PUBLISHED = [
    (sagan, 128, 128, 1000, *large(128, 64, (4,), (1,)), 42_017_412, 39_448_258),
    (sagan, 128, 128, 1000, *large(128, 64, (), ()), 41_996_931, 39_443_137),
    (sagan, 32, 128, 10, {}, {}, 4_386_308, 1_075_586),
    (sagan, 32, 128, 10, {'attention': ()}, {'attention': ()}, 4_304_387, 1_055_105),
    (sagan, 32, 128, 10, *plain((256,) * 4, (256,) * 4, 2), 4_304_387, 4_207_361),
    (
        *(sagan, 64, 128, 200),
        *plain(widths(64, 16, 8, 4, 2, 1), widths(64, 1, 2, 4, 8, 16), 4, (3,), (1,)),
        *(13_387_396, 19_752_642),
    ),
    (
        *(sagan, 64, 128, 200),
        *plain(widths(64, 16, 8, 4, 2, 1), widths(64, 1, 2, 4, 8, 16), 4),
        *(13_366_915, 19_747_521),
    ),
    (biggan, 128, 120, 1000, *large(128, 96, (4,), (1,)), 70_433_988, 87_982_370),
    (biggan, 128, 120, 1000, *large(128, 64, (4,), (1,)), 31_978_628, 39_448_258),
    (biggan, 256, 140, 1000, *large(256, 96, (4,), (2,)), 82_235_844, 99_225_890),
    (biggan, 256, 140, 1000, *large(256, 96, (5,), (1,)), 82_097_604, 99_191_330),
    (biggan, 32, 80, 10, {}, {}, 9_416_196, 2_415_170),
    (biggan, 32, 80, 10, {}, {'widths': (384,) * 4, 'attention': (1, 2, 3, 4)}, 9_416_196, 10_194_053),
    (
        *(biggan, 64, 100, 200),
        *plain(widths(80, 16, 8, 4, 2, 1), widths(80, 1, 2, 4, 8, 16), 4, (3,), (1,)),
        *(17_335_204, 30_796_722),
    ),
    (
        *(biggan, 32, 16, 10),
        *plain((32,) * 4, (32,) * 4, 2, (2,), (1, 2, 3, 4), embedding=8),
        *(68_116, 72_293),
    ),
    (
        *(biggan, 64, 20, 10),
        *plain(widths(8, 16, 16, 8, 4, 2), widths(8, 1, 2, 4, 8, 16), 4, (3,), (1,), embedding=8),
        *(494_196, 307_690),
    ),
    (biggan_deep, 128, 128, 1000, *large(128, 128, (4,), (1,)), 50_244_484, 34_590_210),
    (biggan_deep, 256, 128, 1000, *large(256, 128, (4,), (2,)), 55_736_708, 38_247_426),
    (
        *(biggan_deep, 32, 16, 10),
        *plain((64,) * 4, (64,) * 4, 2, (2,), (1, 2, 3), embedding=16),
        *(124_548, 58_468),
    ),
]


@pytest.mark.parametrize(('family', 'size', 'latents', 'classes', 'g', 'd', 'of_g', 'of_d'), PUBLISHED)
def test_parameters_are_as_many_as_published(family, size, latents, classes, g, d, of_g, of_d):
    assert counts(family, size, latents, classes, g, d) == (of_g, of_d)
