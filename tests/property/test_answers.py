"""No answer is lost and none invented, whatever the series: gaps, constants, copies, zeros, tiny values."""

import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from its_eval.comparisons.base import comparison_of
from its_eval.config import Config
from its_eval.errors import NothingEstimatedError
from its_eval.evaluation import NO_CLEAR_CHANGE, NOT_ANSWERED, OPEN_LABELS, records
from its_eval.pipeline.run import evaluate
from its_eval.words.labels import compared_with, message_words
from its_eval.words.magnitude import two_figures
from its_eval.words.numbers import null_of, p_words, printed, rounded
from its_eval.words.screen import screen

DESIGNS = ("single", "difference", "peer_mean", "stacked", "synthetic", "sdid", "augmented_synthetic")
#: Models of several series have least squares and Newey and West's errors alone.
ESTIMATORS = (("ols",), ("newey_west",), ("ols", "reml_ar"), ("newey_west", "arima"))
QUESTIONS = ("change", "slope_change", "level_change", "average_effect")
CHECKS = {"placebo_dates": False, "leave_one_peer_out": False}
KINDS = (
    *(
        "noise",
        "constant",
        "zero",
        "zero before",
        "zero after",
        "copy",
        "mean of others",
        "tiny",
        "tiny constant",
    ),
    *("huge", "gaps", "no months after", "few months after", "line", "nothing"),
)


def period(index):
    return f"{2013 + index // 12}-{index % 12 + 1:02d}"


def made(kind, rng, n, start, others):
    """Return a series of a kind; copies are of what came before."""
    noise = 50 + rng.normal(0, 1, n).cumsum() * 0.3 + rng.normal(0, 1, n)
    time = np.arange(n)
    series = {
        "constant": np.full(n, 0.1 + rng.integers(0, 3)),
        "zero": np.zeros(n),
        "zero before": np.where(time < start, 0.0, noise),
        "zero after": np.where(time < start, noise, 0.0),
        "copy": others[0].copy() if others else noise,
        "mean of others": np.mean(others, axis=0) if others else noise,
        "tiny": 3e-7 * noise,
        "tiny constant": np.full(n, 3.3e-9),
        "huge": 1e9 + noise,
        "gaps": np.where(rng.random(n) < 0.15, np.nan, noise),
        "no months after": np.where(time < start, noise, np.nan),
        "few months after": np.where(time < start + 2, noise, np.nan),
        "line": 3.0 + 0.1 * time,
        "nothing": np.full(n, np.nan),
    }
    return series.get(kind, noise)


