"""The figure of the answer: means of what the tables have, and the bar of what was expected."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from its_eval.columns import THE_SET, make_table
from its_eval.figures.catalogue import FigureTask, describe, draw, figure_data
from its_eval.figures.together import together_labels

ABOUT = {
    "label": "Waits", "unit": "days", "kind": "number", "better": "lower", "transform": "none",
    "frequency": "month", "interruption": "New rota", "start_in_words": "March 2015", "confidence": 0.95,
    "per_year": 12, "starts": {"A": ("2015-03", "March 2015"), "B": ("2015-03", "March 2015")}, "events": (),
}  # fmt: skip
VALUES = {"A": (10.0, 12.0, 20.0, 22.0), "B": (30.0, 32.0, 44.0, math.nan)}
PEERS, GAP = (5.0, 6.0, 7.0, 8.0), 2.0


def evaluation(design="difference", **changes):
    from its_eval.evaluation import Evaluation

    rows = [
        {
            "outcome": "waits", "unit": unit, "design": design, "period": f"2015-0{number + 1}",
            "observed": value - peer, "unit_value": value, "peer_mean": peer, "used": True,
            "counterfactual": GAP if number >= 2 else math.nan, "event_time": number - 2,
        }
        for unit, values in VALUES.items()
        for number, (value, peer) in enumerate(zip(values, PEERS, strict=True))
    ]  # fmt: skip
    effect = {
        "outcome": "waits", "unit": THE_SET, "design": design, "interruption": "New rota",
        "question": "change", "estimand": "effect_at_0", "estimate": 3.0, "conf_low": 1.0, "conf_high": 7.0,
    }  # fmt: skip
    tables = {
        "series": make_table("series", rows),
        "verdicts": make_table("verdicts", [effect | changes]),
    }
    return Evaluation("t", tables, (), {"waits": ABOUT}, {"A": "Trust A"})


def words_in(figure):
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


TASK = FigureTask("together", "waits", design="difference")


def test_means_are_of_all_units_or_missing():
    frame = figure_data(evaluation(), TASK)
    assert frame["units"].tolist() == [2, 2, 2, 1]
    assert frame["value"].tolist()[:3] == [20.0, 22.0, 32.0]
    assert math.isnan(frame["value"].iloc[3])
    assert frame["peers"].tolist() == list(PEERS)
    # what was expected is the peers' level and the gap as it would have been
    assert frame["expected"].tolist()[2:] == [9.0, 10.0]


def test_the_bar_is_where_the_expected_would_be_at_the_limits_of_the_effect():
    row = figure_data(evaluation(), TASK).iloc[2]
    assert (row["expected_low"], row["expected_high"]) == (9.0 + 3.0 - 7.0, 9.0 + 3.0 - 1.0)
    others = figure_data(evaluation(), TASK).drop(index=2)
    assert others[["expected_low", "expected_high"]].isna().all(axis=None)


def test_geometric_means_and_ratios_of_a_log_outcome():
    made = evaluation(scale="ratio", estimate=1.5, conf_low=1.25, conf_high=2.0)
    made = replace(made, outcomes={"waits": ABOUT | {"transform": "log"}})
    frame = figure_data(made, TASK)
    assert frame["value"].iloc[0] == pytest.approx(math.sqrt(300.0))
    assert frame["expected"].iloc[2] == pytest.approx(14.0)
    assert (frame["expected_low"].iloc[2], frame["expected_high"].iloc[2]) == pytest.approx(
        (14.0 * 1.5 / 2.0, 14.0 * 1.5 / 1.25)
    )


def test_there_is_no_figure_of_units_that_started_at_different_times():
    from its_eval.figures.catalogue import FIGURES

    starts = {"A": ("2015-03", "March 2015"), "B": ("2015-04", "April 2015")}
    made = replace(evaluation(), outcomes={"waits": ABOUT | {"starts": starts}})
    assert FIGURES["together"].tasks(made) == []
    assert FIGURES["together"].tasks(evaluation()) == [TASK]


def test_it_is_drawn_and_described_with_its_numbers():
    figure, frame, stem = draw(evaluation(), TASK)
    assert stem == "together_waits_difference"
    texts = words_in(figure)
    for words in ("mean of the two units", "their peers", "had the earlier trend gone on"):
        assert words in texts
    dots = next(line for line in figure.axes[0].lines if line.get_gid() == "used")
    assert np.asarray(dots.get_ydata())[:3].tolist() == frame["value"].tolist()[:3]
    assert "In 2015-03 it was 32.0; expected were 9.00 (95 % interval 5.00 to 11.0)." in describe(
        evaluation(), TASK
    )


def test_of_two_that_began_each_is_named_and_without_one_is_told_from_without_any():
    made = evaluation()
    rows = [{"outcome": "waits", "unit": "A", "interruption": name} for name in ("New rota", "Ward")]
    tables = {**made.tables, "effects": make_table("effects", rows)}
    about = ABOUT | {"events": (("Ward", "2015-04", ()), ("Noted", "2015-02", ()))}
    series = made.tables["series"].assign(
        counterfactual_without_any=made.tables["series"]["counterfactual"] - 2
    )
    made = replace(made, tables={**tables, "series": series}, outcomes={"waits": about})
    assert together_labels(made, TASK).fitted == {"Ward"}
    figure, frame, _ = draw(made, TASK)
    texts = words_in(figure)
    for words in (
        *("without New rota", "without any of them", "Ward, from April 2015", "Noted"),
        "New rota, from March 2015",
    ):
        assert words in texts
    lines = {line.get_gid(): np.asarray(line.get_ydata()) for line in figure.axes[0].lines}
    np.testing.assert_array_equal(lines["without-any"], frame["expected_without_any"])
    assert len(set(lines["counterfactual"]) & set(lines["without-any"])) == 0


def test_a_bar_that_runs_off_the_scale_says_where_it_ends():
    made = evaluation(estimate=3.0, conf_low=-400.0, conf_high=400.0)
    series = made.tables["series"]
    bounded = replace(
        made,
        tables={**made.tables, "series": series},
        outcomes={"waits": ABOUT | {"kind": "percentage", "unit": "%"}},
    )
    figure, frame, _ = draw(bounded, TASK)
    assert isinstance(frame, pd.DataFrame)
    texts = words_in(figure)
    assert "It runs off the scale, from −388 to 412 %." in texts
