"""Slope charts: the numbers drawn, and that nothing overlaps."""

import numpy as np
import pandas as pd
import pytest

from its_eval.figures.slope_chart import SlopeLabels, draw_slope_chart, slope_chart_data

DAYS = ("30 days", "60 days")


def pairs_of(values, unit="A", measure="Wait", times=DAYS):
    """Return rows of the table of pairs: a row of `values` holds baseline and follow-ups of a project."""
    return pd.DataFrame([
        {"measure": measure, "unit": unit, "project": f"{unit}{number}", "follow_up": time,
         "baseline": row[0], "value": row[place]}
        for number, row in enumerate(values)
        for place, time in enumerate(times, start=1)
    ])  # fmt: skip


def draw(pairs, *, units=True, times=DAYS):
    frame = slope_chart_data(pairs, "Wait", times)
    return frame, draw_slope_chart(frame, SlopeLabels("Wait (hours)", times, units))


def means(axes):
    return [line for line in axes.get_lines() if line.get_gid() == "mean"]


VALUES = [[100, 50, 40], [200, 90, np.nan], [60, 40, 20]]


def test_data_have_a_row_per_project():
    frame = slope_chart_data(pairs_of(VALUES), "Wait", DAYS)
    assert list(frame.columns) == ["unit", "project", "before", "30 days", "60 days", "complete"]
    assert list(frame["complete"]) == [True, False, True]
    assert list(frame["30 days"]) == [50, 90, 40]


def test_the_mean_is_of_projects_measured_every_time(said):
    _, figure = draw(pairs_of(VALUES))
    (line,) = means(figure.axes[0])
    assert list(line.get_ydata()) == [80, 45, 30]
    assert "n = 2: 80 → 30 (−62 %)" in said(figure)
    # every project is drawn, the incomplete one as far as it was measured
    drawn = [list(path.get_ydata()) for path in figure.axes[0].get_lines() if path.get_gid() != "mean"]
    assert drawn == [[100, 50, 40], [200, 90], [60, 40, 20]]


def test_a_chart_for_every_unit(said):
    pairs = pd.concat([pairs_of(VALUES), pairs_of([[10, 12, 14]], unit="B")])
    _, figure = draw(pairs)
    assert len(figure.axes) == 3
    assert "All units" in said(figure)
    assert "n = 1: 10 → 14 (+40 %)" in said(figure)
    assert "regression to the mean" in said(figure)


def test_without_units_there_is_one_chart(said):
    _, figure = draw(pairs_of(VALUES), units=False)
    assert len(figure.axes) == 1
    assert "All projects" in said(figure)


def test_no_project_measured_every_time(said):
    _, figure = draw(pairs_of([[100, np.nan, 40], [60, 40, np.nan]]))
    assert "none measured every time" in said(figure)
    assert not means(figure.axes[0])


def test_a_baseline_of_nothing_has_no_per_cent(said):
    _, figure = draw(pairs_of([[0, 2, 3]]))
    assert "n = 1: 0 → 3" in said(figure)
    assert "%" not in said(figure)


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([[1, 100, 20]], "log"),
        ([[10, 100, 20]], "linear"),
        ([[0, 100, 20]], "linear"),
        ([[-1, 99, 2]], "linear"),
    ],
)
def test_the_scale_is_logarithmic_when_values_differ_fiftyfold(values, scale, said):
    _, figure = draw(pairs_of(values))
    assert {axes.get_yscale() for axes in figure.axes} == {scale}
    assert ("Logarithmic scale" in said(figure)) == (scale == "log")


@pytest.mark.parametrize(("low", "high"), [(1, 60), (0.003, 40_000), (7, 900), (1e-9, 1e9)])
def test_a_logarithmic_scale_has_a_few_round_numbers(low, high, check_texts):
    _, figure = draw(pairs_of([[low, high, (low * high) ** 0.5]]))
    ticks = figure.axes[0].get_yticks()
    assert len(ticks) >= 2
    check_texts(figure)


@pytest.mark.parametrize("units", [1, 2, 5, 12])
@pytest.mark.parametrize("times", [("follow-up",), DAYS, ("30 days", "60 days", "90 days", "follow-up")])
def test_no_text_overlaps_or_leaves_the_sheet(units, times, check_texts):
    rng = np.random.default_rng(units)
    pairs = pd.concat([
        pairs_of(rng.lognormal(4, 1.5, (8, len(times) + 1)), unit=f"A long name of unit {place}", times=times)
        for place in range(units)
    ])  # fmt: skip
    check_texts(draw(pairs, times=times)[1])


def test_long_names_of_follow_ups_leave_room(check_texts):
    times = ("After the second round of visits", "At the end of the programme")
    check_texts(draw(pairs_of(VALUES, times=times), times=times)[1])
