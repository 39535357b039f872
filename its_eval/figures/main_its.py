"""The numbers and words of the main figure, from the tables of a run."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.calendar import describe_period, format_period, parse_period, period_start, season_position
from its_eval.evaluation import NOT_ESTIMABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from its_eval.evaluation import Evaluation

    Values = NDArray[np.float64]


#: Copied from ``series`` as they are.
COPIED = (
    *("unit_value", "peer_mean", "observed", "used", "used_reason", "fitted", "counterfactual"),
    *("counterfactual_low", "counterfactual_high", "deseasonalised"),
)
#: Columns before those of the single peers; a single series has the columns of the gap between them.
TREND = ("season", "trend_fitted", "trend_counterfactual", "trend_low", "trend_high")
GAP = ("gap", "gap_fitted", "gap_low", "gap_high")
PEER_COLUMN = "peer_"

#: How the reason of an excluded phase-in begins in the table.
PHASE_IN = "phase-in of "
#: Taking the season out again leaves an error of this size at most.
_ROUNDING = 1e-9
BEFORE, DURING, AFTER = "before", "phase-in", "after"


def series_of(evaluation: Evaluation, outcome: str, unit: str, design: str) -> pd.DataFrame:
    """Return the rows of ``series`` of one outcome, unit and design, in order of time.

    Raises
    ------
    KeyError
        When the tables have no such series.
    """
    table = evaluation.tables["series"]
    chosen = (table["outcome"] == outcome) & (table["unit"] == unit) & (table["design"] == design)
    rows = table[chosen]
    if rows.empty:
        raise KeyError(f"the table `series` has no rows of {outcome}, {unit}, {design}")
    return rows.sort_values("period", kind="stable").reset_index(drop=True)


def start_index(rows: pd.DataFrame) -> int:
    """Return the position of the first affected period: the first with a counterfactual."""
    return int(np.flatnonzero(rows["counterfactual"].notna())[0])


def peer_codes(evaluation: Evaluation, outcome: str, unit: str) -> list[str]:
    """Return the codes of the peers of a unit, nearest first."""
    table = evaluation.tables["peers"]
    rows = table[(table["outcome"] == outcome) & (table["unit"] == unit)]
    return [str(peer) for peer in rows.sort_values("rank", kind="stable")["peer"]]


def bounds_of(evaluation: Evaluation, outcome: str, rows: pd.DataFrame) -> tuple[float, float] | None:
    """Return 0 to 100 for a percentage, unless its values show that it has no such bounds."""
    values = rows["unit_value"].dropna()
    bounded = evaluation.outcomes[outcome]["kind"] == "percentage" and values.between(0.0, 100.0).all()
    return (0.0, 100.0) if bounded else None


def main_its_data(evaluation: Evaluation, outcome: str, unit: str, design: str) -> pd.DataFrame:
    """Return the numbers that the main figure draws, one row per period.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, unit, design : str
        Which series of it.

    Returns
    -------
    DataFrame
        ``period``, ``date`` (its first day), ``segment`` (before, phase-in, after); columns of ``series``
        as they are; then what lines and bands show. ``season`` is the seasonal part of the fit and
        ``trend_*`` are the columns of the fit without it: straight lines, or exponential curves for a log
        outcome. For the design ``single`` also ``gap``: deseasonalised observations minus the trend
        without interruption (for a log outcome their ratio as per cent above or below it), with the same
        for the fit and for the limits of the band. Then ``peer_<code>`` for each peer.

    Notes
    -----
    A missing number is not drawn. For the design ``single``, from the first period in which the
    counterfactual of a percentage lies outside 0 to 100, ``trend_counterfactual`` and what depends on it
    are missing.
    """
    about = evaluation.outcomes[outcome]
    frequency, log = str(about["frequency"]), about["transform"] == "log"
    rows = series_of(evaluation, outcome, unit, design)
    ordinals = [parse_period(str(period), frequency) for period in rows["period"]]
    frame = pd.DataFrame({"period": rows["period"]})
    frame["date"] = [period_start(ordinal, frequency).isoformat() for ordinal in ordinals]
    frame["segment"] = _segments(rows)
    for column in COPIED:
        frame[column] = rows[column]
    if design == "single":
        frame["peer_mean"] = _peer_mean_beside(evaluation, outcome, unit, rows)
    positions = [season_position(ordinal, frequency) for ordinal in ordinals]
    columns = _trends(frame, positions, log=log)
    if design == "single":
        bounds = bounds_of(evaluation, outcome, rows)
        if bounds is not None:
            _stop_at(columns, *bounds)
        columns |= _gaps(frame, columns, log=log)
    columns |= _peers(evaluation, outcome, unit, frame, log=log)
    return pd.concat([frame, pd.DataFrame(columns)], axis=1)


def _segments(rows: pd.DataFrame) -> list[str]:
    """Return for every period whether it lies before, in an excluded phase-in, or after."""
    start = start_index(rows)
    phase = rows["used_reason"].str.startswith(PHASE_IN).to_numpy()
    first = int(np.flatnonzero(phase)[-1]) + 1 if phase.any() else start
    return [BEFORE if index < start else DURING if index < first else AFTER for index in range(len(rows))]


def _trends(frame: pd.DataFrame, positions: Sequence[int], *, log: bool) -> dict[str, Values]:
    """Return the seasonal part of the fit and the fit without it.

    The season of a period without an observation is that of the same place in another year.
    """
    observed, adjusted = (frame[name].to_numpy(dtype=np.float64) for name in ("observed", "deseasonalised"))
    season = observed / adjusted if log else observed - adjusted
    known: dict[int, float] = {}
    for position, value in zip(positions, season, strict=True):
        if not np.isnan(value):
            known.setdefault(position, float(value))
    absent = np.isnan(season)
    season = np.where(absent, [known.get(position, np.nan) for position in positions], season)
    columns = {"season": season}
    sources = ("fitted", "counterfactual", "counterfactual_low", "counterfactual_high")
    for name, source in zip(TREND[1:], sources, strict=True):
        values = frame[source].to_numpy(dtype=np.float64)
        columns[name] = values / season if log else values - season
    excluded = (frame["segment"] == DURING).to_numpy()
    columns["trend_fitted"] = np.where(excluded, np.nan, columns["trend_fitted"])
    return columns


def _stop_at(columns: dict[str, Values], low: float, high: float) -> None:
    """Take out the counterfactual from the first period that it is impossible in."""
    line = columns["trend_counterfactual"]
    outside = np.flatnonzero((line < low - _ROUNDING) | (line > high + _ROUNDING))
    if outside.size:
        for name in ("trend_counterfactual", "trend_low", "trend_high"):
            columns[name] = np.where(np.arange(len(line)) < outside[0], columns[name], np.nan)


def _gaps(frame: pd.DataFrame, columns: dict[str, Values], *, log: bool) -> dict[str, Values]:
    """Return how far observations, fit and band lie from the trend without interruption."""
    before = (frame["segment"] == BEFORE).to_numpy()
    base = np.where(before, columns["trend_fitted"], columns["trend_counterfactual"])
    sources = (
        frame["deseasonalised"].to_numpy(dtype=np.float64),
        np.where(before, np.nan, columns["trend_fitted"]),
        columns["trend_low"],
        columns["trend_high"],
    )
    return {
        name: 100.0 * (values / base - 1.0) if log else values - base
        for name, values in zip(GAP, sources, strict=True)
    }


def _peer_mean_beside(evaluation: Evaluation, outcome: str, unit: str, rows: pd.DataFrame) -> Values:
    """Return the peers' mean from the controlled series of the same unit; missing when there is none."""
    table = evaluation.tables["series"]
    chosen = (table["outcome"] == outcome) & (table["unit"] == unit) & (table["design"] == "difference")
    means = table[chosen].set_index("period")["peer_mean"]
    return means.reindex(rows["period"]).to_numpy(dtype=np.float64)


def _peers(
    evaluation: Evaluation, outcome: str, unit: str, frame: pd.DataFrame, *, log: bool
) -> dict[str, Values]:
    """Return the values of each peer, provided that they are on the scale of the mean beside them.

    Where the fitted series is a rate made of counts, the peers' own values are counts and do not belong
    on the same axis.
    """
    values = evaluation.peer_values.get(outcome)
    codes = peer_codes(evaluation, outcome, unit)
    mean = frame["peer_mean"].to_numpy(dtype=np.float64)
    if values is None or not codes or np.isnan(mean).all():
        return {}
    matrix = values.reindex(index=frame["period"], columns=codes).to_numpy(dtype=np.float64)
    complete = ~np.isnan(matrix).any(axis=1) & ~np.isnan(mean)
    whole = matrix[complete]
    average = np.exp(np.log(whole).mean(axis=1)) if log else whole.mean(axis=1)
    if not np.allclose(average, mean[complete], rtol=1e-6, atol=1e-9):
        return {}
    columns: dict[str, Values] = {}
    for position, code in enumerate(codes):
        name = f"{PEER_COLUMN}{code}"
        columns[name if name not in COPIED else f"{name}_"] = matrix[:, position]
    return columns


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
