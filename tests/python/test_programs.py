"""The three programs of docs/python.md: at most ten lines each, and the numbers of the command line."""

import re
from functools import partial
from pathlib import Path

import pandas as pd
import yaml

from its_eval.data.numbers import PANDAS_ROUNDS

ROOT = Path(__file__).parents[2]
PROGRAMS = re.findall(
    r"^```python\n(.*?)^```",
    (ROOT / "docs" / "python.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)
#: What the same studies are in a config.
ONE = {
    "version": 1,
    "data": {
        "indicators": {"path": "data/sample/uk_seatbelts.csv", "layout": "wide", "indicator": "s", "columns": {"period": "month"}}
    },
    "intervention": {"name": "Intervention", "date": "1983-02"},
    "treated": ["front"],
    "outcomes": [{"indicator": "s", "kind": "number", "transform": "log", "seasonality": "months"}],
}  # fmt: skip
STATES = {
    "version": 1,
    "data": {
        "indicators": {"path": "data/sample/california_prop99.csv", "layout": "wide", "indicator": "s", "columns": {"period": "Year"}},
        "frequency": "year",
    },
    "intervention": {"name": "Intervention", "date": "1989"},
    "treated": ["California"],
    "peers": {"k": "all", "given": {"California": ["Colorado", "Idaho", "Montana"]}},
    "outcomes": [{"indicator": "s", "kind": "number", "seasonality": "none"}],
}  # fmt: skip


def ran(program, folder, monkeypatch):
    """Run a program in the folder of the repository, its files written elsewhere; return its names."""
    monkeypatch.chdir(ROOT)
    if PANDAS_ROUNDS:
        # a frame that somebody reads with an old pandas is what that pandas makes of the file
        monkeypatch.setattr(pd, "read_csv", partial(pd.read_csv, float_precision="round_trip"))
    names = {}
    exec(program.replace('"report.html"', f'r"{folder / "report.html"}"'), names)  # noqa: S102
    return names


def of_command(its, folder, study):
    path = folder / "study.yaml"
    tree = {**study, "output": {"tables": ["csv"]}}
    tree["data"]["indicators"] = {
        **tree["data"]["indicators"],
        "path": str(ROOT / study["data"]["indicators"]["path"]),
    }
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    answer = its("run", path, "--out", folder / "out", "--no-figures", "--no-report")
    assert answer.code == 0, answer.err
    return folder / "out" / "tables"


def same_numbers(found, tables, names, folder):
    for name in names:
        path = folder / f"{name}.csv"
        found.tidy(name).to_csv(path, index=False)
        own, written = (pd.read_csv(file).select_dtypes("number") for file in (path, tables / f"{name}.csv"))
        pd.testing.assert_frame_equal(own, written, check_exact=True)


def test_there_are_three_of_at_most_ten_lines():
    assert len(PROGRAMS) == 3
    assert all(len(program.strip().splitlines()) <= 10 for program in PROGRAMS)


def test_one_series(its, tmp_path, monkeypatch, capsys):
    found = ran(PROGRAMS[0], tmp_path, monkeypatch)["found"]
    assert "front: level_change" in capsys.readouterr().out
    tables = of_command(its, tmp_path, ONE)
    # both are read from a file: pandas below 3.1 reads another last digit
    found.effects.to_csv(tmp_path / "effects.csv", index=False)
    own, written = (pd.read_csv(folder / "effects.csv") for folder in (tmp_path, tables))
    both = own.merge(written, on=["estimand", "scale"], suffixes=("", "_run"))
    assert len(both) == len(found.effects)
    for name in ("estimate", "std_error", "p_value", "conf_low", "conf_high"):
        assert both[name].tolist() == both[f"{name}_run"].tolist()


def test_proposition_99(its, tmp_path, monkeypatch):
    found = ran(PROGRAMS[1], tmp_path, monkeypatch)["found"]
    same_numbers(found, of_command(its, tmp_path, STATES), ["verdicts", "effects", "placebo_units"], tmp_path)


def test_five_trusts_of_the_sample(its, tmp_path, monkeypatch):
    # one outcome and one estimator of the sample: the path is the same, the report a quarter
    tree = yaml.safe_load((ROOT / "configs" / "sample.yaml").read_text(encoding="utf-8"))
    tree |= {"outcomes": tree["outcomes"][:1], "estimators": tree["estimators"][:1]}
    for source in tree["data"].values():
        source["path"] = str(ROOT / "configs" / source["path"])
    config = tmp_path / "smaller.yaml"
    config.write_text(yaml.safe_dump(tree), encoding="utf-8")
    program = PROGRAMS[2].replace('"configs/sample.yaml"', f'r"{config}"')
    assert program != PROGRAMS[2]
    found = ran(program, tmp_path, monkeypatch)["found"]
    assert len((tmp_path / "report.html").read_text(encoding="utf-8")) > 100_000
    answer = its("run", config, "--out", tmp_path / "out", "--no-figures", "--no-report")
    assert answer.code == 0
    same_numbers(found, tmp_path / "out" / "tables", ["verdicts", "effects", "peers"], tmp_path)
