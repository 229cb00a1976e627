"""Pictures of every kind of data: there is one, something is in it, and it is the field's that is asked for."""

from types import SimpleNamespace

import numpy as np
import pytest

from gax.viz import charts, drawing, images
from tests.helpers.cases import with_slow

RNG = np.random.default_rng(0)
FAKES = {
    'image': RNG.uniform(-1, 1, (4, 8, 8, 3)),
    'video': RNG.uniform(-1, 1, (3, 5, 8, 8, 1)),
    'point': RNG.normal(size=(9, 2)),
    'audio': RNG.uniform(-1, 1, (2, 300, 1)),
    'series': RNG.normal(size=(3, 20, 2)),
    'tokens': RNG.integers(0, 5, (3, 10)),
    'table': RNG.normal(size=(50, 3)),
}


def spec_of(kind, name='x', **info):
    return SimpleNamespace(target=name, fields={name: SimpleNamespace(kind=kind, info=info)})


@pytest.mark.parametrize('kind', with_slow(FAKES, 0, 1, 4, 6))
def test_every_kind_has_a_picture(kind):
    pictures = [
        drawing.draw({kind: FAKES[kind]}, 2),
        drawing.draw({'label': np.zeros(3), 'x': FAKES[kind]}, 2, spec=spec_of(kind)),
    ]
    pixels = [np.asarray(picture.convert('RGB')) for picture in pictures]
    np.testing.assert_array_equal(*pixels)
    assert len(np.unique(pixels[0])) > 1
    other = drawing.draw({kind: FAKES[kind][::-1] * (0 if kind == 'tokens' else -1)}, 2)
    assert other.size != pictures[0].size or (np.asarray(other.convert('RGB')) != pixels[0]).any()
    drawing.draw_reals({kind: FAKES[kind]}, 2)


def test_frames_of_a_video_are_a_row():
    video = np.linspace(-1, 1, 2 * 3 * 4 * 4).reshape(2, 3, 4, 4, 1).astype(np.float32)
    picture = np.asarray(drawing.draw({'video': video}, 8))
    assert picture.shape == (2 * (2 * 5 + 1), 2 * (3 * 5 + 1))
    assert picture[2, 2] == images.to_uint8(video)[0, 0, 0, 0, 0]
    assert picture[2, 2 + 2 * 5] == images.to_uint8(video)[0, 1, 0, 0, 0]


def test_any_number_of_channels_can_be_seen():
    five = np.arange(5, dtype=np.uint8).reshape(1, 1, 1, 5) * 50
    assert images.shown(five).ravel().tolist() == [0, 50, 100, 150, 200]
    assert images.shown(five[..., :2]).shape == (1, 1, 2, 1)
    assert images.shown(five[..., :3]) is not None
    assert images.grid(five.repeat(2, 0), 1).size == (2 * 7, 2 * 5)


def test_transparent_pixels_lie_on_white():
    red = np.array([[[[200, 0, 0, 0], [200, 0, 0, 255], [200, 0, 0, 51]]]], np.uint8)
    assert images.shown(red)[0, 0].tolist() == [[255, 255, 255], [200, 0, 0], [244, 204, 204]]
    assert images.grid(red, 1).mode == 'RGB'


def test_texts_of_tokens():
    x = np.array([[0, 1, 1], [2, 9, 0]])
    assert charts.texts(x, ()) == ['0 1 1', '2 9 0']
    assert charts.texts(x, ('a', 'b', ' ')) == ['abb', ' <9>a']
    assert charts.texts(x, ('the', 'cat', '.')) == ['the cat cat', '. <9> the']


def test_a_table_is_drawn_over_its_reals():
    alone = drawing.draw({'table': FAKES['table']}, 3)
    over = drawing.draw({'table': FAKES['table']}, 3, {'table': FAKES['table'] + 1})
    top = np.asarray(over)[: alone.height, : alone.width]
    assert (np.asarray(alone) != top).any()
    assert over.height > alone.height, 'heat maps of pairs of columns are below'
