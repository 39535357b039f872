"""The words that docs/style.md bans are in no text that people read."""

import ast
import re
from pathlib import Path

import its_eval

PACKAGE = Path(its_eval.__file__).parent
ROOT = Path(__file__).parents[2]
#: Where texts for readers are made, and pages for them. docs/upgrading.md quotes the labels of 0.1.
FOR_READERS = ("words", "report", "figures", "cli")
QUOTES = {"style.md", "upgrading.md"}
BANNED = re.compile(
    r"jump at the start|what the fits? leaves? over|four times in five|too little independent information"
    r"|judged as a set|reaches down to number|which is for the better|level differs from before",
    re.IGNORECASE,
)


def texts_of(path):
    """Return the strings of a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bodies = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, bodies) and node.body and isinstance(node.body[0], ast.Expr)
    }
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs]
    return [node.value for node in nodes if isinstance(node.value, str)]


def test_no_text_of_the_program_has_a_banned_word():
    modules = [path for part in FOR_READERS for path in sorted((PACKAGE / part).rglob("*.py"))]
    assert len(modules) > 40
    found = [(path.name, text) for path in modules for text in texts_of(path) if BANNED.search(text)]
    assert found == []


def test_no_page_has_a_banned_word():
    pages = [
        ROOT / "README.md",
        *(path for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in QUOTES),
    ]
    assert len(pages) > 10
    found = [
        (path.name, hit[0]) for path in pages for hit in BANNED.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_list_bans_what_the_test_looks_for():
    listed = (ROOT / "docs" / "style.md").read_text(encoding="utf-8")
    for words in (
        "jump at the start",
        "what the fit leaves over",
        "found four times in five",
        "judged as a set",
    ):
        assert f"| {words}" in listed
        assert BANNED.search(words)
