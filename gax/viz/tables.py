"""Pictures of tables: the distribution of each column, the association of each pair, reals beside fakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from gax.viz import associations, charts

NAMED = 16  # columns whose names are written along a heat map


def table(
    x: np.ndarray, columns: int, info: Mapping[str, Any], real: np.ndarray | None = None
) -> Image.Image:
    """The histograms of the columns, and below them what goes with what: reals, fakes, and the difference.

    Of reals alone (no rows in x) there is one heat map, and without reals none.

    Args:
      x: Float [N, columns], of which the first `charts.MOST` columns are shown.
      columns: The most histograms in a row.
      info: `columns`, their names; `categories`, the names of those that are categories.
      real: Float [M, columns]; None: none.
    """
    x = np.asarray(x, np.float64)[:, : charts.MOST]
    real = None if real is None else np.asarray(real, np.float64)[:, : charts.MOST]
    names = [str(name) for name in info.get('columns', ()) or range(x.shape[1])][: charts.MOST]
    drawn = histograms(x, columns, names, real)
    if real is None or len(names) < 2:
        return drawn
    categories = [name in info.get('categories', ()) for name in names]
    return stacked([drawn, pairs(x, real, names, categories)])


def histograms(
    x: np.ndarray, columns: int, names: Sequence[str], real: np.ndarray | None = None
) -> Image.Image:
    """The histogram of each column, with the reals behind in gray. The bins depend on the reals, if any."""
    _, canvas, axes = charts.panels(x.shape[1], columns)
    for i, place in enumerate(axes):
        behind = None if real is None else real[:, i]
        scale = x[:, i] if behind is None else behind
        bins = np.histogram_bin_edges(scale[np.isfinite(scale)], bins=30)
        if behind is not None:
            place.hist(behind, bins=bins, density=True, color='0.7', label='real')
        if len(x):
            values = x[:, i][np.isfinite(x[:, i])]
            weights = np.full(len(values), 1 / (len(x) * (bins[1] - bins[0])))
            place.hist(
                values, bins=bins, weights=weights, histtype='step', color='tab:green', label='generated'
            )
        place.set_title(names[i], fontsize='x-small')
        place.tick_params(labelsize='xx-small')
        if i == 0 and real is not None:
            place.legend(fontsize='xx-small')
    return charts.picture(canvas)


def pairs(x: np.ndarray, real: np.ndarray, names: Sequence[str], categories: Sequence[bool]) -> Image.Image:
    """Heat maps of `associations.matrix` of reals, of fakes, and of fakes less reals; of reals alone if x is
    empty.
    """
    maps = {'real': associations.matrix(real, categories)}
    if len(x):
        maps['generated'] = associations.matrix(x, categories)
        change = maps['generated'] - maps['real']
        size = np.abs(change[np.tril_indices(len(names), -1)])
        known = size[np.isfinite(size)]
        summary = f', mean size {known.mean():.3f}' if len(known) else ''
        maps[f'generated - real{summary}'] = change
    figure, canvas = charts.blank(3.4 * len(maps), 3.4)
    for i, (title, values) in enumerate(maps.items()):
        place = figure.add_subplot(1, len(maps), i + 1)
        shown = place.imshow(np.ma.masked_invalid(values), cmap='RdBu_r', vmin=-1, vmax=1)
        place.set_title(title, fontsize='small')
        marks = range(len(names)) if len(names) <= NAMED else ()
        place.set_xticks([*marks], [names[k] for k in marks], rotation=90, fontsize='xx-small')
        place.set_yticks([*marks] if i == 0 else [], [names[k] for k in marks] if i == 0 else [])
        place.tick_params(labelsize='xx-small')
    figure.colorbar(shown, ax=figure.axes, shrink=0.6).ax.tick_params(labelsize='xx-small')
    figure.suptitle(associations.MEASURES, fontsize='x-small')
    return charts.picture(canvas)


def stacked(parts: Sequence[Image.Image]) -> Image.Image:
    """Pictures one above another, from the left, on white."""
    whole = Image.new('RGB', (max(part.width for part in parts), sum(part.height for part in parts)), 'white')
    top = 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height
    return whole
