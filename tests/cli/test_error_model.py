"""The table of error models and an order chosen by the data, from a config in YAML to table, report and methods."""

import csv

import numpy as np
import pandas as pd
import pytest
import yaml

from its_eval import evaluate, load_config, load_run
from its_eval.columns import COLUMNS
from its_eval.config import to_yaml
from its_eval.estimators.arima_order import choose_order
from its_eval.report.compare import Tolerance, compare_tables
from its_eval.words.methods import method_sentences

MONTHS, START = 72, 40
UNITS = ("A", "B", "C", "D")
CHOSEN = {"name": "arima", "order": "aicc"}


def rows():
    """Return four series with autocorrelated errors; that of B is a random walk."""
    rng = np.random.default_rng(3)
    shocks = rng.normal(size=(MONTHS, len(UNITS)))
    errors = shocks.copy()
    for month in range(1, MONTHS):
        errors[month] += [0.6, 1.0, 0.4, 0.4] * errors[month - 1]
    periods = [f"{2013 + month // 12}-{month % 12 + 1:02d}" for month in range(MONTHS)]
    frame = pd.DataFrame(60.0 + 0.1 * np.arange(MONTHS)[:, None] + errors, index=periods, columns=list(UNITS))
    long = frame.rename_axis("period").melt(ignore_index=False, var_name="unit").reset_index()
    return long.assign(indicator="waits")


def content(*estimators, **changes):
    return {
        "version": 1,
        "data": {"indicators": {"path": "waits.csv"}},
        "intervention": {"date": "2016-05"},
        "treated": ["A", "B"],
        "outcomes": [{"indicator": "waits", "seasonality": "none", "better": "lower"}],
        "peers": {"given": {"A": ["C", "D"], "B": ["C", "D"]}},
        "designs": ["single"],
        "estimators": list(estimators),
        **changes,
    }


def test_from_a_file_to_table_report_and_methods(its, tmp_path, unpacked):
    rows().to_csv(tmp_path / "waits.csv", index=False)
    config = content(CHOSEN, {"name": "gls_ar", "order": 3})
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    its("run", tmp_path / "study.yaml", "-o", tmp_path / "out", "--no-figures")
    with (tmp_path / "out" / "tables" / "error_model.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == COLUMNS["error_model"]
    keys = [(row["unit"], row["estimator"]) for row in table]
    assert keys == sorted(keys)
    assert {row["chosen_by"] for row in table if row["estimator"] == "arima"} == {"data"}
    own = [row for row in table if (row["unit"], row["estimator"]) == ("A", "gls_ar")]
    assert [row["term"] for row in own] == ["ar1", "ar2", "ar3", "innovation_variance"]
    assert {(row["process"], row["chosen_by"]) for row in own} == {("AR(3)", "config")}
    assert all(float(row["std_error"]) > 0 for row in own)

    time = np.arange(MONTHS)
    early = np.column_stack([np.ones(MONTHS), time - START]).astype(float)[:START]
    values = rows().set_index(["unit", "period"])["value"]
    chosen = {}
    for unit in ("A", "B"):
        (chosen[unit],) = {
            row["process"] for row in table if (row["unit"], row["estimator"]) == (unit, "arima")
        }
        order = choose_order(early, values[unit].to_numpy()[:START])
        assert chosen[unit] == f"ARIMA({','.join(map(str, order))})"

    page = unpacked((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    for words in (
        "the order of the ARIMA errors was chosen by the data",
        "Intervals and p-values do not count this choice; chosen: ",
        "The error models, in numbers",
        "innovation variance",
        *chosen.values(),
    ):
        assert words in page
    back = load_run(tmp_path / "out")
    assert back.tables["error_model"]["term"].tolist() == [row["term"] for row in table]
    fits = back.tables["fits"].query("estimator == 'arima'").set_index("unit")
    for unit in ("A", "B"):
        p, d, _ = chosen[unit][6:-1].split(",")
        assert fits.loc[unit, "ar_order"] == int(p)
        assert ("differenced" in fits.loc[unit, "flags"]) == (d == "1")
    again = compare_tables(
        "error_model", back.tables["error_model"], back.tables["error_model"][::-1], Tolerance()
    )
    assert again.same


def test_without_such_an_estimator_there_are_no_rows_and_no_words(its, tmp_path):
    found = evaluate(content("ols"), indicators=rows())
    assert found.tables["error_model"].empty
    assert tuple(found.tables["error_model"].columns) == COLUMNS["error_model"]
    rows().to_csv(tmp_path / "waits.csv", index=False)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(content("ols")), encoding="utf-8")
    its("run", tmp_path / "study.yaml", "-o", tmp_path / "out", "--no-figures")
    assert not (tmp_path / "out" / "tables" / "error_model.csv").exists()
    assert "AICc" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_differenced_series_does_not_take_the_level_of_another():
    found = evaluate(content(CHOSEN), indicators=rows())
    process = found.tables["error_model"].drop_duplicates("unit").set_index("unit")["process"]
    effects = found.tables["effects"].query("scale == 'response'").set_index(["unit", "estimand"])["estimate"]
    for unit in ("A", "B"):
        differenced = process[unit].split(",")[1] == "1"
        assert np.isnan(effects[unit, "counterfactual_at_start"]) == differenced
        assert ("relative_average_effect" in effects[unit].index) != differenced
        # each is what it is alone
        single = content(CHOSEN, treated=[unit], peers={"given": {unit: ["C", "D"]}})
        alone = evaluate(single, indicators=rows()).tables["effects"]
        alone = alone.query("scale == 'response'").set_index("estimand")["estimate"]
        pd.testing.assert_series_equal(effects[unit], alone, check_names=False)


def test_the_methods_say_that_the_order_was_chosen(tmp_path):
    rows().to_csv(tmp_path / "waits.csv", index=False)
    (tmp_path / "study.yaml").write_text(
        yaml.safe_dump(content(CHOSEN, {"name": "arima", "label": "named"})), encoding="utf-8"
    )
    config = load_config(tmp_path / "study.yaml")
    assert [entry.order for entry in config.outcomes[0].estimators] == ["aicc", (1, 0, 0)]
    assert "order: aicc" in to_yaml(config)
    settings = config.model_dump(mode="json", by_alias=True)
    table = pd.DataFrame(
        {
            "outcome": "waits",
            "unit": ["A", "A", "B", "C"],
            "design": "single",
            "estimator": ["arima", "arima", "arima", "arima"],
            "process": ["ARIMA(1,0,1)", "ARIMA(1,0,1)", "ARIMA(0,1,1)", "ARIMA(0,1,1)"],
        }
    )
    *_, bare = method_sentences(settings)["Estimation"]
    *_, told = method_sentences(settings, table)["Estimation"]
    assert bare.endswith("Intervals and p-values do not count this choice.")
    assert told == bare[:-1] + "; chosen: ARIMA(0,1,1) (2 series), ARIMA(1,0,1) (1 series)."
    assert told.startswith("arima: the order of the ARIMA errors was chosen by the data")


@pytest.mark.parametrize("order", ["AICc", "bic"])
def test_other_words_are_no_order(order, tmp_path):
    (tmp_path / "study.yaml").write_text(
        yaml.safe_dump(content({"name": "arima", "order": order})), encoding="utf-8"
    )
    with pytest.raises(Exception, match=r"is not an order; expected .*or aicc"):
        load_config(tmp_path / "study.yaml")
