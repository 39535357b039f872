"""Catalogues of choices: by name, loaded when asked for, and open for a while."""

import sys
from dataclasses import dataclass

import pytest

from its_eval.catalogue import Catalogue
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.effects import ESTIMANDS
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.pipeline.credibility import CHECKS
from its_eval.scales import SCALES

EVERY = {
    "scales": SCALES,
    "estimators": ESTIMATORS,
    "comparisons": COMPARISONS,
    "estimands": ESTIMANDS,
    "checks": CHECKS,
}


@dataclass(frozen=True)
class Toy:
    name: str


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """A catalogue of two choices in a module that nobody has imported yet."""
    (tmp_path / "toy_choices.py").write_text(
        "class Choice:\n    def __init__(self, name):\n        self.name = name\n\n"
        "FIRST = Choice('first')\nSECOND = Choice('second')\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield Catalogue("a toy", {"first": "toy_choices:FIRST", "second": "toy_choices:SECOND"})
    sys.modules.pop("toy_choices", None)


@pytest.mark.parametrize("kind", EVERY)
def test_every_line_leads_to_the_choice_of_its_name(kind):
    catalogue = EVERY[kind]
    assert len(catalogue) == len(list(catalogue)) > 0
    for name, choice in catalogue.items():
        assert choice.name == name
        assert catalogue.get(name) is choice


def test_an_unknown_name_is_a_key_error(toys):
    with pytest.raises(KeyError, match="third"):
        toys["third"]
    assert "third" not in toys
    assert toys.get("third") is None


def test_nothing_is_imported_until_it_is_asked_for(toys):
    assert list(toys) == ["first", "second"]
    assert "second" in list(toys)
    assert "toy_choices" not in sys.modules
    second = toys["second"]
    assert "toy_choices" in sys.modules
    assert second.name == "second"
    assert toys["second"] is second


def test_a_choice_of_ones_own_comes_last(toys):
    own = Toy("own")
    toys.add(own)
    assert list(toys) == ["first", "second", "own"]
    assert len(toys) == 3
    assert toys["own"] is own


def test_a_taken_name_is_refused_and_nothing_changes(toys):
    with pytest.raises(ValueError, match=r"^there is a toy 'first' already; expected another name$"):
        toys.add(Toy("first"))
    assert list(toys) == ["first", "second"]
    assert not isinstance(toys["first"], Toy)


def test_choices_that_are_there_for_a_while_are_gone_afterwards(toys):
    with toys.adding(Toy("own"), Toy("other")):
        assert list(toys) == ["first", "second", "own", "other"]
    assert list(toys) == ["first", "second"]
    with pytest.raises(RuntimeError, match="stop"), toys.adding(Toy("own")):
        raise RuntimeError("stop")
    assert list(toys) == ["first", "second"]


def test_when_one_of_several_is_refused_none_of_them_stays(toys):
    with pytest.raises(ValueError, match="'first' already"), toys.adding(Toy("own"), Toy("first")):
        pass
    assert list(toys) == ["first", "second"]
    assert not isinstance(toys["first"], Toy)
