"""Tables, methods and reporting items as Word and LaTeX documents."""

import json
import re
import sys
import zipfile

import docx
import pandas as pd
import pytest

from its_eval.report.checklists import CHECKLISTS
from its_eval.report.latex import escaped

HOSTILE = r"A&E_{50 %} \a ~ ^ #1 $x$ [b] <c> | * --d"
FORMATS = "output: {tables: [csv, docx, tex]}\n"
TITLE = "title: A small study"


@pytest.fixture
def run(its, study, tmp_path):
    """Run the small study with both documents and return its folder; no figures, no report."""

    def call(name="result", **changes):
        path = study.write(changes=changes.pop("changes", {}))
        path.write_text(path.read_text(encoding="utf-8") + FORMATS, encoding="utf-8")
        out = tmp_path / name
        answer = its("run", path, "-o", out, "--no-figures", "--no-report", "-q")
        assert (answer.code, answer.err) == (0, "")
        return out

    return call


def table_of(document, caption):
    """Return the cells of the table beneath a caption."""
    body = list(document.element.body)
    place = next(number for number, item in enumerate(body) if "".join(item.itertext()).startswith(caption))
    element = next(item for item in body[place:] if item.tag.endswith("}tbl"))
    (table,) = [item for item in document.tables if item._tbl is element]
    return [[cell.text for cell in row.cells] for row in table.rows]


def test_word_has_answers_effects_methods_and_reporting_items(run):
    out = run()
    document = docx.Document(out / "results.docx")
    headings = [item.text for item in document.paragraphs if item.style.name == "Heading 1"]
    assert headings == ["Answers", "Effects", "Methods", "Reporting items"]
    verdicts = pd.read_csv(out / "tables" / "verdicts.csv")
    said = verdicts[verdicts["label"].notna()]
    for caption, rows in (
        ("All units together", said[said["unit"].eq("set")]),
        ("Each unit", said[said["unit"].ne("set")]),
    ):
        head, *lines = table_of(document, caption)
        assert head[:5] == ["Unit", "Outcome", "Compared with", "What can be said", "Estimate"]
        assert len(lines) == len(rows) > 0
    # an estimate stands with its interval beneath
    row = said[said["unit"].eq("A1") & said["outcome"].eq("waits") & said["design"].eq("single")].iloc[0]
    (line,) = [
        line for line in lines if line[0].startswith("A1") and line[1:3] == ["Waits", "its own earlier trend"]
    ]
    estimate, interval = line[4].replace("−", "-").split("\n")
    assert float(estimate) == pytest.approx(row["estimate"], abs=0.006)
    assert [float(part) for part in interval.split(" to ")] == pytest.approx(
        [row["conf_low"], row["conf_high"]], abs=0.006
    )
    head, *items = table_of(document, "Reporting items of such studies")
    questions = [question for question, _ in CHECKLISTS["reporting"].values()]
    assert [item[0] for item in items] == questions
    text = "\n".join(item.text for item in document.paragraphs)
    assert "Jandoc et al. 2015" in text
    assert "Hategeka et al. 2020" in text
    assert "p-values of the treated units of one outcome and design are adjusted by Holm's method." in text
    assert "Missing periods are left out" in text


def test_heads_of_tables_are_repeated_and_the_page_lies_on_its_side(run):
    document = docx.Document(run() / "results.docx")
    assert document.sections[0].page_width > document.sections[0].page_height
    for table in document.tables:
        head, *others = table.rows
        assert head._tr.trPr is not None
        assert head._tr.trPr.xpath("./w:tblHeader")
        assert not [row for row in others if row._tr.xpath("./w:trPr/w:tblHeader")]


