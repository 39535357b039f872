"""XmR charts and the page of all units: the numbers drawn, and that nothing overlaps."""

import numpy as np
import pandas as pd
import pytest

from its_eval.figures.scales import day_numbers
from its_eval.figures.style import save_figure
from its_eval.figures.xmr import XmrLabels, draw_xmr, draw_xmr_grid, xmr_data, xmr_grid_data
from its_eval.improvement.xmr import ChartSettings
from its_eval.improvement.xmr_tables import spc_tables

START = 2013 * 12


def points_of(units=("A",), size=60, target=np.nan, **settings):
    rng = np.random.default_rng(1)
    frames = [
        pd.DataFrame({
            "indicator": "waits", "unit": unit, "period": START + np.arange(size),
            "value": 80 + rng.normal(0, 2, size) + 6 * (np.arange(size) >= 30), "target": target,
        })
        for unit in units
    ]  # fmt: skip
    return spc_tables(pd.concat(frames), ChartSettings(**settings))["points"]


def drawn(figure, gid):
    return [line for axes in figure.axes for line in axes.get_lines() if line.get_gid() == gid]


def chart(points, **labels):
    frame = xmr_data(points, "waits", "A")
    return frame, draw_xmr(frame, XmrLabels("Waits, A", **labels))


CASES = {
    "plain": ({}, {}),
    "intervention": (
        {"baseline_last": START + 29, "better": "higher", "target": 95.0},
        {"intervention": "Intervention, from July 2015", "start": "2015-07", "message": "Few points. " * 9},
    ),
    "worse": ({"baseline_last": START + 29, "better": "lower"}, {}),
    "anew": ({"recalculate": (START + 30, START + 45), "better": "higher", "target": 80.0}, {}),
    "short": ({"size": 2}, {}),
    "one point": ({"size": 1}, {}),
    "two years": ({"size": 23, "baseline_last": START + 11}, {"intervention": "X", "start": "2014-01"}),
    "no limits": ({"baseline_last": START}, {}),
    "starts before": ({}, {"intervention": "Earlier", "start": "2010-01"}),
}


@pytest.mark.parametrize("case", CASES)
def test_no_text_overlaps_or_leaves_the_sheet(case, check_texts):
    settings, labels = CASES[case]
    check_texts(chart(points_of(**settings), **labels)[1])


def test_every_point_is_drawn_as_what_it_means(said):
    frame, figure = chart(points_of(baseline_last=START + 29, better="higher"))
    for meaning in ("common cause", "improvement"):
        (above,) = [line for line in drawn(figure, meaning) if line.axes is figure.axes[0]]
        assert list(above.get_ydata()) == list(frame["value"][frame["variation"].eq(meaning)])
    markers = {line.get_marker() for line in (*drawn(figure, "common cause"), *drawn(figure, "improvement"))}
    assert markers == {"o"}
    assert "Dark" not in said(figure)
    assert "dark blue circles: special cause, improvement" in said(figure)
    assert "The first limits come from the 30 points until 2015-06." in said(figure)


def test_concern_has_a_marker_of_its_own():
    _, figure = chart(points_of(baseline_last=START + 29, better="lower"))
    assert drawn(figure, "concern")[0].get_marker() == "D"
    _, neutral = chart(points_of(baseline_last=START + 29))
    assert drawn(neutral, "high")[0].get_marker() == "^"


def test_lines_break_where_limits_are_made_anew(said):
    frame, figure = chart(points_of(recalculate=(START + 30,)))
    heights = {tuple(line.get_ydata()) for line in figure.axes[0].get_lines()}
    means = [tuple(frame["mean"][frame["phase"].eq(number)]) for number in (1, 2)]
    assert set(means) <= heights
    assert "new limits" in said(figure)


def test_marks_say_where_the_baseline_ends(said):
    assert "baseline ends" in said(chart(points_of(baseline_last=START + 29))[1])
    _, figure = chart(points_of(baseline_last=START + 29), intervention="New rota", start="2015-07")
    assert "New rota" in said(figure)
    assert "baseline ends" not in said(figure)


def test_limits_are_labelled_with_their_last_values(said):
    frame, figure = chart(points_of(target=95.0))
    last = frame.iloc[-1]
    assert f"upper limit {last['upper_limit']:.1f}" in said(figure)
    assert "target 95.0" in said(figure)


def test_a_constant_series_can_be_drawn(check_texts):
    points = points_of()
    check_texts(
        chart(points.assign(value=5.0, moving_range=0.0, mean=5.0, lower_limit=5.0, upper_limit=5.0))[1]
    )


@pytest.mark.parametrize("number", [1, 2, 7, 100])
def test_the_page_of_all_units(number, said, check_texts):
    units = tuple(f"SIM{place:03d}" for place in range(number))
    frame = xmr_grid_data(points_of(units, size=24, target=90.0, better="higher"), "waits")
    figure = draw_xmr_grid(frame, "Waits")
    assert len(figure.axes) == number
    assert "Waits, 2013-01 to 2014-12" in said(figure)
    assert "dotted: target" in said(figure)
    wide, high = figure.get_size_inches()
    assert high <= 1.6 * wide
    for unit, axes in zip(units, figure.axes, strict=True):
        (path,) = [line for line in axes.get_lines() if line.get_gid() == "path"]
        assert list(path.get_ydata()) == list(frame["value"][frame["unit"].eq(unit)])
    limits = {axes.get_ylim() for axes in figure.axes}
    assert len(limits) == 1
    check_texts(figure)


@pytest.mark.parametrize(
    ("start", "marked"), [("2014-01", True), ("2013-01", False), ("2020-01", False), ("", False)]
)
def test_the_page_marks_the_intervention_where_there_are_points_on_both_sides(start, marked, said):
    frame = xmr_grid_data(points_of(("A", "B"), size=24), "waits")
    figure = draw_xmr_grid(frame, "Waits", start, "New rota")
    lines = [line for axes in figure.axes for line in axes.get_lines() if line.get_gid() == "interruption"]
    assert len(lines) == (2 if marked else 0)
    assert ("Upright line: New rota." in said(figure)) == marked
    if marked:
        december, january = day_numbers(["2013-12-01", "2014-01-01"])
        assert december < lines[0].get_xdata()[0] < january


def test_long_names_of_units_are_cut(said, check_texts):
    units = tuple(f"The very long name of hospital trust number {place}" for place in range(20))
    figure = draw_xmr_grid(xmr_grid_data(points_of(units, size=14), "waits"), "Waits")
    check_texts(figure)
    assert "…" in said(figure)
    assert "target" not in said(figure)


def test_files_are_the_same_every_time(tmp_path, contents):
    for folder in ("one", "two"):
        frame, figure = chart(points_of(better="higher"))
        save_figure(figure, frame, tmp_path / folder, "xmr")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
