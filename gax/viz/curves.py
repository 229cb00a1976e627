"""Curves of a run's metrics against the step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gax import paths

# The panels of the curves, by the last name of a metric; other metrics are drawn last. 'adversarial' is left
# out: it is the loss without penalties.
PANELS: dict[str, tuple[str, ...]] = {
    'loss': ('loss',),
    'accuracy of D': ('accuracy',),
    'logits of D, mean and largest': ('logits_real', 'logits_fake', 'logits_max'),
    'diversity of fakes (1: as the data)': ('diversity',),
    'norm of the gradient': ('grad_norm',),
    'norms of parameters (dashed) and of their updates': ('update_norm', 'param_norm'),
}
LEFT_OUT = ('adversarial',)
# Evaluations, eval/NAME: shares, whose best value is about 1, are in one panel; every other number has its
# panel.
SHARES = ('precision', 'recall', 'density', 'coverage', 'accuracy', 'quality')
DASHED = ('logits_max', 'param_norm')


def panels(names: Iterable[str]) -> dict[str, list[str]]:
    """Title -> the metrics PLAYER/NAME in that panel, sorted.

    Empty panels, and metrics without a player, are left out.
    """
    by_title: dict[str, list[str]] = {title: [] for title in PANELS}
    title_of = {last: title for title, lasts in PANELS.items() for last in lasts}
    for name in sorted(name for name in names if '/' in name):
        last = name.rpartition('/')[2]
        if name.startswith('eval/'):
            if not last.endswith('_std'):
                shares = last.startswith(SHARES)
                by_title.setdefault('evaluation' if shares else f'evaluation: {last}', []).append(name)
        elif last not in LEFT_OUT:
            by_title.setdefault(title_of.get(last, 'terms and the rest'), []).append(name)
    return {title: inside for title, inside in by_title.items() if inside}


def curves(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Writes a picture of the metrics against the step, one panel for each kind; norms are logarithmic.

    Args:
      rows: Metrics by name, each row with its 'step'.
      out: The PNG to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kinds = panels({name for row in rows for name in row})
    lines = -(-len(kinds) // 2)
    width, height = 12.0, 3.0 * max(lines, 1)
    figure = Figure(figsize=(width, height), dpi=100)
    # Fixed margins in inches. Margins that fit the labels ('constrained') draw everything twice.
    figure.subplots_adjust(
        0.7 / width, 0.5 / height, 1 - 0.3 / width, 1 - 0.45 / height, wspace=0.15, hspace=0.33
    )
    FigureCanvasAgg(figure)
    for i, (title, names) in enumerate(kinds.items()):
        axes = figure.add_subplot(lines, 2, i + 1)
        players = sorted({name.rpartition('/')[0] for name in names})
        for k, name in enumerate(names):
            points = [(row['step'], row[name]) for row in rows if name in row]
            player, _, last = name.rpartition('/')
            # A colour a player where norms are compared, a colour a line elsewhere.
            color = f'C{(players.index(player) if "norm" in title else k) % 10}'
            style = '--' if last in DASHED else '-'
            axes.plot(*zip(*points, strict=True), style, color=color, label=name, linewidth=1.2)
        scale(axes, title, [row[name] for row in rows for name in names if name in row])
        axes.set_title(title, fontsize='medium', loc='left')
        axes.legend(loc='best', fontsize='small')
        axes.grid(alpha=0.3)
        axes.set_xlabel('step' if i >= len(kinds) - 2 else '')
    with paths.replacing(out) as temporary:
        figure.savefig(temporary, format='png')


def scale(axes: Any, title: str, values: Sequence[float]) -> None:
    """Sets the scale of an axis: norms are logarithmic (they may vanish or explode), fractions begin at 0."""
    if 'norm' in title:
        axes.set_yscale('log', nonpositive='mask')
    elif 'accuracy' in title or 'diversity' in title:
        axes.set_ylim(0.0, 1.05 * max(1.0, *values))
        axes.axhline(1.0 if 'diversity' in title else 0.5, color='0.5', linewidth=0.8)
