"""The level of an interval that the report names is that of its run."""

import re
from dataclasses import replace

import pytest

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
