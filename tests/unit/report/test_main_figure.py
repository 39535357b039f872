"""The main figure: its numbers, its words, and that it can be read."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from its_eval.calendar import (
    PERIODS_PER_YEAR,
    describe_period,
    format_period,
    parse_period,
    season_position,
)
from its_eval.columns import make_table
from its_eval.evaluation import Evaluation
from its_eval.figures.kinds import FigureTask
from its_eval.figures.main_its import draw_main_its
from its_eval.figures.scales import day_numbers, reach, tick_labels, time_ticks
from its_eval.figures.series import series_data, series_labels
from its_eval.figures.style import figure_stem, house_style, save_figure, spread, text_width, wrap
from its_eval.words.numbers import rounded

FIRST = {"month": "2013-04", "quarter": "2010Q1", "year": "1970", "week": "2019-W10"}
SIDES = {"counterfactual": 0, "counterfactual_low": -1, "counterfactual_high": 1}
LONG_NAME = "Barking, Havering And Redbridge University Hospitals NHS Trust"


def series(
    *,
    frequency="month",
    n=83,
    start=27,
    log=False,
    kind="percentage",
    slope=0.02,
    level=85.0,
    season=3.0,
    band=4.0,
    effect=-0.05,
    n_peers=4,
    unused=None,
    missing=(),
    events=(),
    name=LONG_NAME,
    verdict="no clear evidence",
    flags="",
    denominator=None,
    seed=1,
):
    """A run as the pipeline would return it, with known trend and season."""
    rng = np.random.default_rng(seed)
    first = parse_period(FIRST[frequency], frequency)
    periods = [format_period(first + index, frequency) for index in range(n)]
    time = np.arange(n)
    cycle = np.sin(
        2
        * np.pi
        * np.array([season_position(first + t, frequency) for t in time])
        / PERIODS_PER_YEAR[frequency]
    )
    after = time >= start
    peers = level + 4.0 + rng.normal(0.0, 1.0, (n, n_peers)) + 3.0 * np.arange(n_peers)
    names = [f"P{index:02d}" for index in range(n_peers)]
    rows = []
    designs = ["single", "difference"] if n_peers else ["single"]
    own = None
    for design in designs:
        if log:
            trend = np.log(level) + 0.004 * (time - start)
            fit = trend + np.where(after, 0.2, 0.0)
            cycles, width = 0.1 * cycle, 0.15 + 0.004 * np.maximum(time - start, 0)
        else:
            trend = level + slope * (time - start)
            fit = trend + np.where(after, 2.0 + effect * (time - start), 0.0)
            cycles, width = season * cycle, band + 0.2 * np.maximum(time - start, 0)
        mean = np.full(n, np.nan)
        if own is None:
            own = fit + cycles + rng.normal(0.0, 0.05 if log else 0.5, n)
            own[list(missing)] = np.nan
        observed = own
        if design == "difference":
            mean = (np.log(peers) if log else peers).mean(axis=1)
            observed = own - mean
            offset = mean.mean()
            trend, fit = trend - offset, fit - offset
        respond = np.exp if log else np.asarray
        for t in time:
            reason = (unused or {}).get(t, "") or ("missing" if t in missing else "")
            rows.append(
                {
                    "outcome": "ae_4h",
                    "unit": "RF4",
                    "design": design,
                    "period": periods[t],
                    "observed": float(respond(observed[t])),
                    "unit_value": float(respond(own[t])),
                    "peer_mean": float(respond(mean[t])),
                    "used": not reason,
                    "denominator": denominator,
                    "used_reason": reason,
                    "fitted": float(respond(fit[t] + cycles[t])),
                    **{
                        name: float(respond(trend[t] + cycles[t] + side * width[t])) if after[t] else None
                        for name, side in SIDES.items()
                    },
                    "deseasonalised": float(respond(observed[t] - cycles[t])),
                }
            )
    about = {
        "label": "A&E within four hours",
        "unit": "%" if kind == "percentage" else "people",
        "kind": kind,
        "better": "higher",
        "transform": "log" if log else "none",
        "frequency": frequency,
        "interruption": "NHS–VMI partnership",
        "interruption_period": periods[start],
        "start_in_words": describe_period(first + start, frequency),
        "starts": {"RF4": (periods[start], describe_period(first + start, frequency))},
        "confidence": 0.95,
        "events": tuple(events),
    }
    peer_rows = [
        {"outcome": "ae_4h", "unit": "RF4", "rank": rank, "peer": peer, "distance": 1.0 * rank}
        for rank, peer in enumerate(names, start=1)
    ]
    summary_rows = [
        {"outcome": "ae_4h", "unit": "RF4", "design": design, "estimand": "slope_change"}
        | {"label": verdict, "direction": "unclear", "scale": "response"}
        for design in designs
    ]
    return Evaluation(
        "A test",
        {
            "series": make_table("series", rows),
            "peers": make_table("peers", peer_rows),
            "peer_series": make_table(
                "peer_series",
                [
                    {"outcome": "ae_4h", "unit": unit, "period": period, "value": value}
                    for unit, column in zip(names, np.transpose(peers), strict=bool(n_peers))
                    for period, value in zip(periods, column, strict=True)
                ],
            ),
            "effects": make_table(
                "effects",
                [{"outcome": "ae_4h", "unit": "RF4", "role": "primary", "estimator": "reml_ar"}],
            ),
            "fits": make_table(
                "fits",
                [
                    {
                        "outcome": "ae_4h",
                        "unit": "RF4",
                        "design": design,
                        "estimator": "reml_ar",
                        "flags": flags,
                    }
                    for design in designs
                ],
            ),
            "summary": make_table("summary", summary_rows),
        },
        (),
        {"ae_4h": about},
        {"RF4": name} if name else {},
    )


def data(evaluation, design):
    return series_data(evaluation, FigureTask("main_its", "ae_4h", "RF4", design))


def words(evaluation, design):
    return series_labels(evaluation, FigureTask("main_its", "ae_4h", "RF4", design))


def draw(evaluation, design):
    return draw_main_its(data(evaluation, design), words(evaluation, design))


def ends(frame):
    """Where the interval of the trend ends."""
    return [float(frame[f"trend_{edge}"].dropna().iloc[-1]) for edge in ("low", "high")]


def artists(figure, gid):
    return [artist for artist in figure.findobj() if artist.get_gid() == gid]


def said(figure):
    """All words on a figure, from top to bottom and line by line, as one text."""
    return " ".join(text.get_text() for text in figure.findobj(Text) if text.get_text())


CASES = {
    "plain": {},
    "no season": {"season": 0.0},
    "log": {"log": True, "kind": "count", "level": 600.0},
    "no peers": {"n_peers": 0},
    "one peer": {"n_peers": 1},
    "many peers": {"n_peers": 14},
    "wide band": {"band": 80.0},
    "runs to 100": {"slope": 0.5, "effect": -0.5},
    "runs to 0": {"slope": -0.5, "level": 12.0, "effect": 0.5},
    "beyond 100": {"slope": 0.5},
    "quarterly": {"frequency": "quarter", "n": 40, "start": 20},
    "yearly": {"frequency": "year", "n": 31, "start": 19, "season": 0.0, "kind": "number"},
    "weekly": {"frequency": "week", "n": 80, "start": 40, "kind": "rate"},
    "late start": {"start": 79},
    "early start": {"start": 4},
    "missing": {"missing": (3, 4, 40)},
    "code only": {"name": ""},
    "one long word": {"name": "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"},
    "crowded": {
        "unused": {
            **dict.fromkeys(range(27, 33), "phase-in of NHS–VMI partnership"),
            **dict.fromkeys(range(55, 58), "Winter crisis with a name that takes a lot of room to spell out"),
            36: "Strike",
            70: "small denominator",
        },
        "events": (
            ("Collection becomes monthly", "2015-06", ()),
            ("New emergency department opens", "2015-09", ()),
            ("Field test of a new standard", "2019-05", ()),
            ("A second wing", "2019-06", ()),
            ("Outside the window", "2022-01", ()),
            ("Elsewhere", "2016-01", ("another unit",)),
        ),
    },
}


@pytest.mark.parametrize("design", ["single", "difference"])
class TestData:
    def test_columns_of_the_table_are_copied(self, design):
        evaluation = series()
        frame = data(evaluation, design)
        table = evaluation.tables["series"]
        table = table[table["design"] == design].reset_index(drop=True)
        copied = ["period", "observed", "unit_value", "used", "used_reason", "fitted", "deseasonalised"]
        copied += ["counterfactual", "counterfactual_low", "counterfactual_high"]
        pd.testing.assert_frame_equal(frame[copied], table[copied])

    def test_peers_are_those_of_the_run_and_average_to_their_mean(self, design):
        evaluation = series()
        frame = data(evaluation, design)
        peers = frame[["peer_P00", "peer_P01", "peer_P02", "peer_P03"]]
        np.testing.assert_array_equal(peers, evaluation.peer_values["ae_4h"])
        np.testing.assert_allclose(peers.mean(axis=1), frame["peer_mean"])

    def test_lines_without_season_are_straight(self, design):
        frame = data(series(missing=(5, 30)), design)
        for segment in ("before", "after"):
            part = frame.loc[frame["segment"] == segment, "trend_fitted"]
            np.testing.assert_allclose(np.diff(part, 2), 0.0, atol=1e-9)

    def test_log_lines_without_season_are_straight_on_the_log_scale(self, design):
        frame = data(series(log=True, kind="count", level=600.0), design)
        part = np.log(frame.loc[frame["segment"] == "after", "trend_counterfactual"])
        np.testing.assert_allclose(np.diff(part, 2), 0.0, atol=1e-9)

    def test_dates_are_first_days(self, design):
        assert data(series(), design)["date"].iloc[[0, -1]].tolist() == ["2013-04-01", "2020-02-01"]
        assert data(series(frequency="quarter", n=40, start=20), design)["date"].iloc[1] == "2010-04-01"

    def test_excluded_phase_in_has_no_fit(self, design):
        frame = data(series(**CASES["crowded"]), design)
        assert frame["segment"].tolist() == ["before"] * 27 + ["phase-in"] * 6 + ["after"] * 50
        assert frame.loc[frame["segment"] == "phase-in", "trend_fitted"].isna().all()

    def test_peers_on_another_scale_are_left_out(self, design):
        evaluation = series()
        peers = evaluation.tables["peer_series"]
        peers = peers.assign(value=1000.0 * peers["value"])
        counts = replace(evaluation, tables={**evaluation.tables, "peer_series": peers})
        assert not [name for name in data(counts, design) if name.startswith("peer_P")]
        draw(counts, design)

    def test_peer_called_mean_does_not_hide_the_mean(self, design):
        evaluation = series()
        peers = evaluation.tables["peers"].replace({"peer": {"P01": "mean"}})
        values = evaluation.tables["peer_series"].replace({"unit": {"P01": "mean"}})
        renamed = replace(evaluation, tables={**evaluation.tables, "peers": peers, "peer_series": values})
        frame = data(renamed, design)
        assert frame.columns.is_unique
        np.testing.assert_array_equal(frame["peer_mean_"], evaluation.peer_values["ae_4h"]["P01"])


class TestGap:
    def test_gap_is_observed_minus_counterfactual(self):
        frame = data(series(), "single")
        after = frame["segment"] == "after"
        expected = frame.loc[after, "observed"] - frame.loc[after, "counterfactual"]
        np.testing.assert_allclose(frame.loc[after, "gap"], expected)
        expected = frame.loc[~after, "observed"] - frame.loc[~after, "fitted"]
        np.testing.assert_allclose(frame.loc[~after, "gap"], expected)

    def test_gap_of_a_log_outcome_is_in_per_cent(self):
        frame = data(series(log=True, kind="count", level=600.0), "single")
        after = frame["segment"] == "after"
        ratio = frame.loc[after, "observed"] / frame.loc[after, "counterfactual"]
        np.testing.assert_allclose(frame.loc[after, "gap"], 100.0 * (ratio - 1.0))

    def test_unknown_series(self):
        with pytest.raises(KeyError, match="no rows of ae_4h, RF4, synthetic"):
            data(series(), "synthetic")


class TestBounds:
    def test_impossible_counterfactual_is_not_drawn(self):
        evaluation = series(**CASES["runs to 100"])
        frame = data(evaluation, "single")
        stopped = frame["counterfactual"].notna() & frame["trend_counterfactual"].isna()
        assert frame["trend_counterfactual"].max() <= 100.0 + 1e-9
        assert frame.loc[stopped, "gap"].isna().all()
        first = frame.loc[stopped, "period"].iloc[0]
        assert first == "2018-02"
        figure = draw(evaluation, "single")
        assert "From February 2018 the earlier trend would lie outside 0 to 100" in said(figure)
        (line,) = (line for line in artists(figure, "counterfactual") if line.axes is figure.axes[0])
        assert np.nanmax(line.get_ydata()) <= 100.0 + 1e-9

    def test_a_number_has_no_bounds(self):
        frame = data(series(**CASES["runs to 100"], kind="number"), "single")
        assert frame["trend_counterfactual"].max() > 100.0

    def test_a_percentage_above_100_shows_that_it_has_no_bounds(self):
        evaluation = series(slope=0.5)
        assert data(evaluation, "single")["trend_counterfactual"].max() > 100.0
        assert words(evaluation, "single").bounds is None
        assert draw(evaluation, "single").axes[0].get_ylim()[1] > 100.0

    def test_difference_is_not_bounded(self):
        frame = data(series(**CASES["runs to 100"]), "difference")
        assert frame["trend_counterfactual"].notna().sum() == 56


@pytest.mark.parametrize("design", ["single", "difference"])
class TestDrawing:
    def test_points_drawn_are_the_numbers(self, design):
        evaluation = series(**CASES["crowded"])
        frame = data(evaluation, design)
        figure = draw(evaluation, design)
        used = frame["used"].to_numpy()
        lower = "gap" if design == "single" else "deseasonalised"
        for axes, column in zip(figure.axes, ["unit_value", lower], strict=True):
            (points,) = (line for line in artists(figure, "used") if line.axes is axes)
            np.testing.assert_array_equal(points.get_ydata(), frame.loc[used, column])
            np.testing.assert_array_equal(points.get_xdata(), day_numbers(frame.loc[used, "date"]))
            assert points.get_linestyle() == "None"

    def test_unused_points_are_hollow_and_explained(self, design):
        figure = draw(series(**CASES["crowded"]), design)
        hollow = artists(figure, "not-used")
        assert [line.get_markerfacecolor() for line in hollow] == ["white", "white"]
        assert [len(line.get_xdata()) for line in hollow] == [11, 11]
        text = said(figure)
        assert "phase-in (not used)" in text
        assert "Strike (not used)" in text
        assert "Hollow points were not used (some for a small denominator)." in text

    def test_nothing_hollow_when_all_is_used(self, design):
        figure = draw(series(), design)
        assert not artists(figure, "not-used")
        assert "Hollow" not in said(figure)

    def test_lines_drawn_are_the_numbers(self, design):
        evaluation = series()
        frame = data(evaluation, design)
        figure = draw(evaluation, design)
        axes = figure.axes[0 if design == "single" else 1]
        for gid, segment in (("fit-before", "before"), ("fit-after", "after")):
            (line,) = (line for line in artists(figure, gid) if line.axes is axes)
            np.testing.assert_array_equal(
                line.get_ydata(), frame.loc[frame["segment"] == segment, "trend_fitted"]
            )
            assert line.get_linestyle() == "-"
        (line,) = (line for line in artists(figure, "counterfactual") if line.axes is axes)
        np.testing.assert_array_equal(line.get_ydata(), frame["trend_counterfactual"])
        assert line.get_linestyle() == "--"

    def test_band_is_cut_off_by_the_scale(self, design):
        figure = draw(series(band=80.0), design)
        frame = data(series(band=80.0), design)
        for band in artists(figure, "band"):
            low, high = band.axes.get_ylim()
            vertices = band.get_paths()[0].vertices
            assert vertices[:, 1].min() >= low - 1e-9
            assert vertices[:, 1].max() <= high + 1e-9
            assert high - low < (frame["trend_high"] - frame["trend_low"]).max()
        name = "gap" if design == "single" else "trend"
        low, high = (float(frame[f"{name}_{edge}"].dropna().iloc[-1]) for edge in ("low", "high"))
        text = " ".join(said(figure).split())
        assert "The interval is wider than the scale: in the end it reaches from" in text
        assert any(f"from {rounded(a)} to {rounded(b)}." in text for a, b in ((low, high), ends(frame)))

    def test_interruption_lies_between_the_periods(self, design):
        evaluation = series()
        figure = draw(evaluation, design)
        x = day_numbers(data(evaluation, design)["date"])
        lines = [line for axes in figure.axes for line in axes.lines if line.get_linewidth() == 1.4]
        assert [line.get_xdata()[0] for line in lines] == [(x[26] + x[27]) / 2.0] * 2
        assert "NHS–VMI partnership, from July 2015" in said(figure)

    def test_words(self, design):
        text = said(draw(series(), design))
        assert "A&E within four hours, %" in text
        assert "mean of four peers" in text
        assert "percentage points, season taken out" in text
        assert "The upper scale does not start at zero." in text

    def test_words_of_a_log_outcome(self, design):
        text = said(draw(series(log=True, kind="count", level=600.0), design))
        assert "geometric mean of" in text
        assert ("per cent" in text) == (design == "single")
        assert ("Ratio to peers" in text) == (design == "difference")

    def test_counts_with_a_denominator_are_said_to_be_divided(self, design):
        counts = {"log": True, "kind": "count", "level": 600.0}
        heading = "A&E within four hours, people"
        assert f"{heading} divided by the denominator" in said(
            draw(series(**counts, denominator=9.0), design)
        )
        assert f"{heading} divided" not in said(draw(series(**counts), design))

    def test_what_is_not_estimable_is_said_to_be(self, design):
        sentence = "The change is not estimable from this series."
        assert sentence in said(draw(series(verdict="not answered"), design))
        assert sentence not in said(draw(series(), design))

    def test_one_peer_is_named(self, design):
        text = said(draw(series(n_peers=1), design))
        assert "P00" in text
        assert "mean of" not in text

    def test_dollar_signs_are_no_formulas(self, design):
        assert "Spend $5 to save $6" in said(draw(series(name="Spend $5 to save $6"), design))


def test_without_peers_there_is_no_mean():
    figure = draw(series(n_peers=0), "single")
    assert not artists(figure, "peer-mean")
    assert "peers" not in said(figure)


@pytest.mark.parametrize("design", ["single", "difference"])
def test_without_this_one_is_told_from_without_any_of_several(design):
    made = series(events=(("New wing", "2016-01", ()),))
    fitted = [{"outcome": "ae_4h", "unit": "RF4", "interruption": name} for name in ("A", "New wing")]
    rows = made.tables["series"].assign(
        counterfactual_without_any=lambda table: (
            table["counterfactual"] + np.where(table["period"] < "2016-01", 0, 1)
        )
    )
    made = replace(made, tables={**made.tables, "series": rows, "effects": make_table("effects", fitted)})
    figure, text = draw(made, design), said(draw(made, design))
    assert "without NHS–VMI" in text
    assert "without any of them" in text
    assert ("as without NHS–VMI" in text) == (design == "single")
    (line,) = artists(figure, "without-any")
    frame = data(made, design)
    np.testing.assert_array_equal(line.get_ydata(), frame["trend_without_any"])
    assert artists(draw(series(), design), "without-any") == []


def boxes_of(figure):
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    return [(text, text.get_window_extent(renderer)) for text in texts]


@pytest.mark.parametrize("design", ["single", "difference"])
@pytest.mark.parametrize("case", CASES)
def test_no_text_overlaps_or_leaves_the_sheet(case, design):
    options = CASES[case]
    if design == "difference" and options.get("n_peers") == 0:
        pytest.skip("no difference without peers")
    with house_style():
        figure = draw(series(**options), design)
        boxes = boxes_of(figure)
    for (one, first), (other, second) in combinations(boxes, 2):
        # boxes of letters touch a little above and below without the letters doing so
        apart = (
            first.x1 <= second.x0
            or second.x1 <= first.x0
            or first.y1 - 2 <= second.y0
            or second.y1 - 2 <= first.y0
        )
        assert apart, f"{one.get_text()!r} overlaps {other.get_text()!r}"
    for text, box in boxes:
        assert 0 <= box.x0 <= box.x1 <= figure.bbox.x1, f"{text.get_text()!r} is cut off"
        assert 0 <= box.y0 <= box.y1 <= figure.bbox.y1, f"{text.get_text()!r} is cut off"
        assert text.get_fontsize() >= 12
        assert text.get_rotation() == 0
    for axes in figure.axes:
        inside = axes.get_window_extent()
        for text, box in boxes:
            over = (
                box.x0 < inside.x1
                and box.x1 > inside.x0
                and box.y0 < inside.y1 - 2
                and box.y1 > inside.y0 + 2
            )
            assert not over, f"{text.get_text()!r} stands on the data"


@pytest.mark.parametrize("case", CASES)
def test_marks_do_not_cross_labels(case):
    figure = draw(series(**CASES[case]), "single")
    boxes = [box for text, box in boxes_of(figure) if text.get_gid() == "mark"]
    axes = figure.axes[0]
    for line in axes.lines:
        if line.get_clip_on() or line.get_transform() is not axes.get_xaxis_transform():
            continue
        (x, _), (_, top) = axes.get_xaxis_transform().transform(line.get_xydata())
        for box in boxes:
            assert not (box.x0 < x < box.x1 and box.y0 < top)


class TestSaving:
    def test_same_bytes_twice(self, tmp_path):
        evaluation = series(**CASES["crowded"])
        for folder in ("one", "two"):
            save_figure(draw(evaluation, "single"), data(evaluation, "single"), tmp_path / folder, "x")
        for name in ("x.svg", "x.png", "x.csv"):
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()

    def test_user_settings_do_not_matter(self, tmp_path):
        import matplotlib as mpl

        evaluation = series()
        save_figure(draw(evaluation, "single"), data(evaluation, "single"), tmp_path, "one")
        with mpl.rc_context({"font.size": 30.0, "axes.grid": False, "svg.fonttype": "none"}):
            save_figure(draw(evaluation, "single"), data(evaluation, "single"), tmp_path, "two")
        assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()

    def test_files_and_numbers(self, tmp_path):
        evaluation = series()
        frame = data(evaluation, "difference")
        paths = save_figure(draw(evaluation, "difference"), frame, tmp_path / "new", "x", ["svg"])
        assert [path.name for path in paths] == ["x.csv", "x.svg"]
        back = pd.read_csv(paths[0], dtype=str, keep_default_na=False)
        assert list(back.columns) == list(frame.columns)
        for column in frame.select_dtypes("float").columns:
            numbers = [float(text) if text else np.nan for text in back[column]]
            np.testing.assert_array_equal(numbers, frame[column])
        assert set(back["used"]) == {"True"}
        svg = paths[1].read_text(encoding="utf-8")
        assert "<date>" not in svg.lower()
        assert "<dc:date>" not in svg

    def test_figure_is_emptied(self, tmp_path):
        figure = draw(series(), "single")
        save_figure(figure, data(series(), "single"), tmp_path, "x", ["png"])
        assert not figure.axes

    def test_unknown_format(self, tmp_path):
        with pytest.raises(ValueError, match="'pdf' is unknown; expected svg or png"):
            save_figure(draw(series(), "single"), data(series(), "single"), tmp_path, "x", ["pdf"])


class TestStem:
    def test_plain(self):
        assert figure_stem("ae_4h", "RTP", "difference") == "main_its_ae_4h_RTP_difference"

    def test_safe_and_without_collisions(self):
        names = [
            "a",
            "a b",
            "a/b",
            "a-b",
            "a_b",
            "ä",
            "ö",
            "..",
            "a.b",
            "",
            "b" * 80,
            "b" * 81,
            "../etc",
            "A&E",
        ]
        designs = ["single", "difference", "peer_mean"]
        stems = [
            figure_stem(outcome, unit, design) for outcome in names for unit in names for design in designs
        ]
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,200}", stem) for stem in stems)
        assert len(set(stems)) == len(stems)


class TestLayout:
    def test_spread_leaves_free_labels_alone(self):
        assert spread([1.0, 5.0], [1.0, 1.0], 0.0, 10.0) == [1.0, 5.0]

    @pytest.mark.parametrize("seed", range(20))
    def test_spread_never_overlaps(self, seed):
        rng = np.random.default_rng(seed)
        wanted, heights = rng.uniform(0.0, 10.0, 8), rng.uniform(0.2, 1.2, 8)
        centres = spread(list(wanted), list(heights), 0.0, 10.0)
        order = np.argsort(centres)
        low, high = np.array(centres) - heights / 2, np.array(centres) + heights / 2
        assert low.min() >= -1e-9
        assert high.max() <= 10.0 + 1e-9
        assert (low[order][1:] >= high[order][:-1] - 1e-9).all()
        assert list(order) == list(np.argsort(wanted, kind="stable"))

    def test_too_many_labels_are_stacked_from_the_top(self):
        assert spread([1.0, 1.0, 1.0], [2.0, 2.0, 2.0], 0.0, 5.0) == [0.0, 2.0, 4.0]

    def test_wrap_keeps_to_the_width(self):
        for text in (LONG_NAME, CASES["one long word"]["name"]):
            lines = wrap(text, 1.5, bold=True).split("\n")
            assert all(text_width(line, bold=True) <= 1.5 for line in lines)
            assert "".join(lines).replace(" ", "") == text.replace(" ", "")

    def test_wrap_says_that_it_left_something_out(self):
        lines = wrap(LONG_NAME, 1.5, most=2).split("\n")
        assert len(lines) == 2
        assert lines[-1].endswith("…")


class TestScales:
    def test_extrapolations_at_most_double_the_range(self):
        limits = reach([np.array([0.0, 10.0])], [np.array([1000.0])], [np.array([-1e6, 1e6])])
        assert limits.high <= 20.0 * 1.5
        assert limits.low >= -20.0

    def test_constant_data_have_a_range(self):
        limits = reach([np.full(5, 3.0)])
        assert limits.low < 3.0 < limits.high
        assert reach([np.zeros(3)]).high > 0.0

    def test_zero_is_shown_when_near(self):
        assert reach([np.array([40.0, 100.0])], from_zero=True).low == 0.0
        assert reach([np.array([80.0, 100.0])], from_zero=True).low > 0.0
        assert reach([np.array([40.0, 100.0])], bands=[np.array([-500.0])], from_zero=True).low == 0.0
        assert reach([np.array([80.0, 100.0])], bands=[np.array([-500.0])], from_zero=True).low > 70.0

    def test_tick_labels_have_the_decimals_they_need(self):
        assert tick_labels([0.0, 0.25, 0.5]) == ["0.00", "0.25", "0.50"]
        assert tick_labels([-1000.0, 0.0]) == ["−1,000", "0"]

    def test_short_windows_have_months(self):
        from datetime import date

        assert time_ticks(date(2019, 12, 20), date(2020, 2, 10))[1] == ["Jan 2020", "Feb 2020"]
        assert time_ticks(date(2019, 1, 1), date(2020, 6, 1))[1][:2] == ["Jan 2019", "Apr 2019"]
        words = time_ticks(date(1969, 1, 1), date(1984, 12, 1))[1]
        assert words == [str(year) for year in range(1970, 1985, 2)]
