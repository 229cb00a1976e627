"""Curves: what is drawn where, and what long, odd and missing numbers become."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from gax.report import curves, drawing, runs
from gax.report.drawing import Axis, Line, Panel
from tests.helpers import workdirs


def test_a_long_curve_keeps_its_spikes() -> None:
    points = [(float(i), math.sin(i / 50)) for i in range(10_000)]
    points[5000], points[7001] = (5000.0, 9.0), (7001.0, -9.0)
    thin = drawing.thin(points)
    assert len(thin) <= 2 * drawing.MOST
    assert (5000.0, 9.0) in thin
    assert (7001.0, -9.0) in thin
    assert thin == sorted(thin)
    assert set(thin) <= set(points)
    assert drawing.thin(points[:300]) == points[:300]


@pytest.mark.parametrize(
    ('low', 'high', 'expected'),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 1200, [0, 500, 1000]),
        (-0.31, 0.29, [-0.2, 0, 0.2]),
        (7, 7.1, None),
    ],
)
def test_ticks_are_round_numbers_within(low: float, high: float, expected: list[float] | None) -> None:
    ticks = Axis(low, high, 0, 1).ticks()
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)
    assert 2 <= len(ticks) <= 7
    if expected:
        assert ticks == pytest.approx(expected)


def test_ticks_of_logarithms_are_powers_of_ten() -> None:
    assert Axis(-3.2, 1.5, 0, 1, log=True).ticks() == pytest.approx([0.001, 0.01, 0.1, 1, 10])
    assert len(Axis(-30, 30, 0, 1, log=True).ticks()) <= 7
    assert len(Axis(0.1, 0.9, 0, 1, log=True).ticks()) == 2


def test_places_on_the_axes() -> None:
    axis = Axis(0, 10, 100, 200)
    assert [axis(0), axis(5), axis(10)] == [100, 150, 200]
    log = Axis(0, 2, 200, 100, log=True)
    assert [log(1), log(10), log(100)] == pytest.approx([200, 150, 100])


@pytest.mark.parametrize('values', [[3.0], [0.0], [-2.0, -2.0], [1e-30], [1e30]])
def test_constant_values_have_an_axis(values: list[float]) -> None:
    axis = drawing.axis_of(values, 200, 10)
    assert all(10 < axis(value) < 200 for value in values)
    assert axis.ticks()


def test_a_drawing_has_its_points_in_their_places() -> None:
    """Steps 0 to 100 take the whole width; the highest value lies above the lowest, and both within the
    frame.
    """
    made = drawing.svg(Panel('d/loss', [Line(0, [(0.0, 1.0), (50.0, 3.0), (100.0, 2.0)])]), 100.0)
    points = re.search(r'<polyline points="([^"]*)"', made)
    assert points
    places = [tuple(map(float, pair.split(','))) for pair in points[1].split()]
    width = drawing.WIDTH - drawing.RIGHT
    assert [x for x, _ in places] == pytest.approx([drawing.LEFT, (drawing.LEFT + width) / 2, width], abs=0.1)
    (_, first), (_, second), (_, third) = places
    assert drawing.TOP <= second < third < first <= drawing.HEIGHT - drawing.BOTTOM
    assert (first - third) == pytest.approx(third - second, abs=0.2)


def test_what_is_not_finite_or_not_positive_is_left_out() -> None:
    assert curves.finite([(1, 2), (2, math.nan), (3, math.inf), (4, None), (5, -1)]) == [(1, 2), (5, -1)]
    made = drawing.svg(Panel('d/grad_norm', [Line(0, [(1.0, 0.0), (2.0, 1e-3), (3.0, 1e3)])], log=True), 3.0)
    assert 'nan' not in made
    assert len(re.findall('<circle', made)) == 2


def test_numbers_are_short() -> None:
    said = [drawing.short(x) for x in (0, 0.5, -2, 1200, 25_000, 1e6, 3e9, 1e-5, 1e20, 0.30000000000000004)]
    assert said == ['0', '0.5', '-2', '1.2k', '25k', '1M', '3G', '1e-5', '1e20', '0.3']


def test_panels_of_runs_with_different_metrics(tmp_path: Path) -> None:
    """A metric of one run alone has a panel with its line alone; runs keep their colours."""
    one, two = workdirs.make(tmp_path / 'one'), workdirs.make(tmp_path / 'two')
    with open(two / 'metrics.jsonl', 'a') as file:
        file.write('{"step": 110, "d/accuracy": 0.5, "d/r1": NaN}\n{"step": 120, "d/acc')
    groups = curves.groups(runs.read([one, two]))
    assert list(groups) == ['training', 'norms', 'speed']  # all of d/r1 is NaN: no panel
    lines = {panel.title: [len(line.points) for line in panel.lines] for panel in groups['training']}
    assert lines == {'d/loss': [10, 10], 'g/loss': [10, 10], 'd/accuracy': [0, 1]}
    (accuracy,) = [panel for panel in groups['training'] if panel.title == 'd/accuracy']
    drawn = drawing.svg(accuracy, 110.0)
    assert 'data-run="1"' in drawn
    assert 'data-run="0"' not in drawn
    assert [panel.log for panel in groups['norms']] == [True]


def test_protocols_share_no_panel(tmp_path: Path) -> None:
    one, two = workdirs.make(tmp_path / 'one'), workdirs.make(tmp_path / 'two')
    for step, value in ((10, 5.0), (20, 4.0)):
        workdirs.evaluate(one, step, {'frechet_mnist': value, 'kernel_mnist_std': 0.1})
        workdirs.evaluate(two, step, {'frechet_mnist': value}, fake=50)
    workdirs.evaluate(two, 20, {'frechet_mnist': 1.0})  # by the protocol of the first run: a dot there
    panels = curves.groups(runs.read([one, two]))['evaluation']
    assert [panel.title for panel in panels] == ['frechet_mnist (protocol 1)', 'frechet_mnist (protocol 2)']
    assert [line.points for line in panels[0].lines] == [[(10, 5), (20, 4)], [(20, 1)]]
    assert [line.points for line in panels[1].lines] == [[], [(10, 5), (20, 4)]]
    assert [line.floor for line in panels[0].lines] == pytest.approx([0.4, 0.1])