def test_both_documents_are_the_same_bytes_every_time_and_verified(run, its):
    one, two = run("one"), run("two")
    for name in ("results.docx", "results.tex"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    with zipfile.ZipFile(one / "results.docx") as archive:
        assert {entry.date_time[:3] for entry in archive.infolist()} == {(2000, 1, 1)}
    outputs = json.loads((one / "manifest.json").read_text(encoding="utf-8"))["outputs"]
    assert {"results.docx", "results.tex"} <= set(outputs)
    assert its("verify", one).code == 0


# LaTeX: what the engine would check before it sets anything


COMMANDS = """
documentclass usepackage ifPDFTeX else fi setlength LTleft LTright newcolumntype raggedright raggedleft
arraybackslash dimexpr linewidth tabcolsep relax captionsetup title author date begin end maketitle
section subsection footnotesize scriptsize caption toprule midrule bottomrule endhead endfoot bfseries
newline item textbackslash textasciitilde textasciicircum textless textgreater textbar textquotedbl
ensuremath pm times leq geq infty textsuperscript
"""


def plain_latex(text):
    """Return a document without escaped signs, so that every sign left is LaTeX's own."""
    return re.sub(r"\\[&%$#_{}]", "", text)


def balanced(text):
    depth = 0
    for sign in text:
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            return False
    return depth == 0


def checked(text):
    """Hold a document against LaTeX's grammar: braces, environments, cells of rows, signs with a meaning."""
    bare = plain_latex(text)
    assert balanced(bare)
    opened = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", bare):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    body = bare.split(r"\begin{document}")[1]
    assert not set("%$#^_~") & set(body)
    for columns, table in re.findall(
        r"\\begin\{longtable\}\{(.*?)\}\n(.*?)\\end\{longtable\}", body, re.DOTALL
    ):
        count = len(re.findall(r"[LR]\{[0-9.]+\}", columns))
        shares = [float(share) for share in re.findall(r"[0-9.]+", columns)]
        assert sum(shares) == pytest.approx(1, abs=0.001)
        rows = [line for line in table.splitlines() if line.endswith(r" \\")]
        assert {line.count("&") for line in rows} == {count - 1}
        assert len(rows) > 1
    # every command is one that the packages of the head have
    assert set(re.findall(r"\\([A-Za-z]+)", bare)) <= set(COMMANDS.split())


def test_latex_is_whole_and_escapes_every_text(run):
    plain = (run() / "results.tex").read_text(encoding="utf-8")
    checked(plain)
    assert plain.count(r"\begin{longtable}") == 2 + 2 + 1
    hostile = run(
        "hostile",
        changes={
            TITLE: f"title: '{HOSTILE}'",
            "label: Waits": f"label: '{HOSTILE}'",
            "name: New rota": "name: 'R&D_{x} %'",
        },
    )
    text = (hostile / "results.tex").read_text(encoding="utf-8")
    checked(text)
    assert text.count(escaped(HOSTILE)) > 5
    assert escaped("R&D_{x} %") in text
    document = docx.Document(hostile / "results.docx")
    assert document.paragraphs[0].text == HOSTILE


def test_every_sign_of_latex_is_escaped():
    assert escaped("a\\b") == r"a\textbackslash{}b"
    assert escaped("--fail-on") == "-{}-{}fail-{}on"
    assert escaped("[x] *") == "{[}x{]} {*}"
    assert escaped("\u22125 \u00b1 2\u00a0%\x07") == r"\ensuremath{-}5 \ensuremath{\pm} 2~\% "
    assert balanced(plain_latex(escaped(HOSTILE)))


def test_control_outcomes_have_a_section_of_their_own(run):
    out = run(changes={"label: Waits, unit: days": "label: Waits, unit: days, controls: [seen]"})
    document = docx.Document(out / "results.docx")
    headings = [item.text for item in document.paragraphs if item.style.name == "Heading 1"]
    assert headings == ["Answers", "Effects", "Control outcomes", "Methods", "Reporting items"]
    rows = pd.read_csv(out / "tables" / "controls.csv")
    lines = table_of(document, "Waits: control outcomes")[1:]
    assert len(lines) == len(rows) == 2 * 2 * 3
    assert {line[0].split(" ")[0] for line in lines} == {"A1", "A2", "all"}
    checked((out / "results.tex").read_text(encoding="utf-8"))


def test_without_the_library_of_word_nothing_begins(its, study, tmp_path, monkeypatch):
    path = study.write()
    path.write_text(path.read_text(encoding="utf-8") + FORMATS, encoding="utf-8")
    monkeypatch.setitem(sys.modules, "docx", None)
    answer = its("run", path, "-o", tmp_path / "out", "-q")
    assert answer.code == 2
    assert "docx needs the library python-docx, which is not installed" in answer.err
    assert "pip install 'its-eval[docx]'" in answer.err
    assert not (tmp_path / "out").exists()
