"""One series in time: its numbers and words, and the strokes for observations, fit and counterfactual."""

from __future__ import annotations

from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from msgspec import Struct
from msgspec.structs import asdict

from its_eval.calendar import parse_period, season_position
from its_eval.evaluation import NOT_ANSWERED
from its_eval.figures.kinds import (
    SINGLE,
    FigureLabels,
    FigureTask,
    figure_labels,
    first_days,
    frequency_of,
    in_words,
    name_of,
    required_rows,
    rows_for,
)
from its_eval.figures.scales import EndLabel, before_each, day_numbers, last_known
from its_eval.figures.sheet import Mark
from its_eval.figures.style import (
    BAND,
    COUNTERFACTUAL,
    COUNTERFACTUAL_TEXT,
    DASHES,
    DOTS,
    QUIET,
    UNIT,
    draw_dots,
)
from its_eval.words.verdicts import effects_by_period

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from its_eval.evaluation import Evaluation

    Values = NDArray[np.float64]


#: Copied from ``series`` as they are.
COPIED = (
    *("unit_value", "peer_mean", "observed", "used", "used_reason", "fitted", "counterfactual"),
    *("counterfactual_low", "counterfactual_high", "deseasonalised", "counterfactual_without_any"),
)
#: Columns before those of the single peers; a single series has the columns of the gap between them.
TREND = (
    *("season", "trend_fitted", "trend_counterfactual", "trend_low", "trend_high"),
    "trend_without_any",
)
GAP = ("gap", "gap_fitted", "gap_low", "gap_high")
PEER_COLUMN = "peer_"

#: How the reason of an excluded phase-in begins in the table.
PHASE_IN = "phase-in of "
#: Taking the season out again leaves an error of this size at most.
_ROUNDING = 1e-9
#: What a line without any of several interruptions is called.
WITHOUT_ANY = "without any of them"
BEFORE, DURING, AFTER = "before", "phase-in", "after"


