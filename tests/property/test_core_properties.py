"""What must not change in a whole evaluation: constants, units of measurement, order, names, company, dates."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from its_eval.config import Config
from its_eval.pipeline.run import evaluate

UNITS = ("T1", "T2", "D1", "D2", "D3")
NO_CHECKS = {
    "placebo_units": False,
    "placebo_dates": False,
    "leave_one_peer_out": False,
    "diagnostics": False,
}
COMPARED = ("effects", "coefficients", "fits", "series", "summary", "peers", "not_estimated")
#: A whole evaluation takes about a second.
FEW = settings(deadline=None, max_examples=6)
SEEDS = st.integers(0, 2**32 - 1)


def month(index):
    return f"{2010 + index // 12}-{index % 12 + 1:02d}"


def study(seed, n=48, missing=0):
    """Return a long table of five units: positive values below 100, denominators, some months missing."""
    rng = np.random.default_rng(seed)
    rows = []
    for place, unit in enumerate(UNITS):
        noise = rng.normal(0, 1.5, n)
        for index in range(1, n):
            noise[index] += 0.4 * noise[index - 1]
        for index in range(n):
            value = 50 + 3 * place + 0.1 * index + noise[index]
            rows.append(("y", unit, month(index), value, 150 + 10 * place + index))
    frame = pd.DataFrame(rows, columns=["indicator", "unit", "period", "value", "denominator"])
    return frame.drop(index=rng.choice(len(frame), missing, replace=False)).reset_index(drop=True)


def run(frame, units=UNITS, **changes):
    """Evaluate a table in a folder of its own; characteristics are irregular, so that no two peers tie."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frame.to_csv(folder / "y.csv", index=False)
        traits = [f"{unit},{1.7**place:.6f}" for place, unit in enumerate(units)]
        (folder / "c.csv").write_text("\n".join(["unit,size", *traits, ""]), encoding="utf-8")
        outcome = {"indicator": "y", "seasonality": {"harmonics": 1}, **changes.pop("outcome", {})}
        config = {
            "version": 1,
            "data": {
                "indicators": {"path": str(folder / "y.csv")},
                "characteristics": {"path": str(folder / "c.csv")},
            },
            "intervention": {"name": "Law", "date": month(24)},
            "treated": list(units[:2]),
            "peers": {"k": 2, "min_coverage": 0.5},
            "outcomes": [outcome],
            "designs": ["single", "difference", "stacked"],
            "estimators": ["reml_ar", "ols", "newey_west"],
            "estimands": {"at": [6]},
            "checks": NO_CHECKS,
            **changes,
        }
        return evaluate(Config.model_validate(config)).tables


def assert_same(first, second, tables=COMPARED):
    for name in tables:
        pd.testing.assert_frame_equal(first[name], second[name], rtol=1e-6, atol=1e-8, obj=name)


def contrasts(tables):
    keys = ["unit", "design", "estimator", "estimand", "scale"]
    return tables["effects"].set_index(keys).sort_index()


