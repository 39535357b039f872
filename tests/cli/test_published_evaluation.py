"""The config of the published evaluation: it names the files it waits for, and is ready once they are there.

The trusts here are fictional, and so are their codes, which take the place of the real ones.
"""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from publisher_files import write_workbook

from its_eval.peers.recipes import NHS_TRUST_PEER_FINDER

CONFIG = Path(__file__).parents[2] / "configs" / "nhs_vmi_fft_leavers.yaml"
REAL = ("RTP", "RR8", "RKB", "RXW", "RF4")
UNITS = tuple(f"ZZ{place:02d}" for place in range(20))


@pytest.fixture
def folder(tmp_path):
    """Return a folder with the config, its treated trusts replaced, and an empty folder of data."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "data" / "nhs").mkdir(parents=True)
    text = CONFIG.read_text(encoding="utf-8")
    listed = f"[{', '.join(REAL)}]"
    assert text.count(listed) == 1
    replaced = text.replace(listed, f"[{', '.join(UNITS[:5])}]")
    (tmp_path / "configs" / CONFIG.name).write_text(replaced, encoding="utf-8")
    return tmp_path


def write_rows(path, header, rows):
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *rows])


def test_it_names_the_files_it_waits_for(its, folder):
    answer = its("validate", folder / "configs" / CONFIG.name)
    assert answer.code == 3
    for name in ("fft_ae.parquet", "leavers.parquet", "trusts.csv", "peer_finder_appendix_a.csv"):
        assert f"{folder / 'data' / 'nhs' / name}: there is no such file" in answer.out
    assert "4 faults in the data" in answer.out


#: As they stand in the publisher's workbooks: to August 2014, and from the data of September 2014 on, when the
#: score gave way to percentages and the heading took two rows.
HEAD = ("Code", "Name", "Total Responses", "Total Eligible")
ANSWERS = ("Extremely Likely", "Likely", "Neither", "Unlikely", "Extremely Unlikely", "Don't Know")
SCORE, PERCENTAGES = ("Response Rate", "Friends and Family Test Score"), (
    "Percentage Recommended", "Percentage Not Recommended",
)  # fmt: skip
MONTHS = pd.period_range("2013-04", "2020-02", freq="M")
START = MONTHS.get_loc(pd.Period("2015-07"))
#: Planted in one trust: points a month more who would recommend, and points a month more who leave.
BEND, LEAVING = 0.25, 0.04


def answers_of(rng):
    """Return the answers of a trust by month and kind: responses are few at first and grow."""
    place = np.arange(len(MONTHS))
    responses = 600 + 60 * place
    share = 0.85 + rng.normal(0, 0.005, len(MONTHS))
    return np.array([rng.multinomial(n, (p * 0.6, p * 0.4, *[(1 - p) / 4] * 4)) for n, p in zip(
        responses, share, strict=True
    )])  # fmt: skip


def fft_workbook(path, month, answers):
    """Write the workbook of a month, with the answers by trust."""
    earlier = month < pd.Period("2014-09")
    head = ["Area Team Code" if earlier else "Region Code", *HEAD, *(SCORE if earlier else PERCENTAGES)]
    rows = [[f"A&E Friends and Family Test, {month.strftime('%B %Y')}"], []]
    rows += (
        [[*head, *ANSWERS]] if earlier else [[*head, "Breakdown of Responses"], [""] * len(head) + [*ANSWERS]]
    )
    counts = {"England": np.sum(list(answers.values()), axis=0)} | answers
    for unit, numbers in counts.items():
        code, name = ("", "England") if unit == "England" else (unit, f"Trust {unit}")
        total = int(numbers.sum())
        rows.append(["Q1", code, name, total, 10 * total, 0.1, 0.5, *map(int, numbers)])
    return write_workbook(path, {"Trusts": rows, "Notes": [["Suppressed figures are shown as *"]]})


def turnover_file(path, month, leavers, staff):
    """Write the turnover file of a month: a row for each kind of number, all staff groups and one of them."""
    kinds = {
        "Denominator at start of period": staff, "Denominator at end of period": staff + 10, "Joiners": 30,
    }  # fmt: skip
    head = ["PERIOD", "TYPE", "REPORTING_ORG_NAME", "REPORTING_ORG_CODE", "STAFF_GROUP_1_NAME", "HC", "FTE"]
    write_rows(path, head, [
        [f"{month - 1} to {month}".replace("-", ""), kind, f"Trust {unit}", unit, group, count // part, count // part]
        for unit, number in leavers.items()
        for group, part in (("All staff groups", 1), ("Nurses & health visitors", 3))
        for kind, count in (*kinds.items(), ("Leavers", number))
    ])  # fmt: skip


@pytest.fixture
def files(folder):
    """Return the publishers' files of all months; one trust changes in July 2015."""
    rng = np.random.default_rng(20150701)
    bend = np.clip(np.arange(len(MONTHS)) - START, 0, None)
    answers = {unit: answers_of(rng) for unit in UNITS}
    # of those who would not recommend, some do
    moved = np.rint(BEND / 100 * bend * answers[UNITS[0]].sum(axis=1)).astype(int)
    answers[UNITS[0]][:, 0] += moved
    answers[UNITS[0]][:, 2:] -= np.array([np.bincount(np.arange(n) % 4, minlength=4) for n in moved])
    answers[UNITS[0]][:, 2:] = answers[UNITS[0]][:, 2:].clip(0)
    fft = [
        fft_workbook(
            folder / f"AE-FFT-{month.strftime('%b-%y')}.xlsx",
            month,
            {unit: found[place] for unit, found in answers.items()},
        )
        for place, month in enumerate(MONTHS)
    ]
    # headcounts are published from the end of September 2009 on, so the first leavers are those of October
    turnover, staff = [], 5000
    for place, month in enumerate(pd.period_range("2009-10", "2020-02", freq="M")):
        after = max(place - len(pd.period_range("2009-10", "2015-07", freq="M")) + 1, 0)
        leavers = {unit: int(rng.poisson(0.01 * staff)) for unit in UNITS}
        leavers[UNITS[0]] += round(LEAVING / 100 * after * staff)
        turnover.append(folder / f"Turnover {month.strftime('%b-%y')}.csv")
        turnover_file(turnover[-1], month, leavers, staff)
    return fft, turnover, answers


