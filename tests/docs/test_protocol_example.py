"""The worked example of a protocol does what its page shows."""

import re
import shlex
from pathlib import Path

import pandas as pd
import yaml

import its_eval

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocol_example.md").read_text(encoding="utf-8")
#: Blocks of the page in their order: language and text.
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SHORT = re.compile(r"[0-9a-f]{8}…")


def cut(line):
    """Carry out a line of awk: rows up to a period."""
    last, source, target = re.fullmatch(
        r"awk -F, 'NR == 1 \|\| \$3 <= \"(\S+)\"' (\S+) > (\S+)", line
    ).groups()
    header, *rows = Path(source).read_text(encoding="utf-8").splitlines()
    kept = [row for row in rows if row.split(",")[2] <= last]
    Path(target).write_text("\n".join([header, *kept, ""]), encoding="utf-8")


def test_the_page_of_the_worked_example_is_true(its, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study, digest, shown = Path("study.yaml"), "", []
    for language, text in BLOCKS:
        if language == "yaml" and text.startswith("version"):
            study.write_text(text, encoding="utf-8")
        elif language == "yaml" and text.startswith(("events", "deviations")):
            study.write_text(study.read_text(encoding="utf-8") + text, encoding="utf-8")
        elif language == "yaml":
            sealed = yaml.safe_load(Path("protocol.yaml").read_text(encoding="utf-8"))
            for key, value in yaml.safe_load(text).items():
                assert sealed[key] == value
        printed = ""
        for line in text.splitlines() if language == "console" else ():
            command = line.removeprefix("$ ")
            if not line.startswith("$ "):
                shown.append(line)
                assert SHORT.sub(digest.strip(), line) in printed.splitlines()
            elif command.startswith("awk"):
                cut(command)
            else:
                words = shlex.split(SHORT.sub(digest.strip(), command))[1:]
                quick = ["--no-figures"] if words[0] == "run" else []
                answer = its(*words, *quick)
                assert answer.code == 0, answer.err
                printed = answer.out
                digest = printed if words[0] == "protocol" else digest
    assert sum(line.startswith("Protocol: ") for line in shown) == 4
    table = its_eval.load_run("results/look_4").tables["deviations"]
    rows = re.findall(r"^\| (.+) \|$", PAGE, re.MULTILINE)
    header, told = rows[0].split(" | "), rows[-1].split(" | ")
    assert pd.DataFrame([told], columns=header).equals(table)
    page = Path("results/look_3/report.html").read_text(encoding="utf-8")
    assert "This run departs from its protocol in one point, without a reason." in page
    last = Path("results/look_4/report.html").read_text(encoding="utf-8")
    assert "This run departs from its protocol in one point, with a reason." in last
    assert "nobody else can confirm the date" in last


def test_the_readme_shows_a_part_of_the_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (part,) = re.findall(r"^### Say first.*?^```console\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    lines = PAGE.splitlines()
    assert [line for line in part.splitlines() if line not in lines] == []
    # what is printed follows its command, as on the page
    shown = part.splitlines()
    for place, line in enumerate(shown):
        if not line.startswith("$ "):
            assert lines[lines.index(shown[place - 1]) + 1] == line
