"""Designs that weigh donors have no interval and no peers of their own: their figures claim neither."""

import numpy as np
import pytest

from its_eval.figures.catalogue import FigureTask, describe, draw

BAND = ["counterfactual_low", "counterfactual_high", "prediction_low", "prediction_high"]


#: What the weighted donors are called, and what is expected to go on.
WORDS = {
    "synthetic": ("synthetic control", "earlier trend"),
    "sdid": ("weighted comparison", "earlier difference"),
    "augmented_synthetic": ("augmented synthetic control", "earlier trend"),
}


@pytest.fixture(scope="module", params=WORDS)
def run_of(run_with, request):
    """A run whose controlled design weighs donors, and the design."""
    evaluation = run_with(n_units=3)
    for name, table in evaluation.tables.items():
        if "design" in table:
            evaluation.tables[name] = table.replace({"design": {"difference": request.param}})
    series = evaluation.tables["series"]
    series.loc[series["design"] == request.param, BAND] = np.nan
    return evaluation, request.param


@pytest.mark.parametrize(("kind", "unit"), [("main_its", "U01"), ("small_multiples", "")])
def test_no_interval_is_claimed_where_there_is_none(run_of, said, kind, unit):
    evaluation, design = run_of
    task = FigureTask(kind, "waits", unit, design)
    figure, _, _ = draw(evaluation, task)
    words, alt = " ".join(said(figure).split()), describe(evaluation, task)
    assert "interval" not in words
    assert "interval" not in alt
    made, course = WORDS[design]
    assert f"ifference from the {made}" in words
    assert f"{course} " in words
    assert "peers" not in words


def test_the_mean_is_told_apart_from_that_of_peers(run_of, said):
    evaluation, design = run_of
    figure, _, _ = draw(evaluation, FigureTask("main_its", "waits", "U01", design))
    assert f"{WORDS[design][0]}: weighted mean of other units" in " ".join(said(figure).split())
