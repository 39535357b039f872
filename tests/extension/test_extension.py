"""What others can add from outside: one module each, named in a config, and found in tables and report."""

import numpy as np
import pandas as pd
import pytest
from toy_check import EVEN_PERIODS
from toy_comparison import NEAREST_PEER
from toy_estimand import HALFWAY
from toy_estimator import DOUBTFUL

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.effects.estimands import ESTIMANDS
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.pipeline.credibility import CHECKS

SETTINGS = """
version: 1
title: Things from outside
data: {{indicators: {{path: indicators.csv}}, characteristics: {{path: characteristics.csv}}}}
intervention: {{name: The programme, date: 2015-07}}
treated: [A1]
peers: {{variables: [Beds, Urban, Sites], k: 3}}
outcomes: [{{indicator: waits, label: Waiting, seasonality: none}}]
designs: [{designs}]
estimators: [{estimators}]
estimands: {{primary: {primary}, at: [9]}}
"""


@pytest.fixture
def run(study, its, unpacked):
    """Run a config and return its tables and its page."""

    def call(designs="difference", estimators="reml_ar", primary="slope_change"):
        text = SETTINGS.format(designs=designs, estimators=estimators, primary=primary)
        path = study.write("outside.yaml", text)
        folder = study.folder / "result"
        done = its("run", str(path), "-o", str(folder), "--no-figures")
        assert done.code == 0, done.err
        tables = {file.stem: pd.read_csv(file) for file in (folder / "tables").glob("*.csv")}
        return tables, unpacked((folder / "report.html").read_text(encoding="utf-8")), done.out

    return call


def test_without_it_the_name_is_refused(study, its):
    text = SETTINGS.format(designs="single", estimators="doubtful", primary="slope_change")
    done = its("validate", str(study.write("outside.yaml", text)))
    assert done.code == 2
    assert "'doubtful' is not known" in done.out


def test_an_estimator(run):
    with ESTIMATORS.adding(DOUBTFUL):
        tables, page, _ = run(designs="single", estimators="doubtful, ols")
    effects = tables["effects"].set_index(["estimator", "estimand"])
    own, plain = effects.loc[("doubtful", "slope_change")], effects.loc[("ols", "slope_change")]
    assert own["estimate"] == pytest.approx(plain["estimate"], rel=1e-12)
    assert own["std_error"] == pytest.approx(2.0 * plain["std_error"], rel=1e-12)
    assert own["role"] == "primary"
    assert "least squares without trust (doubtful)" in page


def test_a_comparison(run):
    with COMPARISONS.adding(NEAREST_PEER):
        tables, page, out = run(designs="difference, nearest_peer", estimators="ols")
    series = tables["series"]
    peer = tables["peers"].query("rank == 1")["peer"].item()
    assert isinstance(peer, str)
    gap = series[series["design"].eq("nearest_peer")]
    np.testing.assert_allclose(gap["observed"], gap["unit_value"] - gap["peer_mean"])
    assert set(tables["summary"]["design"]) == {"difference", "nearest_peer"}
    assert "its nearest peer" in page
    assert "its nearest peer" in out.replace("\n    ", " ")


def test_a_check(run):
    with CHECKS.adding(EVEN_PERIODS):
        tables, page, _ = run(designs="single")
    row = tables["checks"].query("check == 'even_periods'").iloc[0]
    assert (row["statistic"], row["status"]) == (48.0, "pass")
    assert "48 periods: even." in page


def test_an_estimand(run):
    with ESTIMANDS.adding(HALFWAY):
        tables, page, out = run(designs="single", estimators="ols", primary="effect_halfway")
    effects = tables["effects"].set_index("estimand")
    # of the 18 periods from the start on the middle one is 9 after it
    expected = effects.loc["effect_at_9", "estimate"]
    assert effects.loc["effect_halfway", "estimate"] == pytest.approx(expected, rel=1e-12)
    assert tables["summary"]["estimand"].item() == "effect_halfway"
    assert "effect half way to the end" in page
    assert "effect half way to the end" in out.replace("\n    ", " ")
