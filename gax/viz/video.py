"""Videos of frames: a GIF, by Pillow, or an MP4, by PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gax import errors, paths
from gax.viz import images

KINDS = ('.gif', '.mp4')


def write(frames: Sequence[Image.Image], out: Path, fps: int) -> None:
    """Writes a video, atomically.

    The speed of a GIF is rounded to hundredths of a second a frame.

    Args:
      frames: Images of one size.
      out: A path that ends in .gif (loops for ever) or .mp4 (H.264).
      fps: Frames a second.

    Raises:
      GaxError: PyAV is not installed, for an MP4.
    """
    if out.suffix.lower() == '.gif':
        flat = [frame if frame.mode == 'L' else frame.convert('P', palette=PALETTE) for frame in frames]
        options = {'save_all': True, 'append_images': flat[1:], 'duration': round(100 / fps) * 10, 'loop': 0}
        images.save(flat[0], out, format='GIF', **options)
    else:
        write_mp4(frames, out, fps)


PALETTE = Image.Palette.ADAPTIVE


def encoder() -> Any:
    """PyAV, whose wheel contains FFmpeg's libraries.

    Raises:
      GaxError: It is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise errors.GaxError(
            'an .mp4 needs PyAV: pip install "gax[video]"; or write a .gif, which needs nothing'
        ) from error
    return av


def write_mp4(frames: Sequence[Image.Image], out: Path, fps: int) -> None:
    """Writes H.264 in yuv420p, which every browser and player shows.

    The format needs even sides: the last row or column is repeated where a side is odd.
    """
    av = encoder()
    with paths.replacing(out) as temporary, paths.plain(temporary.parent) as folder:
        place = str(folder / temporary.name)
        with av.open(place, 'w', format='mp4', options={'movflags': 'faststart'}) as container:
            stream = container.add_stream('libx264', rate=fps, options={'crf': '18', 'preset': 'slow'})
            stream.width, stream.height = (side + side % 2 for side in frames[0].size)
            stream.pix_fmt = 'yuv420p'
            for frame in frames:
                packets = stream.encode(av.VideoFrame.from_ndarray(even(np.asarray(frame.convert('RGB')))))
                container.mux(packets)
            container.mux(stream.encode())


def even(pixels: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3], padded to even H and W by repeating the lower and right edge."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode='edge')
