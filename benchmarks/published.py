"""Rows of published mode-coverage tables, as they stand in the papers. +- in PacGAN's table is the standard
error of 10 trials.

modes (None where the paper says that training fails), high-quality share (percent), reverse KL (nats); of
these two None where the paper does not say.
"""

from typing import NamedTuple


class Row(NamedTuple):
    source: str
    method: str
    modes: float | None
    quality: float | None
    kl: float | None


VEEGAN = 'VEEGAN, 2017, table 1'
PACGAN = 'PacGAN, 2018, table 1'
PACGAN_STACKED = 'PacGAN, 2018, table 2'
R3GAN = 'R3GAN, 2024, table 1'

RING = [
    Row(VEEGAN, 'GAN', 1, 99.3, None),
    Row(VEEGAN, 'ALI', 2.8, 0.13, None),
    Row(VEEGAN, 'unrolled GAN', 7.6, 35.6, None),
    Row(VEEGAN, 'VEEGAN', 8, 52.9, None),
    Row(PACGAN, 'GAN', 6.3, 98.2, 0.45),
    Row(PACGAN, 'ALI', 6.6, 97.6, 0.36),
    Row(PACGAN, 'PacGAN2', 7.9, 95.6, 0.07),
    Row(PACGAN, 'PacGAN4', 7.8, 95.9, 0.07),
]
GRID = [
    Row(VEEGAN, 'GAN', 3.3, 0.5, None),
    Row(VEEGAN, 'ALI', 15.8, 1.6, None),
    Row(VEEGAN, 'unrolled GAN', 23.6, 16, None),
    Row(VEEGAN, 'VEEGAN', 24.6, 40, None),
    Row(PACGAN, 'GAN', 17.3, 94.8, 0.70),
    Row(PACGAN, 'ALI', 24.1, 95.7, 0.14),
    Row(PACGAN, 'PacGAN2', 23.8, 91.3, 0.13),
    Row(PACGAN, 'PacGAN4', 24.8, 93.6, 0.04),
]
STACKED = [
    Row(VEEGAN, 'DCGAN', 99, None, 3.40),
    Row(VEEGAN, 'ALI', 16, None, 5.40),
    Row(VEEGAN, 'unrolled GAN', 48.7, None, 4.32),
    Row(VEEGAN, 'VEEGAN', 150, None, 2.95),
    Row(PACGAN_STACKED, 'PacDCGAN2', 1000, None, 0.06),
    Row(R3GAN, 'non-saturating + R1', None, None, None),
    Row(R3GAN, 'relativistic + R1', None, None, None),
    Row(R3GAN, 'non-saturating + R1 + R2', 693, None, 0.927),
    Row(R3GAN, 'relativistic + R1 + R2', 1000, None, 0.078),
]
TABLES = {'ring': RING, 'grid': GRID, 'stacked_mnist': STACKED}
