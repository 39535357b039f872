"""A comparison in a line, and the nearest units of a frame: both are what the command line gives."""

import io
from pathlib import Path

import pandas as pd
import pytest
import yaml

from its_eval import evaluate, fit, peers_of
from its_eval.errors import DataError, UsageError
from its_eval.evaluation import Evaluation

ROOT = Path(__file__).parents[2]
PROP99 = ROOT / "data" / "sample" / "california_prop99.csv"
CONTROLS = ["Colorado", "Idaho", "Montana"]


@pytest.fixture(scope="module")
def states():
    return pd.read_csv(PROP99, index_col="Year")


def run(its, folder, peers, **outcome):
    """Run Proposition 99 by the command line, and return its tables as written."""
    config = {
        "version": 1,
        "data": {
            "indicators": {"path": str(PROP99), "layout": "wide", "indicator": "s", "columns": {"period": "Year"}},
            "frequency": "year",
        },
        "intervention": {"name": "Intervention", "date": "1989"},
        "treated": ["California"],
        "peers": peers,
        "outcomes": [{"indicator": "s", "kind": "number", "seasonality": "none", **outcome}],
        "output": {"tables": ["csv"]},
    }  # fmt: skip
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    assert its("run", path, "--out", folder / "out", "--no-figures", "--no-report").code == 0
    return folder / "out" / "tables"


@pytest.mark.parametrize(
    ("options", "peers"),
    [
        ({"peers": CONTROLS}, {"k": "all", "given": {"California": CONTROLS}}),
        ({}, {"k": "all"}),
        ({"peers": "nearest", "k": 5}, {"k": 5, "match": "pre_period"}),
    ],
    ids=["given", "all", "nearest"],
)
def test_proposition_99_is_that_of_the_command_line(its, tmp_path, states, options, peers):
    found = fit(states, "1989", treated="California", frequency="year", seasonality="none", **options)
    assert isinstance(found, Evaluation)
    tables = run(its, tmp_path, peers)
    for name in ("verdicts", "effects", "placebo_units", "peers"):
        written = pd.read_csv(tables / f"{name}.csv").drop(columns="outcome")
        # through text, as the file went
        own = pd.read_csv(io.StringIO(found.tidy(name).to_csv(index=False))).drop(columns="outcome")
        pd.testing.assert_frame_equal(own, written, check_exact=True)
    assert found.tidy("verdicts")["n_donors"].max() == len(states.columns) - 1


def test_options_are_those_of_a_config(its, tmp_path, states):
    found = fit(
        states,
        1989,
        treated=["California"],
        peers=CONTROLS,
        frequency="year",
        seasonality="none",
        shape="step",
        log=True,
        estimator="ols",
        at=[3],
        confidence=0.9,
    )
    effects = found.tidy("effects")
    assert set(effects["estimator"]) == {"ols"}
    assert set(effects["conf_level"]) == {0.9}
    assert "effect_at_3" in set(effects["estimand"])
    assert set(effects["scale"]) == {"ratio", "link"} or "ratio" in set(effects["scale"])


def test_characteristics_choose_the_nearest(study):
    characteristics = pd.read_csv(study.characteristics, index_col="unit")
    long = pd.read_csv(study.indicators)
    waits = long[long["indicator"] == "waits"].pivot(index="period", columns="unit", values="value")  # noqa: PD010
    found = fit(waits, "2015-07", treated=["A1", "A2"], peers="nearest", characteristics=characteristics, k=3)
    peers = found.tidy("peers")
    own = evaluate(study.config).tidy("peers").query("outcome == 'waits'")
    assert peers["peer"].tolist() == own["peer"].tolist()
    assert peers["distance"].tolist() == own["distance"].tolist()


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ({"treated": "Californa"}, ["treated: the data have no column 'Californa'; did you mean 'California'"]),
        ({"treated": "California", "peers": ["California", "Utah"]}, ["peers: 'California' is treated; expected columns that are not"]),
        ({"treated": "California", "peers": ["Utah", "Uta", "Utah"]}, ["peers: 'Utah' stands twice; expected it once", "peers: the data have no column 'Uta'; did you mean 'Utah'"]),
        ({"treated": "California", "peers": 1.5}, ["peers: a float; expected the name of a column, or a list of names"]),
    ],
)  # fmt: skip
def test_columns_that_do_not_fit(states, options, problems):
    with pytest.raises(DataError) as caught:
        fit(states, "1989", frequency="year", **options)
    for found, expected in zip(caught.value.problems, problems, strict=True):
        assert found.startswith(expected)


def test_characteristics_beside_given_peers_and_all_treated(states):
    table = pd.DataFrame({"x": [1.0]}, index=["Utah"])
    with pytest.raises(DataError, match="expected peers='nearest' beside them"):
        fit(states, "1989", frequency="year", treated="Utah", peers=["Idaho"], characteristics=table)
    with pytest.raises(DataError, match="every column is treated"):
        fit(states[["Utah"]], "1989", frequency="year", treated="Utah")


def test_peers_need_a_treated_column(states):
    with pytest.raises(UsageError, match="peers are those of a treated column"):
        fit(states, "1989", peers=CONTROLS)


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({"k": 3}, ["-k", "3"]),
        ({"variables": ["Beds", "Deprivation"]}, ["--variables", "Beds,Deprivation"]),
        ({"k": 4, "within": "type"}, ["-k", "4", "--within", "type"]),
    ],
)
def test_nearest_units_are_those_of_the_command(its, options, arguments):
    sample = ROOT / "data" / "sample"
    table = pd.read_csv(sample / "characteristics.csv").merge(pd.read_csv(sample / "units.csv"))
    found = peers_of(table, ["SIM07", "SIM41"], **options)
    printed = its(
        *("peers", sample / "characteristics.csv", "--unit", "SIM07", "--unit", "SIM41", "--format", "csv"),
        *("--units", sample / "units.csv", *arguments),
    )
    assert found.to_csv(index=False) == printed.out
    assert peers_of(table.set_index("unit"), "SIM07", **options).equals(found[found["unit"] == "SIM07"])


def test_what_peers_of_cannot_answer():
    table = pd.DataFrame({"beds": [5.0, 6.0, 7.0]}, index=["P", "Q", "R"])
    with pytest.raises(DataError) as caught:
        peers_of(table, "S", k=0)
    assert caught.value.problems == [
        "unit: 'S' is not in the table; there are: 'P', 'Q', 'R'",
        "k: 0; expected a whole number of at least 1",
    ]
    with pytest.raises(DataError, match="there is no column 'type'"):
        peers_of(table, "P", within="type")
    with pytest.raises(DataError, match="there is no column 'unit'"):
        peers_of(table.reset_index(drop=True), "P")