def test_it_needs_nothing_but_the_files(its, folder, files):
    """Files in the publishers' layouts, month by month, through both imports to every verdict."""
    data = folder / "data" / "nhs"
    fft, turnover, answers = files
    names = list(NHS_TRUST_PEER_FINDER.weights)
    traits = [
        [unit, *((7 * row + 3 * place) % 11 for place in range(len(names)))] for row, unit in enumerate(UNITS)
    ]
    write_rows(data / "peer_finder_appendix_a.csv", ["Procode", *names], traits)
    trusts = [[unit, f"Trust {unit}", "Acute"] for unit in UNITS]
    write_rows(data / "trusts.csv", ["trust_code", "trust_name", "org_type"], trusts)
    assert its("import", "nhs-fft-ae", *fft, "-o", data / "fft_ae.parquet").code == 0
    assert its("import", "nhs-turnover", *turnover, "-o", data / "leavers.parquet").code == 0

    table = pd.read_parquet(data / "fft_ae.parquet").pivot_table("value", "period", "unit")
    assert set(table.index) == set(map(str, MONTHS))
    for unit, found in answers.items():
        np.testing.assert_allclose(
            table[unit].to_numpy(), 100 * found[:, :2].sum(axis=1) / found.sum(axis=1), rtol=1e-14
        )
    done = its("run", folder / "configs" / CONFIG.name, "-o", folder / "out", "--no-figures", "--no-report")
    assert done.code == 0, done.err
    tables = {path.stem: pd.read_csv(path) for path in (folder / "out" / "tables").glob("*.csv")}
    assert "not_estimated" not in tables
    peers = tables["peers"].groupby(["outcome", "unit"]).size()
    assert set(peers) == {10}
    assert len(peers) == 2 * 5
    series = tables["series"].groupby("outcome")["period"].agg(["min", "max"])
    assert series.loc["fft_recommend"].tolist() == ["2013-04", "2020-02"]
    assert series.loc["leaver_rate"].tolist() == ["2009-10", "2020-02"]
    verdicts = tables["verdicts"].set_index(["outcome", "design", "unit", "estimand"])
    for outcome, truth in (("fft_recommend", BEND), ("leaver_rate", LEAVING)):
        for design in ("single", "difference"):
            answer = verdicts.loc[(outcome, design, UNITS[0], "slope_change")]
            assert answer["conf_low"] < truth < answer["conf_high"]
            assert answer["p_adjusted"] < 0.05
    assert set(verdicts["direction"].xs(("difference", UNITS[0], "slope_change"), level=[1, 2, 3])) == {
        "better", "worse",
    }  # fmt: skip
