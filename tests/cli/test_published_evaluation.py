"""The config of the published evaluation: it names the files it waits for, and is ready once they are there.

The trusts here are fictional, and so are their codes, which take the place of the real ones.
"""

import csv
from pathlib import Path

import pandas as pd
import pytest

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


def test_with_the_files_every_trust_has_ten_peers_on_both_indicators(its, folder):
    data = folder / "data" / "nhs"
    names = list(NHS_TRUST_PEER_FINDER.weights)
    write_rows(
        data / "peer_finder_appendix_a.csv",
        ["Procode", *names],
        [
            [unit, *((7 * row + 3 * place) % 11 for place in range(len(names)))]
            for row, unit in enumerate(UNITS)
        ],
    )
    write_rows(
        data / "trusts.csv",
        ["trust_code", "trust_name", "org_type"],
        [[unit, f"Trust {unit}", "Acute"] for unit in UNITS],
    )
    months = [str(month) for month in pd.period_range("2013-04", "2020-02", freq="M")]
    answers = [
        ("fft_recommend", unit, month, 85.0 + (row + place) % 7, 85.0 + (row + place) % 7, 100.0)
        for row, unit in enumerate(UNITS)
        for place, month in enumerate(months)
    ]
    columns = ["indicator", "unit", "period", "value", "numerator", "denominator"]
    pd.DataFrame(answers, columns=columns).to_parquet(data / "fft_ae.parquet")
    # headcounts are published from the end of September 2009 on, so the first leavers are those of October
    months = pd.period_range("2009-10", "2020-02", freq="M")
    kinds = {"Denominator at start of period": 2000, "Denominator at end of period": 2000, "Joiners": 30}
    write_rows(
        folder / "turnover.csv",
        ["PERIOD", "TYPE", "REPORTING_ORG_NAME", "REPORTING_ORG_CODE", "STAFF_GROUP_1_NAME", "HC", "FTE"],
        [
            [f"{month - 1} to {month}".replace("-", ""), kind, "", unit, "All staff groups", count, count]
            for place, month in enumerate(months)
            for row, unit in enumerate(UNITS)
            for kind, count in (*kinds.items(), ("Leavers", 20 + (row + place) % 9))
        ],
    )
    target = data / "leavers.parquet"
    assert its("import", "nhs-turnover", folder / "turnover.csv", "-o", target).code == 0

    from its_eval.config import load_config
    from its_eval.pipeline.planning import make_plan
    from its_eval.pipeline.sources import load_sources

    config = load_config(folder / "configs" / CONFIG.name)
    plan = make_plan(config, load_sources(config))
    windows = {}
    for outcome in plan.outcomes:
        assert [len(outcome.peer_sets[unit].peers) for unit in UNITS[:5]] == [10] * 5
        windows[outcome.outcome.indicator] = (outcome.panel.periods[0], outcome.panel.periods[-1])
        assert outcome.panel.periods[outcome.first_start] == "2015-07"
        assert outcome.panel.denominators.min() > 0
    assert windows == {"fft_recommend": ("2013-04", "2020-02"), "leaver_rate": ("2009-10", "2020-02")}
