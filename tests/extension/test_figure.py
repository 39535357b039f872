"""A kind of figure from outside the package: one object, registered, and it is in the folder and the report."""

import re

import numpy as np
import pandas as pd
import pytest

from its_eval.config import load_config
from its_eval.figures.catalogue import FIGURES, FigureKind, FigureTask, describe, draw, figure_tasks
from its_eval.figures.kinds import figure_labels
from its_eval.figures.scales import Panel, reach
from its_eval.figures.sheet import draw_sheet
from its_eval.figures.style import house_style
from its_eval.pipeline.run import evaluate


def missing_data(evaluation, task):
    """Return how many values each year lacks."""
    rows = evaluation.rows_of("series", task.outcome, task.unit).drop_duplicates("period")
    years = rows["period"].str[:4].astype(int)
    return rows["observed"].isna().groupby(years).sum().rename("missing").rename_axis("year").reset_index()


def draw_missing(frame, labels):
    """Return a bar per year."""
    year, missing = (frame[name].to_numpy(dtype=np.float64) for name in ("year", "missing"))
    limits = reach([missing, np.zeros(1), np.ones(1)])
    panel = Panel(f"{labels.outcome}, values missing", limits, 2.0, lambda axes: axes.bar(year, missing), ())
    with house_style():
        return draw_sheet([panel], (year.min() - 0.5, year.max() + 0.5), [], ["A bar a year."])


def missing_text(frame, labels):
    return f"{labels.outcome} of {labels.unit_name}: {frame['missing'].sum()} values missing."


GAPS = FigureKind(
    name="gaps_by_year",
    caption="How many values each year lacks",
    about=("unit",),
    rows=lambda evaluation, outcome: evaluation.rows_of("series", outcome),
    data=missing_data,
    labels=figure_labels,
    draw=draw_missing,
    alt_text=missing_text,
    section="units",
)
TEXT = "Waits of Trust A1: 0 values missing."


@pytest.fixture
def registered():
    with FIGURES.added(GAPS):
        yield
    assert "gaps_by_year" not in [kind.name for kind in FIGURES]


@pytest.mark.usefixtures("registered")
def test_it_is_listed_described_and_drawn(study):
    study.write(checks={"placebo_units": False, "placebo_dates": False, "leave_one_peer_out": False})
    evaluation = evaluate(load_config(study.config))
    tasks = [task for task in figure_tasks(evaluation) if task.kind == "gaps_by_year"]
    assert tasks == [
        FigureTask("gaps_by_year", outcome, unit) for outcome in ("seen", "waits") for unit in ("A1", "A2")
    ]
    assert describe(evaluation, tasks[2]) == TEXT
    figure, frame, stem = draw(evaluation, tasks[2])
    assert stem == "gaps_by_year_waits_A1"
    assert frame["missing"].tolist() == [0] * len(frame)
    assert len(figure.axes[0].patches) == len(frame)


@pytest.mark.usefixtures("registered")
def test_from_yaml_to_report(study, its, tmp_path):
    study.write(checks={"placebo_units": False, "placebo_dates": False, "leave_one_peer_out": False})
    out = tmp_path / "result"
    assert its("run", str(study.config), "-o", str(out), "--jobs", "1").code == 0
    for ending in ("svg", "png", "csv"):
        assert (out / "figures" / f"gaps_by_year_waits_A1.{ending}").is_file()
    frame = pd.read_csv(out / "figures" / "gaps_by_year_waits_A1.csv")
    assert list(frame.columns) == ["year", "missing"]
    page = " ".join((out / "report.html").read_text(encoding="utf-8").split())
    assert "How many values each year lacks: Waits, A1 Trust A1." in page
    assert re.search(rf'aria-label="{TEXT}"', page)


@pytest.mark.parametrize("name", ["forest", "forest_of_units"])
def test_files_of_two_kinds_can_be_told_apart(name):
    with (
        pytest.raises(
            ValueError, match=f"files of the figure '{name}' could not be told from those of 'forest'"
        ),
        FIGURES.added(FigureKind(**(vars(GAPS) | {"name": name}))),
    ):
        pass
    assert [kind.name for kind in FIGURES].count("forest") == 1
