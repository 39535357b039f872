"""Parquet datasets read a few outcomes at a time: the panels of the whole path, and every fault named."""

import datetime as dt

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from its_eval.calendar import MONTHS
from its_eval.config import Config
from its_eval.data.dataset import read_indicators, survey
from its_eval.data.load import load_indicators
from its_eval.data.panel import bounded, build_panel, lay_out
from its_eval.data.parquet import narrowed, open_dataset
from its_eval.errors import DataError

PERIODS = [f"2015-{month:02d}" for month in range(1, 13)]


def config_of(*paths, outcome=None, **table):
    tree = {
        "version": 1,
        "data": {"indicators": [{"path": str(path), **table} for path in paths], "min_denominator": 5},
        "intervention": {"name": "x", "date": "2015-07"},
        "treated": "each",
        "outcomes": [outcome or {"indicator": "waits"}],
        "output": {"detail": "estimates"},
    }
    return Config.model_validate(tree)


@pytest.fixture
def rows():
    rng = np.random.default_rng(1)
    index = pd.MultiIndex.from_product([["seen", "waits"], ["B", "A", "C"], PERIODS])
    frame = index.to_frame(index=False, name=["indicator", "unit", "period"])
    frame["value"] = rng.uniform(10, 90, len(frame)).round(2)
    return frame


def write(folder, frame, name="t.parquet"):
    path = folder / name
    frame.to_parquet(path, index=False)
    return path


def problems(config, wanted=("waits",)):
    with pytest.raises(DataError) as error:
        read_indicators(config.data, wanted)
    return error.value.problems


def test_survey(tmp_path, rows):
    extra = rows[rows["unit"].eq("C")].assign(unit=" Z ", indicator="other")
    config = config_of(write(tmp_path, pd.concat([rows, extra])))
    found = survey(config.data, ["waits"])
    assert found.rows == 96
    assert found.indicators == ("other", "seen", "waits")
    assert found.units == ("A", "B", "C", "Z")
    assert found.wanted_units == ("A", "B", "C")
    assert survey(config.data, ["other", "seen", "waits"]).wanted_units == ("A", "B", "C", "Z")


def test_words_that_do_not_occur_are_no_units(tmp_path, rows):
    unit = pd.Categorical(rows["unit"], ["A", "B", "C", "never"])
    path = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_pandas(rows.assign(unit=unit), preserve_index=False), path)
    assert survey(config_of(path).data, ["waits", "seen"]).units == ("A", "B", "C")


