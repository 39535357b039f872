"""A study from frames is the same study from files: the same tables, the same faults."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from its_eval import evaluate, load_config
from its_eval.errors import ConfigError, DataError

ROOT = Path(__file__).parents[2]


def settings(study):
    """The config of the small study as a dictionary, without its two tables."""
    tree = yaml.safe_load(study.config.read_text(encoding="utf-8"))
    del tree["data"]["indicators"], tree["data"]["characteristics"]
    tree["data"]["units"]["path"] = str(study.units)
    return tree


def same(first, second):
    assert first.tables.keys() == second.tables.keys()
    for name, table in first.tables.items():
        pd.testing.assert_frame_equal(table, second.tables[name], check_exact=True)
    assert first.notes == second.notes
    assert first.outcomes == second.outcomes


def wide(frame, indicator):
    own = frame[frame["indicator"] == indicator]
    return own.pivot(index="period", columns="unit", values="value").rename_axis(columns=None)  # noqa: PD010


@pytest.fixture
def frames(study):
    return pd.read_csv(study.indicators), pd.read_csv(study.characteristics)


@pytest.fixture
def of_files(study):
    return evaluate(study.config)


def test_long_frames_in_the_place_of_files(study, frames, of_files):
    indicators, characteristics = frames
    same(evaluate(study.config, indicators=indicators, characteristics=characteristics), of_files)
    same(evaluate(load_config(study.config), indicators=indicators), of_files)


def test_a_dictionary_needs_no_paths(study, frames, of_files):
    found = evaluate(settings(study), indicators=frames[0], characteristics=frames[1].set_index("unit"))
    assert found.title == "A small study"
    same(found, of_files)


@pytest.mark.parametrize(
    "form",
    [
        lambda long: {name: wide(long, name) for name in ("waits", "seen")},
        lambda long: {name: wide(long, name).rename_axis(index=None) for name in ("waits", "seen")},
        lambda long: {name: wide(long, name).reset_index() for name in ("waits", "seen")},
        lambda long: {name: long[long["indicator"] == name].drop(columns="indicator") for name in ("waits", "seen")},
        lambda long: long.set_index(["unit", "period"]),
        lambda long: long.assign(period=pd.PeriodIndex(long["period"], freq="M")),
        lambda long: long.assign(period=pd.to_datetime(long["period"])),
        lambda long: long.astype({"unit": "category", "value": object}),
        lambda long: long.sample(frac=1, random_state=1),
    ],
    ids=["wide", "unnamed", "column", "mapping", "levels", "periods", "dates", "objects", "shuffled"],
)  # fmt: skip
def test_every_form_of_a_frame_is_the_same_study(study, frames, of_files, form):
    same(evaluate(study.config, indicators=form(frames[0]), characteristics=frames[1]), of_files)


def test_numerators_and_denominators_as_in_a_file():
    """Proportions of the sample, two of its units, with awkward fractions."""
    table = pd.read_csv(ROOT / "data" / "sample" / "indicators.csv")
    own = table[table["unit"].isin(["SIM07", "SIM41"]) & table["indicator"].eq("fft_recommend")]
    study = {
        "version": 1,
        "intervention": {"name": "Programme", "date": pd.Period("2015-07", "M")},
        "treated": ["SIM07", "SIM41"],
        "outcomes": [{"indicator": "fft_recommend", "kind": "percentage", "seasonality": "months"}],
        "checks": {"placebo_dates": False},
    }
    text = own.drop(columns="value").to_csv(index=False)
    as_read = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    same(
        evaluate(study, indicators=own.drop(columns="value")),
        evaluate(study, indicators=as_read),
    )
    with_parts = evaluate(study, indicators=own.drop(columns="value"))
    assert with_parts.tables["series"]["denominator"].notna().any()


def test_the_same_faults_in_one_pass_by_column_and_label(study, frames):
    broken = wide(frames[0], "waits").astype(object)
    broken.loc["2014-02", "A1"] = np.inf
    broken.loc["2014-03", "A2"] = "1,5"
    seen = frames[0][frames[0]["indicator"] == "seen"].drop(columns="indicator").set_index("unit")
    seen.loc["B1", "value"] = 120.0
    with pytest.raises(DataError) as caught:
        evaluate(study.config, indicators={"waits": broken, "seen": seen}, characteristics=frames[1])
    found = caught.value.problems
    assert (
        "indicators['waits'] row 2014-02, column 'A1': 'inf' is not a number; an infinite value" in found[0]
    )
    assert "indicators['waits'] row 2014-03, column 'A2': '1,5' is not a number" in found[1]
    assert "a percentage lies between 0 and 100" in found[2]


def test_both_frames_are_looked_at_in_one_pass(study, frames):
    with pytest.raises(DataError) as caught:
        evaluate(study.config, indicators=np.zeros(3), characteristics=[1, 2])
    assert caught.value.problems == [
        "indicators: a ndarray; expected a pandas DataFrame",
        "characteristics: a list; expected a pandas DataFrame",
    ]


def test_a_wide_frame_of_two_indicators_has_to_say_which(study, frames):
    with pytest.raises(DataError, match="does not say which indicator") as caught:
        evaluate(study.config, indicators=wide(frames[0], "waits"))
    assert caught.value.hint == "write indicators={'name of the indicator': frame}"


def test_units_may_be_called_as_columns_are(study, frames):
    """A wide table in which a unit is called `value`, and one called `source_file`."""
    names = {"A1": "value", "B1": "source_file"}
    tree = settings(study) | {"treated": ["value", "A2"], "outcomes": [{"indicator": "waits"}], "peers": None}
    tree["designs"] = ["single"]
    found = evaluate(tree, indicators=wide(frames[0], "waits").rename(columns=names))
    plain = evaluate(tree | {"treated": ["A1", "A2"]}, indicators=wide(frames[0], "waits"))
    own = found.tidy("effects").query("unit == 'value'")["estimate"].tolist()
    assert own == plain.tidy("effects").query("unit == 'A1'")["estimate"].tolist()


def test_a_column_of_texts_leaves_the_numbers_of_the_others(study, frames):
    """In a file as in a frame: one damaged cell is one fault, of its own column."""
    damaged = wide(frames[0], "waits").astype({"A1": object})
    damaged.loc["2014-02", "A1"] = "x"
    tree = settings(study) | {"outcomes": [{"indicator": "waits"}]}
    with pytest.raises(DataError) as caught:
        evaluate(tree, indicators=damaged, characteristics=frames[1])
    assert len(caught.value.problems) == 1
    path = study.folder / "waits.parquet"
    damaged.astype({"A1": str}).reset_index().to_parquet(path)
    tree["data"]["indicators"] = {"path": str(path), "layout": "wide", "indicator": "waits"}
    with pytest.raises(DataError) as of_file:
        evaluate(tree, characteristics=frames[1])
    assert [text.split(", column")[1] for text in of_file.value.problems] == [
        caught.value.problems[0].split(", column")[1]
    ]


def test_faults_of_a_dictionary_are_those_of_a_file(study):
    tree = settings(study) | {"treatd": ["A1"], "confidence": 2, "seed": object()}
    with pytest.raises(ConfigError) as caught:
        evaluate(tree, indicators=pd.DataFrame({"a": [1.0]}))
    text = "\n".join(caught.value.problems)
    assert "config: treatd: unknown key" in text
    assert "config: confidence: found 2; expected a number of at most 0.999999" in text.replace("'2'", "2")
    assert "config: seed: a object cannot stand in a config; expected text" in text


def test_what_a_config_says_of_columns_holds_for_the_frame(study, frames, of_files):
    tree = settings(study)
    tree["data"]["indicators"] = {"columns": {"unit": "trust", "period": "month"}}
    tree["data"]["characteristics"] = {"columns": {"unit": "trust"}}
    renamed = [frame.rename(columns={"unit": "trust", "period": "month"}) for frame in frames]
    same(evaluate(tree, indicators=renamed[0], characteristics=renamed[1]), of_files)
    same(evaluate(tree, indicators=renamed[0], characteristics=frames[1].set_index("unit")), of_files)
