"""Did the gap narrow? The sentence, the figure with both strata, and the truth of the sample found again."""

import math
import sys
from dataclasses import replace
from importlib import util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from its_eval.columns import make_table
from its_eval.config import Config, load_config
from its_eval.figures.catalogue import describe, draw, figure_data, figure_tasks
from its_eval.pipeline.run import evaluate
from its_eval.words.verdicts import gap_sentence, gap_sentences, mean_gap_before

ROOT = Path(__file__).parents[3]
NAME = "seen_in_4h"
GAP = f"{NAME} [most deprived − least deprived]"
QUICK = {"placebo_units": False, "placebo_dates": False, "leave_one_peer_out": False, "diagnostics": False}


@pytest.fixture(scope="module")
def evaluation():
    config = load_config(ROOT / "configs" / "sample_strata.yaml")
    settings = config.model_dump(mode="json", by_alias=True) | {"checks": QUICK}
    return evaluate(Config.model_validate(settings))


@pytest.fixture(scope="module")
def effects():
    """What the sample's generator adds to the gap of each treated unit."""
    spec = util.spec_from_file_location("its_eval_sample_strata", ROOT / "data" / "sample" / "generate.py")
    module = util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module.STRATA_EFFECTS
    del sys.modules[spec.name]


@pytest.mark.parametrize("design", ["single", "difference"])
def test_the_truth_lies_inside_the_intervals(evaluation, effects, design):
    summary = evaluation.tables["summary"].query("design == @design").set_index(["outcome", "unit"])
    for unit, (most, least) in effects.items():
        truths = {GAP: most - least}
        if design == "single":
            truths |= {f"{NAME} [most deprived]": most, f"{NAME} [least deprived]": least}
        for outcome, truth in truths.items():
            row = summary.loc[outcome, unit]
            assert row["conf_low"] < truth < row["conf_high"], (outcome, unit)
    # (beside its peers SIM07's most deprived stratum is one of the one in twenty that miss)
    # and intervals that tell four points from none
    assert summary.loc[(GAP, "SIM07"), "conf_low"] > 0 > summary.loc[(GAP, "SIM18"), "conf_low"]


class TestSentence:
    def test_it_narrowed_or_is_not_known_to_have(self, evaluation):
        alone, beside = gap_sentences(evaluation, GAP, "SIM07")
        assert alone.startswith(
            "Did the gap narrow? SIM07, compared with its own earlier trend: it narrowed;"
        )
        assert "compared with its peers: it narrowed; it stood at −" in beside
        assert "percentage points before the start; immediate change in level 4." in beside
        open_ = gap_sentences(evaluation, GAP, "SIM18")
        assert all("no clear evidence that it narrowed or widened" in words for words in open_)

    def test_the_readme_quotes_it(self, evaluation):
        quoted = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
        _, beside = gap_sentences(evaluation, GAP, "SIM07")
        # the other units that the run of the README has are left out here
        assert beside.removesuffix(").") in quoted

    def test_only_of_gaps(self, evaluation):
        assert gap_sentences(evaluation, f"{NAME} [most deprived]", "SIM07") == []
        assert gap_sentences(evaluation, "nothing", "SIM07") == []

    @pytest.mark.parametrize(
        ("scale", "before", "estimate", "found"),
        [
            ("response", -6.0, 2.0, "it narrowed"),
            ("response", -6.0, -2.0, "it widened"),
            ("response", 6.0, 2.0, "it widened"),
            ("response", -6.0, 11.9, "it narrowed"),
            ("response", -6.0, 12.1, "it turned round, and is wider than before"),
            ("response", 0.1, -2.0, "it turned round, and is wider than before"),
            ("ratio", 0.8, 1.7, "it turned round, and is wider than before"),
            ("ratio", 0.8, 1.1, "it narrowed"),
            ("ratio", 1.3, 1.1, "it widened"),
            ("ratio", 1.3, 0.9, "it narrowed"),
            ("response", math.nan, 2.0, "no clear evidence"),
        ],
    )
    def test_whichever_stratum_was_ahead(self, evaluation, scale, before, estimate, found):
        series = evaluation.tables["series"].assign(unit_value=before)
        about = {**evaluation.outcomes[GAP], "transform": "log" if scale == "ratio" else "none"}
        changed = replace(evaluation, tables={**evaluation.tables, "series": series}, outcomes={GAP: about})
        row = evaluation.rows_of("summary", GAP, "SIM07").iloc[0].to_dict()
        row |= {"scale": scale, "estimate": estimate, "conf_low": estimate - 0.1, "conf_high": estimate + 0.1}
        words = gap_sentence(changed, GAP, row)
        assert found in words
        if scale == "ratio":
            assert f"it stood at a ratio of {before:.3f} before the start" in words

    def test_the_mean_gap_before(self):
        rows = pd.DataFrame(
            {
                "unit_value": [2.0, 8.0, 5.0, 100.0],
                "used": [True, True, False, True],
                "event_time": [-3, -2, -1, 0],
            }
        )
        assert mean_gap_before(rows, log=False) == 5.0
        assert mean_gap_before(rows, log=True) == pytest.approx(4.0)
        assert math.isnan(mean_gap_before(rows.iloc[2:], log=False))


