"""A batch run has the numbers of a whole evaluation, whatever is special about a series."""

import re

import numpy as np
import pandas as pd
import pytest
from batch_study import CONFIG, write_study

from its_eval.batch.run import Means, run_batch
from its_eval.batch.work import TABLES
from its_eval.config import load_config
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.pipeline.run import evaluate

#: What a batch run does not find out: placebos, and the likelihood where only contrasts are read.
NOT_FOUND = {"p_placebo", "p_crawford_howell", "sigma", "log_likelihood"}
#: Relative to the whole evaluation. Tables of AR(1) interpolate, to the accuracy that the engine promises.
EXACT, INTERPOLATED = 1e-9, 2e-6


def batch(path, out="out", *, block_rows=10**6, progress=lambda *_: None, **means):
    config = load_config(path)
    target = path.parent / out
    result = run_batch(
        config,
        path,
        target,
        command="its-eval run",
        means=Means(**means),
        progress=progress,
        block_rows=block_rows,
    )
    return result, target


def table(target, name):
    return pd.read_parquet(target / "tables" / f"{name}.parquet")


def whole(path, *, nonlinear=False):
    """Return the tables of a whole evaluation, less the effects that are not linear unless they are wanted."""
    full = path.with_name("full.yaml")
    full.write_text(path.read_text(encoding="utf-8").replace("detail: estimates", "detail: full"))
    tables = dict(evaluate(load_config(full)).tables)
    effects = tables["effects"]
    left_out = effects["estimand"].eq("relative_average_effect") & effects["inference_scale"].ne("log")
    left_out &= not nonlinear
    tables["effects"] = effects[~left_out & effects["role"].ne("sensitivity")].reset_index(drop=True)
    return tables


def assert_same(found, expected, tolerance, *, except_for=NOT_FOUND):
    assert list(found.columns) == list(expected.columns)
    assert found.shape == expected.shape
    assert found.dtypes.astype(str).tolist() == expected.dtypes.astype(str).tolist()
    for name in set(found.columns) - except_for:
        if found[name].dtype.kind == "f":
            # what is nothing but rounding is judged by the scale of its column
            known = expected[name].to_numpy()
            scale = np.max(np.abs(known[np.isfinite(known)]), initial=0.0)
            np.testing.assert_allclose(
                found[name], expected[name], rtol=tolerance, atol=tolerance * 1e-3 * scale, err_msg=name
            )
        else:
            pd.testing.assert_series_equal(found[name], expected[name])


PERCENTAGES = CONFIG.replace(
    "  - {indicator: waits, label: Waits, better: lower}\n",
    "  - {indicator: share, label: Share, kind: percentage, better: higher}\n"
    "  - {indicator: waits, label: Waits, better: lower}\n",
)


def write_percentages(folder):
    """Add an outcome whose percentages have denominators, except for some."""
    path = write_study(folder, config=PERCENTAGES)
    rng = np.random.default_rng(3)
    dataset = folder / "monitor.parquet"
    whole_rows = pd.read_parquet(dataset).astype({"unit": str})
    share = whole_rows[whole_rows["indicator"].eq("unwanted")].assign(indicator="share")
    share["denominator"] = rng.integers(80, 900, len(share)).astype(float)
    share["numerator"] = np.round(share["denominator"] * rng.uniform(0.93, 1.0, len(share)))
    share["value"] = np.nan
    nothing = share["unit"].isin(["U08", "U09"])
    share.loc[nothing, "value"] = 100 * share["numerator"] / share["denominator"]
    share.loc[nothing, ["numerator", "denominator"]] = np.nan
    gap = share["unit"].eq("U10") & share["period"].eq("2014-01")
    share.loc[gap, "value"] = 95.0
    share.loc[gap, ["numerator", "denominator"]] = np.nan
    for old in dataset.iterdir():
        old.unlink()
    pd.concat([whole_rows, share]).to_parquet(dataset / "all.parquet", index=False)
    return path


