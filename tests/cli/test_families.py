"""Families with autoregressive errors from the command line: numbers, resolved config, refusals."""

import numpy as np
import pandas as pd
import pytest

CONFIG = """
version: 1
title: Falls
data: {{indicators: {{path: falls.csv}}}}
intervention: {{name: A programme, date: 2015-01}}
treated: [Alder]
checks: {{placebo_dates: false}}
sensitivity: {{standard: false}}
outcomes:
  - {{indicator: falls, kind: count, per: 1000, seasonality: none, estimators: [{estimators}]}}
"""


@pytest.fixture
def run(tmp_path, its):
    rng = np.random.default_rng(6)
    latent, lines = 0.0, ["indicator,unit,period,value,denominator"]
    for index in range(60):
        latent = 0.8 * latent + 0.2 * rng.standard_normal()
        month = f"{2012 + index // 12}-{index % 12 + 1:02d}"
        lines.append(f"falls,Alder,{month},{rng.poisson(90 * np.exp(latent))},{3000 + 10 * index}")
    (tmp_path / "falls.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")

    def call(estimators, *flags, config="study.yaml"):
        path = tmp_path / config
        if estimators:
            path.write_text(CONFIG.format(estimators=estimators), encoding="utf-8")
        out = tmp_path / path.stem
        done = its("run", str(path), "-o", str(out), "--no-figures", "--no-report", *flags)
        return done, out

    return call


def test_errors_of_a_family_are_an_option_that_the_resolved_config_keeps(run):
    done, out = run("{name: poisson, errors: ar1}, poisson")
    assert done.code == 0, done.err
    effects = pd.read_csv(out / "tables" / "effects.csv").query(
        "scale == 'link' and estimand == 'level_change'"
    )
    spread = effects.set_index("estimator")["std_error"]
    assert spread["poisson(errors=ar1)"] > 1.3 * spread["poisson(errors=independent)"]
    resolved = (out / "config.resolved.yaml").read_text(encoding="utf-8")
    assert "errors: ar1" in resolved
    again, other = run("", config=str(out / "config.resolved.yaml"))
    assert again.code == 0, again.err
    same = pd.read_csv(other / "tables" / "effects.csv")
    pd.testing.assert_frame_equal(same, pd.read_csv(out / "tables" / "effects.csv"))


def test_plain_families_keep_their_spelling_and_say_that_months_are_alike(run):
    done, out = run("quasi_poisson")
    assert done.code == 0, done.err
    checks = pd.read_csv(out / "tables" / "checks.csv").set_index("check")
    assert checks.loc["ljung_box", "status"] == "attention"
    assert "errors: ar1" in checks.loc["ljung_box", "message"]
    assert "residual_autocorrelation" in pd.read_csv(out / "tables" / "fits.csv")["flags"][0]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{name: poisson, errors: ar1, lags: 3}", "either errors: ar1 or lags"),
        ("{name: poisson, errors: ar2}", "ar1"),
        ("{name: ols, errors: ar1}", "ols has no such option"),
    ],
)
def test_refusals(run, entry, expected):
    done, _ = run(entry)
    assert done.code == 2
    assert expected in done.err
