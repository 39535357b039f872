"""Designs that weigh donors have no interval and no peers of their own: their figures claim neither."""

from dataclasses import replace

import numpy as np
import pytest

from its_eval.columns import make_table
from its_eval.figures.catalogue import FigureTask, describe, draw, figure_data, figure_tasks

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


class TestDonorWeights:
    @pytest.fixture
    def weighed(self, run_of):
        """Return the run with so many weights of donors of a unit, and the task of their figure."""
        evaluation, design = run_of

        def make(weights):
            rows = [
                {"outcome": "waits", "unit": "U01", "design": design, "donor": f"P{place:02d}"}
                | {"weight": weight, "role": "part" if weight else "no part"}
                for place, weight in enumerate(weights)
            ]
            tables = evaluation.tables | {"donor_weights": make_table("donor_weights", rows)}
            return replace(evaluation, tables=tables), FigureTask("donor_weights", "waits", "U01", design)

        return make

    def test_those_that_count_the_largest_first(self, weighed, said, layout, artists):
        evaluation, task = weighed([0.2, 0.0, 0.9, -0.1])
        assert [item for item in figure_tasks(evaluation) if item.kind == "donor_weights"] == [task]
        frame = figure_data(evaluation, task)
        assert frame["donor"].tolist() == ["P02", "P00", "P03"]
        figure, _, _ = draw(evaluation, task)
        layout(figure)
        (dots,) = artists(figure, "donor")
        np.testing.assert_allclose(np.sort(dots.get_xdata()), [-0.1, 0.2, 0.9])
        words = " ".join(said(figure).split())
        made = WORDS[task.design][0]
        assert f"Weights in the {made} of" in words
        assert "The weights sum to 1. A donor with a weight below 0 is counted against the others." in words
        alt = describe(evaluation, task)
        assert alt.startswith(f"Three donors in the {made} of")
        assert alt.endswith("One weight below 0.")

    def test_of_very_many_the_largest(self, weighed, said, layout):
        evaluation, task = weighed([0.02] * 50 + [-0.5, 0.5])
        figure, frame, _ = draw(evaluation, task)
        layout(figure)
        assert len(frame) == 52
        words = " ".join(said(figure).split())
        assert "22 with smaller weights are in the table of this figure." in words
        assert "−0.500" in words

    def test_what_would_be_printed_as_nothing_is_not_drawn(self, weighed, said):
        evaluation, task = weighed([0.7, 0.3, 0.0004, -0.0004])
        figure, frame, _ = draw(evaluation, task)
        assert len(frame) == 4
        words = " ".join(said(figure).split())
        assert "0.000" not in words
        assert "2 with smaller weights are in the table of this figure." in words

    def test_without_weights_there_is_none(self, weighed):
        evaluation, _ = weighed([0.0])
        assert "donor_weights" not in {item.kind for item in figure_tasks(evaluation)}
