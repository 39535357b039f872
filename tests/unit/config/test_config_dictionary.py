"""Outcomes from a CSV dictionary."""

import pytest

from its_eval.config import Seasonality

COLUMNS = (
    "indicator, label, unit, kind, better, counted, transform, per, estimators, seasonality, trend, start, end, missing, strata, "
    "covariates, controls"
)
HEADER = "indicator,label,kind,seasonality,estimators,start\n"


@pytest.fixture
def dictionary(tmp_path):
    def write_dictionary(content: str | bytes) -> str:
        path = tmp_path / "dictionary.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return "{from: dictionary.csv}"

    return write_dictionary


def test_rows_become_outcomes(load, dictionary):
    rows = (
        "\ufeffindicator, label,kind,seasonality,estimators,per,strata\n"
        'waits,"Waits, in days",,,,,\n'
        "\n"
        'beds,,count,{harmonics: 2},"[ols, {name: newey_west, lags: 2}]",1000,\n'
        ",,,,,,\n"
        "0123,,percentage,months,ols,,\n"
    )
    waits, beds, code = load(outcomes=dictionary(rows)).outcomes
    assert (waits.label, waits.kind, waits.seasonality.kind) == ("Waits, in days", "number", "auto")
    assert [entry.name for entry in waits.estimators] == ["reml_ar"]
    assert (beds.label, beds.transform, beds.per) == ("beds", "log", 1000)
    assert beds.seasonality == Seasonality(kind="harmonics", harmonics=2)
    assert [entry.label for entry in beds.estimators] == ["ols", "newey_west"]
    assert (code.indicator, code.unit) == ("0123", "%")
    assert [entry.name for entry in code.estimators] == ["ols"]


def test_faults_name_the_line_of_the_dictionary(faults, dictionary, tmp_path):
    rows = 'waits,"two\nlines",wrong,,,\nbeds,,,quarters,[ols],\n,x,,,"[{name: arima, order: 1}]",\n'
    csv = tmp_path / "dictionary.csv"
    order = "1: the order of arima is three numbers; expected [p, d, q], e.g. [1, 0, 0], or aicc"
    assert faults(outcomes=dictionary(HEADER + rows), seed="x") == [
        "6: seed: found 'x'; expected a whole number",
        f"{csv}:3: outcomes[0].kind: found 'wrong'; expected one of percentage, rate, count, number",
        f"{csv}:5: outcomes[2].estimators[0]: {order}",
        f"{csv}:5: outcomes[2].indicator: missing; expected: Indicator of the data",
    ]


def test_checks_across_outcomes_name_the_line_too(faults, dictionary, tmp_path):
    (message,) = faults(outcomes=dictionary(HEADER + "a,,,quarters,,\n"))
    place = f"{tmp_path / 'dictionary.csv'}:2: outcomes[0].seasonality"
    assert message.startswith(f"{place}: 'quarters' does not go with frequency month; expected one of none")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "indicator,lable\nx,y\n",
            f"1: unknown column 'lable' (did you mean 'label'?); expected one of {COLUMNS}",
        ),
        ("indicator,label,label\nx,y,z\n", "1: column 'label' stands twice; expected it once"),
        ("", "1: no outcomes; expected a row for each"),
        ("indicator\n", "1: no outcomes; expected a row for each"),
        ("indicator,label\nx\n", "2: 1 cells; expected 2, as in the header"),
        ('indicator\n"x\n', "2: not valid CSV: unexpected end of data; expected quotes closed in their cell"),
        (
            "indicator,estimators\nx,[ols\n",
            "2: estimators: '[ols' is not a list or mapping; expected e.g. [reml_ar, ols] or {harmonics: 2}",
        ),
        (
            "indicator,estimators\nx,[!t ols]\n",
            "2: estimators: the tag '!t' is refused; expected plain values without tags",
        ),
    ],
)
def test_faults_of_the_dictionary_itself(faults, dictionary, tmp_path, content, message):
    assert faults(outcomes=dictionary(content)) == [f"{tmp_path / 'dictionary.csv'}:{message}"]


def test_no_such_dictionary(faults, tmp_path):
    path = tmp_path / "none.csv"
    assert faults(outcomes="{from: none.csv}", seed="x") == [
        f"5: outcomes.from: {path} cannot be read (No such file or directory); expected a CSV file",
        "6: seed: found 'x'; expected a whole number",
    ]


def test_dictionary_in_another_encoding(faults, dictionary, tmp_path):
    path = tmp_path / "dictionary.csv"
    assert faults(outcomes=dictionary(b"indicator\ncaf\xe9\n")) == [
        f"5: outcomes.from: {path}:2: byte 0xe9 is not UTF-8; expected text saved as UTF-8"
    ]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{form: a.csv}", "5: outcomes.form: unknown key (did you mean 'from'?); expected from"),
        ("{from: a.csv, kind: count}", "5: outcomes.kind: unknown key; expected from"),
    ],
)
def test_only_from_stands_there(faults, entry, message):
    assert message in faults(outcomes=entry)
