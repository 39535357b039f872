"""The tables of the shipped configs, against those that were reviewed.

``make golden`` writes the expected tables anew; review the difference before you keep it. They hold eight
significant digits: two more than the comparison needs, so that rounding cannot decide it.
"""

from pathlib import Path

import pandas as pd
import pytest

from its_eval.config import load_config
from its_eval.pipeline.run import evaluate

HERE = Path(__file__).parent
CONFIGS = HERE.parents[1] / "configs"
NAMES = ("sample", "sample_strata", "uk_seatbelts", "california_prop99")
TABLES = ("summary", "effects", "fits", "peers")
DIGITS = 8
#: Other processors round differently; a change of method is far larger.
RELATIVE, ABSOLUTE = 1e-6, 1e-9


@pytest.fixture(scope="module", params=NAMES)
def evaluated(request):
    return request.param, evaluate(load_config(CONFIGS / f"{request.param}.yaml"))


def shown(evaluation, table):
    """Return what is compared: of `effects` only the answers of the first estimator."""
    frame = evaluation.tables[table]
    if table == "effects":
        frame = frame[frame["role"].isin(["primary", "secondary"])]
    return frame.reset_index(drop=True)


def as_text(frame):
    return frame.to_csv(index=False, lineterminator="\n", float_format=f"%.{DIGITS}g")


@pytest.mark.parametrize("table", TABLES)
def test_table_is_as_reviewed(evaluated, table, request):
    name, evaluation = evaluated
    found = shown(evaluation, table)
    path = HERE / name / f"{table}.csv"
    if request.config.getoption("--update-golden", default=False):
        path.parent.mkdir(exist_ok=True)
        path.write_text(as_text(found), encoding="utf-8", newline="\n")
    text = found.select_dtypes(["object", "string"]).columns
    expected = pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""])
    assert list(expected.columns) == list(found.columns)
    for column in found.columns:
        if column in text:
            assert list(expected[column].fillna("")) == list(found[column]), column
        else:
            pd.testing.assert_series_equal(
                expected[column].astype("float64"),
                found[column].astype("float64"),
                rtol=RELATIVE,
                atol=ABSOLUTE,
                obj=f"{table}.{column}",
            )


def test_every_sample_config_is_compared():
    shipped = {path.stem for path in CONFIGS.glob("*.yaml")}
    without_data = {name for name in shipped if name.startswith("nhs_")}
    assert shipped - without_data == set(NAMES)
