"""Every broken file ends with the exit code and the words that it deserves, and leaves nothing behind."""

from pathlib import Path

import pytest
from config_cases import CASES as CONFIG_CASES
from data_cases import CASES as DATA_CASES

from its_eval import load_run

CASES = [*CONFIG_CASES, *DATA_CASES]
FEWEST = 120
#: Forty faults of one kind at most are named, and no cell is repeated in full.
LONGEST_MESSAGE = 12_000
BARE = ("--no-figures", "--no-report", "-q")
#: A row whose numbers are not known says so in one of these words.
EXCUSES = ("degenerate", "precision_lost")


def lay_out(case, folder):
    for name, content in case.files().items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for name, target in case.links.items():
        (folder / name).symlink_to(target)


def test_there_are_enough_and_each_has_a_name_of_its_own():
    broken = [case for case in CASES if case.code]
    assert len(broken) >= FEWEST
    page = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text(encoding="utf-8")
    looks = len(CASES) - len(broken)
    assert f"| {len(CASES)} files: {len(broken)} broken, {looks} that only look so |" in page
    names = [(case in CONFIG_CASES, case.name) for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case, its, tmp_path):
    study = tmp_path / "study"
    study.mkdir()
    lay_out(case, study)
    out = tmp_path / "results" / "out"
    answer = its("run", study / "study.yaml", "-o", out, *BARE)
    # without a report the path of the tables
    assert (answer.code, answer.out) == (case.code, "" if case.code else f"{out / 'tables'}\n"), answer.err
    if case.code:
        assert case.says in answer.err
        assert len(answer.err) < LONGEST_MESSAGE
        assert "Traceback" not in answer.err
        assert answer.err.startswith("its-eval: ")
        assert not out.exists()
    else:
        tables = out / "tables"
        assert case.says in "\n".join(
            path.read_text(encoding="utf-8") for path in sorted(tables.glob("*.csv"))
        )
        assert_no_silent_gaps(tables)
    # nothing anywhere but the study and the result
    assert {path.name for path in tmp_path.iterdir()} <= {"study", "results"}
    if (tmp_path / "results").exists():
        assert {path.name for path in (tmp_path / "results").iterdir()} <= {"out"}


def assert_no_silent_gaps(tables):
    """An effect without a p-value or interval belongs to a fit with a flag that says why."""
    effects, fits = (load_run(tables.parent).tables[name] for name in ("effects", "fits"))
    keys = ["outcome", "unit", "design", "estimator"]
    primary = effects[effects["role"].eq("primary")]
    merged = primary.merge(fits[[*keys, "flags"]], on=keys, validate="many_to_one")
    silent = merged[merged[["estimate", "std_error", "p_value"]].isna().any(axis=1)]
    assert silent["flags"].str.contains("|".join(EXCUSES)).all()


def test_a_million_rows_of_one_unit(its, tmp_path):
    """One short message, and soon."""
    lay_out(CASES[0], tmp_path)
    from cases import CONFIG, INDICATORS

    row = "waits,B,2015-01,60\n"
    (tmp_path / "study.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "indicators.csv").write_text(INDICATORS + row * 1_000_000, encoding="utf-8")
    answer = its("validate", tmp_path / "study.yaml")
    assert (answer.code, answer.err) == (3, "")
    assert "waits, B, 2015-01 stands 1000001 times" in answer.out
    assert len(answer.out) < 2000
