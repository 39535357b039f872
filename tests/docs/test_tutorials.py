"""Tutorials are run as a newcomer would: files written, configs edited, commands given; they print what is shown."""

import re
import shlex
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[2] / "docs" / "tutorials").glob("*.md"))
#: A fenced block, the name of the file that it is saved as, or an edit of a file: in the order of the page.
STEP = re.compile(
    r"^<!-- edit (?P<edited>\S+): (?P<old>.+?) => (?P<new>.+?) -->$"
    r"|(?:^<!-- file (?P<file>\S+) -->\n+)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def commands(text):
    """Yield each command of a console block with the lines shown beneath it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command, [line for line in shown if line.strip()]


def arguments(command):
    """Return the words of a command as a shell gives them, and the file that its output goes to."""
    before, _, target = command.partition(" > ")
    words = shlex.split(before)
    expanded = [sorted(map(str, Path().glob(word))) if "*" in word else [word] for word in words]
    assert all(expanded), f"{command}: nothing matches"
    return [word for some in expanded for word in some], target.strip()


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path}: no {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_tutorial_does_what_it_says(page, its, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, n_commands = 0, 0
    for step in STEP.finditer(page.read_text(encoding="utf-8")):
        if step["edited"]:
            edit(Path(step["edited"]), step["old"], step["new"])
        elif step["file"]:
            Path(step["file"]).write_text(step["text"], encoding="utf-8")
        elif step["kind"] == "python":
            exec(compile(step["text"], page.name, "exec"), {})  # noqa: S102  (our own page)
        elif step["kind"] == "console":
            for command, shown in commands(step["text"]):
                if command == "echo $?":
                    assert shown == [str(code)]
                    continue
                (program, *words), target = arguments(command)
                assert program == "its-eval"
                answer = its(*words)
                code, n_commands = answer.code, n_commands + 1
                if target:
                    Path(target).write_text(answer.out, encoding="utf-8")
                printed = answer.err if target else answer.out + answer.err
                missing = [line for line in shown if line not in printed]
                assert missing == [], f"{command} printed\n{printed}"
                # nothing fails that the page does not say fails
                assert code == 0 or "echo $?" in step["text"], printed
    assert n_commands >= 2
    assert list(tmp_path.rglob("report.html")) or (tmp_path / "overview.html").is_file()


def test_there_is_one_for_each_kind_of_newcomer():
    assert {page.stem for page in PAGES} == {"own_workbook", "two_interruptions", "twenty_configs"}
