"""The examples of the package's docstrings give what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

import its_eval

PACKAGE = Path(its_eval.__file__).parent
#: Modules with an example, found by text so that no others are imported.
MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_there_are_examples():
    assert len(MODULES) > 15


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name, capsys):
    result = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert result.attempted > 0
    assert result.failed == 0, capsys.readouterr().out


@pytest.mark.parametrize("name", [name for name in its_eval.__all__ if name != "__version__"])
def test_every_public_name_has_an_example_that_runs(name):
    examples = doctest.DocTestParser().get_examples(getattr(its_eval, name).__doc__)
    assert examples
    assert not any(doctest.SKIP in example.options for example in examples)
    assert getattr(its_eval, name).__module__ in MODULES
