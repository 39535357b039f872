"""A kind of figure from outside the package: one object, registered, and it is in the folder and the report."""

import re

import pandas as pd
import pytest
from toy_figure import GAPS_BY_YEAR

from its_eval.config import load_config
from its_eval.figures.catalogue import FIGURES, FigureTask, describe, draw, figure_tasks
from its_eval.pipeline.run import evaluate

TEXT = "Waits of Trust A1: 0 values missing."


@pytest.fixture
def registered():
    with FIGURES.adding(GAPS_BY_YEAR):
        yield
    assert "gaps_by_year" not in FIGURES


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
def test_from_yaml_to_report(study, its, tmp_path, unpacked):
    study.write(text=study.config.read_text() + "output: {which: all}\n")
    out = tmp_path / "result"
    assert its("run", str(study.config), "-o", str(out), "--jobs", "1").code == 0
    for ending in ("svg", "png", "csv"):
        assert (out / "figures" / f"gaps_by_year_waits_A1.{ending}").is_file()
    frame = pd.read_csv(out / "figures" / "gaps_by_year_waits_A1.csv")
    assert list(frame.columns) == ["year", "missing"]
    page = " ".join(unpacked((out / "report.html").read_text(encoding="utf-8")).split())
    assert "How many values each year lacks: Waits, A1 Trust A1." in page
    assert re.search(rf'aria-label="{TEXT}"', page)
