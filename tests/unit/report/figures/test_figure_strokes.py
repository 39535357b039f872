"""What is drawn: the numbers, and parts that can be told apart without colour."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.lines import Line2D

from its_eval.figures.catalogue import FigureTask, draw
from its_eval.figures.scales import day_numbers
from its_eval.figures.style import BAND, COUNTERFACTUAL, PEER, SHADE

OUTCOME = "waits"
#: Deuteranopia, complete: Machado, Oliveira & Fernandes 2009, doi:10.1109/TVCG.2009.113, table 1.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
#: Relative luminance of linear red, green and blue (WCAG 2.2).
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
#: Contrast between two areas of grey that are seen as different beside each other.
APART = 1.5


def linear(colour):
    channels = np.array(to_rgb(colour))
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one, other, sight=None):
    """Contrast ratio of WCAG, as printed in grey or as a deuteranope sees it."""
    matrix = np.eye(3) if sight is None else sight
    first, second = (float(LUMINANCE @ np.clip(matrix @ linear(colour), 0.0, 1.0)) for colour in (one, other))
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)


def look(line):
    """Everything about a stroke but its colour."""
    marker = line.get_marker() if line.get_marker() not in {"None", "", None} else ""
    hollow = bool(marker) and to_rgba(line.get_markerfacecolor())[:3] == (1.0, 1.0, 1.0)
    dashes = tuple(line._dash_pattern[1] or ()) if line.get_linestyle() != "None" else "none"
    return (marker, hollow, dashes)


def colour(line):
    if line.get_linestyle() == "None" or line.get_color() is None:
        hollow = to_rgba(line.get_markerfacecolor())[:3] == (1.0, 1.0, 1.0)
        return line.get_markeredgecolor() if hollow else line.get_markerfacecolor()
    return line.get_color()


def told_apart(one, other):
    if look(one) != look(other):
        return True
    return min(contrast(colour(one), colour(other), sight) for sight in (None, DEUTERANOPIA)) >= APART


def by_gid(figure, gid):
    return [artist for artist in figure.findobj(Line2D) if artist.get_gid() == gid]


@pytest.fixture(scope="module")
def run(run_with):
    return run_with(n_units=3, missing=(40,), phase_in=2, infinite=True)


def drawn(run, kind, unit="", design=""):
    return draw(run, FigureTask(kind, OUTCOME, unit, design))


class TestColours:
    def test_published_matrix_keeps_white_and_grey(self):
        np.testing.assert_allclose(DEUTERANOPIA @ np.ones(3), 1.0, atol=1e-5)
        # the grey that just misses 4.5, and the next darker one (WCAG 2.2)
        assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.005)
        assert contrast("#767676", "white") == pytest.approx(4.54, abs=0.005)

    @pytest.mark.parametrize("design", ["single", "difference"])
    def test_parts_of_the_main_figure(self, run, design):
        figure, _, _ = drawn(run, "main_its", "U01", design)
        for axes in figure.axes:
            parts = {}
            for line in axes.lines:
                if line.get_gid() in {"used", "not-used", "fit-after", "counterfactual", "peer-mean"}:
                    parts[line.get_gid()] = line
            assert {"used", "fit-after"} & set(parts)
            for one, other in combinations(parts, 2):
                assert told_apart(parts[one], parts[other]), f"{one} and {other} look alike"

    @pytest.mark.parametrize(
        ("kind", "unit", "design", "gids"),
        [
            ("against_peers", "U01", "", ("unit", "peer-mean", "peer")),
            ("placebo_units", "U02", "difference", ("unit", "placebo", "as-extreme")),
            ("placebo_dates", "U01", "difference", ("unit", "placebo")),
            ("specification_curve", "U02", "single", ("primary", "holds-none", "excludes-none")),
            ("forest", "", "difference", ("estimate", "pooled")),
            ("forest", "", "difference", ("interval", "prediction")),
            ("peer_distances", "U01", "", ("peer", "aside")),
            ("balance", "U01", "", ("peers", "pool")),
            ("cumulative_effect", "U01", "single", ("observed", "fitted", "total")),
        ],
    )
    def test_parts_of_the_others(self, run, kind, unit, design, gids):
        figure, _, _ = drawn(run, kind, unit, design)
        lines = {gid: by_gid(figure, gid)[0] for gid in gids}
        for one, other in combinations(gids, 2):
            assert told_apart(lines[one], lines[other]), f"{one} and {other} look alike"

    def test_lines_of_the_power_curve(self, run):
        figure, _, _ = drawn(run, "power_curve", design="single")
        lines = [line for line in figure.axes[0].lines if line.get_gid() == "power"]
        assert len(lines) == 4
        assert all(told_apart(one, other) for one, other in combinations(lines, 2))

    def test_counterfactual_of_small_multiples_is_dashed(self, run):
        figure, _, _ = drawn(run, "small_multiples", design="single")
        kinds = {item.get_gid(): item for item in figure.axes[0].collections}
        assert kinds["fit"].get_linestyle()[0][1] is None
        assert kinds["counterfactual"].get_linestyle()[0][1] is not None
        low = min(contrast("#12436D", COUNTERFACTUAL, sight) for sight in (None, DEUTERANOPIA))
        assert low >= APART

    @pytest.mark.parametrize(
        ("kind", "unit", "design"),
        [
            ("small_multiples", "", "single"),
            ("against_peers", "U01", ""),
            ("cumulative_effect", "U01", "single"),
            ("peer_distances", "U01", ""),
            ("balance", "U01", ""),
            ("placebo_units", "U01", "difference"),
            ("placebo_dates", "U01", "difference"),
            ("specification_curve", "U01", "single"),
            ("forest", "", "single"),
            ("residuals", "U01", "single"),
            ("power_curve", "", "single"),
        ],
    )
    def test_meaningful_parts_and_words_stand_out_from_white(self, run, kind, unit, design):
        figure, _, _ = drawn(run, kind, unit, design)
        context = {to_rgb(PEER), to_rgb(BAND), to_rgb("#E3E3E3"), to_rgb(SHADE), (1.0, 1.0, 1.0)}
        seen = set()
        for line in figure.findobj(Line2D):
            if line.get_gid():
                seen.add(to_rgb(colour(line)))
        for axes in figure.axes:
            for item in axes.collections:
                seen |= {tuple(part[:3]) for part in item.get_edgecolor()}
        assert seen
        for found in seen - context:
            assert contrast(found, "white") >= 3.0, found
        for text in figure.texts:
            assert contrast(text.get_color(), "white") >= 4.5


class TestNumbers:
    def test_forest(self, run):
        figure, frame, _ = drawn(run, "forest", design="difference")
        (dots,), (diamonds,) = by_gid(figure, "estimate"), by_gid(figure, "pooled")
        np.testing.assert_array_equal(
            np.concatenate([dots.get_xdata(), diamonds.get_xdata()]), frame["estimate"]
        )
        assert (np.diff(dots.get_ydata()) < 0).all()

    def test_forest_marks_intervals_that_go_on(self, run, said):
        figure, frame, _ = drawn(run, "forest", design="difference")
        assert np.isinf(frame["conf_low"].iloc[0])
        low, high = figure.axes[0].get_xlim()
        for line in by_gid(figure, "interval"):
            assert low <= min(line.get_xdata()) <= max(line.get_xdata()) <= high
        assert len(by_gid(figure, "beyond")) == 4
        assert "An arrowhead marks an interval that goes on beyond the scale." in said(figure)
        assert "−0.20 (−∞ to ∞)" in said(figure)

    def test_forest_says_what_it_shows(self, run_with, said):
        text = said(drawn(run_with(n_units=2), "forest", design="single")[0])
        assert "Change of trend, per month, percentage points" in text
        assert "−0.20 (−0.50 to 0.10)" in text
        assert "Diamonds are pooled estimates." in text
        assert "expected" in text
        assert "arrowhead" not in text
        text = said(drawn(run_with(n_units=2, pooled=False), "forest", design="single")[0])
        assert "Diamonds" not in text
        assert "dotted" not in text

    def test_forest_says_how_many_units_are_pooled(self, run_with, said):
        evaluation = run_with(n_units=4)
        assert "Random and fixed effects" not in said(drawn(evaluation, "forest", design="single")[0])
        pooled = evaluation.tables["pooled"]
        fewer = pooled["n_units"].where(pooled["method"] == "set", 3)
        evaluation.tables["pooled"] = pooled.assign(n_units=fewer)
        text = said(drawn(evaluation, "forest", design="single")[0])
        assert "Random and fixed effects are of 3 of the 4 units: those that have a p-value." in text

    def test_a_missing_interval_is_not_drawn(self, run_with):
        evaluation = run_with(n_units=2, pooled=False)
        summary = evaluation.tables["summary"]
        evaluation.tables["summary"] = summary.assign(conf_low=np.nan, conf_high=np.nan)
        figure, _, _ = drawn(evaluation, "forest", design="single")
        assert not by_gid(figure, "interval")
        assert len(by_gid(figure, "estimate")[0].get_xdata()) == 2

    def test_placebo_dots_are_the_placebos(self, run):
        figure, frame, _ = drawn(run, "placebo_units", "U01", "difference")
        dots = [line for gid in ("placebo", "as-extreme") for line in by_gid(figure, gid)]
        assert sum(len(line.get_xdata()) for line in dots) == 40
        hollow = sum(len(line.get_xdata()) for line in by_gid(figure, "as-extreme"))
        assert hollow == frame["as_extreme"].sum()
        (own,) = by_gid(figure, "unit")
        assert own.get_xdata()[0] == frame["statistic"].iloc[0]
        low, high = figure.axes[0].get_xlim()
        binned = (high - low) / 30.0
        inside = frame["statistic"].iloc[1:]
        inside = np.sort(np.clip(inside, low, high))
        drawn_at = np.sort(np.concatenate([line.get_xdata() for line in dots]))
        assert np.abs(drawn_at - inside).max() < binned

    def test_no_two_placebo_dots_are_in_one_place(self, run_with):
        figure, _, _ = drawn(run_with(n_units=1, n_placebos=500), "placebo_units", "U00", "difference")
        places = np.vstack(
            [line.get_xydata() for gid in ("placebo", "as-extreme") for line in by_gid(figure, gid)]
        )
        assert len(places) == 500
        assert len(np.unique(places.round(6), axis=0)) == 500
        assert figure.get_size_inches()[1] < 6.0

    @pytest.mark.parametrize("own", [np.nan, np.inf, 0.0])
    def test_placebos_of_odd_statistics(self, run_with, layout, own):
        evaluation = run_with(n_units=1)
        evaluation.tables["effects"] = evaluation.tables["effects"].assign(statistic=own)
        figure, _, _ = drawn(evaluation, "placebo_units", "U00", "difference")
        layout(figure)
        assert len(by_gid(figure, "unit")) == (0 if np.isnan(own) else 1)

    def test_far_placebos_are_arrowheads(self, run_with):
        evaluation = run_with(n_units=1)
        rows = evaluation.tables["placebo_units"]
        rows.loc[:1, "statistic"] = [900.0, -900.0]
        figure, _, _ = drawn(evaluation, "placebo_units", "U00", "difference")
        assert {line.get_marker() for line in by_gid(figure, "as-extreme")} >= {"<", ">"}
        assert figure.axes[0].get_xlim()[1] < 50.0

    def test_placebo_sentences(self, run_with, said):
        evaluation = run_with(n_units=1, failed_placebos=2)
        figure, frame, _ = drawn(evaluation, "placebo_units", "U00", "difference")
        extreme = int(frame["as_extreme"].sum())
        assert f"{extreme} of 40 lie as far from zero as the unit, or farther: p = 0.070." in said(figure)
        assert "2 of these could not be estimated" in said(figure)
        evaluation.tables["summary"] = evaluation.tables["summary"].assign(p_placebo=np.nan)
        assert "p =" not in said(drawn(evaluation, "placebo_units", "U00", "difference")[0])

    def test_placebo_dates(self, run, said):
        figure, frame, _ = drawn(run, "placebo_dates", "U01", "difference")
        (dots,), (own,) = by_gid(figure, "placebo"), by_gid(figure, "unit")
        rest = frame[~frame["actual"]]
        np.testing.assert_array_equal(dots.get_xdata(), day_numbers(rest["date"]))
        np.testing.assert_array_equal(dots.get_ydata(), rest["statistic"])
        assert own.get_ydata()[0] == frame.loc[frame["actual"], "statistic"].iloc[0]
        assert "the real start, July 2014, t = 0" in said(figure)

    def test_added_noise_is_called_so(self, run_with, said):
        evaluation = run_with(n_units=1)
        rows = evaluation.tables["sensitivity"]
        noise = rows.index == rows.index[rows["dimension"] != "primary"][0]
        evaluation.tables["sensitivity"] = rows.assign(
            dimension=rows["dimension"].mask(noise, "order"),
            choice=rows["choice"].mask(noise, "reml_ar_noise"),
        )
        about = rows[noise].iloc[0]
        text = said(drawn(evaluation, "specification_curve", about["unit"], about["design"])[0])
        assert "AR order: 1 with noise" in text

    def test_specifications(self, run, said):
        figure, frame, _ = drawn(run, "specification_curve", "U02", "single")
        parts = [by_gid(figure, gid)[0] for gid in ("primary", "holds-none", "excludes-none")]
        found = pd.Series(
            np.concatenate([line.get_ydata() for line in parts]),
            index=np.concatenate([line.get_xdata() for line in parts]),
        ).sort_index()
        np.testing.assert_array_equal(found, frame["estimate"])
        assert len(by_gid(figure, "primary")[0].get_xdata()) == 1
        text = said(figure)
        assert "AR order: 0" in text
        assert "season: harmonics" in text
        assert "peer left out: P01" in text
        assert f"in {frame.loc[~frame['primary'], 'excludes_none'].sum()} of 13 others." in text
        marked = sum(len(line.get_xdata()) for line in by_gid(figure, "choice"))
        combined = (frame["dimension"] == "combination").sum()
        assert marked == 13 + combined

    def test_many_choices_are_one_row(self, run_with, said):
        evaluation = run_with(n_units=1, n_specifications=100, failed_specifications=1)
        figure, _, _ = drawn(evaluation, "specification_curve", "U00", "single")
        assert "peer left out: 50 in turn" in said(figure)
        assert "1 could not be estimated." in said(figure)
        assert {line.get_marker() for line in by_gid(figure, "choice")} == {"|"}

    def test_wide_specifications_are_cut_and_said_to_be(self, run, said):
        figure, _, _ = drawn(run, "specification_curve", "U00", "single")
        assert "Lines up to the edge go on beyond the scale." in said(figure)

    def test_cumulative(self, run, said):
        figure, frame, _ = drawn(run, "cumulative_effect", "U02", "difference")
        (line,), (points,) = by_gid(figure, "fitted"), by_gid(figure, "observed")
        np.testing.assert_array_equal(line.get_ydata(), np.r_[0.0, frame["fitted"]])
        np.testing.assert_array_equal(points.get_ydata(), frame["observed"])
        (total,), (bar,) = by_gid(figure, "total"), by_gid(figure, "interval")
        assert total.get_ydata()[0] == frame["total"].iloc[-1]
        np.testing.assert_array_equal(bar.get_ydata(), frame[["conf_low", "conf_high"]].iloc[-1])
        assert "sum of the distances from the earlier gap to the peers, cases" in said(figure)
        assert "Periods that were not used add nothing." in said(figure)
        text = said(drawn(run, "cumulative_effect", "U02", "single")[0])
        assert "sum of the distances from the earlier trend, cases" in text

    def test_cumulative_without_interval_or_with_an_infinite_one(self, run_with, layout):
        evaluation = run_with(n_units=1)
        effects = evaluation.tables["effects"]
        evaluation.tables["effects"] = effects.assign(conf_low=np.nan)
        assert not by_gid(drawn(evaluation, "cumulative_effect", "U00", "single")[0], "interval")
        evaluation.tables["effects"] = effects.assign(conf_high=np.inf)
        figure, _, _ = drawn(evaluation, "cumulative_effect", "U00", "single")
        layout(figure)
        (bar,) = by_gid(figure, "interval")
        assert max(bar.get_ydata()) == figure.axes[0].get_ylim()[1]

    def test_against_peers(self, run, said):
        figure, frame, _ = drawn(run, "against_peers", "U01")
        (unit,) = by_gid(figure, "unit")
        np.testing.assert_array_equal(unit.get_ydata(), frame["unit_value"])
        assert len(by_gid(figure, "peer")) == 6
        text = said(figure)
        assert "mean of six peers" in text
        assert "New rota, from July 2014" in text
        assert "A second wing opens" in text

    def test_one_peer_is_the_only_peer(self, run_with, said):
        figure, _, _ = drawn(run_with(n_units=1, n_peers=1), "against_peers", "U00")
        assert not by_gid(figure, "peer")
        assert "P00, the only peer" in said(figure)

    def test_peer_distances(self, run, said):
        figure, frame, _ = drawn(run, "peer_distances", "U01")
        (peers,), (aside,) = by_gid(figure, "peer"), by_gid(figure, "aside")
        np.testing.assert_array_equal(peers.get_xdata(), frame.loc[frame["peer"], "distance"])
        np.testing.assert_array_equal(aside.get_xdata(), frame.loc[~frame["peer"], "distance"])
        assert "2: treated itself" in said(figure)

    def test_many_peers_are_cut_off(self, run_with, said):
        figure, frame, _ = drawn(run_with(n_units=1, n_peers=60, n_aside=0), "peer_distances", "U00")
        assert len(by_gid(figure, "peer")[0].get_xdata()) == 40
        assert len(frame) == 60
        assert "20 more are in the table of this figure." in said(figure)
        assert "Hollow" not in said(figure)

    def test_balance(self, run, said):
        figure, frame, _ = drawn(run, "balance", "U01")
        for gid in ("peers", "pool"):
            (dots,) = by_gid(figure, gid)
            np.testing.assert_array_equal(dots.get_xdata(), frame[f"smd_{gid}"])
        table = run.tables["balance"].copy()
        table.loc[0, ["smd", "unit_value"]] = np.nan
        lacking = replace(run, tables={**run.tables, "balance": table})
        unit = table["unit"].iloc[0]
        assert "own value is missing" in said(drawn(lacking, "balance", unit)[0])

    def test_residuals(self, run):
        figure, frame, _ = drawn(run, "residuals", "U01", "single")
        parts = dict(list(frame.groupby("panel")))
        for gid, panel in (("innovation", "time"), ("autocorrelation", "lags"), ("quantile", "normal")):
            (dots,) = by_gid(figure, gid)
            np.testing.assert_array_equal(dots.get_ydata(), parts[panel]["y"])
        for name in ("before", "after"):
            (dots,) = by_gid(figure, f"spread-{name}")
            spread = parts["spread"]
            np.testing.assert_array_equal(dots.get_ydata(), spread.loc[spread["label"] == name, "y"])
        assert len(by_gid(figure, "deviation")) == 2

    def test_residuals_of_one_side_or_none_left(self, run_with, layout):
        evaluation = run_with(n_units=1)
        rows = evaluation.tables["residuals"]
        evaluation.tables["residuals"] = rows[rows["period"] < "2014-01"]
        figure, _, _ = drawn(evaluation, "residuals", "U00", "single")
        layout(figure)
        assert len(by_gid(figure, "deviation")) == 1
        evaluation.tables["residuals"] = rows[rows["period"] == "2014-01"]
        layout(drawn(evaluation, "residuals", "U00", "single")[0])
        evaluation.tables["residuals"] = rows.assign(innovation=0.0)
        layout(drawn(evaluation, "residuals", "U00", "single")[0])

    def test_power_curve(self, run, said):
        figure, frame, _ = drawn(run, "power_curve", design="single")
        lines = [line for line in figure.axes[0].lines if line.get_gid() == "power"]
        rows = frame[(frame["estimand"] == "level_change") & frame["minimum_detectable"].notna()]
        for line, rho in zip(lines, (0.0, 0.2, 0.4, 0.8), strict=True):
            part = rows[rows["autocorrelation"] == rho]
            np.testing.assert_array_equal(line.get_ydata(), part["minimum_detectable"])
            np.testing.assert_array_equal(line.get_xdata(), part["n_pre"] + part["n_post"])
        text = said(figure)
        assert "Smallest detectable change of trend, per year, by autocorrelation" in text
        assert "found in 80 of 100 such series, tested at 5 %" in text
        assert "About 33% of the months lie before the start." in text
        assert "The table of this figure has one more line." in text
        assert "as configured, 24 + 48 months" in text

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"n_pre": 27}, "In each series 27 months lie before the start."),
            ({"n_post": 56}, "In each series 56 months lie from the start."),
        ],
    )
    def test_power_curve_of_one_varying_side(self, run_with, said, change, sentence):
        evaluation = run_with(n_units=1)
        evaluation.tables["power_curve"] = evaluation.tables["power_curve"].assign(**change)
        assert sentence in said(drawn(evaluation, "power_curve", design="single")[0])

    def test_power_curve_of_one_length_and_of_irregular_ones(self, run_with, said, layout):
        evaluation = run_with(n_units=1)
        table = evaluation.tables["power_curve"]
        evaluation.tables["power_curve"] = table[table["n_pre"] == 24]
        layout(drawn(evaluation, "power_curve", design="single")[0])
        evaluation.tables["power_curve"] = table.assign(n_pre=(120 - table["n_post"]))
        assert "before the start" not in said(drawn(evaluation, "power_curve", design="single")[0])

    def test_small_multiples(self, run, said):
        figure, frame, _ = drawn(run, "small_multiples", design="single")
        kinds = {item.get_gid(): item for item in figure.axes[0].collections}
        assert len(kinds["fit"].get_segments()) == 6
        assert len(kinds["counterfactual"].get_segments()) == 3
        (used,), (hollow,) = by_gid(figure, "used"), by_gid(figure, "not-used")
        assert np.isfinite(used.get_ydata()).sum() == (frame["used"] & frame["value"].notna()).sum()
        assert np.isfinite(hollow.get_ydata()).sum() == 6
        assert "Hollow points were not used." in said(figure)
        assert "Three units on the same scales." in said(figure)

    def test_small_multiples_share_their_scales(self, run_with):
        figure, frame, _ = drawn(run_with(n_units=4), "small_multiples", design="difference")
        (used,) = by_gid(figure, "used")
        y = used.get_ydata().reshape(4, -1)
        rates = [
            (part["value"].max() - part["value"].min()) / (heights.max() - heights.min())
            for (_, part), heights in zip(frame.groupby("unit"), y, strict=True)
        ]
        np.testing.assert_allclose(rates, rates[0], rtol=1e-9)

    def test_small_multiples_of_one_unit_say_nothing_of_several(self, run_with, said, layout):
        # one unit has no such figure among its tasks
        figure, _, _ = draw(
            run_with(n_units=1, staggered=True), FigureTask("small_multiples", OUTCOME, design="single")
        )
        layout(figure)
        assert "same scales" not in said(figure)
