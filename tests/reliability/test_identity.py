"""The same bytes every time, whatever the process, and nothing done that no result needs."""

import ast
import json
import os
import random
import re
import subprocess
from pathlib import Path

import openpyxl
import pytest

import its_eval
from its_eval.provenance import RESOLVED

PACKAGE = Path(its_eval.__file__).parent
MANIFEST = ("manifest.json",)
OTHER_PROCESS = {
    "PYTHONHASHSEED": "4242",
    "TZ": "Pacific/Kiritimati",
    "LC_ALL": "C",
    "LANG": "de_DE.UTF-8",
    "COLUMNS": "40",
    "NO_COLOR": "1",
}
UNIT = '../../../<script>alert("1")</script>, =1+1 \u202e🏥'
FORMULA = "=cmd|A0"
NAME = '=HYPERLINK("http://example.org","Hospital")'


@pytest.fixture
def once(its, small):
    """The small study, evaluated with figures and report in this process."""
    out = small.folder / "once"
    assert its("run", small.config, "-o", out, "-q").code == 0
    return out


@pytest.fixture
def guarded(script, patience):
    """Run the program under watch and return how it ended and what it did."""

    def run(folder, *arguments, **environment):
        report = folder / "watched.json"
        done = subprocess.run(
            script("guarded.py", report, folder, *arguments),
            cwd=folder, env=os.environ | {"TMPDIR": str(folder)} | environment,
            capture_output=True, check=False, timeout=patience,
        )  # fmt: skip
        return done, json.loads(report.read_text())

    return run


def test_a_second_run_in_another_world(once, small, guarded, contents):
    """Two processes draw, in another time zone, locale, folder and terminal, with other hashes."""
    again = small.folder / "again"
    done, _ = guarded(small.folder, "run", small.config, "-o", again, "-q", "-j", "2", **OTHER_PROCESS)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, f"{again / 'report.html'}\n", b"")
    assert contents(again, without=MANIFEST) == contents(once, without=MANIFEST)


def test_the_order_of_rows_changes_no_byte_of_tables_and_figures(once, small, its, contents, unpacked):
    for path in (small.indicators, small.characteristics, small.units):
        header, *rows = path.read_text().splitlines()
        random.Random(1).shuffle(rows)  # noqa: S311  (test data)
        path.write_text("\n".join([header, *rows, ""]))
    again = small.folder / "again"
    assert its("run", small.config, "-o", again, "-q").code == 0
    # the report states the hash of every file that was read
    without = (*MANIFEST, "report.html")
    assert contents(again, without=without) == contents(once, without=without)
    hashes = re.compile(r"[0-9a-f]{64}")
    one, two = (hashes.sub("", unpacked((folder / "report.html").read_text())) for folder in (once, again))
    assert one == two


def test_the_resolved_config_gives_the_same_tables_and_figures(once, small, its, contents):
    again = small.folder / "again"
    assert its("run", once / RESOLVED, "-o", again, "-q", "--no-report").code == 0
    without = (*MANIFEST, "report.html")
    assert contents(again, without=without) == contents(once, without=without)
    assert its("diff", once, again).code == 0


def test_hostile_names_stay_text_and_stay_inside(small, guarded):
    """A unit called like a path, a script, a formula: shown as text, written nowhere else, run by nobody."""
    csv_unit = '"' + UNIT.replace('"', '""') + '"'
    for path in (small.indicators, small.characteristics, small.units):
        text = path.read_text().replace("waits,A1,", f"waits,{csv_unit},").replace("\nA1,", f"\n{csv_unit},")
        path.write_text(text.replace(",Trust A1,", ',"' + NAME.replace('"', '""') + '",'), encoding="utf-8")
    text = small.config.read_text().replace(
        "treated: [A1]", f"treated: [{json.dumps(UNIT, ensure_ascii=False)}]"
    )
    small.config.write_text(text + "output: {which: all, tables: [csv, xlsx]}\n", encoding="utf-8")
    # a peer that is a formula stands at the start of cells
    for path in (small.indicators, small.characteristics, small.units):
        path.write_text(re.sub(r"\bB1\b", FORMULA, path.read_text(encoding="utf-8")), encoding="utf-8")
    out = small.folder / "out"
    done, did = guarded(small.folder, "run", small.config, "-o", out)
    assert done.returncode == 0, done.stderr.decode()
    assert did == {"network": [], "pickle": [], "outside": []}
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<script>alert(" not in page
    assert "&lt;script&gt;alert(" in page
    assert {path.parent for path in out.rglob("*") if path.is_file()} == {
        out,
        out / "figures",
        out / "tables",
    }
    for drawing in (out / "figures").glob("*.svg"):
        assert "<script" not in drawing.read_text(encoding="utf-8")
    book = openpyxl.load_workbook(out / "results.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert any(cell.value == UNIT for cell in cells)
    assert [cell.coordinate for cell in cells if cell.data_type == "f"] == []
    tables = {path: path.read_text(encoding="utf-8") for path in out.rglob("*.csv")}
    assert any(f"'{FORMULA}" in text for text in tables.values())
    for path, text in tables.items():
        assert not re.search(r'(^|,)"?[=@]', text, re.MULTILINE), path


def test_the_program_reads_no_pickle_and_has_no_network():
    """No module of the package imports what could; the run above shows that nothing else does either."""
    refused = {"pickle", "shelve", "marshal", "dill", "joblib", "socket", "requests", "urllib3", "http"}
    refused_calls = {"read_pickle", "to_pickle", "eval", "exec", "unsafe_load", "full_load"}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not {alias.name.split(".")[0] for alias in node.names} & refused, path
            elif isinstance(node, ast.ImportFrom):
                assert str(node.module).split(".")[0] not in refused, path
            elif isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                called = isinstance(node.func, ast.Name) or name not in {"eval", "exec"}
                assert not (called and name in refused_calls), path
