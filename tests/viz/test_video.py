"""Films: every frame, in order, at the speed that was asked for; and what is said without an encoder."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gax import errors
from gax.viz import video


def frames(mode: str = 'RGB', size: tuple[int, int] = (33, 17)) -> list[Image.Image]:
    """Ever brighter ones."""
    return [Image.new(mode, size, shade if mode == 'L' else (shade, 0, 0)) for shade in range(0, 250, 50)]


@pytest.mark.parametrize('mode', ['L', 'RGB'])
def test_gif(mode: str, tmp_path: Path) -> None:
    video.write(frames(mode), tmp_path / 'a.gif', fps=20)
    with Image.open(tmp_path / 'a.gif') as made:
        assert made.n_frames == 5
        assert made.info['duration'] == 50
        assert made.info['loop'] == 0
        for i in range(5):
            made.seek(i)
            assert made.convert('RGB').getpixel((5, 5))[0] == 50 * i
    assert [path.name for path in tmp_path.iterdir()] == ['a.gif']


def test_mp4(tmp_path: Path) -> None:
    """Sides made even; shades within what 4:2:0 and its limited range round away."""
    av = pytest.importorskip('av')
    video.write(frames(), tmp_path / 'a.mp4', fps=10)
    with av.open(str(tmp_path / 'a.mp4')) as made:
        stream = made.streams.video[0]
        assert stream.codec_context.name == 'h264'
        assert stream.codec_context.pix_fmt == 'yuv420p'
        assert float(stream.average_rate) == 10
        shown = [frame.to_ndarray(format='rgb24') for frame in made.decode(video=0)]
    assert [frame.shape for frame in shown] == [(18, 34, 3)] * 5
    assert np.abs(np.array([frame[..., 0].mean() for frame in shown]) - np.arange(0, 250, 50)).max() < 6
    assert [path.name for path in tmp_path.iterdir()] == ['a.mp4']


def test_the_last_row_and_column_are_repeated() -> None:
    pixels = np.arange(3 * 3 * 3, dtype=np.uint8).reshape(3, 3, 3)
    made = video.even(pixels)
    assert made.shape == (4, 4, 3)
    np.testing.assert_array_equal(made[3, :3], pixels[2])
    np.testing.assert_array_equal(made[:3, 3], pixels[:, 2])


def test_a_film_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    pytest.importorskip('av')
    odd = frames()
    odd[2] = None  # type: ignore[call-overload]
    with pytest.raises(AttributeError):
        video.write_mp4(odd, tmp_path / 'a.mp4', 10)
    assert list(tmp_path.iterdir()) == []


def test_without_an_encoder_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(errors.GaxError, match=r'pip install "gax\[video\]"; or write a \.gif'):
        video.encoder()