def series_of(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the rows of ``series`` of one outcome, unit and design, in order of time.

    Raises
    ------
    KeyError
        When the tables have no such series.
    """
    rows = required_rows(evaluation, "series", task)
    return rows.sort_values("period", kind="stable").reset_index(drop=True)


def start_index(rows: pd.DataFrame) -> int:
    """Return the position of the first affected period, as the table counts; without that, of its line."""
    after = rows["event_time"].ge(0) if rows["event_time"].notna().any() else rows["counterfactual"].notna()
    return int(np.flatnonzero(after.to_numpy(dtype=bool))[0])


def in_phase_in(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Return the periods of an excluded phase-in."""
    return rows["used_reason"].str.startswith(PHASE_IN).to_numpy(dtype=bool)


def impossible(line: Values, low: float = 0.0, high: float = 100.0) -> NDArray[np.bool_]:
    """Return the periods from the first in which a line lies outside what is possible."""
    outside: NDArray[np.bool_] = np.maximum.accumulate((line < low - _ROUNDING) | (line > high + _ROUNDING))
    return outside


def peer_codes(evaluation: Evaluation, outcome: str, unit: str) -> list[str]:
    """Return the codes of the peers of a unit, nearest first."""
    rows = evaluation.rows_of("peers", outcome, unit)
    return [str(peer) for peer in rows.sort_values("rank", kind="stable")["peer"]]


def bounds_of(evaluation: Evaluation, outcome: str, rows: pd.DataFrame) -> tuple[float, float] | None:
    """Return 0 to 100 for a percentage, unless its values show that it has no such bounds."""
    values = rows["unit_value"].dropna()
    bounded = evaluation.outcomes[outcome]["kind"] == "percentage" and values.between(0.0, 100.0).all()
    return (0.0, 100.0) if bounded else None


def series_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the numbers of one series, one row per period.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    task : FigureTask
        Which outcome, unit and design of it.

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
    are missing; so is ``trend_without_any`` (no interruption at all, where several are fitted).
    """
    about = evaluation.outcomes[task.outcome]
    frequency, log = frequency_of(evaluation, task.outcome), about["transform"] == "log"
    rows = series_of(evaluation, task)
    frame = pd.DataFrame({"period": rows["period"]})
    frame["date"] = first_days(rows["period"], frequency)
    frame["segment"] = _segments(rows)
    for column in COPIED:
        frame[column] = rows[column]
    if task.design == SINGLE:
        frame["peer_mean"] = _peer_mean_beside(evaluation, task, rows)
    positions = [
        season_position(parse_period(str(period), frequency), frequency) for period in rows["period"]
    ]
    columns = _trends(frame, positions, log=log, free=effects_by_period(about))
    if task.design == SINGLE:
        bounds = bounds_of(evaluation, task.outcome, rows)
        if bounds is not None:
            for line, *bands in (("trend_counterfactual", "trend_low", "trend_high"), ("trend_without_any",)):
                stopped = impossible(columns[line], *bounds)
                columns |= {name: np.where(stopped, np.nan, columns[name]) for name in (line, *bands)}
        columns |= _gaps(frame, columns, log=log)
    columns |= _peers(evaluation, task, frame, log=log)
    return pd.concat([frame, pd.DataFrame(columns)], axis=1)


def _segments(rows: pd.DataFrame) -> list[str]:
    """Return for every period whether it lies before, in an excluded phase-in, or after."""
    start = start_index(rows)
    phase = in_phase_in(rows)
    first = int(np.flatnonzero(phase)[-1]) + 1 if phase.any() else start
    return [BEFORE if index < start else DURING if index < first else AFTER for index in range(len(rows))]


def _trends(frame: pd.DataFrame, positions: list[int], *, log: bool, free: bool) -> dict[str, Values]:
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
    sources = (
        *("fitted", "counterfactual", "counterfactual_low", "counterfactual_high"),
        "counterfactual_without_any",
    )
    for name, source in zip(TREND[1:], sources, strict=True):
        values = frame[source].to_numpy(dtype=np.float64)
        columns[name] = values / season if log else values - season
    excluded = frame["segment"].isin((DURING, AFTER) if free else (DURING,)).to_numpy()
    columns["trend_fitted"] = np.where(excluded, np.nan, columns["trend_fitted"])
    return columns


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


def _peer_mean_beside(evaluation: Evaluation, task: FigureTask, rows: pd.DataFrame) -> Values:
    """Return the peers' mean from the controlled series of the same unit; missing when there is none."""
    beside = rows_for(evaluation, "series", FigureTask(task.kind, task.outcome, task.unit, "difference"))
    means = beside.set_index("period")["peer_mean"]
    return means.reindex(rows["period"]).to_numpy(dtype=np.float64)


def _peers(evaluation: Evaluation, task: FigureTask, frame: pd.DataFrame, *, log: bool) -> dict[str, Values]:
    """Return the values of each peer, provided that they are on the scale of the mean beside them.

    Where the fitted series is a rate made of counts, the peers' own values are counts and do not belong
    on the same axis.
    """
    values = evaluation.peer_values.get(task.outcome)
    codes = peer_codes(evaluation, task.outcome, task.unit)
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


class Unused(Struct, frozen=True):
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


class SeriesLabels(FigureLabels, frozen=True, kw_only=True):
    """What a figure of one series says in words.

    Attributes
    ----------
    start : str
        ISO text of the first affected period.
    n_peers : int
        Number of peers.
    only_peer : str
        Name of the peer when there is just one.
    bounds : tuple of float, or None
        Values that the outcome cannot go beyond.
    unused : tuple of Unused
        Phase-in and masked periods.
    not_estimable : bool
        The summary says so of the primary estimand.
    outside_range : bool
        Whether the earlier trend, carried on, leaves what a percentage can be.
    """

    start: str
    n_peers: int
    only_peer: str
    bounds: tuple[float, float] | None
    unused: tuple[Unused, ...]
    not_estimable: bool
    outside_range: bool


def series_labels(evaluation: Evaluation, task: FigureTask) -> SeriesLabels:
    """Return the words for one series of an evaluation.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    task : FigureTask
        Which outcome, unit and design of it.
    """
    labels = figure_labels(evaluation, task)
    rows = series_of(evaluation, task)
    peers = peer_codes(evaluation, task.outcome, task.unit)
    # counts with a denominator are fitted as their quotient
    divided = labels.kind == "count" and rows["denominator"].notna().any()
    fits = rows_for(evaluation, "fits", task)
    flags = fits.loc[fits["estimator"].isin(evaluation.primary_estimators(task.outcome)), "flags"]
    words = asdict(labels) | {
        "measure": f"{labels.measure} divided by the denominator".strip() if divided else labels.measure
    }
    return SeriesLabels(
        **words,
        start=str(evaluation.outcomes[task.outcome]["starts"][task.unit][0]),
        n_peers=len(peers),
        only_peer=name_of(evaluation, peers[0]) if len(peers) == 1 else "",
        bounds=bounds_of(evaluation, task.outcome, rows),
        unused=_unused(
            [str(period) for period in rows["period"]], [str(reason) for reason in rows["used_reason"]]
        ),
        not_estimable=bool((rows_for(evaluation, "summary", task)["label"] == NOT_ANSWERED).any()),
        outside_range=bool(flags.str.contains("counterfactual_outside_range").any()),
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


#: Diameter of a point, in points, for up to so many periods.
_POINT_SIZES = ((100, 5.5), (200, 4.5), (400, 3.5))


class Series:
    """Numbers and words of one series, ready to be drawn.

    Parameters
    ----------
    frame : DataFrame
        As ``series_data`` returns it.
    labels : SeriesLabels
        Words.
    """

    def __init__(self, frame: pd.DataFrame, labels: SeriesLabels) -> None:
        self.frame, self.labels = frame, labels
        self.x = day_numbers([str(date) for date in frame["date"]])
        self.periods = [str(period) for period in frame["period"]]

    def __getitem__(self, column: str) -> Values:
        """Return a column as numbers."""
        return self.frame[column].to_numpy(dtype=np.float64)

    @property
    def span(self) -> tuple[float, float]:
        """Ends of the time axis."""
        return float(self.x[0]), float(self.x[-1])

    @cached_property
    def used(self) -> NDArray[np.bool_]:
        """Periods that entered the fit."""
        return self.frame["used"].to_numpy(dtype=bool)

    @cached_property
    def peers(self) -> Values:
        """Values of single peers, one column each."""
        names = [name for name in self.frame.columns if name.startswith(PEER_COLUMN) and name not in COPIED]
        return self.frame[names].to_numpy(dtype=np.float64)

    @cached_property
    def seasonal(self) -> bool:
        """Whether the fit has a season."""
        away = np.abs(self["season"] - (1.0 if self.labels.log else 0.0))
        return bool(np.nanmax(away, initial=0.0) > 1e-9)

    def segment(self, name: str) -> NDArray[np.bool_]:
        """Return the periods of a segment."""
        return (self.frame["segment"] == name).to_numpy(dtype=bool)


def draw_points(axes: Axes, series: Series, values: Values) -> None:
    """Draw observations, unjoined; those that were not used are hollow."""
    n = len(series.x)
    size = next((size for most, size in _POINT_SIZES if n <= most), 2.5)
    used = series.used
    draw_dots(axes, series.x[used], values[used], size, clip=False, gid="used")
    hollow = ~used & ~np.isnan(values)
    if hollow.any():
        at, value = series.x[hollow], values[hollow]
        draw_dots(axes, at, value, size, "white", QUIET, edge_width=1.2, clip=False, gid="not-used")


def draw_fit(axes: Axes, series: Series, values: Values) -> None:
    """Draw the fit as a solid line before and another one after the interruption."""
    for name in (BEFORE, AFTER):
        part = series.segment(name)
        if not np.isnan(values[part]).all():
            axes.plot(series.x[part], values[part], color=UNIT, linewidth=3.2, zorder=4, gid=f"fit-{name}")


def draw_counterfactual(axes: Axes, series: Series, line: Values, low: Values, high: Values) -> None:
    """Draw what was expected without the interruption, dashed, with its interval cut off by the scale."""
    bottom, top = axes.get_ylim()
    shown = ~np.isnan(low)
    edges = (np.clip(low, bottom, top), np.clip(high, bottom, top))
    axes.fill_between(
        series.x, *edges, where=shown.tolist(), facecolor=BAND, edgecolor="none", zorder=0.3, gid="band"
    )
    for edge in (low, high):
        axes.plot(series.x, edge, color=COUNTERFACTUAL, linewidth=0.8, zorder=0.7)
    axes.plot(
        series.x, line, color=COUNTERFACTUAL, linewidth=2.6, linestyle=DASHES, zorder=5, gid="counterfactual"
    )


def counterfactual_label(series: Series, line: Values) -> tuple[EndLabel, ...]:
    """Return the label of the line that was expected; none where there is no line."""
    if np.isnan(line).all():
        return ()
    words = series.labels.without
    if not np.isnan(series["trend_low"]).all():
        words += f", with {series.labels.band}"
    tied = not np.isnan(line[-1])
    return (EndLabel(words, last_known(line), COUNTERFACTUAL_TEXT, line_colour=COUNTERFACTUAL, tied=tied),)


def draw_without_any(axes: Axes, x: Values, line: Values) -> None:
    """Draw what was expected without any of several interruptions, dotted; nothing where one is fitted."""
    if not np.isnan(line).all():
        axes.plot(x, line, color=QUIET, linewidth=2.0, linestyle=DOTS, zorder=4.5, gid="without-any")


def without_any_label(line: Values) -> tuple[EndLabel, ...]:
    """Return the label of that line; none where there is no line."""
    if np.isnan(line).all():
        return ()
    return (EndLabel(WITHOUT_ANY, last_known(line), QUIET, tied=not np.isnan(line[-1])),)


def draw_reference(axes: Axes, value: float) -> None:
    """Draw a value that stands for no difference."""
    axes.axhline(value, color=QUIET, linewidth=1.0, zorder=0.8)


def start_marks(labels: FigureLabels, x: Values, periods: Sequence[str], start: int) -> list[Mark]:
    """Return the interruption and the noted events within the window.

    Parameters
    ----------
    labels : FigureLabels
        Words.
    x : ndarray
        Positions of the periods on the time axis.
    periods : sequence of str
        Their ISO texts.
    start : int
        Place of the first affected period.
    """
    edges = before_each(x)
    marks = [Mark(labels.interruption_in_words, float(edges[start]), float(edges[start]), "interruption")]
    place = {period: index for index, period in enumerate(periods)}
    for name, date in labels.events:
        if place.get(date, 0) > 0:
            edge = float(edges[place[date]])
            if name in labels.fitted:
                words = f"{name}, from {in_words(date, labels.frequency)}"
                marks.append(Mark(words, edge, edge, "interruption"))
            else:
                marks.append(Mark(name, edge, edge, "event"))
    return marks


def interruption_marks(series: Series) -> list[Mark]:
    """Return the interruption, the noted events and the periods left out, on the time axis."""
    labels, x = series.labels, series.x
    edges = np.append(before_each(x), 1.5 * x[-1] - 0.5 * x[-2])
    place = {period: index for index, period in enumerate(series.periods)}
    marks = start_marks(labels, x, series.periods, place[labels.start])
    named: set[str] = set()
    for unused in labels.unused:
        words = "" if unused.words in named else unused.words
        left, right = edges[place[unused.first]], edges[place[unused.last] + 1]
        marks.append(Mark(words, float(left), float(right), "unused"))
        named.add(unused.words)
    return marks
