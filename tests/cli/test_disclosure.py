"""Everything that a run writes, searched for counts that `data.disclosure` protects."""

import re
import zipfile

import numpy as np
import pandas as pd
import pytest
import yaml

from its_eval.data.disclosure import Protection

RULE = Protection(1, 7, 5)
N, START = 36, 22
UNITS = ("U0", "U1", "U2", "U3", "U4")
#: Numbers of less than six digits may be right by chance.
NUMBER = re.compile(r"\d+\.\d{4,}(?:e-?\d+)?")


def counts():
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(
        [(unit, f"{2013 + month // 12}-{month % 12 + 1:02d}", place, month)
         for place, unit in enumerate(UNITS) for month in range(N)],
        columns=["unit", "period", "place", "month"],
    )  # fmt: skip
    frame["denominator"] = rng.poisson(170 + 60 * frame["place"])
    share = 0.05 + 0.01 * frame["place"] + 0.05 * ((frame["place"] == 0) & (frame["month"] >= START))
    frame["numerator"] = rng.binomial(frame["denominator"], share)
    return frame[["unit", "period", "numerator", "denominator"]]


def looks_the_same(frame):
    """Return other counts with the same appearance: one up where that is possible, else one down."""
    moved = frame.copy()
    for name in ("numerator", "denominator"):
        numbers = frame[name].to_numpy(float)
        for shift in (1.0, -1.0):
            alike = np.isclose(RULE.shown(numbers + shift, -1.0), RULE.shown(numbers, -1.0)) & (
                RULE.hides(numbers + shift) == RULE.hides(numbers)
            )
            moved[name] = np.where(alike & moved[name].eq(frame[name]), numbers + shift, moved[name]).astype(
                int
            )
    return moved


def write(folder, frame, **disclosure):
    frame.to_csv(folder / "y.csv", index=False)
    data = {"indicators": {"path": "y.csv", "indicator": "y"}}
    data |= {"disclosure": disclosure} if disclosure else {}
    settings = {
        "version": 1,
        "data": data,
        "intervention": {"name": "Law", "date": f"{2013 + START // 12}-{START % 12 + 1:02d}"},
        "treated": ["U0"],
        "peers": {"k": "all"},
        "outcomes": [{"indicator": "y", "kind": "percentage", "better": "lower", "seasonality": "none"}],
        "output": {"tables": ["csv", "parquet", "xlsx"], "figures": ["svg"], "which": "all"},
    }
    path = folder / "c.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def texts(folder, unpacked):
    """Return the text of every file of a result: of a workbook and a page all parts, tables of Parquet as CSV."""
    found = {}
    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".parquet":
            found[name] = pd.read_parquet(path).to_csv()
        elif path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as book:
                found |= {f"{name}/{part}": book.read(part).decode() for part in book.namelist()}
        elif path.suffix == ".html":
            found[name] = unpacked(path.read_text(encoding="utf-8"))
        elif path.suffix in (".csv", ".json", ".svg", ".yaml"):
            found[name] = path.read_text(encoding="utf-8")
        else:
            raise AssertionError(f"{name}: how is it searched?")
    return found


def protected_values(frame):
    """Return what must not come out: percentages, and means of peers, that protected counts do not give."""
    sizes, numbers = (frame[name].to_numpy(float) for name in ("denominator", "numerator"))
    true = pd.Series(100 * numbers / sizes, index=pd.MultiIndex.from_frame(frame[["unit", "period"]]))
    shown = 100 * RULE.shown(numbers, 4.0) / RULE.shown(sizes, 4.0)
    means = true[true.index.get_level_values(0) != UNITS[0]].groupby(level=1).mean()
    # a true percentage of one month may be the protected one of another
    apart = ~np.isclose(true.to_numpy()[:, None], shown[None, :], rtol=1e-6).any(axis=1)
    return np.concatenate([true[apart].to_numpy(), means.to_numpy()])


