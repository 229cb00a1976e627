"""Grids and rows of images by their pixels, and the frames of an animation."""

import numpy as np
from PIL import Image

from gax.training import progress
from gax.viz import images as pictures


def test_a_grid_has_every_image_in_its_cell():
    images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1) * 40 + np.zeros((6, 2, 3, 1), np.uint8)
    picture = np.asarray(pictures.grid(images, columns=4, scale=1, border=1))
    assert picture.shape == (2 * 3 + 1, 4 * 4 + 1)
    assert [picture[1, 1 + 4 * i] for i in range(4)] == [0, 40, 80, 120]
    assert [picture[4, 1 + 4 * i] for i in range(4)] == [160, 200, 64, 64]


def test_unit_range_to_bytes():
    values = np.array([-2.0, -1.0, 0.0, 1.0 / 127.5, 1.0, 3.0])
    assert pictures.to_uint8(values).tolist() == [0, 0, 128, 128, 255, 255]  # 127.5 is rounded to even


def test_an_animation_holds_every_frame_and_at_most_eighty(tmp_path):
    frames = []
    for i in range(100):
        frames.append(tmp_path / f'{i:03d}.png')
        Image.new('RGB', (8, 8), (2 * i, 0, 0)).save(frames[-1])
    pictures.animation(frames, tmp_path / 'out.gif')
    with Image.open(tmp_path / 'out.gif') as made:
        assert made.n_frames == 80
        assert made.convert('RGB').getpixel((0, 0)) == (0, 0, 0)
        made.seek(79)
        assert made.convert('RGB').getpixel((0, 0)) == (198, 0, 0)
        assert made.info['duration'] == 2000


def test_the_telling_numbers_come_in_order():
    row = {'d/accuracy': 0.5, 'd/diversity': 0.9, 'd/grad_norm': 1.0, 'd/loss': 2.0, 'g/loss': 3.0, 'step': 1}
    assert list(progress.telling(row)) == ['d/loss', 'g/loss', 'd/accuracy', 'd/diversity']


def test_rows_of_inputs_outputs_and_targets():
    """A smaller gray input is enlarged by repeating pixels; every example stays beside its own."""
    draw = np.random.default_rng(0)
    gray = draw.integers(0, 256, (3, 4, 4, 1), np.uint8)
    output, target = (draw.integers(0, 256, (3, 8, 8, 3), np.uint8) for _ in range(2))
    picture = np.asarray(pictures.rows([gray, output, target]))[::2, ::2]  # small pictures are doubled
    assert picture.shape == (3 * 9 + 1, 3 * 9 + 1, 3)
    for i in range(3):
        row = picture[i * 9 + 1 : i * 9 + 9]
        cells = [row[:, 1 + 9 * k : 9 + 9 * k] for k in range(3)]
        np.testing.assert_array_equal(
            cells[0], gray[i].repeat(2, axis=0).repeat(2, axis=1).repeat(3, axis=-1)
        )
        np.testing.assert_array_equal(cells[1], output[i])
        np.testing.assert_array_equal(cells[2], target[i])
    wide = np.asarray(pictures.rows([np.repeat(output, 20, axis=0)] * 2, most=30))
    assert wide.shape == (2 * (4 * 9 + 1), 2 * (16 * 9 + 1), 3)  # 8 blocks of 2, 30 examples in 4 lines
