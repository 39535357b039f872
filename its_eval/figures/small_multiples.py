"""Small multiples: the series of all units on shared scales, one beside the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec import Struct

from its_eval.figures.kinds import (
    SINGLE,
    FigureKind,
    figure_labels,
    first_days,
    measured,
    name_of,
    of_several,
)
from its_eval.figures.scales import Limits, before_each, dated_ticks, day_numbers, reach, thinned, tick_labels
from its_eval.figures.series import AFTER, BEFORE, DURING, impossible, in_phase_in
from its_eval.figures.style import (
    BAND,
    COUNTERFACTUAL,
    DASHES,
    EDGE,
    INK,
    LINE_HEIGHT,
    NARROW,
    QUIET,
    UNIT,
    blank_figure,
    house_style,
    text_width,
    told_apart,
    wrap,
    write,
)
from its_eval.words.labels import fits_gap
from its_eval.words.numbers import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureLabels, FigureTask

    Values = NDArray[np.float64]


#: Columns that are lines and bands, named as in ``series``.
LINES = ("fitted", "counterfactual", "counterfactual_low", "counterfactual_high")


def small_multiples_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the numbers of the series of all units, one row per unit and period.

    Returns
    -------
    DataFrame
        ``unit``, ``name``, ``period``, ``date`` (its first day), ``segment`` (before, phase-in, after),
        ``used``, ``value`` (the observation without its season), ``fitted``, ``counterfactual``,
        ``counterfactual_low``, ``counterfactual_high``, all without season. Units are sorted by code.

    Raises
    ------
    KeyError
        When the tables have no such series.

    Notes
    -----
    The season is what the deseasonalised column of ``series`` leaves out, so lines have no value where
    there is no observation; being straight, or smooth, they are drawn across. For the design ``single`` a
    counterfactual of a percentage is missing from the first period in which it lies outside 0 to 100.
    """
    rows = evaluation.rows_of("series", task.outcome)
    rows = rows[rows["design"] == task.design]
    if rows.empty:
        raise KeyError(f"the table `series` has no rows of {task.outcome}, {task.design}")
    rows = rows.sort_values(["unit", "period"], kind="stable").reset_index(drop=True)
    about = evaluation.outcomes[task.outcome]
    periods = rows["period"].unique()
    dates = dict(zip(periods, first_days(periods, str(about["frequency"])), strict=True))
    form = _season_form(str(about["transform"]), task.design)
    frame = pd.DataFrame(
        {
            "unit": rows["unit"],
            "name": [name_of(evaluation, unit) for unit in rows["unit"]],
            "period": rows["period"],
            "date": rows["period"].map(dates),
            "segment": "",
            "used": rows["used"],
            "value": rows["deseasonalised"],
        }
    )
    for name in LINES:
        frame[name] = _without_season(rows, name, form)
    bounded = about["kind"] == "percentage" and task.design == SINGLE
    for _, part in rows.groupby("unit", sort=False):
        segments = _segments(part)
        frame.loc[part.index, "segment"] = segments
        frame.loc[part.index[segments == DURING], "fitted"] = np.nan
        if bounded and part["unit_value"].dropna().between(0.0, 100.0).all():
            stopped = impossible(frame.loc[part.index, "counterfactual"].to_numpy(dtype=np.float64))
            frame.loc[part.index[stopped], list(LINES[1:])] = np.nan
    return frame


def _season_form(transform: str, design: str) -> str:
    """Return on which scale the season is added: as it is, logarithms (of ratios) or logits."""
    if transform == "logit":
        return "log" if fits_gap(design) else "logit"
    return transform


def _without_season(rows: pd.DataFrame, name: str, form: str) -> pd.Series:
    """Return a column of ``series`` less the season that its observations show."""
    if form == "log":
        return rows[name] * rows["deseasonalised"] / rows["observed"]
    if form == "none":
        return rows[name] - (rows["observed"] - rows["deseasonalised"])
    odds = {column: rows[column] / (100.0 - rows[column]) for column in (name, "observed", "deseasonalised")}
    product = odds[name] * odds["deseasonalised"] / odds["observed"]
    return 100.0 * product / (1.0 + product)