@pytest.mark.parametrize("kind", ["percentage", "rate", "count", "number"])
@pytest.mark.parametrize("fractions", [False, True])
def test_same_panel_as_from_rows(tmp_path, rows, kind, fractions):
    rows = rows[~(rows["unit"].eq("A") & rows["period"].eq("2015-03"))]
    if fractions:
        rng = np.random.default_rng(2)
        rows = rows.assign(
            denominator=rng.integers(2, 90, len(rows)), numerator=rng.integers(0, 2, len(rows))
        )
        rows.loc[rows.index[::3], "value"] = np.nan
    outcome = {"indicator": "waits", "kind": kind, "transform": "none"}
    if kind in ("rate", "count"):
        outcome["per"] = 1000
    config = config_of(write(tmp_path, rows), outcome=outcome)
    coded = read_indicators(config.data, ["waits"])
    own = coded.by_indicator["waits"]
    span = bounded(own.period, (None, None), MONTHS)
    outcome = config.outcomes[0]
    found = lay_out(own, coded.units, outcome, (span[0] + 1, span[1]), 5.0, MONTHS)
    expected = build_panel(load_indicators(config.data), outcome, (span[0] + 1, span[1]), 5.0)
    assert found.units == expected.units
    for name in ("values", "denominators", "counts", "small_denominator"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def test_window(tmp_path, rows):
    coded = read_indicators(config_of(write(tmp_path, rows)).data, ["waits"])
    own = coded.by_indicator["waits"]
    treated = own.period[own.unit == 0]
    first, last = bounded(treated, (None, None), MONTHS)
    assert last - first == 11
    assert bounded(treated, (first + 2, None), MONTHS) == (first + 2, last)
    with pytest.raises(ValueError, match=r"data from 2015-01 to 2015-12, outside its start and end"):
        bounded(treated, (last + 1, None), MONTHS)


def test_several_tables_and_kinds_of_column(tmp_path, rows):
    waits, seen = (rows[rows["indicator"].eq(name)] for name in ("waits", "seen"))
    dates = [dt.date.fromisoformat(f"{period}-01") for period in waits["period"]]
    one = write(tmp_path, waits.assign(period=dates, value=waits["value"].round().astype(int)))
    two = write(tmp_path, seen.assign(denominator=50.0), "u.parquet")
    found = read_indicators(config_of(one, two).data, ["seen", "waits"])
    assert found.units == ("A", "B", "C")
    assert found.by_indicator["waits"].value[0] == round(waits["value"].iloc[0])
    assert np.isnan(found.by_indicator["waits"].denominator).all()
    assert (found.by_indicator["seen"].denominator == 50).all()


def test_a_table_of_one_indicator(tmp_path, rows):
    path = write(tmp_path, rows[rows["indicator"].eq("waits")].drop(columns="indicator"))
    config = config_of(path, indicator="waits")
    assert survey(config.data, ["waits"]).wanted_units == ("A", "B", "C")
    assert list(read_indicators(config.data, ["waits"]).by_indicator) == ["waits"]
    assert survey(config.data, ["seen"]).wanted_units == ()
    assert read_indicators(config.data, ["seen"]).by_indicator == {}


def test_an_url_is_read_through_fsspec(rows):
    with fsspec.open("memory://place/t.parquet", "wb") as stream:
        rows.to_parquet(stream, index=False)
    config = config_of("memory://place/t.parquet")
    assert survey(config.data, ["waits"]).rows == 72
    assert len(read_indicators(config.data, ["waits"]).by_indicator["waits"].value) == 36


def test_all_faults_of_rows_are_named(tmp_path, rows):
    rows.loc[36, "period"] = "2015-13"
    rows.loc[37, "unit"] = ""
    rows.loc[38, "unit"] = None
    path = write(tmp_path, rows)
    found = problems(config_of(path), ["waits"])
    assert f"{path}: 2 rows have no unit" in found
    assert f"{path}: period '2015-13' is not a date of the calendar" in found


def test_rows_that_stand_twice(tmp_path, rows):
    path = write(tmp_path, pd.concat([rows, rows[40:41].assign(unit=" B ")]))
    assert problems(config_of(path)) == ["waits, B, 2015-05 stands 2 times; keep one row"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows: rows.assign(value=rows["value"].astype(str).astype("large_string[pyarrow]")),
            "column 'value' holds large_string, not numbers",
        ),
        (lambda rows: rows.assign(stratum="x"), "a batch run cannot tell strata apart"),
        (
            lambda rows: rows.rename(columns={"unit": "units"}),
            "there is no column 'unit'; did you mean 'units'?",
        ),
        (lambda rows: rows.drop(columns="value"), "there is no column 'value'"),
        (lambda rows: rows.drop(columns="indicator"), "there is no column 'indicator'"),
    ],
)
def test_columns_that_cannot_be_used(tmp_path, rows, change, message):
    config = config_of(write(tmp_path, change(rows)))
    with pytest.raises(DataError) as error:
        survey(config.data, ["waits"])
    assert message in error.value.problems[0]
    assert message in problems(config)[0]


def test_files_that_cannot_be_read(tmp_path):
    assert problems(config_of(tmp_path / "none.parquet")) == [
        f"{tmp_path / 'none.parquet'}: there is no such file"
    ]
    (tmp_path / "t.parquet").write_text("no Parquet")
    assert "cannot be read as Parquet" in problems(config_of(tmp_path / "t.parquet"))[0]
    assert "cannot be read as Parquet" in problems(config_of("nosuchscheme://t.parquet"))[0]


@pytest.mark.parametrize("categories", [False, True])
def test_row_groups_without_a_wanted_indicator_are_not_read(tmp_path, rows, categories):
    if categories:
        rows = rows.astype({"indicator": "category"})
    rows = pd.concat([rows, rows.assign(indicator="zebra")])
    rows.to_parquet(tmp_path / "t.parquet", index=False, row_group_size=36)
    table = config_of(tmp_path / "t.parquet").data.indicators[0]
    dataset, _ = open_dataset(table)

    def groups(*wanted):
        return narrowed(dataset, "indicator", wanted).to_table().num_rows

    assert (groups("waits"), groups("seen", "waits"), groups("seem", "tame"), groups("zebra")) == (
        36,
        72,
        0,
        72,
    )


def test_a_dataset_in_folders_by_indicator(tmp_path, rows):
    rows.to_parquet(tmp_path / "t.parquet", index=False, partition_cols=["indicator"])
    config = config_of(tmp_path / "t.parquet")
    assert survey(config.data, ["waits"]).indicators == ("seen", "waits")
    found = read_indicators(config.data, ["waits"])
    assert list(found.by_indicator) == ["waits"]
    assert len(found.by_indicator["waits"].value) == 36
