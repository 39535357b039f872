"""A synthetic control has no interval and no peers of its own: its figures claim neither."""

import numpy as np
import pytest

from its_eval.figures.catalogue import FigureTask, describe, draw

BAND = ["counterfactual_low", "counterfactual_high", "prediction_low", "prediction_high"]


@pytest.fixture(scope="module")
def synthetic(run_with):
    """A run whose controlled design is a synthetic control."""
    evaluation = run_with(n_units=3)
    for name, table in evaluation.tables.items():
        if "design" in table:
            evaluation.tables[name] = table.replace({"design": {"difference": "synthetic"}})
    series = evaluation.tables["series"]
    series.loc[series["design"] == "synthetic", BAND] = np.nan
    return evaluation


@pytest.mark.parametrize(("kind", "unit"), [("main_its", "U01"), ("small_multiples", "")])
def test_no_interval_is_claimed_where_there_is_none(synthetic, said, kind, unit):
    task = FigureTask(kind, "waits", unit, "synthetic")
    figure, _, _ = draw(synthetic, task)
    words, alt = " ".join(said(figure).split()), describe(synthetic, task)
    assert "interval" not in words
    assert "interval" not in alt
    assert "ifference from the synthetic control" in words
    assert "peers" not in words


def test_the_mean_is_told_apart_from_that_of_peers(synthetic, said):
    figure, _, _ = draw(synthetic, FigureTask("main_its", "waits", "U01", "synthetic"))
    assert "synthetic control: weighted mean of other units" in " ".join(said(figure).split())
