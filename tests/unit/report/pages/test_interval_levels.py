"""The level of an interval that the report names is that of its run."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

import its_eval

#: Per cent before the word interval or coverage.
NAMED = re.compile(r"([\d.]+)\s?%\s(?=intervals?\b|coverage)")


@pytest.mark.parametrize(("confidence", "words"), [(0.9, "90"), (0.975, "97.5")])
def test_every_level_is_that_of_the_run(undrawn, taken_apart, confidence, words):
    outcomes = {
        name: about | {"confidence": confidence} for name, about in undrawn.evaluation.outcomes.items()
    }
    evaluation = replace(undrawn.evaluation, outcomes=outcomes)
    page = taken_apart(
        undrawn.report(evaluation=evaluation, settings=undrawn.settings | {"confidence": confidence})
    )
    (text,) = page.texts("body")
    assert set(NAMED.findall(text)) == {words}
    # in the answers, above the table of quantities, in the methods
    for place in (r"\({0} % interval", r"with {0} % intervals beneath", r"Intervals have {0} % coverage"):
        assert re.search(place.format(re.escape(words)).replace(" ", r"\s"), text), place


def test_an_interval_gets_its_name_in_one_place():
    built = re.compile(r"\}[^\n\w]{0,10}% interval")
    package = Path(its_eval.__file__).parent
    places = [
        path.relative_to(package).as_posix()
        for path in sorted(package.rglob("*"))
        if path.suffix in (".py", ".js", ".j2") and built.search(path.read_text(encoding="utf-8"))
    ]
    assert places == ["evaluation.py"]
