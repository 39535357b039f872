"""The words of the main figure: what a table of numbers cannot say about itself."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from its_eval.data.periods import describe_period, format_period, parse_period
from its_eval.evaluation import NOT_ESTIMABLE
from its_eval.report.figures.main_its_data import PHASE_IN, bounds_of, peer_codes, series_of, start_index

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from its_eval.evaluation import Evaluation

#: Reasons that concern single observations rather than stretches of time.
SCATTERED = ("missing", "small denominator")


@dataclass(frozen=True)
class Unused:
    """A stretch of periods that the fit leaves out.

    Attributes
    ----------
    words : str
        Why, as a label.
    first, last : str
        ISO texts of the first and the last period.
    """

    words: str
    first: str
    last: str


@dataclass(frozen=True)
class MainItsLabels:
    """What the main figure says in words.

    Attributes
    ----------
    unit_name : str
        Name of the unit, or its code.
    outcome : str
        Label of the outcome.
    measure : str
        Unit of measurement, such as ``%``; may be blank.
    kind : str
        percentage, rate, count or number.
    interruption : str
        Name of the interruption.
    start : str
        ISO text of its first period.
    start_in_words : str
        The same for readers.
    design : str
        ``single``, or a controlled design.
    frequency : str
        month, quarter, year or week.
    log : bool
        The fit is on logarithms: differences are ratios.
    confidence : float
        Coverage of the band.
    n_peers : int
        Number of peers.
    only_peer : str
        Name of the peer when there is just one.
    events : tuple of (str, str)
        Noted events within the window: name and ISO text of the period.
    bounds : tuple of float, or None
        Values that the outcome cannot go beyond.
    unused : tuple of Unused
        Phase-in and masked periods.
    outside_range : bool
        Whether the earlier trend, carried on, leaves what a percentage can be.
    not_estimable : bool
        The summary says so of the primary estimand.
    """

    unit_name: str
    outcome: str
    measure: str
    kind: str
    interruption: str
    start: str
    start_in_words: str
    design: str
    frequency: str
    log: bool
    confidence: float
    n_peers: int
    only_peer: str
    events: tuple[tuple[str, str], ...]
    bounds: tuple[float, float] | None
    unused: tuple[Unused, ...]
    not_estimable: bool
    outside_range: bool

    @property
    def controlled(self) -> bool:
        """Whether peers are part of the fit."""
        return self.design != "single"

    @property
    def synthetic(self) -> bool:
        """Whether the comparison is a weighted mean of other units, which has no interval."""
        return self.design == "synthetic"


def main_its_labels(evaluation: Evaluation, outcome: str, unit: str, design: str) -> MainItsLabels:
    """Return the words for one series of an evaluation.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, unit, design : str
        Which series of it.
    """
    about = evaluation.outcomes[outcome]
    frequency = str(about["frequency"])
    rows = series_of(evaluation, outcome, unit, design)
    periods = [str(period) for period in rows["period"]]
    start = periods[start_index(rows)]
    peers = peer_codes(evaluation, outcome, unit)
    return MainItsLabels(
        unit_name=evaluation.unit_names.get(unit) or unit,
        outcome=str(about["label"]),
        measure=_measure(str(about["unit"] or ""), str(about["kind"]), rows),
        kind=str(about["kind"]),
        interruption=str(about["interruption"]),
        start=start,
        start_in_words=describe_period(parse_period(start, frequency), frequency),
        design=design,
        frequency=frequency,
        log=about["transform"] == "log",
        confidence=float(about["confidence"]),
        n_peers=len(peers),
        only_peer=(evaluation.unit_names.get(peers[0]) or peers[0]) if len(peers) == 1 else "",
        events=_events(about["events"], unit, periods, frequency),
        bounds=bounds_of(evaluation, outcome, rows),
        unused=_unused(periods, [str(reason) for reason in rows["used_reason"]]),
        not_estimable=_not_estimable(evaluation, outcome, unit, design),
        outside_range=_outside_range(evaluation, outcome, unit, design),
    )


def _events(
    noted: Iterable[tuple[str, str, Sequence[str]]], unit: str, periods: Sequence[str], frequency: str
) -> tuple[tuple[str, str], ...]:
    """Return the events of all units or of this one that fall into the window, in order of time."""
    inside = set(periods[1:])
    dated = (
        (str(name), format_period(parse_period(str(date), frequency), frequency))
        for name, date, units in noted
        if not units or unit in units
    )
    return tuple(
        sorted((event for event in dated if event[1] in inside), key=lambda event: (event[1], event[0]))
    )


def _unused(periods: Sequence[str], reasons: Sequence[str]) -> tuple[Unused, ...]:
    """Return the stretches of consecutive periods that were left out for the same reason."""
    stretches = []
    for reason, group in groupby(range(len(periods)), key=lambda index: reasons[index]):
        indices = list(group)
        if reason and reason not in SCATTERED:
            words = "phase-in" if reason.startswith(PHASE_IN) else reason
            stretches.append(Unused(f"{words} (not used)", periods[indices[0]], periods[indices[-1]]))
    return tuple(stretches)


def _measure(measure: str, kind: str, rows: pd.DataFrame) -> str:
    """Return the unit of measurement; counts with a denominator are fitted as their quotient."""
    divided = kind == "count" and rows["denominator"].notna().any()
    return f"{measure} divided by the denominator".strip() if divided else measure


def _not_estimable(evaluation: Evaluation, outcome: str, unit: str, design: str) -> bool:
    summary = evaluation.rows_of("summary", outcome, unit)
    return bool((summary.loc[summary["design"] == design, "label"] == NOT_ESTIMABLE).any())


def _outside_range(evaluation: Evaluation, outcome: str, unit: str, design: str) -> bool:
    primary = evaluation.primary_estimators(outcome)
    fits = evaluation.rows_of("fits", outcome, unit)
    chosen = fits[(fits["design"] == design) & fits["estimator"].isin(primary)]
    return bool(chosen["flags"].str.contains("counterfactual_outside_range").any())
