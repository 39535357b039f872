"""A small run, evaluated once, and its report taken apart."""

import math
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

from its_eval.config import load_config
from its_eval.figures.catalogue import draw, figure_tasks
from its_eval.figures.style import save_figure
from its_eval.pipeline.run import evaluate
from its_eval.report.html import render_report

UNITS = ("A1", "A2", "B1", "B2", "B3", "B4", "B5", "B6")
N_MONTHS, START = 48, 30
CONFIG = """\
version: 1
title: A small study <of waits> & more
data:
  indicators: {path: indicators.csv}
  characteristics: {path: characteristics.csv}
  units: {path: units.csv, columns: {unit: unit, name: name, type: type}}
intervention: {name: New rota, date: 2015-07}
treated: [A1, A2]
events: [{name: New forms, date: 2014-02, as: note}]
peers: {k: 3}
outcomes:
  - {indicator: waits, label: Waits, unit: days, better: lower}
  - {indicator: seen, label: Seen in time, unit: "%", kind: percentage, better: higher}
designs: [single, difference]
estimators: [reml_ar, ols]
estimands: {primary: slope_change, at: [6]}
checks: {diagnostics: false, placebo_dates: false}
# what readers try themselves has tests of its own
output: {report: {what_if: off}}
"""
PROVENANCE = {
    "program": {"name": "its-eval", "version": "9.8.7"},
    "python": "3.11.0",
    "libraries": {"numpy": "2.0"},
    "seed": 1,
    "config": {"path": "/somewhere/secret/study.yaml", "sha256": "c" * 64},
    "inputs": {"/somewhere/a/rows.csv": "a" * 64, "/somewhere/b/rows.csv": "b" * 64},
    "finished": "2031-01-01T00:00:00+00:00",
    "command": "its-eval run never-shown.yaml",
    "timings_seconds": {"load": 7.777},
}


def noise(unit, index, salt):
    return math.sin(12.9898 * (index + 1) + 78.233 * (unit + 1) + 37.719 * salt) * 43758.5453 % 2 - 1


def write_study(folder, config=CONFIG):
    """Write a config with its tables; A1 falls behind from the start on, in the good direction."""
    lines = ["indicator,unit,period,value"]
    for place, unit in enumerate(UNITS):
        for index in range(N_MONTHS):
            month = f"{2013 + index // 12}-{index % 12 + 1:02d}"
            after = max(index - START, 0) if unit == "A1" else 0
            lines.append(f"waits,{unit},{month},{50 + 2 * place - 0.6 * after + noise(place, index, 1):.6f}")
            seen = 80 - place + 0.3 * after + noise(place, index, 2)
            lines.append(f"seen,{unit},{month},{min(seen, 100):.6f}")
    (folder / "indicators.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    rows = [f"{unit},{100 + 10 * place},{0.1 * place**2:.2f}" for place, unit in enumerate(UNITS)]
    (folder / "characteristics.csv").write_text("\n".join(["unit,Beds,Urban", *rows, ""]), encoding="utf-8")
    names = [f"{unit},Trust {unit} & Sons,big" for unit in UNITS]
    (folder / "units.csv").write_text("\n".join(["unit,name,type", *names, ""]), encoding="utf-8")
    path = folder / "study.yaml"
    path.write_text(config, encoding="utf-8")
    return path


@dataclass
class Run:
    """A result in memory with its figures on disk."""

    evaluation: object
    settings: dict
    figures: object

    def report(self, **changes):
        chosen = {"settings": self.settings, "provenance": PROVENANCE} | changes
        evaluation = chosen.pop("evaluation", self.evaluation)
        # most tests are about words and numbers, and are quicker without pictures
        figures = chosen.pop("figures", self.figures / "absent")
        return render_report(evaluation, figures, **chosen)

    def draw(self, wanted):
        for task in filter(wanted, figure_tasks(self.evaluation)):
            figure, frame, stem = draw(self.evaluation, task)
            save_figure(figure, frame, self.figures, stem, ("svg",))


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory):
    """The small study, evaluated with other texts in the config."""

    def build(**texts):
        folder = tmp_path_factory.mktemp("study")
        settings = CONFIG
        for name, text in texts.items():
            settings = re.sub(f"(?m)^{name}:.*$", f"{name}: {text}", settings)
        config = load_config(write_study(folder, settings))
        return Run(evaluate(config), config.model_dump(mode="json", by_alias=True), folder / "figures")

    return build


@pytest.fixture(scope="session")
def undrawn(evaluated):
    """The small study, evaluated."""
    return evaluated()


@pytest.fixture(scope="session")
def run(undrawn):
    """The small study with the figures of one outcome drawn."""
    undrawn.draw(
        lambda task: task.outcome == "waits" and task.unit in ("A1", "") and task.kind != "residuals"
    )
    return undrawn


@dataclass
class Element:
    """An element of a page with its attributes and all text in it."""

    tag: str
    attributes: dict
    text: str = ""
    inside: list = field(default_factory=list)


VOID = {"meta", "link", "img", "br", "input"}


class Page(HTMLParser):
    """A page taken apart: elements in order, and what is wrong with their nesting."""

    def __init__(self, text, raw):
        super().__init__(convert_charrefs=True)
        # as the file has it, before anything is opened
        self.raw = raw
        self.source, self.elements, self.open, self.faults = text, [], [], []
        self.feed(text)
        self.close()
        self.faults += [f"<{element.tag}> never closed" for element in self.open]

    def handle_starttag(self, tag, attrs):
        element = Element(tag, dict(attrs), inside=[parent.tag for parent in self.open])
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append(Element(tag, dict(attrs), inside=[parent.tag for parent in self.open]))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1].tag != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")
            return
        self.open.pop()

    def handle_data(self, data):
        for element in self.open:
            element.text += data

    def having(self, attribute):
        return [element for element in self.elements if attribute in element.attributes]

    def tagged(self, tag):
        return [element for element in self.elements if element.tag == tag]

    def texts(self, tag):
        return [" ".join(element.text.split()) for element in self.tagged(tag)]


@pytest.fixture(scope="session")
def taken_apart(unpacked):
    """A page from its text, everything opened."""
    return lambda text: Page(unpacked(text), text)


@pytest.fixture(scope="session")
def page(run, taken_apart):
    """The report of the small study, taken apart."""
    return taken_apart(run.report(figures=run.figures))