@st.composite
def studies(draw):
    """Return series by unit, the start and the settings of a config."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    start = draw(st.integers(7, 14))
    n = start + draw(st.integers(7, 16))
    treated = draw(st.integers(1, 2))
    values: dict[str, np.ndarray] = {}
    for place in range(treated + draw(st.integers(2, 5))):
        name = f"T{place}" if place < treated else f"D{place}"
        values[name] = made(draw(st.sampled_from(KINDS)), rng, n, start, list(values.values()))
    several = st.lists(st.sampled_from(DESIGNS), min_size=1, max_size=3, unique=True)
    chosen = {
        "designs": draw(several),
        "estimators": draw(st.permutations(draw(st.sampled_from(ESTIMATORS)))),
        "checks": CHECKS | {"placebo_units": draw(st.booleans()), "diagnostics": draw(st.booleans())},
    }
    shape, lacking = draw(st.sampled_from((("step_and_slope", ""), ("step", "slope"), ("slope", "level"))))
    questions = [name for name in QUESTIONS if not lacking or not name.startswith(lacking)]
    chosen["estimands"] = {"primary": draw(st.sampled_from(questions))}
    chosen["intervention"] = {"date": period(start), "shape": shape}
    return values, start, chosen


def evaluated(values, changes):
    """Return the config and its result, or the error that nothing could be estimated."""
    rows = [
        {"indicator": "y", "unit": unit, "period": period(index), "value": value}
        for unit, series in values.items()
        for index, value in enumerate(series)
    ]
    with tempfile.TemporaryDirectory() as folder:
        pd.DataFrame(rows).to_csv(Path(folder, "y.csv"), index=False, float_format="%.17g")
        places = "".join(f"{unit},{place},{place % 2}\n" for place, unit in enumerate(values))
        Path(folder, "c.csv").write_text(f"unit,place,turn\n{places}", encoding="utf-8")
        config = Config.model_validate(
            {
                "version": 1,
                "data": {
                    "indicators": {"path": str(Path(folder, "y.csv"))},
                    "characteristics": {"path": str(Path(folder, "c.csv"))},
                },
                "treated": [unit for unit in values if unit.startswith("T")],
                "peers": {"k": 2, "min_coverage": 0.01},
                "outcomes": [{"indicator": "y", "kind": "number", "seasonality": "none", "better": "higher"}],
            }
            | changes
        )
        try:
            return config, evaluate(config)
        except NothingEstimatedError as error:
            return config, error


def asked(config):
    """Yield unit, design and estimator of everything that a config asks for."""
    for design in config.designs:
        comparison = comparison_of(design)
        labels = [entry.label for entry in comparison.entries(config.outcomes[0].estimators)]
        for unit in config.treated:
            for label in labels or [comparison.own_label]:
                yield unit, design, label


def require_nothing_lost(config, result):
    if isinstance(result, NothingEstimatedError):
        missing = [case for case in asked(config) if f"{case[0]}, {case[1]}: " not in str(result)]
        assert missing == []
        return
    effects, failed = result.tables["effects"], result.tables["not_estimated"]
    there = set(effects[["unit", "design", "estimator"]].itertuples(index=False, name=None))
    why = set(failed[["unit", "design", "estimator"]].itertuples(index=False, name=None))
    assert failed[["reason", "message"]].ne("").all(axis=None)
    lost = [case for case in asked(config) if case not in there and not {case, (*case[:2], "")} & why]
    assert lost == []


def require_nothing_invented(result):
    if isinstance(result, NothingEstimatedError):
        return
    for name, table in result.tables.items():
        if name == "effects":
            # the interval of a ratio by Fieller's theorem may be all numbers
            table = table[table["inference_scale"].ne("fieller")]  # noqa: PLW2901
        numbers = table.select_dtypes("number").astype("float64")
        infinite = np.isinf(numbers).any()
        assert [column for column in infinite.index[infinite] if column != "df"] == [], name
    verdicts = result.tables["verdicts"].query("label != ''")
    answered = verdicts[~verdicts["label"].isin([NOT_ANSWERED])]
    assert answered[["p_value", "p_adjusted"]].notna().all(axis=None)
    assert answered["p_value"].between(0, 1).all()
    assert answered["estimate"].notna().all()
    assert not answered["flags"].str.contains("degenerate").any()
    assert verdicts.loc[verdicts["label"].isin(OPEN_LABELS), "direction"].eq("unclear").all()
    # changed only where the p-value that is shown says so
    changed = ~verdicts["label"].isin(OPEN_LABELS)
    assert (verdicts.loc[changed, "p_adjusted"] <= 0.05 * (1 + 1e-9)).all()
    assert (answered.loc[answered["label"].eq(NO_CLEAR_CHANGE), "p_adjusted"] > 0.05).all()


def require_everything_told(config, result):
    """Every unit has a line of the screen, with each design in which it has no estimate and the reason."""
    if isinstance(result, NothingEstimatedError):
        return
    for verbose in (False, True):
        lines = [line.text for line in screen(result, verbose=verbose)]
        text = " ".join(lines)
        for unit in config.treated:
            assert re.search(rf"\b{unit}\b", " ".join(lines[3:])), (unit, lines)
        for _, row in records(result.tables["not_estimated"]):
            own = [line for line in lines if line.endswith(f": {message_words(row['message'])}.")]
            assert any(
                re.search(rf"^Not estimated, .*\b{row['unit']}\b", line)
                and compared_with(row["design"]) in line
                for line in own
            ), (row, lines)
        # a reason follows
        assert not re.search(r"not answered(?!: |; )", text), lines
        assert not re.search(r"\b(nan|inf|None)\b", text), lines


def require_no_number_printed_as_zero(result):
    if isinstance(result, NothingEstimatedError):
        return
    named = ("estimate", "conf_low", "conf_high", "attribution_low", "attribution_high", "minimum_detectable")
    for table in ("verdicts", "effects"):
        for _, row in records(result.tables[table]):
            # a billionth of the interval is the rounding of a machine
            least = np.nan_to_num(1e-9 * (row["conf_high"] - row["conf_low"]), posinf=0.0)
            for name in {*named} & {*row}:
                if np.isfinite(row[name]) and abs(row[name] - null_of(row)) > least:
                    assert re.search("[1-9]", printed(row[name], row)), (table, name, row)


@settings(max_examples=40)
@given(studies())
def test_no_answer_is_lost_and_none_invented(study):
    values, _, changes = study
    config, result = evaluated(values, changes)
    require_nothing_lost(config, result)
    require_nothing_invented(result)
    require_everything_told(config, result)
    require_no_number_printed_as_zero(result)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 6))
def test_what_is_not_zero_is_not_printed_as_zero(value, digits):
    texts = [rounded(value, digits)]
    # cases a month are numbers that can be pictured
    texts += [two_figures(value)] if abs(value) < 1e15 else []
    for text in texts:
        assert (text == "0") == (value == 0)
        assert bool(re.search("[1-9]", text)) == (value != 0)
        assert "-" not in text


@given(st.floats(0.0, 1.0))
def test_no_p_value_is_printed_as_zero(value):
    assert p_words(value) == "p < 0.001" or float(p_words(value).removeprefix("p = ")) > 0


@settings(max_examples=12)
@given(
    st.integers(0, 10**6),
    st.integers(2, 6),
    st.sampled_from(("number", "log")),
    st.sampled_from(("difference", "stacked", "peer_mean", "synthetic", "sdid", "augmented_synthetic")),
    st.sampled_from(("ols", "reml_ar")),
)
def test_a_gap_to_copies_is_rounding_and_no_answer(seed, copies, scale, design, estimator):
    rng = np.random.default_rng(seed)
    series = 50 + rng.normal(0, 1, 36)
    values = {"T0": series} | {f"D{place}": series.copy() for place in range(1, copies + 1)}
    outcome = {"indicator": "y", "kind": "number", "seasonality": "none"}
    outcome |= {"transform": "log"} if scale == "log" else {}
    changes = {
        "outcomes": [outcome],
        "designs": [design],
        "estimators": [estimator],
        "peers": {"k": "all"},
        "estimands": {"primary": "change"},
        "checks": CHECKS | {"diagnostics": False},
        "intervention": {"date": period(18)},
    }
    single = design in ("stacked", "peer_mean")
    if single:
        changes["estimators"] = ["ols"]
    config, result = evaluated(values, changes)
    require_nothing_lost(config, result)
    require_nothing_invented(result)
    if not isinstance(result, NothingEstimatedError):
        labels = set(result.tables["verdicts"].query("label != ''")["label"])
        # a model of the single series has their noise, in which the difference is nothing
        assert labels <= ({NOT_ANSWERED, NO_CLEAR_CHANGE} if single else {NOT_ANSWERED})


@pytest.mark.parametrize("size", [1e-12, 1e-7, 1e-3, 1e6, 1e12])
def test_the_unit_of_an_outcome_changes_no_verdict(size):
    rng = np.random.default_rng(5)
    values = {unit: 50 + rng.normal(0, 1, 40) for unit in ("T0", "D1", "D2", "D3")}
    values["T0"][20:] += 3.0
    changes = {
        "designs": ["single", "difference", "synthetic", "sdid", "augmented_synthetic"],
        "estimators": ["ols", "reml_ar"],
        "estimands": {"primary": "change"},
        "checks": CHECKS | {"diagnostics": False},
        "intervention": {"date": period(20)},
    }
    _, plain = evaluated(values, changes)
    _, scaled = evaluated({unit: size * series for unit, series in values.items()}, changes)
    one, other = (result.tables["verdicts"] for result in (plain, scaled))
    assert one["label"].tolist() == other["label"].tolist()
    assert one["flags"].tolist() == other["flags"].tolist()
    for name, factor in (("estimate", size), ("conf_high", size), ("p_value", 1.0), ("p_rank", 1.0)):
        np.testing.assert_allclose(other[name], factor * one[name], rtol=1e-4)
