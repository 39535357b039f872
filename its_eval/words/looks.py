"""What is said of repeated looks: which one a run is, what they promise together, and what was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from its_eval.columns import LOOKS
from its_eval.words.numbers import counted

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation

#: Worlds outside the promise, as they are told.
_OUTSIDE = {"0.95": "an autocorrelation of 0.95", "random walk": "a random walk"}


def looks_of(evaluation: Evaluation) -> Mapping[str, Any] | None:
    """Return what is known of repeated looks; None of a run without."""
    found: Mapping[str, Any] | None = evaluation.conduct.get(LOOKS)
    return found


def looks_line(evaluation: Evaluation) -> str:
    """Return in one line which look a run is and how many runs are known; blank without looks."""
    known = looks_of(evaluation)
    if known is None:
        return ""
    places = dict.fromkeys(
        f"{which_look(facts)}, tested at {level_words(facts['level'])}"
        for facts in known["outcomes"].values()
    )
    said = "; ".join(places) or "none was declared"
    return f"Looks: {said}. {_recorded(known)}"


def which_look(facts: Mapping[str, Any]) -> str:
    """Return which of the declared looks a run is."""
    if facts["number"] is None:
        return f"not one of the {facts['of']} declared looks"
    return f"look {facts['number']} of {facts['of']}"


def level_words(level: float) -> str:
    """Return a level of a test in two digits.

    Examples
    --------
    >>> level_words(0.0028289), level_words(0.05)
    ('0.0028', '0.05')
    """
    return f"{level:.2g}"


def _recorded(known: Mapping[str, Any]) -> str:
    return f"Runs recorded here: {known['runs']}; runs elsewhere cannot be seen."


def looks_sentences(evaluation: Evaluation) -> list[str]:
    """Return what a reader has to know of repeated looks; nothing without."""
    known = looks_of(evaluation)
    if known is None:
        return []
    said = list(dict.fromkeys(line for item in known["outcomes"].items() for line in _of(evaluation, *item)))
    if known["outcomes"]:
        said += [
            "The promise covers the p-values of answers, and so whether more changed than in other units.",
            "It does not cover other estimands, several outcomes together, or checks.",
            "A declared look that is left out keeps the promise; a look that was not declared does not.",
        ]
    else:
        said.append("No looks were declared: each run is tested as if it were the only one.")
    return [*said, _recorded(known)]


def _of(evaluation: Evaluation, outcome: str, facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is said of one outcome."""
    label = evaluation.outcomes[outcome]["label"]
    after = counted(int(facts["periods"]), "period")
    yield f"{label}: this is {which_look(facts)}, with {after} from the start on."
    percent = f"{100.0 * float(facts['alpha']):.6g} %"
    yield (
        f"Each look is tested at {level_words(facts['level'])}: over all {facts['of']} looks together "
        f"a false change is found in {percent} of cases or fewer."
    )
    yield (
        f"That was simulated for this design, {int(facts['paths']):,} times for each autocorrelation "
        "of 0, 0.4 and 0.8."
    )
    rates = [
        f"{100.0 * facts['ever_false'][world][1]:.2g} % with {words}"
        for world, words in _OUTSIDE.items()
        if world in facts["ever_false"]
    ]
    yield f"Outside the promise a false change is found in {' and in '.join(rates)}."
