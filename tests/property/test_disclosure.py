"""An attacker who knows the program looks for counts that `data.disclosure` and `min_denominator` protect."""

import json

import numpy as np
import pandas as pd
import pytest

from its_eval.config import Config
from its_eval.data.disclosure import Protection
from its_eval.pipeline.disclosed import _BANDED, _KEYS, _ROUNDED, _TEXTS, BANDS
from its_eval.pipeline.run import evaluate

UNITS = tuple(f"U{number:02d}" for number in range(8))
N, START = 48, 30
RULE = Protection(1, 7, 5)
RATE = {"indicator": "y", "kind": "rate", "per": 1000, "seasonality": "none"}
COUNT = {"indicator": "y", "kind": "count", "seasonality": "none", "transform": "log"}
#: All that may come from the true counts, by table.
FROM_TRUE = {name: {*_ROUNDED, *_BANDED, *_TEXTS, "statistic", "n_as_large"} for name in _KEYS}


def periods(n=N):
    return [f"{2013 + index // 12}-{index % 12 + 1:02d}" for index in range(n)]


def counts(size, seed=7):
    """Return a table of percentages' counts with small ones: an effect in the first two units."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        [(unit, place, period) for place, unit in enumerate(UNITS) for period in range(N)],
        columns=["unit", "place", "period"],
    )
    share = 0.05 + 0.01 * frame["place"] + 0.05 * ((frame["place"] < 2) & (frame["period"] >= START))
    frame["denominator"] = rng.poisson(size * (1 + frame["place"] / 4))
    frame["numerator"] = rng.binomial(frame["denominator"], share)
    frame["period"] = frame["period"].map(dict(enumerate(periods())))
    return frame[["unit", "period", "numerator", "denominator"]]


def hidden_the_same(numbers):
    """Return the lowest and highest whole number that look the same as each number."""
    hidden = RULE.hides(numbers.astype(float))
    nearest = RULE.shown(numbers.astype(float), 0.0)
    low = np.where(hidden, 1, np.maximum(nearest - 2, np.where(nearest == 0, 0, 8)))
    return low.astype(int), np.where(hidden, 7, np.where(nearest == 0, 0, nearest + 2)).astype(int)


def another(frame, seed, chosen=None):
    """Return other counts that look the same when they are protected."""
    rng = np.random.default_rng(seed)
    moved = frame.copy()
    for name in ("numerator", "denominator"):
        low, high = hidden_the_same(frame[name].to_numpy())
        drawn = rng.integers(low, high + 1)
        moved[name] = drawn if chosen is None else np.where(chosen, drawn, frame[name])
    return moved


def config(folder, frame, data=None, **changes):
    frame.to_csv(folder / "y.csv", index=False)
    settings = {
        "version": 1,
        "data": {"indicators": {"path": str(folder / "y.csv"), "indicator": "y"}, **(data or {})},
        "intervention": {"name": "Law", "date": periods()[START]},
        "treated": ["U00", "U01"],
        "peers": {"k": "all"},
        "outcomes": [{"indicator": "y", "kind": "percentage", "better": "lower", "seasonality": "none"}],
        "estimators": ["ols", "reml_ar"],
        "sensitivity": {"standard": False},
        "checks": {"diagnostics": False, "placebo_dates": False},
    }
    return Config.model_validate({**settings, **changes})


@pytest.fixture
def run(tmp_path):
    return lambda frame, data=None, **changes: evaluate(config(tmp_path, frame, data, **changes))


OUTPUT = {"disclosure": {}}
INPUT = {"disclosure": {"at": "input"}}


def differences(one, other):
    """Return, by table, the columns in which two evaluations differ."""
    assert set(one.tables) == set(other.tables)
    found = {}
    for name, table in one.tables.items():
        against = other.tables[name]
        columns = {column for column in table.columns if not table[column].equals(against[column])}
        if columns:
            found[name] = columns
    return found


def besides(evaluation):
    return json.dumps(
        [evaluation.title, evaluation.notes, evaluation.outcomes, evaluation.faults], default=str
    )


@pytest.mark.parametrize(
    ("size", "changes"),
    [
        (180, {}),
        (1500, {}),
        (1500, {"peers": {"k": 3, "match": "pre_period"}}),
        (1500, {"designs": ["single", "synthetic"], "outcomes": [RATE], "sensitivity": {"order": [2]}}),
        (300, {"treated": "each", "outcomes": [COUNT]}),
    ],
)
def test_counts_that_look_the_same_give_the_same_result(run, size, changes):
    """No table, note or value for figures depends on what is hidden, whatever tables there are."""
    frame = counts(size)
    other = another(frame, seed=11)
    assert (frame != other).to_numpy().any()
    one, two = (run(item, INPUT, **changes) for item in (frame, other))
    assert differences(one, two) == {}
    assert besides(one) == besides(two)
    one, two = (run(item, OUTPUT, **changes) for item in (frame, other))
    found = differences(one, two)
    assert all(columns <= FROM_TRUE.get(name, set()) for name, columns in found.items()), found
    assert besides(one) == besides(two)
    # without protection the same attack sees that counts differ, in every table of numbers
    bare = differences(*(run(item, **changes) for item in (frame, other)))
    assert {"series", "effects", "verdicts", "coefficients", "fits"} <= set(bare)


@pytest.mark.parametrize("place", [START, N - 1, 0, START - 1])
def test_one_hidden_count_moves_an_answer_by_a_step_at_most(run, place):
    """The largest move within what looks the same, in one cell of a treated unit, for several cells."""
    frame = counts(1500)
    at = (frame["unit"].eq("U00") & frame["period"].eq(periods()[place])).to_numpy()
    ends = []
    for name, end in (("numerator", 0), ("numerator", 1)):
        moved = frame.copy()
        moved.loc[at, name] = hidden_the_same(frame.loc[at, name].to_numpy())[end]
        ends.append(moved)
    true = [run(item).tables["effects"] for item in ends]
    shown = [run(item, OUTPUT).tables["effects"] for item in ends]
    own = shown[0]["role"].ne("sensitivity") & shown[0]["unit"].eq("U00")
    moved_by = (true[1]["estimate"] - true[0]["estimate"])[own].abs()
    seen = (shown[1]["estimate"] - shown[0]["estimate"])[own].abs()
    # the interval of a protected estimate is rounded outwards by up to a step on each side
    assert moved_by.gt(0).any()
    steps = pd.concat([table.loc[own, ["estimate", "conf_low", "conf_high"]] for table in shown])
    for row, change in seen.items():
        sizes = steps.loc[row].to_numpy().ravel()
        unit = next(
            head * 10.0**power
            for power in range(3, -6, -1)
            for head in (5, 2, 1)
            if np.allclose(sizes / (head * 10.0**power), np.round(sizes / (head * 10.0**power)), atol=1e-6)
        )
        assert change <= unit * (1 + 1e-9)
        assert moved_by[row] <= unit


def linear_guess(longer, shorter, n):
    """Return the last value of a series of n months from the two straight lines with and without it.

    Of ordinary least squares, ``b_n - b_(n-1) = (X'X)^-1 x_n (y_n - x_n' b_(n-1))``, solved for y_n by the entry
    with the greatest weight.
    """
    time = np.arange(n)
    after = time >= START
    design = np.column_stack([np.ones(n), time, after, np.where(after, time - START, 0)])
    weights = np.linalg.solve(design.T @ design, design[-1])
    # level and change of slope are published as such; the others follow from the counterfactual
    change = longer - shorter
    return design[-1], weights, change


def published(evaluation, unit):
    rows = evaluation.tables["effects"]
    rows = rows[rows["unit"].eq(unit) & rows["design"].eq("single") & rows["estimator"].eq("ols")]
    rows = rows[rows["scale"].eq("response")].set_index("estimand")["estimate"]
    start, before = rows["counterfactual_at_start"], rows["pre_slope"]
    return np.array([start - START * before, before, rows["level_change"], rows["slope_change"]])


def test_runs_of_n_and_n_minus_1_months_do_not_give_the_last_month(run):
    frame = counts(1500)
    recovered = {"protected": 0, "bare": 0}
    tried = 0
    for n in range(40, 49, 2):
        for data, name in ((OUTPUT, "protected"), (None, "bare")):
            runs = [
                run(frame[frame["period"].isin(periods(months))], data, estimators=["ols"])
                for months in (n, n - 1)
            ]
            for unit in ("U00", "U01"):
                cell = frame[frame["unit"].eq(unit) & frame["period"].eq(periods()[n - 1])].iloc[0]
                longer, shorter = (published(item, unit) for item in runs)
                last, weights, change = linear_guess(longer, shorter, n)
                best = int(np.argmax(np.abs(weights)))
                value = last @ shorter + change[best] / weights[best]
                guess = round(value * cell["denominator"] / 100)
                recovered[name] += guess == cell["numerator"]
                tried += name == "bare"
    assert recovered["bare"] == tried
    # a guess among five counts that look the same is right by chance once in five
    assert recovered["protected"] <= tried // 2


def test_a_peer_mean_minus_the_others_is_a_protected_value(run):
    frame = counts(180)
    cells = frame.set_index(["unit", "period"])
    true = 100 * cells["numerator"] / cells["denominator"]
    given = {"given": {"U00": ["U02", "U03", "U04"]}}
    for data, comes_back in ((None, True), (OUTPUT, False), (INPUT, False)):
        found = run(frame, data, peers=given, treated=["U00"], estimators=["ols"])
        series = found.tables["series"].query("design == 'difference'").set_index(["unit", "period"])
        # the others are known from a run in which they are treated
        alone = run(frame, data, peers=None, treated=["U02", "U03"], estimators=["ols"]).tables["series"]
        mean, others = series.loc["U00", "peer_mean"], alone.set_index(["unit", "period"])["unit_value"]
        left = 3 * mean - others.loc["U02"] - others.loc["U03"]
        # also from what is printed of the difference
        again = 3 * (series.loc["U00", "unit_value"] - series.loc["U00", "observed"])
        again = again - others.loc["U02"] - others.loc["U03"]
        close = np.isclose(left, true["U04"].reindex(left.index), rtol=1e-9)
        same = np.isclose(again, left, rtol=1e-9) | np.isnan(again) | np.isnan(left)
        assert same.all()
        exact = RULE.shown(cells.loc["U04", "numerator"].to_numpy(float)) == cells.loc["U04", "numerator"]
        exact &= (
            RULE.shown(cells.loc["U04", "denominator"].to_numpy(float)) == cells.loc["U04", "denominator"]
        )
        assert close.all() if comes_back else not (close & ~exact).any()


def test_every_count_that_is_shown_is_rounded_or_blank(run):
    frame = counts(180)
    for data in (OUTPUT, INPUT):
        table = run(frame, data).tables["series"].query("design == 'single'")
        sizes = table["denominator"].dropna()
        assert len(sizes)
        assert (sizes % 5 == 0).all()
        numbers = table["observed"] * table["denominator"] / 100
        assert (np.isclose(numbers % 5, 0) | np.isclose(numbers % 5, 5) | numbers.isna()).all()
        cells = frame.set_index(["unit", "period"])["numerator"]
        true = cells.loc[list(zip(table["unit"], table["period"], strict=True))].to_numpy(float)
        assert RULE.hides(true).any()
        assert table.loc[RULE.hides(true), ["observed", "unit_value", "denominator"]].isna().all(axis=None)


def test_probabilities_are_given_in_bands(run):
    tables = run(counts(1500), OUTPUT).tables
    for name, columns in (("verdicts", ("p_value", "p_attribution", "set_p")), ("effects", ("p_value",))):
        table = tables[name]
        if name == "effects":
            table = table[table["role"].ne("sensitivity")]
        for column in columns:
            assert set(table[column].dropna()) <= set(BANDS)
            assert table[column].notna().any()


@pytest.mark.parametrize("kind", ["percentage", "count", "rate"])
def test_small_denominators_are_nowhere(run, kind):
    """What min_denominator masks does not show, nor does anything it can be computed from."""
    frame = counts(13)
    small = frame["denominator"] < 12
    other = frame.copy()
    rng = np.random.default_rng(5)
    other.loc[small, "denominator"] = rng.integers(1, 12, small.sum())
    other.loc[small, "numerator"] = rng.integers(0, other.loc[small, "denominator"] + 1)
    assert 20 < small.sum() < len(frame) / 2
    outcome = {"indicator": "y", "kind": kind, "seasonality": "none", "transform": "none"}
    one, two = (
        run(
            item,
            {"min_denominator": 12},
            outcomes=[outcome],
            estimators=["ols"],
            peers={"k": "all", "min_coverage": 0.1},
        )
        for item in (frame, other)
    )
    assert differences(one, two) == {}
    assert besides(one) == besides(two)
