"""The numbers of the figures: those of the tables, and of nothing else."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from its_eval.checks.placebo import placebo
from its_eval.figures.catalogue import FIGURES, FigureTask, figure_data
from its_eval.figures.forest import METHODS
from its_eval.figures.kinds import figure_labels
from its_eval.figures.specification_curve import choices_of

OUTCOME = "waits"


def data_of(kind, evaluation, outcome, *about):
    """The numbers of a figure about the unit and the design named, as far as its kind is about these."""
    names = dict(zip(FIGURES[kind].about, about, strict=True))
    return figure_data(evaluation, FigureTask(kind, outcome, **names))


def labels_of(evaluation, outcome, unit="", design=""):
    return figure_labels(evaluation, FigureTask("", outcome, unit, design))


@pytest.fixture(scope="module")
def run(run_with):
    return run_with(n_units=3)


def with_table(evaluation, name, change):
    return replace(evaluation, tables={**evaluation.tables, name: change(evaluation.tables[name])})


class TestSmallMultiples:
    @pytest.mark.parametrize("design", ["single", "difference"])
    @pytest.mark.parametrize(
        ("options"),
        [{}, {"transform": "log", "kind": "count"}, {"missing": (3, 40), "phase_in": 2}],
        ids=["plain", "log", "gaps"],
    )
    def test_same_numbers_as_the_main_figure(self, run_with, design, options):
        evaluation = run_with(n_units=2, **options)
        frame = data_of("small_multiples", evaluation, OUTCOME, design)
        for unit, part in frame.groupby("unit"):
            main = data_of("main_its", evaluation, OUTCOME, unit, design)
            known = main["deseasonalised"].notna().to_numpy()
            for name in ("fitted", "counterfactual"):
                expected = main[f"trend_{name}"].to_numpy()[known]
                np.testing.assert_allclose(part[name].to_numpy()[known], expected, atol=1e-9)
            for name in ("low", "high"):
                expected = main[f"trend_{name}"].to_numpy()[known]
                np.testing.assert_allclose(
                    part[f"counterfactual_{name}"].to_numpy()[known], expected, atol=1e-9
                )
            np.testing.assert_array_equal(part["value"], main["deseasonalised"])
            assert part["segment"].tolist() == main["segment"].tolist()
            assert part["date"].tolist() == main["date"].tolist()

    def test_lines_of_a_logit_outcome_are_straight_on_its_scale(self, run_with):
        frame = data_of("small_multiples", run_with(n_units=1, transform="logit"), OUTCOME, "single")
        before = frame.loc[frame["segment"] == "before", "fitted"] / 100.0
        np.testing.assert_allclose(np.diff(np.log(before / (1.0 - before)), 2), 0.0, atol=1e-9)

    def test_a_difference_of_logits_is_a_ratio(self, run_with):
        frame = data_of("small_multiples", run_with(n_units=1, transform="logit"), OUTCOME, "difference")
        before = frame.loc[frame["segment"] == "before", "fitted"]
        np.testing.assert_allclose(np.diff(np.log(before), 2), 0.0, atol=1e-9)

    def test_impossible_percentages_are_not_shown(self, run):
        evaluation = with_table(
            run,
            "series",
            lambda table: table.assign(
                counterfactual=table["counterfactual"] + table["event_time"].astype(float)
            ),
        )
        frame = data_of("small_multiples", evaluation, OUTCOME, "single")
        assert frame["counterfactual"].max() <= 100.0
        stopped = frame[(frame["segment"] == "after") & frame["counterfactual"].isna()]
        assert stopped["period"].min() == "2016-03"
        assert stopped["counterfactual_high"].isna().all()
        assert (
            data_of("small_multiples", evaluation, OUTCOME, "difference")["counterfactual"].notna().sum()
            == 90
        )

    def test_unknown(self, run):
        with pytest.raises(KeyError, match="no rows of waits, synthetic"):
            data_of("small_multiples", run, OUTCOME, "synthetic")


class TestForest:
    def test_units_then_pooled(self, run):
        frame = data_of("forest", run, OUTCOME, "difference")
        assert frame["unit"].tolist() == ["U00", "U01", "U02", "", ""]
        assert frame["name"].tolist()[3:] == [METHODS["paule_mandel_mkh"], METHODS["fixed_effect"]]
        summary = run.tables["summary"]
        summary = summary[summary["design"] == "difference"]
        for name in ("estimate", "conf_low", "conf_high"):
            np.testing.assert_array_equal(frame[name][:3], summary[name])
        pooled = run.tables["pooled"]
        row = pooled[(pooled["method"] == "paule_mandel_mkh") & (pooled["design"] == "difference")].iloc[0]
        for name in ("estimate", "conf_low", "conf_high", "prediction_low", "prediction_high"):
            assert frame[name].iloc[3] == row[name]
        assert frame["prediction_low"].isna().tolist() == [True, True, True, False, True]

    def test_without_pooled(self, run_with):
        frame = data_of("forest", run_with(pooled=False), OUTCOME, "single")
        assert set(frame["row"]) == {"unit"}


class TestAgainstPeers:
    def test_values(self, run):
        frame = data_of("against_peers", run, OUTCOME, "U01")
        assert list(frame.columns[:5]) == ["period", "date", "segment", "unit_value", "peer_mean"]
        peers = frame[[f"peer_P0{place}" for place in range(6)]]
        np.testing.assert_array_equal(peers, run.peer_values[OUTCOME])
        np.testing.assert_allclose(peers.mean(axis=1), frame["peer_mean"])
        series = run.tables["series"]
        own = series[(series["unit"] == "U01") & (series["design"] == "difference")]
        np.testing.assert_array_equal(frame["unit_value"], own["unit_value"])

    def test_without_peers(self, run):
        evaluation = with_table(run, "series", lambda table: table.assign(peer_mean=np.nan))
        with pytest.raises(KeyError, match="no peers of waits, U01"):
            data_of("against_peers", evaluation, OUTCOME, "U01")


class TestPeerDistances:
    def test_candidates_set_aside_fill_the_gaps_of_the_ranks(self, run):
        frame = data_of("peer_distances", run, OUTCOME, "U00")
        assert frame["candidate"].tolist() == ["P00", "X00", "P01", "X01", "P02", "X02", "P03", "P04", "P05"]
        assert frame["pool_rank"].tolist() == list(range(1, 10))
        assert frame.loc[frame["peer"], "reason"].eq("").all()
        assert frame["reason"].iloc[1] == "treated itself"
        assert frame["distance"].is_monotonic_increasing

    def test_farther_candidates_are_no_part_of_it(self, run):
        far = {"outcome": OUTCOME, "unit": "U00", "candidate": "FAR", "distance": 99.0, "reason": "x"}
        evaluation = with_table(
            run, "peer_exclusions", lambda table: pd.concat([table, pd.DataFrame([far])], ignore_index=True)
        )
        pd.testing.assert_frame_equal(
            data_of("peer_distances", evaluation, OUTCOME, "U00"),
            data_of("peer_distances", run, OUTCOME, "U00"),
        )

    def test_ranks_that_cannot_be_known_are_missing(self, run):
        fewer = with_table(run, "peer_exclusions", lambda table: table[table["candidate"] != "X01"])
        frame = data_of("peer_distances", fewer, OUTCOME, "U00")
        assert frame.loc[~frame["peer"], "pool_rank"].isna().all()
        given = with_table(
            run, "peers", lambda table: table.assign(pool_rank=pd.array([None] * len(table), "Int64"))
        )
        assert data_of("peer_distances", given, OUTCOME, "U00")["pool_rank"].isna().all()

    def test_peers_without_distance_come_last(self, run):
        evaluation = with_table(
            run,
            "peers",
            lambda table: table.assign(distance=table["distance"].where(table["peer"] != "P00")),
        )
        assert data_of("peer_distances", evaluation, OUTCOME, "U00")["candidate"].iloc[-1] == "P00"


class TestBalance:
    def test_distances_from_peers_and_pool(self, run):
        frame = data_of("balance", run, OUTCOME, "U00").set_index("variable")
        # the standard deviation of the pool was 3 throughout
        np.testing.assert_allclose(frame.loc["Beds", ["smd_peers", "smd_pool"]], [1.0 / 3.0, 4.0 / 3.0])
        np.testing.assert_allclose(frame.loc["Urban", ["smd_peers", "smd_pool"]], [-0.5 / 3.0, 7.0 / 3.0])

    def test_largest_distance_from_the_pool_first(self, run):
        assert data_of("balance", run, OUTCOME, "U00")["variable"].tolist() == [
            "Urban",
            "Age 60-74",
            "Beds",
            "Degree of specialisation",
        ]

    def test_equal_to_the_peers_the_pool_cannot_be_told(self, run):
        row = data_of("balance", run, OUTCOME, "U00").iloc[-1]
        assert row["smd_peers"] == 0.0
        assert np.isnan(row["smd_pool"])

    def test_a_column_of_the_table_is_used_where_there_is_one(self, run):
        evaluation = with_table(run, "balance", lambda table: table.assign(smd_pool=-0.25))
        assert data_of("balance", evaluation, OUTCOME, "U00")["smd_pool"].eq(-0.25).all()


class TestCumulative:
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"kind": "count"},
            {"kind": "number", "denominators": False},
            {"missing": (30, 45), "phase_in": 3},
        ],
        ids=["percentage", "count", "number", "gaps"],
    )
    def test_fitted_sum_ends_at_the_total_of_the_table(self, run_with, options):
        evaluation = run_with(n_units=2, **options)
        effects = evaluation.tables["effects"]
        for design in ("single", "difference"):
            frame = data_of("cumulative_effect", evaluation, OUTCOME, "U01", design)
            rows = effects[(effects["estimand"] == "cumulative_effect") & (effects["unit"] == "U01")]
            row = rows[rows["design"] == design].iloc[0]
            np.testing.assert_allclose(frame["fitted"].iloc[-1], row["estimate"], rtol=1e-9)
            last = frame.iloc[-1]
            assert last["total"] == row["estimate"]
            assert [last["conf_low"], last["conf_high"]] == [row["conf_low"], row["conf_high"]]
            assert frame["total"].iloc[:-1].isna().all()

    def test_what_was_not_used_adds_nothing(self, run_with):
        frame = data_of("cumulative_effect", run_with(missing=(40,), phase_in=2), OUTCOME, "U03", "single")
        assert frame["used"].tolist()[:3] == [False, False, True]
        assert frame["fitted"].iloc[1] == 0.0
        assert frame["fitted"].iloc[10] == frame["fitted"].iloc[9]
        assert np.isnan(frame["observed"].iloc[10])

    def test_percentages_are_summed_as_people(self, run):
        frame = data_of("cumulative_effect", run, OUTCOME, "U02", "single")
        assert frame["weight"].eq(0.7).all()

    def test_interruption_that_the_series_shows_is_meant(self, run):
        def later(table):
            rows = table[table["estimand"] == "cumulative_effect"]
            other = rows.assign(interruption="Another", interruption_period="2015-07", estimate=-1.0)
            return pd.concat([other, table], ignore_index=True)

        expected = data_of("cumulative_effect", run, OUTCOME, "U01", "single")
        found = data_of("cumulative_effect", with_table(run, "effects", later), OUTCOME, "U01", "single")
        pd.testing.assert_frame_equal(found, expected)

    def test_without_a_total(self, run_with):
        with pytest.raises(KeyError, match="no cumulative effect of waits, U00, single"):
            data_of("cumulative_effect", run_with(n_units=1, denominators=False), OUTCOME, "U00", "single")


class TestPlacebos:
    @pytest.mark.parametrize("failed", [0, 2])
    def test_as_extreme_as_the_check_counts_them(self, run_with, failed):
        evaluation = run_with(n_units=3, n_placebos=60, failed_placebos=failed)
        for unit in ("U00", "U01", "U02"):
            frame = data_of("placebo_units", evaluation, OUTCOME, unit, "difference")
            others = frame[~frame["treated"]]
            own = float(frame["statistic"].iloc[0])
            expected = placebo(own, others["statistic"].to_numpy())
            assert int(others["as_extreme"].sum()) == expected.n_extreme
            assert len(others) == expected.n_donors

    def test_a_tie_counts(self, run):
        own = data_of("placebo_units", run, OUTCOME, "U02", "difference")["statistic"].iloc[0]
        evaluation = with_table(
            run, "placebo_units", lambda table: table.assign(statistic=-own * (1.0 - 1e-12))
        )
        others = data_of("placebo_units", evaluation, OUTCOME, "U02", "difference").iloc[1:]
        assert others["as_extreme"].all()

    def test_unit_first_then_in_order(self, run_with):
        evaluation = run_with(n_units=2, failed_placebos=1)
        frame = data_of("placebo_units", evaluation, OUTCOME, "U01", "difference")
        assert frame["treated"].tolist() == [True] + [False] * 40
        assert frame["statistic"].iloc[1:-1].is_monotonic_increasing
        assert np.isnan(frame["statistic"].iloc[-1])
        assert frame["p_value"].tolist()[0] == 0.07
        assert frame["p_value"].iloc[1:].isna().all()
        effects = evaluation.tables["effects"]
        row = effects[
            (effects["unit"] == "U01") & (effects["design"] == "difference") & (effects["role"] == "primary")
        ].iloc[0]
        assert frame["statistic"].iloc[0] == row["statistic"]

    def test_the_unit_among_its_own_placebos_is_not_counted_twice(self, run):
        def with_own(table):
            own = table[table["unit"] == "U00"].iloc[[0]].assign(placebo="U00")
            return pd.concat([table, own], ignore_index=True)

        frame = data_of(
            "placebo_units", with_table(run, "placebo_units", with_own), OUTCOME, "U00", "difference"
        )
        assert (frame["placebo"] == "U00").sum() == 1

    def test_dates_end_at_the_real_start(self, run):
        frame = data_of("placebo_dates", run, OUTCOME, "U02", "difference")
        assert frame["actual"].tolist() == [False] * 9 + [True]
        assert frame["date"].iloc[-1] == "2014-07-01"
        assert frame["date"].is_monotonic_increasing

    @pytest.mark.parametrize("kind", ["placebo_units", "placebo_dates"])
    def test_without_placebos_or_estimate(self, run, kind):
        with pytest.raises(KeyError, match="no rows of the primary estimand of waits, U00, single"):
            data_of(kind, run, OUTCOME, "U00", "single")
        evaluation = with_table(run, "effects", lambda table: table[table["role"] != "primary"])
        with pytest.raises(KeyError, match="no estimate of waits, U00, difference"):
            data_of(kind, evaluation, OUTCOME, "U00", "difference")


class TestSpecifications:
    def test_sorted_with_the_primary_one_marked(self, run):
        frame = data_of("specification_curve", run, OUTCOME, "U01", "single")
        assert frame["rank"].tolist() == list(range(1, 15))
        assert frame["estimate"].is_monotonic_increasing
        assert frame["primary"].sum() == 1
        summary = run.tables["summary"]
        row = summary[(summary["unit"] == "U01") & (summary["design"] == "single")].iloc[0]
        assert frame.loc[frame["primary"], "estimate"].iloc[0] == row["estimate"]

    def test_other_estimators_are_specifications(self, run):
        frame = data_of("specification_curve", run, OUTCOME, "U01", "single")
        assert frame.loc[frame["dimension"] == "estimator", "choice"].tolist() == ["ols"]

    def test_but_not_twice(self, run):
        def own(table):
            return pd.concat([table, table.iloc[[0]].assign(dimension="estimator", choice="mine")])

        evaluation = with_table(run, "sensitivity", own)
        unit, design = run.tables["sensitivity"].iloc[0][["unit", "design"]]
        frame = data_of("specification_curve", evaluation, OUTCOME, unit, design)
        assert frame.loc[frame["dimension"] == "estimator", "choice"].tolist() == ["mine"]

    def test_another_transform_is_another_quantity(self, run):
        def transformed(table):
            rows = table[table["dimension"] == "k"]
            alone = rows.assign(dimension="transform", choice="log")
            crossed = rows.assign(dimension="combination", choice="k=5; transform=log")
            return pd.concat([table, alone, crossed])

        found = data_of(
            "specification_curve", with_table(run, "sensitivity", transformed), OUTCOME, "U01", "single"
        )
        pd.testing.assert_frame_equal(found, data_of("specification_curve", run, OUTCOME, "U01", "single"))

    def test_interval_to_one_side_of_no_effect(self, run_with):
        for transform, none in (("none", 0.0), ("log", 1.0)):
            kind = "count" if transform == "log" else "percentage"
            evaluation = run_with(n_units=4, transform=transform, kind=kind)
            frame = data_of("specification_curve", evaluation, OUTCOME, "U03", "single")
            expected = (frame["conf_low"] > none) | (frame["conf_high"] < none)
            assert frame["excludes_none"].equals(expected)
            assert expected.sum() > 0

    def test_failed_ones_are_last(self, run_with):
        evaluation = run_with(n_units=1, failed_specifications=2)
        frame = data_of("specification_curve", evaluation, OUTCOME, "U00", "single")
        assert frame["estimate"].isna().tolist() == [False] * 12 + [True] * 2
        assert not frame["excludes_none"].iloc[-2:].any()

    def test_without_any(self, run_with):
        with pytest.raises(KeyError, match="no rows of the primary estimand of waits, U00, single"):
            data_of("specification_curve", run_with(n_units=1, n_specifications=0), OUTCOME, "U00", "single")

    def test_parts_of_a_combination(self):
        def parts(dimension, choice):
            return choices_of(pd.Series({"dimension": dimension, "choice": choice}))

        assert parts("end", "2020-02; x=1") == [("end", "2020-02; x=1")]
        assert parts("combination", "k=5; drop_characteristic=Age; 0=14") == [
            ("k", "5"),
            ("drop_characteristic", "Age"),
            ("0", "14"),
        ]
        assert parts("combination", "k=5; drop_characteristic=Beds; staffed; order=1") == [
            ("k", "5"),
            ("drop_characteristic", "Beds; staffed"),
            ("order", "1"),
        ]


class TestResiduals:
    @pytest.mark.parametrize("missing", [(), (5, 17, 18, 40)], ids=["complete", "gaps"])
    def test_autocorrelations_are_those_of_statsmodels(self, run_with, missing):
        from statsmodels.tsa.stattools import acf

        evaluation = run_with(n_units=1, missing=missing)
        frame = data_of("residuals", evaluation, OUTCOME, "U00", "single")
        rows = evaluation.rows_of("residuals", OUTCOME, "U00")
        rows = rows[rows["design"] == "single"].set_index("period")["innovation"]
        periods = evaluation.rows_of("series", OUTCOME, "U00")["period"].unique()
        values = rows.reindex(periods).to_numpy()
        lags = frame[frame["panel"] == "lags"]
        expected = acf(values, adjusted=False, nlags=len(lags), fft=False, missing="conservative")[1:]
        np.testing.assert_allclose(lags["y"], expected, atol=1e-12)
        np.testing.assert_allclose(lags["limit"], 1.959964 / np.sqrt(len(rows)), rtol=1e-6)
        assert lags["x"].max() == min(24, len(rows) // 5)

    def test_normal_quantiles_are_at_bloms_positions(self, run_with):
        from scipy.stats import norm
        from statsmodels.graphics.gofplots import plotting_pos

        frame = data_of("residuals", run_with(n_units=1), OUTCOME, "U00", "single")
        part = frame[frame["panel"] == "normal"]
        np.testing.assert_allclose(part["x"], norm.ppf(plotting_pos(60, a=0.375)), atol=1e-9)
        assert part["y"].is_monotonic_increasing

    def test_spread_by_segment(self, run_with):
        evaluation = run_with(n_units=1)
        frame = data_of("residuals", evaluation, OUTCOME, "U00", "single")
        rows = evaluation.tables["residuals"]
        values = rows.loc[rows["design"] == "single", "innovation"].to_numpy()
        for name, part in (("before", values[:30]), ("after", values[30:])):
            shown = frame[(frame["panel"] == "spread") & (frame["label"] == name)]
            np.testing.assert_array_equal(shown["y"], part)
            np.testing.assert_allclose(shown["limit"], np.std(part, ddof=1))

    def test_a_fit_that_leaves_nothing_has_no_autocorrelation(self, run):
        evaluation = with_table(run, "residuals", lambda table: table.assign(innovation=0.0))
        frame = data_of("residuals", evaluation, OUTCOME, "U00", "single")
        assert frame.loc[frame["panel"] == "lags", "y"].isna().all()

    def test_without_innovations(self, run):
        evaluation = with_table(run, "residuals", lambda table: table.assign(innovation=np.nan))
        with pytest.raises(KeyError, match="`residuals` has no rows of waits, U00, single"):
            data_of("residuals", evaluation, OUTCOME, "U00", "single")


def test_power_rows_are_those_of_the_table(run):
    frame = data_of("power_curve", run, OUTCOME, "single")
    table = run.tables["power_curve"]
    expected = table[table["design"] == "single"]
    keys = ["estimand", "autocorrelation", "n_pre", "n_post", "minimum_detectable"]
    pd.testing.assert_frame_equal(frame[keys], expected[keys].reset_index(drop=True))
    with pytest.raises(KeyError, match="`power_curve` has no rows of waits, stacked"):
        data_of("power_curve", run, OUTCOME, "stacked")


class TestLabels:
    def test_words(self, run):
        labels = labels_of(run, OUTCOME, "U01", "difference")
        assert labels.unit_name == "Trust U01"
        assert labels.controlled
        assert labels.interruption_in_words == "New rota, from July 2014"
        assert labels.estimand_in_words == "change of trend, per month"
        assert labels.difference_measure == "percentage points"
        assert labels.events == (("A second wing opens", "2014-12"),)

    def test_different_starts_have_no_common_words(self, run_with):
        evaluation = run_with(n_units=3, staggered=True)
        assert labels_of(evaluation, OUTCOME).interruption_in_words == "New rota"
        labels = labels_of(evaluation, OUTCOME, "U02")
        assert labels.interruption_in_words == "New rota, from September 2014"

    def test_events_of_other_units_are_left_out(self, run):
        about = {**run.outcomes[OUTCOME], "events": (("Here", "2013-05", ("U01",)),)}
        evaluation = replace(run, outcomes={OUTCOME: about})
        assert labels_of(evaluation, OUTCOME, "U01").events == (("Here", "2013-05"),)
        assert labels_of(evaluation, OUTCOME, "U02").events == ()

    def test_ratios_are_shown_as_per_cent(self, run_with):
        labels = labels_of(run_with(n_units=1, transform="log", kind="count"), OUTCOME, "U00")
        np.testing.assert_allclose(labels.shown(pd.Series([0.5, 1.0, 1.2])), [-50.0, 0.0, 20.0])
        assert labels.difference_measure == "%"

    def test_without_summary(self, run):
        evaluation = with_table(run, "summary", lambda table: table.iloc[:0])
        labels = labels_of(evaluation, OUTCOME, "U01")
        assert labels.estimand_in_words == "effect"
        assert labels.difference_measure == "percentage points"
