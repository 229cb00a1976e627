"""Pictures of examples other than images: waveforms, lines, texts, histograms.

Nothing here uses a device.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

MOST = 32  # examples, or columns of a table, that a picture shows
LINES = 8  # columns of a series that are drawn, each in a different colour
LINE = 16  # pixels that a line of text takes
LETTERS = 160  # in a line of text


def blank(width: float, height: float) -> tuple[Any, Any]:
    """A figure of this width and height in inches, and its canvas."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout='constrained')
    return figure, FigureCanvasAgg(figure)


def picture(canvas: Any) -> Image.Image:
    """The contents of a canvas, RGB."""
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def panels(count: int, columns: int, height: float = 1.5) -> tuple[Any, Any, Iterable[Any]]:
    """A figure, its canvas, and `count` axes, row by row."""
    columns = max(1, min(columns, count, 4))
    rows = -(-count // columns)
    figure, canvas = blank(3.2 * columns, height * rows)
    return figure, canvas, [figure.add_subplot(rows, columns, i + 1) for i in range(count)]


def audio(x: np.ndarray, columns: int, info: Mapping[str, Any]) -> Image.Image:
    """float [N, samples, channels] in [-1, 1]: the waveform of each of the first MOST, over its spectrogram.

    Channels are averaged. The axes are seconds where the sample rate is known, else samples.
    """
    x = np.asarray(x, np.float32)[:MOST].mean(-1)
    rate = info.get('sample_rate') or 1
    _, canvas, axes = panels(2 * len(x), 2, height=1.2)
    width = min(256, x.shape[1])
    for i, (one, place) in enumerate(zip(np.repeat(x, 2, 0), axes, strict=True)):
        if i % 2 == 0:
            place.plot(np.arange(len(one)) / rate, one, linewidth=0.5)
            place.set(ylim=(-1.05, 1.05), xlim=(0, len(one) / rate))
        else:
            decibels = spectrogram(one, width)
            place.imshow(
                decibels,
                origin='lower',
                aspect='auto',
                extent=(0, len(one) / rate, 0, rate / 2),
                vmin=-80,
                vmax=0,
            )
        place.tick_params(labelsize='xx-small')
    return picture(canvas)


def spectrogram(x: np.ndarray, width: int) -> np.ndarray:
    """The power in decibels below the largest, [width // 2 + 1, windows].

    Args:
      x: float [samples].
      width: The length of the Hann windows, which overlap by half.
    """
    step = max(1, width // 2)
    starts = np.arange(0, max(1, len(x) - width + 1), step)
    windows = np.stack([x[start : start + width] for start in starts]) * np.hanning(width)
    power = np.abs(np.fft.rfft(windows, axis=1)).T ** 2
    return 10 * np.log10(np.maximum(power / max(float(power.max()), 1e-12), 1e-8))


def series(x: np.ndarray, columns: int, info: Mapping[str, Any]) -> Image.Image:
    """float [N, length, columns]: a panel for each of the first MOST examples.

    A panel has one line for each of the first LINES columns; all panels have one scale.
    """
    x = np.asarray(x, np.float32)[:MOST, :, :LINES]
    names = info.get('columns', ())[:LINES]
    _, canvas, axes = panels(len(x), columns)
    low, high = (float(edge) for edge in (x.min(initial=np.inf), x.max(initial=-np.inf)))
    room = 0.05 * (high - low) or 0.5
    for i, (one, place) in enumerate(zip(x, axes, strict=True)):
        place.plot(one, linewidth=0.9, label=[*names] if len(names) == one.shape[1] > 1 else None)
        if np.isfinite([low, high]).all():
            place.set_ylim(low - room, high + room)
        place.tick_params(labelsize='xx-small')
        if i == 0 and len(names) == one.shape[1] > 1:
            place.legend(fontsize='xx-small')
    return picture(canvas)


def tokens(x: np.ndarray, columns: int, info: Mapping[str, Any]) -> Image.Image:
    """int [N, length]: a line of text for each of the first MOST examples, cut at LETTERS letters."""
    lines = [text[:LETTERS] for text in texts(x[:MOST], info.get('vocabulary', ()))]
    font = ImageFont.load_default(LINE - 4)
    width = max([64, *(round(font.getlength(line)) + 8 for line in lines)])
    drawn = Image.new('RGB', (width, LINE * max(1, len(lines)) + 8), 'white')
    pen = ImageDraw.Draw(drawn)
    for i, line in enumerate(lines):
        pen.text((4, 4 + LINE * i), line, fill='black', font=font)
    return drawn


def texts(x: np.ndarray, vocabulary: Sequence[str]) -> list[str]:
    """Examples of tokens, int [N, length], as texts of one line each.

    Single-letter tokens are joined directly, longer ones with spaces. Without a vocabulary, tokens are their
    numbers. A number beyond the vocabulary is <number>.
    """
    between = '' if vocabulary and all(len(token) <= 1 for token in vocabulary) else ' '

    def text(token: int) -> str:
        """The text of one token."""
        if not vocabulary:
            return str(token)
        return vocabulary[token] if 0 <= token < len(vocabulary) else f'<{token}>'

    lines = [between.join(text(int(token)) for token in example) for example in np.asarray(x)]
    return [' '.join(line.splitlines()) if line.splitlines()[1:] else line.rstrip('\n') for line in lines]