@FEW
@given(seed=SEEDS, constant=st.floats(-40, 1000), missing=st.integers(0, 6))
def test_adding_a_constant_moves_only_the_constant(seed, constant, missing):
    frame = study(seed, missing=missing)
    moved = frame.copy()
    # to the treated units alone: in a difference, too, it is their level that moves
    moved.loc[moved["unit"].str.startswith("T"), "value"] += constant
    before, after = contrasts(run(frame)), contrasts(run(moved))
    assert list(before.index) == list(after.index)
    name = before.index.get_level_values("estimand")
    level, relative = name == "counterfactual_at_start", name == "relative_average_effect"
    columns = ["estimate", "std_error", "df", "p_value", "conf_low", "conf_high"]
    np.testing.assert_allclose(
        after.loc[~level & ~relative, columns], before.loc[~level & ~relative, columns], rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(
        after.loc[level, "estimate"], before.loc[level, "estimate"] + constant, atol=1e-5
    )
    np.testing.assert_allclose(after.loc[level, "std_error"], before.loc[level, "std_error"], rtol=1e-4)


@FEW
@given(seed=SEEDS, factor=st.floats(1e-3, 1e3), missing=st.integers(0, 6))
def test_another_unit_of_measurement_scales_the_effects(seed, factor, missing):
    frame = study(seed, missing=missing)
    scaled = frame.assign(value=frame["value"] * factor)
    before, after = contrasts(run(frame)), contrasts(run(scaled))
    assert list(before.index) == list(after.index)
    relative = before.index.get_level_values("estimand") == "relative_average_effect"
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    np.testing.assert_allclose(
        after.loc[~relative, columns] / factor, before.loc[~relative, columns], rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(
        after.loc[relative, columns], before.loc[relative, columns], rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(after[["df", "p_value"]], before[["df", "p_value"]], rtol=1e-4, atol=1e-7)


SCALES = st.sampled_from(
    [
        {"kind": "number"},
        {"kind": "percentage"},
        {"kind": "percentage", "transform": "logit"},
        {"kind": "number", "transform": "log"},
        {"kind": "count", "per": 1000},
    ]
)


@FEW
@given(seed=SEEDS, scale=SCALES, order=st.randoms(use_true_random=False), missing=st.integers(0, 6))
def test_the_order_of_rows_changes_nothing(seed, scale, order, missing):
    frame = study(seed, missing=missing)
    places = list(range(len(frame)))
    order.shuffle(places)
    assert_same(run(frame, outcome=scale), run(frame.iloc[places], outcome=scale))


@FEW
# the order of all names turned round, which a few random ones may not do for two peers
@example(seed=1, scale={"kind": "number"}, names=["Z4", "S3", "R2", "Q1", "A9"], missing=2)
@given(
    seed=SEEDS, scale=SCALES, names=st.permutations(["A9", "Q1", "R2", "S3", "Z4"]), missing=st.integers(0, 6)
)
def test_other_names_of_the_units_change_nothing(seed, scale, names, missing):
    frame = study(seed, missing=missing)
    renamed = dict(zip(UNITS, names, strict=True))
    before = run(frame, outcome=scale)
    after = run(frame.assign(unit=frame["unit"].map(renamed)), units=tuple(names), outcome=scale)
    for name in ("effects", "coefficients", "fits", "series", "summary"):
        expected = before[name].assign(unit=before[name]["unit"].map(renamed))
        keys = [
            key
            for key in ("unit", "design", "estimator", "estimand", "scale", "period", "term")
            if key in expected
        ]
        sort = {"by": keys, "kind": "stable", "ignore_index": True}
        pd.testing.assert_frame_equal(
            after[name].sort_values(**sort), expected.sort_values(**sort), rtol=1e-6, atol=1e-8, obj=name
        )
    peers = before["peers"]
    expected = {(renamed[row.unit], row.rank, renamed[row.peer]) for row in peers.itertuples()}
    assert {(row.unit, row.rank, row.peer) for row in after["peers"].itertuples()} == expected


@FEW
@given(seed=SEEDS, scale=SCALES, missing=st.integers(0, 6))
def test_indicators_that_nobody_asked_for_change_nothing(seed, scale, missing):
    frame = study(seed, missing=missing)
    other = study(seed + 1, n=70).assign(indicator="a")
    strange = pd.DataFrame(
        [("zz", "D1", month(-30), -5.0, np.nan), ("zz", "X9", month(3), 1e9, 1)], columns=frame.columns
    )
    more = pd.concat([other, frame, strange], ignore_index=True)
    assert_same(run(frame, outcome=scale), run(more, outcome=scale))


@FEW
@given(seed=SEEDS, scale=SCALES, missing=st.integers(0, 6))
def test_dates_of_units_that_are_all_equal_give_the_unstaggered_result(seed, scale, missing):
    frame = study(seed, missing=missing)
    dates = {"treated": {"T1": month(24), "T2": month(24)}, "intervention": {"name": "Law"}}
    assert_same(run(frame, outcome=scale), run(frame, outcome=scale, **dates))


def dense_reml():
    path = Path(__file__).parents[1] / "reference" / "dense_reference.py"
    spec = importlib.util.spec_from_file_location("dense_for_properties", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.DenseReml


@FEW
@given(
    seed=SEEDS,
    masked=st.lists(st.integers(0, 41), min_size=1, max_size=5, unique=True),
    scale=st.sampled_from(["none", "log", "logit"]),
    difference=st.booleans(),
)
def test_a_masked_month_is_a_deleted_row_and_column(seed, masked, scale, difference):
    n, start = 42, 24
    # without denominators, whose weights the reference does not have
    frame = study(seed, n=n).drop(columns="denominator")
    events = [{"name": f"E{index}", "date": month(index), "as": "mask"} for index in masked]
    # what stands in a masked month must not matter
    wild = frame["period"].isin([month(index) for index in masked])
    highest = 99 if scale == "logit" else 1e6
    frame.loc[wild, "value"] = np.random.default_rng(seed).uniform(1, highest, int(wild.sum()))
    tables = run(
        frame,
        outcome={"kind": "percentage" if scale == "logit" else "number", "seasonality": "none"}
        | {"transform": scale},
        events=events,
        designs=["difference" if difference else "single"],
        estimators=[{"name": "reml_ar", "order": 1}],
        treated=["T1"],
    )
    values = frame.pivot_table(index="period", columns="unit", values="value", sort=True)
    if scale != "none":
        values = np.log(values / (1 if scale == "log" else 100 - values))
    y = values["T1"].to_numpy()
    if difference:
        y = y - values[tables["peers"]["peer"]].mean(axis=1).to_numpy()
    time = np.arange(n)
    X = np.column_stack([np.ones(n), time - start, time >= start, np.maximum(time - start, 0)]).astype(float)
    keep = ~np.isin(time, masked)
    reference = dense_reml()(X, 1, keep)
    ((_, theta, _),) = reference.fit(y[keep][:, None])
    expected, variance, _ = reference.inference(theta, y[keep], np.eye(4))
    got = tables["coefficients"].set_index("term")
    std_error = expected[:, 1]
    np.testing.assert_allclose((got["estimate"] - expected[:, 0]) / std_error, 0, atol=1e-4)
    np.testing.assert_allclose(got["std_error"], std_error, rtol=1e-4)
    fit = tables["fits"].iloc[0]
    assert fit["rho1"] == pytest.approx(theta[0], abs=1e-4)
    assert fit["sigma"] == pytest.approx(np.sqrt(variance), rel=1e-4)
    assert fit["n"] == keep.sum()