@pytest.mark.parametrize(
    ("changes", "tolerance"),
    [
        ({}, EXACT),
        ({"[reml_ar]": "[{name: reml_ar, order: 1}, ols]"}, INTERPOLATED),
        ({"[reml_ar]": "[ols]"}, EXACT),
        ({"[reml_ar]": "[{name: newey_west, lags: 3}]"}, EXACT),
        ({"treated: each": "treated: [U00, U02, U05, U11]"}, EXACT),
        ({"treated: each": "treated: {U00: 2016-01, U02: 2015-10, U11: 2016-01}"}, EXACT),
        ({"slope_change": "effect_at_40"}, EXACT),
        (
            {"  units: {path: units.csv, columns: {unit: unit, closed: closed}}\n": "  missing: drop_unit\n"},
            EXACT,
        ),
    ],
    ids=["auto", "order 1", "ols", "newey_west", "listed", "staggered", "beyond the window", "drop_unit"],
)
def test_same_as_a_whole_evaluation(tmp_path, changes, tolerance):
    text = CONFIG
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path = write_study(tmp_path, config=text)
    _, target = batch(path)
    expected = whole(path)
    for name in TABLES:
        wanted = expected[name]
        if name == "fits":
            first = expected["effects"]["estimator"].unique()
            wanted = wanted[wanted["estimator"].isin(first)].reset_index(drop=True)
        if name == "not_estimated":
            found = load_config(path).outcomes[0].estimators[0].label
            wanted = wanted[wanted["estimator"].isin(["", found])].reset_index(drop=True)
        known = {"sigma", "log_likelihood"} if "reml_ar" not in text else set()
        assert_same(table(target, name), wanted, tolerance, except_for=NOT_FOUND - known)


FEW = {
    "treated: each": "treated: [U00, U02, U05, U11]",
    "  - {indicator: waits, label: Waits, better: lower}\n": "",
    "  - {indicator: stays, label: Stays, transform: log, better: lower}\n": "",
    "  - {indicator: late, label: Late starters}\n": "",
}


@pytest.mark.parametrize(
    ("estimator", "designs"),
    [
        ("arima", "[single]"),
        ("{name: arima, order: aicc}", "[single]"),
        ("reml_ar_noise", "[single, difference]"),
        ("reml_local_level", "[difference]"),
        ("structural", "[single, difference]"),
        ("{name: reml_ar, variance: by_segment}", "[single, difference]"),
        ("{name: prais_winsten, rho: dw}", "[single]"),
        ("poisson", "[single]"),
        ("{name: quasi_poisson, errors: ar1}", "[single]"),
        ("negative_binomial", "[single]"),
    ],
)
def test_estimators_that_take_series_one_by_one(tmp_path, estimator, designs):
    text = CONFIG.replace("[reml_ar]", f"[{estimator}]").replace("[single, difference]", designs)
    if "prais" in estimator:
        # it cannot bridge a gap
        text = re.sub("(?m)^  - {name: (Strike|Flood).*\n", "", text).replace(", phase_in: {periods: 2}", "")
    for old, new in FEW.items():
        text = text.replace(old, new)
    path = write_study(tmp_path, config=text)
    _, target = batch(path)
    family = ESTIMATORS[load_config(path).outcomes[0].estimators[0].name].is_family
    expected = whole(path, nonlinear=family)
    assert len(expected["fits"]) >= 3
    unknown = {"p_placebo", "p_crawford_howell"} if family else NOT_FOUND | {"variance_ratio"}
    for name in TABLES:
        assert_same(table(target, name), expected[name], EXACT, except_for=unknown)


@pytest.mark.parametrize("estimator", ["reml_ar", "ols"])
def test_percentages_with_denominators(tmp_path, estimator):
    path = write_percentages(tmp_path)
    path.write_text(path.read_text().replace("[reml_ar]", f"[{estimator}]"), encoding="utf-8")
    _, target = batch(path)
    expected = whole(path)
    fits = table(target, "fits")
    assert fits["weights"].eq("sampling variance").any() == (estimator == "reml_ar")
    assert fits["flags"].str.contains("counterfactual_outside_range").any()
    assert fits["flags"].str.contains("unweighted").any() == (estimator == "reml_ar")
    for name in TABLES:
        assert_same(table(target, name), expected[name], EXACT)


def test_without_peers_there_is_no_table_of_them(tmp_path):
    text = CONFIG.replace("peers: {k: 4}\n", "").replace("[single, difference]", "[single]")
    path = write_study(tmp_path, config=text)
    _, target = batch(path)
    assert sorted(part.name for part in (target / "tables").iterdir()) == [
        *("effects.parquet", "fits.parquet", "not_estimated.parquet", "summary.parquet")
    ]
    assert_same(table(target, "effects"), whole(path)["effects"], EXACT)


def test_blocks_of_any_size_give_the_same_rows(tmp_path):
    path = write_study(tmp_path)
    one, whole_target = batch(path, "one")
    many, parted = batch(path, "many", block_rows=1)
    assert (one.blocks, many.blocks) == (1, 4)
    assert (one.estimated, one.failed, one.flagged) == (many.estimated, many.failed, many.flagged)
    for name in TABLES:
        assert_same(table(parted, name), table(whole_target, name), EXACT, except_for=set())
