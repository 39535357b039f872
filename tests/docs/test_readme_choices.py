"""The README's tables of shapes and comparisons name every one that a config can ask for."""

import re
from pathlib import Path

import pytest

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.design.shapes import SHAPES

README = Path(__file__).parents[2] / "README.md"
SECTION = "Which shape, which comparison"
#: Beside shapes and comparisons: what may be asked of a start, and of what it should not have changed.
QUESTIONS = ("fit: before", "phase_in:", "anticipation:", "events:", "controls:")


def rows():
    """Return the rows of the section's tables as cells, without their heads."""
    text = README.read_text(encoding="utf-8").split(f"## {SECTION}\n")[1].split("\n## ")[0]
    lines = [
        line for line in text.splitlines() if line.startswith("| `") and "| when to use it |" not in line
    ]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def named(pattern):
    """Return how often each name stands at the beginning of a row, by name."""
    found = [name for first, *_ in rows() for name in re.findall(pattern, first)]
    return {name: found.count(name) for name in found}


def test_every_shape_has_a_row():
    assert named(r"`shape: (\w+)`") == dict.fromkeys(SHAPES, 1)


def test_every_comparison_has_a_row():
    found = named(r"^`(\w+)`$")
    assert {name: found.get(name, 0) for name in COMPARISONS} == dict.fromkeys(COMPARISONS, 1)


@pytest.mark.parametrize("key", QUESTIONS)
def test_every_other_question_has_a_row(key):
    assert sum(key in first for first, *_ in rows()) == 1


def test_every_row_says_when_to_use_it():
    assert len(rows()) > 15
    assert [row for row in rows() if len(row) != 3 or not all(row)] == []
