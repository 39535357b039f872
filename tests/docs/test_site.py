"""The site of the documentation: its reference page has everything, and what is broken in it is found."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import typer

import its_eval
from its_eval.cli.app import app
from its_eval.columns import COLUMNS
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.config import load_config
from its_eval.effects.estimands import ESTIMANDS
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.figures.catalogue import FIGURES
from its_eval.pipeline.credibility import CHECKS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PROGRAM = typer.main.get_command(app)


def script(path):
    """Return a script as a module."""
    spec = importlib.util.spec_from_file_location(f"{path.stem}_of_the_site", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reference():
    return script(DOCS / "site" / "reference.py")


@pytest.fixture(scope="module")
def checker():
    return script(ROOT / ".ci" / "site.py")


def cells(markdown):
    """Return the code in the first cell of every row of the tables of a text."""
    return re.findall(r"^\| `([^`]+)` \|", markdown, re.MULTILINE)


def test_every_command_and_option_is_on_the_page(reference):
    page = "\n".join(reference.commands())
    assert re.findall(r"^### (\S+)$", page, re.MULTILINE) == list(PROGRAM.commands)
    told = " ".join(cells(page)).replace(",", " ").split()
    for command in PROGRAM.commands.values():
        options = [name for option in command.params for name in option.opts if name.startswith("-")]
        assert [name for name in options if name not in told] == []


def paths(tree, above=""):
    """Yield the place of every key of a config; keys of a list stand in each of its entries."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield above + name
            yield from paths(value, f"{above}{name}.")
    elif isinstance(tree, list):
        for value in tree:
            yield from paths(value, above)


#: Mappings whose keys are names of the user, and the choices that `sensitivity` may name.
OWN_NAMES = re.compile(r"columns\.|treated\.|peers\.(given|weights)\.|combine\.")


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_key_of_a_resolved_config_is_on_the_page(reference, path):
    told = set(cells("\n".join(reference.keys())))
    resolved = load_config(path).model_dump(mode="json", by_alias=True)
    places = {place for place in paths(resolved) if not OWN_NAMES.search(place)}
    assert len(places) > 60
    assert sorted(places - told) == []


def test_a_key_says_what_it_takes_and_what_it_is_when_left_out(reference):
    rows = {line.split(" | ")[0].strip("| `"): line for line in "\n".join(reference.keys()).splitlines()}
    assert "default `step_and_slope`" in rows["intervention.shape"]
    assert "`decay`" in rows["intervention.shape"]
    assert "required" in rows["data.indicators.path"]
    assert "default `0.95`" in rows["confidence"]
    assert "default" not in rows["outcomes.label"]


def test_every_choice_and_table_is_on_the_page(reference):
    choices, tables = ("\n".join(part()) for part in (reference.choices, reference.columns))
    for catalogue in (COMPARISONS, ESTIMATORS, ESTIMANDS, CHECKS, FIGURES):
        assert set(catalogue) <= set(cells(choices))
    assert set(COLUMNS) <= set(cells(tables))
    assert all(f"`{column}`" in tables for columns in COLUMNS.values() for column in columns)


def test_words_are_shown_as_they_are(reference):
    assert reference.plain("results/<config name> of *all* `a_*` [1]") == (
        r"results/\<config name> of \*all\* `a_*` \[1\]"
    )


def test_every_part_that_a_page_asks_for_is_made_or_there(reference):
    asked = [
        (path, found)
        for path in DOCS.rglob("*.md")
        for found in reference.MARKER.finditer(path.read_text(encoding="utf-8"))
    ]
    assert {found[1] for _, found in asked if found[1]} == set(reference.PARTS)
    assert all((path.parent / found[2]).is_file() for path, found in asked if found[2])


def test_every_public_name_has_its_place_in_the_api():
    named = re.findall(r"^\.\. (?:auto\w+|data):: (\w+)$", (DOCS / "api.md").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(its_eval.__all__)


def test_links_that_lead_nowhere_are_found(checker, tmp_path):
    (tmp_path / "a.html").write_text(
        '<h1 id="top">A</h1><a href="b.html#here">b</a><a href="#top">up</a><img src="p.png">'
        '<a href="https://example.org/">elsewhere</a>'
    )
    (tmp_path / "b.html").write_text('<h1 id="here">B</h1><a href="a.html">a</a>')
    (tmp_path / "p.png").write_bytes(b"")
    assert checker.broken(tmp_path) == []
    (tmp_path / "b.html").write_text(
        '<h1 id="there">B</h1><a href="c.html">c</a><script src="https://example.org/x.js"></script>'
    )
    assert checker.broken(tmp_path) == [
        "a.html: b.html#here: no such place in the page",
        "b.html: c.html: no such file",
        "b.html: https://example.org/x.js would be loaded from elsewhere",
    ]