def _segments(rows: pd.DataFrame) -> NDArray[np.object_]:
    """Return for every period of a unit whether it lies before, in an excluded phase-in, or after."""
    after = np.maximum.accumulate(rows["counterfactual"].notna().to_numpy())
    return np.where(in_phase_in(rows), DURING, np.where(after, AFTER, BEFORE)).astype(object)


_GRID_COLOUR = "#E3E3E3"
#: How the lines of a kind are drawn.
_STROKES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("grid", {"colors": _GRID_COLOUR, "linewidths": 0.8, "zorder": 0.2}),
    ("base", {"colors": INK, "linewidths": 1.0, "zorder": 1}),
    ("start", {"colors": INK, "linewidths": 1.2, "zorder": 1}),
    ("counterfactual", {"colors": COUNTERFACTUAL, "linewidths": 2.0, "linestyles": [DASHES], "zorder": 3}),
    ("fit", {"colors": UNIT, "linewidths": 2.4, "zorder": 4}),
)


class Place(Struct, frozen=True):
    """The place of one unit on the sheet, in inches from the lower left corner.

    Attributes
    ----------
    left, bottom, width, height : float
        Of the data.
    span : tuple of float
        Ends of the time axis.
    limits : Limits
        Ends of the vertical scale.
    """

    left: float
    bottom: float
    width: float
    height: float
    span: tuple[float, float]
    limits: Limits

    def x(self, days: Values) -> Values:
        """Return positions in time as inches."""
        return self.left + self.width * (days - self.span[0]) / (self.span[1] - self.span[0])

    def y(self, values: Values) -> Values:
        """Return values as inches; what lies beyond the scale is missing."""
        size = self.limits.high - self.limits.low
        found = self.bottom + self.height * (values - self.limits.low) / size
        slack = 1e-9 * self.height
        beyond = (found < self.bottom - slack) | (found > self.bottom + self.height + slack)
        return np.where(beyond, np.nan, found)

    def edge(self, values: Values) -> Values:
        """Return values as inches, cut off by the ends of the scale."""
        return self.y(np.clip(values, self.limits.low, self.limits.high))


def draw_cells(
    axes: Axes, units: Sequence[pd.DataFrame], cells: Sequence[Place], ticks: Sequence[float]
) -> None:
    """Draw what is in the cells, each kind of stroke at once.

    Parameters
    ----------
    axes : Axes
        Whose unit is the inch.
    units : sequence of DataFrame
        Rows of ``small_multiples_data``, those of one unit each.
    cells : sequence of Place
        Their places.
    ticks : sequence of float
        Of the vertical scale.
    """
    from matplotlib.collections import LineCollection, PolyCollection  # noqa: PLC0415  (start-up time)

    strokes: dict[str, list[Values]] = {name: [] for name, _ in _STROKES}
    bands: list[Values] = []
    points: dict[bool, list[Values]] = {True: [], False: []}
    for part, cell in zip(units, cells, strict=True):
        right = cell.left + cell.width
        x = cell.x(day_numbers([str(date) for date in part["date"]]))
        value, fit, line, low, high = (part[name].to_numpy(dtype=np.float64) for name in ("value", *LINES))
        for height in cell.y(np.array(ticks)):
            strokes["grid"].append(np.array([[cell.left, height], [right, height]]))
        strokes["base"].append(np.array([[cell.left, cell.bottom], [right, cell.bottom]]))
        segment = part["segment"].to_numpy()
        affected = np.flatnonzero(segment != BEFORE)
        if affected.size:
            at = before_each(x)[affected[0]]
            strokes["start"].append(np.array([[at, cell.bottom], [at, cell.bottom + cell.height]]))
        for name in (BEFORE, AFTER):
            strokes["fit"].append(_known(x, cell.y(np.where(segment == name, fit, np.nan))))
        strokes["counterfactual"].append(_known(x, cell.y(line)))
        shown = ~np.isnan(low) & ~np.isnan(high)
        if shown.any():
            above = np.column_stack([x[shown], cell.edge(high[shown])])
            below = np.column_stack([x[shown], cell.edge(low[shown])])
            bands.append(np.vstack([above, below[::-1]]))
        used = part["used"].to_numpy(dtype=bool)
        for kind, places in points.items():
            places.append(np.column_stack([x, cell.y(value)])[used == kind])
    size = 3.4 if len(units) <= 4 else 2.6
    axes.add_collection(PolyCollection(bands, facecolor=BAND, edgecolor="none", zorder=0.4, gid="band"))
    for name, style in _STROKES:
        axes.add_collection(LineCollection(strokes[name], gid=name, **style))
    for kind, face, edge, gid in ((True, UNIT, UNIT, "used"), (False, "white", QUIET, "not-used")):
        x, y = np.vstack(points[kind]).T
        look: dict[str, Any] = {
            "markerfacecolor": face,
            "markeredgecolor": edge,
            "markeredgewidth": 0.0 if kind else 0.8,
        }
        look |= {"marker": "o", "markersize": size, "alpha": 0.75 if kind else 1.0}
        axes.plot(x, y, linestyle="none", zorder=2, gid=gid, **look)