class TestFigure:
    def test_one_for_each_unit_and_design_of_a_gap(self, evaluation):
        tasks = [task for task in figure_tasks(evaluation) if task.kind == "strata_gap"]
        assert {(task.outcome, task.unit, task.design) for task in tasks} == {
            (GAP, unit, design) for unit in ("SIM07", "SIM18") for design in ("single", "difference")
        }

    def test_its_numbers_are_those_of_the_tables(self, evaluation):
        task = next(task for task in figure_tasks(evaluation) if task.kind == "strata_gap")
        frame = figure_data(evaluation, task)
        most, least = frame["stratum: most deprived"], frame["stratum: least deprived"]
        np.testing.assert_allclose(frame["unit_value"], most - least, atol=1e-12)
        rows = evaluation.rows_of("series", f"{NAME} [most deprived]", task.unit)
        own = rows[rows["design"] == "single"].sort_values("period")["unit_value"]
        np.testing.assert_array_equal(most, own)

    @pytest.mark.parametrize("transform", ["none", "log"])
    def test_it_shows_both_strata_and_the_gap(self, evaluation, transform):
        if transform == "log":
            series = evaluation.tables["series"]
            numbers = series.select_dtypes("float64").columns
            positive = series.assign(**{name: np.exp(series[name] / 50) for name in numbers})
            about = {**evaluation.outcomes[GAP], "transform": "log", "unit": ""}
            evaluation = replace(
                evaluation,
                tables={
                    **evaluation.tables,
                    "series": positive,
                    "peer_series": make_table("peer_series", []),
                },
                outcomes={**evaluation.outcomes, GAP: about},
            )
        for task in figure_tasks(evaluation):
            if task.kind != "strata_gap" or task.unit != "SIM07":
                continue
            figure, frame, stem = draw(evaluation, task)
            assert stem.startswith("strata_gap_")
            words = " ".join(text.get_text().replace("\n", " ") for text in figure.findobj(match=_is_text))
            assert "most deprived" in words
            assert "least deprived" in words
            assert ("Ratio of the strata" in words) == (transform == "log")
            assert ("of the peers" in words) == (task.design == "difference")
            strata = [line for line in figure.findobj() if line.get_gid() == "stratum"]
            assert len(strata) == 2
            for line, name in zip(strata, ("most deprived", "least deprived"), strict=True):
                np.testing.assert_array_equal(line.get_ydata(), frame[f"stratum: {name}"])

    def test_alt_text(self, evaluation):
        task = next(task for task in figure_tasks(evaluation) if task.kind == "strata_gap")
        words = describe(evaluation, task)
        assert "most deprived" in words
        assert "Before the start the gap was −" in words
        assert "At the end the fit puts" in words


def _is_text(artist):
    return hasattr(artist, "get_text") and bool(artist.get_text())
