"""What weakens an answer, the gravest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from its_eval.columns import ALL_INTERRUPTIONS
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.words.labels import listed_flags
from its_eval.words.verdicts import answers_of

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.evaluation import Evaluation

#: Units that are named beside a doubt.
_NAMED = 3


def doubts(evaluation: Evaluation, outcome: str, design: str, named: Callable[[str], str] = str) -> list[str]:
    """Return what weakens the answers about an outcome, in the order in which it should be told.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome : str
        Of which outcome.
    design : str
        The comparison that answers.
    named : callable
        What a unit is called; default its code.
    """
    verdicts = answers_of(evaluation, outcome)
    # the test of all interruptions together has nothing of its own to be compared with
    verdicts = verdicts[verdicts["design"].eq(design) & verdicts["interruption"].ne(ALL_INTERRUPTIONS)]
    if verdicts.empty:
        return []
    found = [doubt for source in _SOURCES for doubt in source(evaluation, outcome, design, verdicts)]
    every = verdicts["unit"].nunique()
    return [_said(doubt, every, named) for doubt in found]


class _Doubt(Struct, frozen=True):
    """What weakens an answer, and for which units; none where it is about no unit. One may stand within."""

    words: str
    units: Sequence[str] = ()
    after: str = ""


def _said(doubt: _Doubt, every: int, named: Callable[[str], str]) -> str:
    """Return words with the units of which they hold: none named where it is all of them."""
    words, listed = doubt.words, list(dict.fromkeys(doubt.units))
    if doubt.after:
        return f"{words} {named(listed[0])} {doubt.after}"
    if not listed:
        return words
    if len(listed) == every:
        return words if every == 1 else f"{words} in every unit"
    told = ", ".join(map(named, listed[:_NAMED]))
    return f"{words} in {told}{f' and {len(listed) - _NAMED} more' if len(listed) > _NAMED else ''}"


def _flagged(verdicts: pd.DataFrame, *flags: str) -> list[str]:
    """Return the units whose verdict has one of some flags."""
    raised = verdicts["flags"].map(lambda text: bool({*flags} & {*listed_flags(str(text))}))
    return [str(unit) for unit in verdicts.loc[raised, "unit"]]


def _no_attribution(_: Evaluation, __: str, ___: str, verdicts: pd.DataFrame) -> Iterator[_Doubt]:
    alone = verdicts["p_attribution"].isna()
    few = sorted({int(count) for count in verdicts.loc[alone, "n_donors"].dropna()})
    if few:
        yield _Doubt(f"too few other units ({few[0]}) to say whether it is more than they change")
    elif alone.any():
        yield _Doubt("no others to compare with")


def _drifting(evaluation: Evaluation, outcome: str, design: str, verdicts: pd.DataFrame) -> Iterator[_Doubt]:
    if units := _flagged(verdicts, "at_bound", "near_unit_root"):
        yield _Doubt("the series drifts", units)
    if units := _checked(evaluation, outcome, design, "one_month"):
        period = evaluation.outcomes[outcome]["frequency"]
        yield _Doubt(f"the result rests on one or two {period}s", units)


def _off_scale(_: Evaluation, __: str, ___: str, verdicts: pd.DataFrame) -> Iterator[_Doubt]:
    if units := _flagged(verdicts, "counterfactual_outside_range"):
        yield _Doubt("the earlier trend, carried on, leaves 0 to 100 %", units)


def _controls(evaluation: Evaluation, outcome: str, design: str, _: pd.DataFrame) -> Iterator[_Doubt]:
    units = _checked(evaluation, outcome, design, "negative_control")
    if units:
        # a blank is all of them together
        yield _Doubt("a control outcome changed too", [unit for unit in units if unit] if all(units) else [])


def _peers(evaluation: Evaluation, outcome: str, design: str, _: pd.DataFrame) -> Iterator[_Doubt]:
    if not COMPARISONS[design].is_controlled:
        return
    peers = evaluation.rows_of("peers", outcome)
    worst: tuple[int, int, str] | None = None
    for unit, rows in peers.groupby("unit", sort=True):
        ranks = rows["pool_rank"].dropna()
        near = int((ranks <= len(rows)).sum())
        if len(ranks) == len(rows) and 2 * near < len(rows) and (worst is None or near < worst[0]):
            worst = (near, len(rows), str(unit))
    if worst is not None:
        yield _Doubt(f"only {worst[0]} of the {worst[1]} units most like", [worst[2]], "have usable data")
    dated = evaluation.outcomes[outcome].get("characteristics_dated")
    if dated:
        yield _Doubt(f"the characteristics by which peers were chosen are from {dated}, after the start")


def _events(evaluation: Evaluation, outcome: str, _: str, __: pd.DataFrame) -> Iterator[_Doubt]:
    for name in evaluation.outcomes[outcome].get("events_near", ()):
        yield _Doubt(f"an event within six months ({name})")


def _missing(evaluation: Evaluation, outcome: str, design: str, _: pd.DataFrame) -> Iterator[_Doubt]:
    series = evaluation.rows_of("series", outcome)
    lost = series[(series["design"] == design) & series["used_reason"].eq("missing")]
    if not lost.empty:
        yield _Doubt("periods are missing", [str(unit) for unit in lost["unit"]])


def _checked(evaluation: Evaluation, outcome: str, design: str, check: str) -> list[str]:
    """Return the units in which a check asks for attention."""
    rows = evaluation.rows_of("checks", outcome)
    raised = rows["design"].eq(design) & rows["check"].eq(check) & rows["status"].eq("attention")
    return [str(unit) for unit in rows.loc[raised, "unit"]]


def _breaks(evaluation: Evaluation, outcome: str, design: str, _: pd.DataFrame) -> Iterator[_Doubt]:
    for check, words in (
        ("break_elsewhere", "a larger break at another date"),
        ("ljung_box", "residual autocorrelation remains"),
    ):
        if units := _checked(evaluation, outcome, design, check):
            yield _Doubt(words, units)


_Source = Callable[["Evaluation", str, str, "pd.DataFrame"], Iterator[_Doubt]]
#: The gravest first.
_SOURCES: tuple[_Source, ...] = (
    _no_attribution,
    _drifting,
    _off_scale,
    _controls,
    _peers,
    _events,
    _missing,
    _breaks,
)