def come_back(text, values):
    numbers = np.array([float(item) for item in NUMBER.findall(text)])
    return (
        int(np.isclose(values[:, None], numbers[None, :], rtol=1e-8, atol=0).any(axis=1).sum())
        if numbers.size
        else 0
    )


def test_nothing_protected_is_written_anywhere(its, tmp_path, unpacked):
    frame = counts()
    values = protected_values(frame)
    assert len(values) > 100
    for number, (disclosure, found) in enumerate(
        (({}, True), ({"at": "output"}, False), ({"at": "input"}, False))
    ):
        path, out = write(tmp_path, frame, **disclosure), tmp_path / f"out{number}"
        answer = its("run", path, "-o", out, "-v")
        assert answer.code == 0
        told = its(
            "run", path, "-o", tmp_path / f"more{number}", "--no-figures", "--no-report", "--format", "json"
        )
        assert told.code == 0
        files = texts(out, unpacked) | {"stdout": answer.out, "stderr": answer.err, "json": told.out}
        assert {"report.html", "tables/series.csv", "manifest.json", "config.resolved.yaml"} <= set(files)
        back = {name: count for name, text in files.items() if (count := come_back(text, values))}
        if found:
            # the same search of an unprotected result finds them
            assert {"report.html", "tables/series.csv", "tables/series.parquet"} <= set(back)
        else:
            assert back == {}


@pytest.mark.parametrize("at", ["input", "output"])
def test_files_do_not_depend_on_what_is_hidden(its, tmp_path, at, unpacked):
    """Counts so small that no answer of the true ones is given: every file is the same, whatever is in it."""
    frame = counts()
    other = looks_the_same(frame)
    assert (frame["numerator"] != other["numerator"]).mean() > 0.5
    results = []
    for item in (frame, other):
        path = write(tmp_path, item, at=at)
        assert its("run", path, "-o", tmp_path / "out", "--force").code == 0
        found = texts(tmp_path / "out", unpacked)
        # names the input by its digest, and the day
        del found["manifest.json"]
        digest = re.compile(r"\b[0-9a-f]{12,64}\b")
        results.append({name: digest.sub("", text) for name, text in found.items()})
    assert set(results[0]) == set(results[1])
    assert [name for name, text in results[0].items() if results[1][name] != text] == []


def test_validate_quotes_no_row(its, tmp_path):
    frame = counts()
    frame.loc[3, "numerator"] = frame.loc[3, "denominator"] + 4
    path = write(tmp_path, frame, at="input")
    answer = its("validate", path)
    assert answer.code == 3
    text = answer.out + answer.err
    assert "y, U0, 2013-04: " in text
    assert "validate without data.disclosure shows the row" in text
    assert str(frame.loc[3, "numerator"]) not in text.replace("2013", "")


@pytest.mark.parametrize(("kind", "code"), [("percentage", 3), ("number", 2)])
def test_what_has_no_counts_cannot_be_protected(its, tmp_path, kind, code):
    frame = counts()
    frame["value"] = 100 * frame["numerator"] / frame["denominator"]
    path = write(tmp_path, frame[["unit", "period", "value"]], at="output")
    path.write_text(path.read_text().replace("kind: percentage", f"kind: {kind}"))
    answer = its("validate", path)
    assert answer.code == code
    said = {
        3: "y: 180 values have no denominator",
        2: "data.disclosure protects counts, and a number has none",
    }
    assert said[code] in answer.out + answer.err


def test_validate_tells_no_moves_of_masked_sizes(its, tmp_path):
    frame = counts()
    unit = frame["unit"].eq("U0") & (frame["period"] >= "2014-10")
    frame.loc[unit, "denominator"] = 90
    frame.loc[frame["unit"].eq("U0") & frame["period"].eq("2014-10"), "denominator"] = 20
    path = write(tmp_path, frame)
    moved = "y, U0: its size changes by"
    assert moved in its("validate", path).out
    path.write_text(path.read_text().replace("data:", "data:\n  min_denominator: 50"))
    answer = its("validate", path)
    assert "1 values masked: denominator below the minimum" in answer.out
    assert moved not in answer.out