def _known(x: Values, y: Values) -> Values:
    """Return the points of a line that there are."""
    found = np.column_stack([x, y])
    kept: Values = found[~np.isnan(y)]
    return kept


#: Columns of cells, and the height of a cell in inches, for up to so many units.
_GRIDS = ((1, 1, 3.2), (4, 2, 1.7), (10_000, 3, 1.35))
_GAP, _FOOT = 0.26, 0.34
_TITLE_LINES = 3


@house_style()
def draw_small_multiples(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the series of all units on shared scales.

    Parameters
    ----------
    frame : DataFrame
        As ``small_multiples_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.

    Notes
    -----
    All cells are drawn into one set of axes whose unit is the inch, since axes of their own for thirty
    units would take ten times as long.
    """
    units = [part for _, part in frame.groupby("unit", sort=False)]
    _, columns, tall = next(grid for grid in _GRIDS if len(units) <= grid[0])
    days = day_numbers([str(date) for date in frame["date"]])
    span = (float(days.min()), float(days.max()))
    limits = _limits(frame, labels)
    ticks = limits.ticks(4)
    numbers = tick_labels(ticks)
    left = EDGE + max(text_width(number) for number in numbers) + 0.12
    width = (NARROW - left - 2.0 * EDGE - _GAP * (columns - 1)) / columns
    names, codes = ([str(part[column].iloc[0]) for part in units] for column in ("name", "unit"))
    titles = [wrap(name, width, most=_TITLE_LINES) for name in told_apart(names, codes, width, _TITLE_LINES)]
    rows = [titles[start : start + columns] for start in range(0, len(titles), columns)]
    heads = [LINE_HEIGHT * max(title.count("\n") + 1 for title in row) + 0.05 for row in rows]
    heading = wrap(_heading(labels), NARROW - 2.0 * EDGE)
    notes = wrap(" ".join(_notes(frame, labels, limits)), NARROW - 2.0 * EDGE)
    top = EDGE + LINE_HEIGHT * (heading.count("\n") + 1) + 0.1
    foot = _FOOT + LINE_HEIGHT * (notes.count("\n") + 1) + EDGE
    total = top + sum(heads) + tall * len(rows) + _GAP * (len(rows) - 1) + foot
    figure = blank_figure(NARROW, total)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0.0, NARROW)
    axes.set_ylim(0.0, total)
    axes.set_axis_off()
    write(figure, EDGE, total - EDGE, heading)
    cells: list[Place] = []
    edge = total - top
    for row, head in enumerate(heads):
        edge -= head + tall
        for column in range(len(rows[row])):
            at = left + column * (width + _GAP)
            cells.append(Place(at, edge, width, tall, span, limits))
            title = rows[row][column]
            raised = edge + tall + 0.05 + LINE_HEIGHT * (title.count("\n") + 1)
            write(figure, at, raised, title, colour=UNIT, gid="cell-title")
        for tick, number in zip(ticks, numbers, strict=True):
            height = float(cells[-1].y(np.array([tick]))[0])
            write(figure, left - 0.08 - text_width(number), height + 0.5 * LINE_HEIGHT, number)
        edge -= _GAP
    draw_cells(axes, units, cells, ticks)
    _dates(figure, axes, cells[-columns:], span)
    write(figure, EDGE, foot - _FOOT, notes)
    return figure


def _limits(frame: pd.DataFrame, labels: FigureLabels) -> Limits:
    value, fit, line, low, high = (frame[name].to_numpy(dtype=np.float64) for name in ("value", *LINES))
    whole = np.concatenate([value, fit])
    known = whole[~np.isnan(whole)]
    bounded = labels.kind == "percentage" and labels.design == SINGLE
    bounded = bounded and bool(((known >= 0.0) & (known <= 100.0)).all())
    neutral = 1.0 if labels.log else 0.0
    return reach(
        [value, fit],
        [line],
        [low, high],
        bounds=(0.0, 100.0) if bounded else None,
        from_zero=labels.design == SINGLE or labels.log,
        include=neutral if fits_gap(labels.design) else None,
    )


def _dates(figure: Figure, axes: Axes, cells: list[Place], span: tuple[float, float]) -> None:
    """Write dates beneath the lowest cell of every column."""
    positions, words = dated_ticks(span)
    for cell in cells:
        places = cell.x(np.array(positions))
        shown = thinned(words, list(places), 1.0)
        for place, text in zip(places, shown, strict=True):
            axes.plot([place, place], [cell.bottom, cell.bottom - 0.05], color=INK, linewidth=1.0)
            if text:
                half = 0.5 * text_width(text)
                # beneath the cell even where its tick is at an end
                at = min(max(place, cell.left + half - 0.08), cell.left + cell.width - half + 0.08)
                write(figure, at - half, cell.bottom - 0.07, text)


def _heading(labels: FigureLabels) -> str:
    if not fits_gap(labels.design):
        return measured(labels.outcome, labels.measure)
    between = f"{'ratio to' if labels.log else 'difference from'} {labels.whom}"
    return measured(f"{labels.outcome}, {between}", "" if labels.log else labels.points)


def _notes(frame: pd.DataFrame, labels: FigureLabels, limits: Limits) -> list[str]:
    number = frame["unit"].nunique()
    banded = f", with its {labels.interval}" if frame["counterfactual_low"].notna().any() else ""
    notes = [
        f"{counted(number, 'unit').capitalize()} on the same scales." if number > 1 else "",
        "Points are observations without their season, solid lines the fit.",
        f"Dashed lines are the {labels.course} carried on{banded}.",
        f"The vertical line: {labels.interruption_in_words}"
        + ("." if labels.start_in_words else ", from a time of its own in each unit."),
    ]
    if (~frame["used"] & frame["value"].notna()).any():
        notes.append("Hollow points were not used.")
    if not fits_gap(labels.design) and limits.low > 0.0:
        notes.append("The scale does not start at zero.")
    return [note for note in notes if note]


def small_multiples_text(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text: in how many units the fit ends beyond what was expected."""
    known = frame[frame["fitted"].notna() & frame["counterfactual_low"].notna()]
    last = known.groupby("unit", sort=False).tail(1)
    above = int((last["fitted"] > last["counterfactual_high"]).sum())
    below = int((last["fitted"] < last["counterfactual_low"]).sum())
    within = int(last["fitted"].between(last["counterfactual_low"], last["counterfactual_high"]).sum())
    number = frame["unit"].nunique()
    start = (
        f"{labels.outcome} of {counted(number, 'unit')} on the same scales, before and after "
        f"{labels.interruption_in_words}."
    )
    if above + below + within == 0:
        return start
    return (
        f"{start} At the end the fit lies above the {labels.interval} of the earlier "
        f"trend in {above:,}, below it in {below:,} and within it in {within:,}."
    )


SMALL_MULTIPLES = FigureKind(
    name="small_multiples",
    caption="All units on one scale",
    about=("design",),
    rows=lambda evaluation, outcome: of_several(evaluation.rows_of("series", outcome)),
    data=small_multiples_data,
    labels=figure_labels,
    draw=draw_small_multiples,
    alt_text=small_multiples_text,
    section="units",
)
