"""Counts and shares with a segment, or a calendar month, in which nothing happens: told, and nothing else lost."""

import pandas as pd
import pytest

MONTHS = [f"{2013 + index // 12}-{index % 12 + 1:02d}" for index in range(48)]
START = 24
CONFIG = """
version: 1
title: Infections stop
data: {{indicators: {{path: counts.csv}}}}
intervention: {{name: A programme, date: 2015-01}}
treated: [Alder]
outcomes:
  - {{indicator: infections, kind: {kind}, seasonality: {season}, estimators: [{family}]}}
  - {{indicator: waits, kind: number, seasonality: none, estimators: [ols]}}
"""
NONE = {
    "after": lambda index: index >= START,
    "before": lambda index: index < START,
    "throughout": lambda _: True,
    "each January": lambda index: index % 12 == 0,
}


@pytest.fixture
def run(tmp_path, its):
    def call(family, where):
        kind = "percentage" if "binomial" in family and family != "negative_binomial" else "count"
        season = "months" if where == "each January" else "none"
        lines = ["indicator,unit,period,value,numerator,denominator"]
        for index, month in enumerate(MONTHS):
            count = 0 if NONE[where](index) else 3 + (7 * index) % 5
            value = "" if kind == "percentage" else count
            lines.append(f"infections,Alder,{month},{value},{count},200")
            lines.append(f"waits,Alder,{month},{20 + (5 * index) % 7},,")
        (tmp_path / "counts.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
        path = tmp_path / "study.yaml"
        path.write_text(CONFIG.format(kind=kind, season=season, family=family), encoding="utf-8")
        # figures and report of one are those of all: there is no line to draw
        drawn = [] if (family, where) == ("quasi_poisson", "after") else ["--no-figures", "--no-report"]
        done = its("run", str(path), "-o", str(tmp_path / "result"), *drawn)
        tables = {file.stem: pd.read_csv(file) for file in (tmp_path / "result" / "tables").glob("*.csv")}
        return done, tables

    return call


@pytest.mark.parametrize("where", NONE)
@pytest.mark.parametrize(
    "family", ["poisson", "quasi_poisson", "negative_binomial", "binomial", "quasi_binomial"]
)
def test_a_run_goes_on_and_says_why_there_is_no_answer(run, family, where, tmp_path):
    done, tables = run(family, where)
    assert done.code == 0, done.err
    report = tmp_path / "result" / "report.html"
    flags = tables["fits"].set_index("outcome")["flags"].fillna("")
    assert "no_events" not in flags["waits"]
    assert set(tables["summary"]["outcome"]) == {"infections", "waits"}
    # a question without an answer says why
    assert "not answered." not in done.out
    # and what can be said instead
    instead = "Mean from the start on less the mean before: "
    assert (instead in done.out) == (where in ("before", "after"))
    if report.exists():
        assert instead in report.read_text(encoding="utf-8")
    if where != "each January":
        told = " ".join(done.out.split())
        raised = set(flags["infections"].split("; "))
        assert "no_events" in raised
        assert {"before": "no_events_before", "after": "no_events_after"}.get(where, "") in {"", *raised}
        assert len(raised & {"no_events_before", "no_events_after"}) == (where in ("before", "after"))
        assert {
            "before": "no event is counted before the start, so that a relative change is infinite.",
            "after": "no event is counted from the start on: a rate of 0 has no logarithm.",
            "throughout": "no event, or nobody without one, is counted before the start or from it on",
        }[where] in told
        # 24 months of 3 + (7 i) mod 5 events
        expected = "At the mean before, 119 events would be expected from the start on."
        assert (expected in told) == (where == "after")
        assert "does not vary around the fit" not in told
